"""What is old is deleted, where a room says so (`m.room.retention`, `max_lifetime` in ms), its classification or its kind: forums
always do.

A message loses its content for good, and its file, and nobody is shown it any more. Its place in the room's graph stays, as a
redaction leaves it: hashes, state and auth chains are whole, and other servers may still ask for it. State is kept.

How old is it? The time that a message bears is what its sender says (a bridge, another server): it counts for that message alone.
When it came here is known by this server's own clock: `arrivals` says up to which position of the log everything had come by when.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from chappe.agency.encrypted_files import files_of, forget_files
from chappe.agency.legal_holds import HeldIds, LegalHolds
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.media.media import ContentRepository
from chappe.homeserver.modules.media.store import FileKey
from chappe.homeserver.rooms.erasing import erase_events
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import ERASED
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.identifiers import domain_of

log = logging.getLogger(__name__)
EVENT, DAY_MS = "m.room.retention", 86_400_000
MARK_EVERY_MS = 3_600_000
NOTHING = -(1 << 62)  # before every position
AT_ONCE = 200  # messages in one commit
_ROOMS_THAT_SAY_SO = """SELECT room_nid FROM events WHERE type = 'm.room.retention'
    UNION SELECT room_nid FROM events WHERE type = 'chappe.classification'"""
# What says that it is still to come ($2) may have been here for long.
_ROOMS_WITH_WHAT_IS_OLD = """SELECT room_nid FROM rooms r WHERE EXISTS (SELECT 1 FROM events e WHERE e.room_nid = r.room_nid
    AND (e.ts < $1 OR e.ts > $2) AND e.state_key IS NULL AND e.redacted_by IS DISTINCT FROM '')"""

# None while the clock is behind the last one: a clock that is put back makes nothing older than it is.
_MARK = """INSERT INTO arrivals (position, ts)
    SELECT (SELECT max(upto) FROM journal), $1::bigint FROM arrivals HAVING coalesce(max(ts) <= $1::bigint - $2::bigint, true)
    ON CONFLICT DO NOTHING"""
# What says itself that it is old, and what had come into the room by position $5. History from while this server was not in it lies
# below 0 and is judged by what it says; where that is still to come ($7), it goes with the first of what has come since: not yet
# where that came later than $5 (positions in ($9, $10]).
_OLD = """SELECT event_id, sender, json FROM events WHERE room_nid = $1 AND state_key IS NULL
    AND ((ts >= $2 AND ts < $3) OR (position > $4 AND position <= $5) OR (position <= 0 AND ts > $7 AND EXISTS (
        SELECT 1 FROM events WHERE room_nid = $1 AND position > 0 AND position <= $5)
        AND NOT EXISTS (SELECT 1 FROM unnest($9::bigint[], $10::bigint[]) later(low, high) WHERE position > low AND position <= high)))
    AND redacted_by IS DISTINCT FROM '' AND sender <> ALL($6::text[]) ORDER BY ts LIMIT $8"""


class OldEvent(Row):
    event_id: str
    sender: str
    json: bytes


class Retention:
    """`erase_old_messages` now and then. Killed in the middle it goes on where it was: files go before the messages that name them.

    `keeps_for`: how many days the policy lets a room keep what is said, None: as the room says. `shortest_days`: the shortest
    limit that holds for rooms that say nothing; None: there is none.
    """

    def __init__(
        self,
        database: Database,
        rooms: Rooms,
        writer: GroupWriter,
        media: ContentRepository,
        holds: LegalHolds,
        keeps_for: Callable[[LiveRoom], int | None],
        shortest_days: int | None,
        now_ms: NowMs,
    ) -> None:
        self._database, self._rooms, self._writer, self._media = database, rooms, writer, media
        self._holds, self._keeps_for, self._now_ms = holds, keeps_for, now_ms
        self._shortest_days = shortest_days
        # by room, up to where nothing is left, as far as this process has seen: a time, a position
        self._done: dict[int, tuple[int, int]] = {}
        self._held: HeldIds | None = None

    async def erase_old_messages(self) -> int:
        """Returns how many messages were erased."""
        await self._database.execute(_MARK, self._now_ms(), MARK_EVERY_MS)
        erased, held = 0, await self._holds.held()
        if held != self._held:  # what a hold has kept goes once it is lifted
            self._done.clear()
            self._held = held
        for number in await self._rooms_concerned():
            room = await self._rooms.live.by_nid(number)
            lifetime = self._lifetime(room)
            if lifetime is not None and room.room_id not in held:
                erased += await self._erase(room, self._now_ms() - lifetime, held)
        if erased:
            log.info("erased what was old", extra={"fields": {"messages": erased}})
        return erased

    async def _rooms_concerned(self) -> list[int]:
        if self._shortest_days is None:
            return await values(self._database, int, _ROOMS_THAT_SAY_SO)
        now = self._now_ms()
        before = now - self._shortest_days * DAY_MS
        return await values(self._database, int, f"{_ROOMS_THAT_SAY_SO} UNION {_ROOMS_WITH_WHAT_IS_OLD}", before, now)

    def _lifetime(self, room: LiveRoom) -> int | None:
        own, limit = lifetime_of(room), self._keeps_for(room)
        return min([t for t in (own, limit and limit * DAY_MS) if t], default=None)

    async def _erase(self, room: LiveRoom, before: int, held: HeldIds) -> int:
        erased = 0
        since, known = self._done.get(room.nid, (NOTHING, 0))
        upto = max(known, await self._here_by(before))
        later = room.order.stretches_after(upto)
        while rows := await read(
            self._database,
            OldEvent,
            _OLD,
            room.nid,
            since,
            before,
            known,
            upto,
            sorted(held),
            self._now_ms(),
            AT_ONCE,
            [s.low for s in later],
            [s.high for s in later],
        ):
            await self._erase_events(room, rows, None)  # whoever says how long a room keeps is anybody
            erased += len(rows)
        self._done[room.nid] = (before, upto)
        return erased

    async def _here_by(self, ts: int) -> int:
        """A position: everything up to it had come to this server by then. 0: nothing is known to have."""
        found = await self._database.fetchval("SELECT position FROM arrivals WHERE ts <= $1 ORDER BY ts DESC LIMIT 1", ts)
        return int(found or 0)

    async def erase_sender(self, user_id: str, right: str | None) -> int:
        """What somebody said in any room, but those under a legal hold. Returns how many messages. `right`: see `media.delete`."""
        erased, held = 0, await self._holds.held()
        for number in await values(self._database, int, "SELECT room_nid FROM memberships WHERE user_id = $1", user_id):
            room = await self._rooms.live.by_nid(number)
            while room.room_id not in held and (
                rows := await read(
                    self._database,
                    OldEvent,
                    """SELECT event_id, sender, json FROM events WHERE room_nid = $1 AND sender = $2 AND state_key IS NULL
                      AND redacted_by IS DISTINCT FROM $3 ORDER BY position LIMIT $4""",
                    room.nid,
                    user_id,
                    ERASED,
                    AT_ONCE,
                )
            ):
                await self._erase_events(room, rows, right)
                erased += len(rows)
        return erased

    async def _erase_events(self, room: LiveRoom, rows: Sequence[OldEvent], right: str | None) -> None:
        files: list[tuple[str, str]] = []
        for row in rows:
            files += await self._files_of(row.event_id, row.sender, orjson.loads(row.json)["content"])
        await self._media.delete(files, right=right)
        # after the files: whoever goes on after a kill finds which they are
        await forget_files(self._database, [row.event_id for row in rows])
        await erase_events(self._writer, self._rooms.live, room, rows)

    async def _files_of(self, event_id: str, sender: str, content: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Those that the sender uploaded, and copies of other servers' files; what somebody else's message forwarded stays."""
        files = {tuple(url.removeprefix("mxc://").split("/", 1)) for url in _urls(content) if url.count("/") == 3}
        if content.get("algorithm") is not None:
            files |= await files_of(self._database, event_id)
        if not files:
            return []
        rows = await read(
            self._database,
            FileKey,
            """SELECT server_name, media_id FROM media JOIN unnest($1::text[], $2::text[]) AS u(server_name, media_id)
                USING (server_name, media_id) WHERE NOT protected AND (user_id = $3 OR (server_name = $4 AND user_id = ''))""",
            [server for server, _ in files],
            [media for _, media in files],
            sender,
            domain_of(sender),
        )
        return [(row.server_name, row.media_id) for row in rows]


def lifetime_of(room: LiveRoom) -> int | None:
    """In ms; None where a room keeps everything. Less than a day is a day: nobody loses what they have just been sent."""
    event = room.get((EVENT, ""))
    lifetime = event.content.get("max_lifetime") if event is not None else None
    return max(lifetime, DAY_MS) if type(lifetime) is int and lifetime > 0 else None


def _urls(value: Any) -> Iterator[str]:
    """Every address of a file that a message holds, wherever it stands."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _urls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _urls(inner)
    elif type(value) is str and value.startswith("mxc://"):
        yield value
