"""Legal holds: while an authority asks for it, nothing of an account or of a room is deleted, files that are named in it included.

Retention passes it by, the account is not erased nor its files deleted before the hold ends, though whoever asks for it is
answered as ever, for nobody is told of a hold on themselves; and what people redact is kept aside, unseen, by a
trigger of the database (migration 0008), so that no path escapes it. Who asked, with which reference, is recorded.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.media.store import FileKey
from chappe.homeserver.policy.holds import Holds
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import UserId, parse_room_id, parse_user_id

HeldIds = frozenset[str]  # user ids and room ids
TEXT_AT_MOST = 300
RELEASED_MS = 7 * 86_400_000
ABOUT_HOLDS = ("hold_person", "lift_hold", "export_person")  # actions

# An event names a file by its address; where it is encrypted, its sender's client has said which (`encrypted_files`). Only what is
# under a hold is read, and only when files are about to be deleted.
_HELD_FILES = r"""
    WITH files AS (SELECT * FROM unnest($1::text[], $2::text[]) AS f(server_name, media_id)),
    holds AS (SELECT DISTINCT target FROM legal_holds WHERE lifted_ts IS NULL),
    held AS NOT MATERIALIZED (
        SELECT e.event_id, e.json FROM holds h JOIN rooms r ON r.room_id = h.target JOIN events e ON e.room_nid = r.room_nid
        UNION ALL
        SELECT e.event_id, e.json FROM holds h JOIN memberships m ON m.user_id = h.target
          JOIN events e ON e.room_nid = m.room_nid AND e.sender = h.target
        UNION ALL SELECT k.event_id, k.json FROM holds h JOIN held_events k ON h.target IN (k.room_id, k.sender)),
    named AS (
        SELECT regexp_matches(convert_from(json, 'UTF8'), 'mxc://([^"/\\\s]{1,255})/([A-Za-z0-9_-]{1,255})', 'g') AS name
          FROM held WHERE position('mxc://'::bytea IN json) > 0)
    SELECT server_name, media_id FROM files JOIN media USING (server_name, media_id) JOIN holds ON target = user_id
    UNION SELECT server_name, media_id FROM files JOIN encrypted_files USING (server_name, media_id) JOIN held USING (event_id)
    UNION SELECT server_name, media_id FROM files JOIN named ON name[1] = server_name AND name[2] = media_id"""


class LegalHold(Row):
    id: int
    target: str
    authority: str
    reference: str
    placed_by: str
    placed_ts: int
    lifted_by: str | None
    lifted_ts: int | None
    lifted_for: str | None
    whose: str | None


class LegalHolds(Holds):
    def __init__(self, database: Database, now_ms: NowMs) -> None:
        self._database, self._now_ms = database, now_ms

    async def place(self, target: str, authority: str, reference: str, by: str, whose: str | None = None) -> int:
        """`authority`: who ordered it; `reference`: of the order; `whose`: the right in which it is placed, an organisation's or the
        installation's (None). Returns its number. Raises M_INVALID_PARAM, M_NOT_FOUND.
        """
        is_room = target.startswith("!")
        (parse_room_id if is_room else parse_user_id)(target)
        exists = (
            "SELECT EXISTS (SELECT 1 FROM rooms WHERE room_id = $1)"
            if is_room
            else ("SELECT EXISTS (SELECT 1 FROM users WHERE user_id = $1)")
        )
        if not await self._database.fetchval(exists, target):
            raise NotFound(f"There is no {'room' if is_room else 'account'} {target} here")
        return int(
            await self._database.fetchval(
                """INSERT INTO legal_holds (target, authority, reference, placed_by, placed_ts, whose)
               VALUES ($1, $2, $3, $4, $5, $6) RETURNING id""",
                target,
                _text(authority, "Say which authority asks for it"),
                _text(reference, "Say the reference of the order"),
                by,
                self._now_ms(),
                whose,
            )
        )

    async def lift(self, number: int, reason: str, by: str) -> None:
        """What was kept aside for this hold alone is deleted. Raises M_NOT_FOUND, M_INVALID_PARAM."""
        lifted = await self._database.execute(
            "UPDATE legal_holds SET lifted_by = $2, lifted_ts = $3, lifted_for = $4 WHERE id = $1 AND lifted_ts IS NULL",
            number,
            by,
            self._now_ms(),
            _text(reason, "Say why it is lifted"),
        )
        if not lifted.endswith(" 1"):
            raise NotFound("There is no such hold")
        await self._database.execute(
            """DELETE FROM held_events e WHERE NOT EXISTS (SELECT 1 FROM legal_holds h
                WHERE h.lifted_ts IS NULL AND h.target IN (e.room_id, e.sender))"""
        )

    async def all(self, target: str | None = None) -> list[dict[str, Any]]:
        """The active ones first, then the latest."""
        rows = await read(
            self._database,
            LegalHold,
            f"""SELECT {columns(LegalHold)} FROM legal_holds WHERE $1::text IS NULL OR target = $1
                ORDER BY lifted_ts IS NOT NULL, id DESC LIMIT 1000""",
            target,
        )
        return [{key: value for key, value in asdict(row).items() if value is not None} for row in rows]

    async def held(self) -> HeldIds:
        return frozenset(await values(self._database, str, "SELECT DISTINCT target FROM legal_holds WHERE lifted_ts IS NULL"))

    async def kept_aside(self, target: str) -> list[str]:
        """The events of an account or a room that were redacted since, as JSON."""
        events = await values(
            self._database, bytes, "SELECT json FROM held_events WHERE room_id = $1 OR sender = $1 ORDER BY kept_ts", target
        )
        return [event.decode() for event in events]

    async def is_held(self, target: str) -> bool:
        return target in await self.held()

    async def released(self) -> list[UserId]:
        """Whose account was to be erased and is not held any more, in the last days: what the hold has kept can go."""
        return await values(
            self._database,
            UserId,
            """SELECT DISTINCT h.target FROM legal_holds h JOIN users u ON u.user_id = h.target
                WHERE h.lifted_ts > $1 AND u.erased AND u.deactivated
                  AND NOT EXISTS (SELECT 1 FROM legal_holds a WHERE a.target = h.target AND a.lifted_ts IS NULL)""",
            self._now_ms() - RELEASED_MS,
        )

    async def untold(self, reader: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of entries of the log, requests or packages, those that tell nobody of a hold on themselves."""
        if not any(row.get("action") in ABOUT_HOLDS or row.get("target") == reader for row in rows):
            return rows
        own = {hold["id"] for hold in await self.all(reader)}

        def tells(row: dict[str, Any]) -> bool:
            if row.get("target") == reader:
                return row.get("asked_by") != reader
            about = row.get("detail", row.get("arguments"))
            if row.get("action") not in ABOUT_HOLDS or type(about) is not dict:
                return False
            return about.get("user_id") == reader or about.get("hold") in own

        return [row for row in rows if not tells(row)]

    async def require_none_in_room(self, room_id: str) -> None:
        """Raises M_FORBIDDEN where the room is held, or anything that somebody who is held has said in it."""
        if await self._database.fetchval(
            """SELECT EXISTS (SELECT 1 FROM held_events WHERE room_id = $1) OR EXISTS (
                   SELECT 1 FROM legal_holds h WHERE h.lifted_ts IS NULL AND (h.target = $1 OR EXISTS (
                       SELECT 1 FROM events e JOIN rooms r USING (room_nid) WHERE r.room_id = $1 AND e.sender = h.target)))""",
            room_id,
        ):
            raise Forbidden("The law asks to keep what is in this room: it can be closed, not purged (`purge`: false)")

    async def deletable(self, files: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Of some files, those that nobody holds. Held are those that somebody held has uploaded, and, whoever uploaded them, those
        that an event of a held room or of a held person names, redacted since or not."""
        if not files or not await self.held():
            return files
        rows = await read(self._database, FileKey, _HELD_FILES, [server for server, _ in files], [name for _, name in files])
        held = {(row.server_name, row.media_id) for row in rows}
        return [file for file in files if file not in held]


def _text(text: str, missing: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise BadRequest(missing, "M_INVALID_PARAM")
    if len(text) > TEXT_AT_MOST or "\0" in text:
        raise BadRequest(f"This is longer than {TEXT_AT_MOST} characters", "M_INVALID_PARAM")
    return text
