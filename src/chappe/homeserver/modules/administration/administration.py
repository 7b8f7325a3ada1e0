"""What administrators look at and change across the modules: lists of accounts, rooms and files, figures, blocks.

Answers have the shapes of `/_synapse/admin`, which existing tools read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict

from chappe.homeserver.accounts import kinds
from chappe.homeserver.accounts.upstream_links import UpstreamLinks
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import columns, find, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.administration.listed import (
    Account,
    AccountCounts,
    FileCounts,
    GuestNotAdmitted,
    KnownAddress,
    KnownIdentity,
    ListedAccount,
    ListedRoom,
    RoomCounts,
    SentEvent,
    WaitingCounts,
)
from chappe.homeserver.rooms.membership_change import AdmissionFacts
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.search_lexemes import patterns

GIVEN_KINDS = ("bot", "support")  # that an administrator gives (`user_type`)
USER_ORDERS = {
    "name": "u.user_id",
    "displayname": "lower(d.display_name)",
    "admin": "u.is_admin",
    "is_guest": "u.is_guest",
    "deactivated": "u.deactivated",
    "creation_ts": "u.created",
    "last_seen_ts": "seen",
    "user_type": "u.kind",
    "avatar_url": "d.avatar_url",
}
ROOM_ORDERS = {
    "name": "s.name",
    "canonical_alias": "s.canonical_alias",
    "joined_members": "s.joined",
    "joined_local_members": "s.joined",
    "version": "r.version",
    "encryption": "s.encryption",
    "public": "public",
    "join_rules": "s.join_rule",
    "guest_access": "s.guest_access",
    "history_visibility": "s.history_visibility",
    "state_events": "r.room_nid",
    "alphabetical": "s.name",
    "size": "s.joined",
    "creator": "creator",
}
_USERS = """FROM users u LEFT JOIN user_directory d USING (user_id)
    LEFT JOIN LATERAL (SELECT max(x.last_seen_ts) AS seen FROM devices x WHERE x.user_id = u.user_id) l ON true
   WHERE lower(u.user_id) || ' ' || coalesce(d.search, '') LIKE ALL ($1::text[])
     AND ($2 OR NOT u.deactivated) AND ($3 OR NOT u.is_guest) AND ($4::boolean IS NULL OR u.is_admin = $4)
     AND ($5::text IS NULL OR u.server_name = $5) AND ($6 OR NOT u.locked)"""
_ROOMS = """FROM rooms r JOIN room_summaries s USING (room_nid)
    LEFT JOIN LATERAL (SELECT e.sender AS creator FROM events e WHERE e.room_nid = r.room_nid AND e.type = 'm.room.create' LIMIT 1) c
        ON true
   WHERE lower(r.room_id) || ' ' || s.search LIKE ALL ($1::text[])
     AND ($2::boolean IS NULL OR $2 = EXISTS (SELECT 1 FROM published_rooms p WHERE p.room_nid = r.room_nid))
     AND ($3::boolean IS NULL OR $3 = (s.joined = 0))"""


class Administration:
    def __init__(self, database: Database, now_ms: NowMs) -> None:
        self._database, self._links, self._now_ms = database, UpstreamLinks(database), now_ms

    # ---------------------------------------------------------------------------------------------------- accounts

    async def users(
        self, term: str | None, filters: Sequence[Any], order: str, backwards: bool, start: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        """(a page, how many there are). `filters`: deactivated, guests, admins, server name, locked."""
        arguments = [patterns(term or ""), *filters]
        ordered = f"{USER_ORDERS[order]} {'DESC' if backwards else 'ASC'} NULLS LAST"
        rows = await read(
            self._database,
            ListedAccount,
            f"""SELECT {columns(Account, "u")}, d.display_name, d.avatar_url, seen {_USERS}
                 ORDER BY {ordered}, u.user_id LIMIT $7 OFFSET $8""",
            *arguments,
            limit,
            start,
        )
        total = await self._database.fetchval(f"SELECT count(*) {_USERS}", *arguments)
        return [_user(row) for row in rows], total

    async def user(self, user_id: str) -> dict[str, Any]:
        """Everything of one account but its secrets. Raises M_NOT_FOUND."""
        row = await find(
            self._database,
            ListedAccount,
            f"""SELECT {columns(Account, "u")}, d.display_name, d.avatar_url,
                      (SELECT max(last_seen_ts) FROM devices x WHERE x.user_id = u.user_id) AS seen
                 FROM users u LEFT JOIN user_directory d USING (user_id) WHERE u.user_id = $1""",
            user_id,
        )
        if row is None:
            raise NotFound("There is no such account")
        addresses = await read(
            self._database,
            KnownAddress,
            "SELECT medium, address, added_at, validated_at FROM threepids WHERE user_id = $1 ORDER BY added_at",
            user_id,
        )
        links = await read(
            self._database,
            KnownIdentity,
            "SELECT provider, subject FROM upstream_links WHERE user_id = $1 ORDER BY provider",
            user_id,
        )
        return {
            **_user(row),
            "threepids": [asdict(a) for a in addresses],
            "external_ids": [{"auth_provider": r.provider, "external_id": r.subject} for r in links],
        }

    async def user_by_link(self, provider: str, subject: str) -> str:
        """Raises M_NOT_FOUND."""
        found = await self._links.find(provider, subject)
        if found is None:
            raise NotFound("Nobody has this identity")
        return found

    async def set_links(self, user_id: str, links: Sequence[tuple[str, str]]) -> None:
        """Replaces the identities at providers. Raises M_UNKNOWN where one is another account's."""
        await self._links.replace(user_id, links, self._now_ms())

    @staticmethod
    def require_kind(kind: str | None) -> None:
        """Raises M_INVALID_PARAM. Accounts of functions are made with an organisation: that cannot be taken back here."""
        if kind is not None and kind not in GIVEN_KINDS:
            raise BadRequest(f"`user_type` is null or one of {', '.join(GIVEN_KINDS)}", "M_INVALID_PARAM")

    async def set_kind(self, user_id: str, kind: str | None) -> None:
        """Raises M_INVALID_PARAM for other kinds than `GIVEN_KINDS`, M_FORBIDDEN for what others answer for, which it stays."""
        self.require_kind(kind)
        if not await kinds.set_kind(self._database, user_id, kind):
            raise Forbidden("This account is a function's or a bot's: that cannot be changed")

    # ------------------------------------------------------------------------------------------------------- rooms

    async def rooms(
        self, term: str | None, public: bool | None, empty: bool | None, order: str, backwards: bool, start: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        arguments = [patterns(term or ""), public, empty]
        ordered = f"{ROOM_ORDERS[order]} {'DESC' if backwards else 'ASC'} NULLS LAST"
        rows = await read(
            self._database,
            ListedRoom,
            f"""SELECT r.room_id, r.version, s.name, s.topic, s.avatar, s.canonical_alias, s.joined, s.encryption, s.join_rule,
                       s.guest_access, s.history_visibility, s.room_type, creator,
                       EXISTS (SELECT 1 FROM published_rooms p WHERE p.room_nid = r.room_nid) AS public {_ROOMS}
                 ORDER BY {ordered}, r.room_nid LIMIT $4 OFFSET $5""",
            *arguments,
            limit,
            start,
        )
        total = await self._database.fetchval(f"SELECT count(*) {_ROOMS}", *arguments)
        return [_room(row) for row in rows], total

    async def room(self, room_id: str) -> dict[str, Any]:
        """Raises M_NOT_FOUND."""
        found, _ = await self.rooms(room_id, None, None, "name", False, 0, 1)
        if not found or found[0]["room_id"] != room_id:
            raise NotFound("There is no such room")
        return found[0]

    async def block(self, room_id: str, by: str, blocked: bool, whose: str | None = None) -> None:
        """`whose`: in whose right, an organisation's; None: the installation's, which no other undoes."""
        if blocked:
            await self._database.execute(
                """INSERT INTO blocked_rooms AS b (room_id, blocked_by, blocked_ts, whose) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (room_id) DO UPDATE SET blocked_by = $2, blocked_ts = $3, whose = NULL
                    WHERE $4::text IS NULL AND b.whose IS NOT NULL""",
                room_id,
                by,
                self._now_ms(),
                whose,
            )
        else:
            await self._database.execute(
                "DELETE FROM blocked_rooms WHERE room_id = $1 AND ($2::text IS NULL OR whose = $2)", room_id, whose
            )

    async def blocked_by(self, room_id: str) -> str | None:
        return await self._database.fetchval(  # type: ignore[no-any-return]
            "SELECT blocked_by FROM blocked_rooms WHERE room_id = $1", room_id
        )

    async def standing(self, user_id: str, room_id: str) -> AdmissionFacts:
        """What is asked about whoever comes into a room, in one reading."""
        standing = await find(
            self._database,
            AdmissionFacts,
            """SELECT EXISTS (SELECT 1 FROM blocked_rooms WHERE room_id = $2)
                      OR EXISTS (SELECT 1 FROM room_purges WHERE room_id = $2 AND ended_ts IS NULL) AS is_blocked,
                      coalesce(u.is_guest, false) AS is_guest, CASE WHEN u.kind = 'bot' THEN u.scope END AS scope
                 FROM (SELECT $1::text AS user_id) asked LEFT JOIN users u USING (user_id)""",
            user_id,
            room_id,
        )
        assert standing is not None
        return standing

    async def guests_not_admitted(self) -> list[tuple[str, str]]:
        """(guest, room id) where an account without a registration is in a room that admits none."""
        rows = await read(
            self._database,
            GuestNotAdmitted,
            """SELECT m.user_id, r.room_id FROM users u JOIN memberships m USING (user_id) JOIN rooms r USING (room_nid)
                 JOIN room_summaries s USING (room_nid)
                WHERE u.is_guest AND m.membership = 'join' AND s.guest_access <> 'can_join'""",
        )
        return [(row.user_id, row.room_id) for row in rows]

    async def people_of(self, room_id: str) -> list[str]:
        """Who is in a room, invited or knocking."""
        return await values(
            self._database,
            str,
            """SELECT m.user_id FROM memberships m JOIN rooms r USING (room_nid)
                WHERE r.room_id = $1 AND m.membership IN ('join', 'invite', 'knock') ORDER BY m.user_id""",
            room_id,
        )

    async def sent_by(self, user_id: str, room_ids: Sequence[str], limit: int) -> list[SentEvent]:
        """What somebody said, the newest first; in all rooms where none is named."""
        return await read(
            self._database,
            SentEvent,
            """SELECT r.room_id, e.event_id FROM events e JOIN rooms r USING (room_nid)
                WHERE e.sender = $1 AND e.state_key IS NULL AND e.redacted_by IS NULL AND e.type <> 'm.room.redaction'
                  AND (cardinality($2::text[]) = 0 OR r.room_id = ANY($2)) ORDER BY e.position DESC LIMIT $3""",
            user_id,
            list(room_ids),
            limit,
        )

    # -------------------------------------------------------------------------------------------------- figures

    async def statistics(self) -> dict[str, Any]:
        """Counts only, nothing of anybody."""
        now, day = self._now_ms(), 86_400_000
        row = await find(
            self._database,
            AccountCounts,
            """SELECT count(*) FILTER (WHERE NOT deactivated AND NOT is_guest AND appservice IS NULL) AS accounts,
                      count(*) FILTER (WHERE deactivated) AS deactivated, count(*) FILTER (WHERE kind = 'bot') AS bots,
                      count(*) FILTER (WHERE appservice IS NOT NULL) AS bridged FROM users""",
        )
        assert row is not None
        active = {
            f"active_{days}d": await self._database.fetchval(
                "SELECT count(DISTINCT user_id) FROM devices WHERE last_seen_ts > $1", now - days * day
            )
            for days in (1, 7, 30)
        }
        rooms = await find(
            self._database,
            RoomCounts,
            "SELECT count(*) AS rooms, count(*) FILTER (WHERE encryption IS NOT NULL) AS encrypted_rooms FROM room_summaries",
        )
        media = await find(
            self._database,
            FileCounts,
            "SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes FROM media WHERE size > 0",
        )
        waiting = await find(
            self._database,
            WaitingCounts,
            """SELECT (SELECT count(*) FROM outgoing_mail) AS mail, (SELECT count(*) FROM push_queue) AS pushes,
                      (SELECT count(*) FROM appservice_transactions) AS transactions, (SELECT count(*) FROM reports) AS reports""",
        )
        assert rooms is not None and media is not None and waiting is not None
        return {
            **asdict(row),
            **active,
            **asdict(rooms),
            "media_files": media.files,
            "media_bytes": media.bytes,
            "waiting": asdict(waiting),
        }


def _user(row: ListedAccount) -> dict[str, Any]:
    return {
        "name": row.user_id,
        "user_type": row.kind,
        "is_guest": row.is_guest,
        "admin": row.is_admin,
        "deactivated": row.deactivated,
        "erased": row.erased,
        "locked": row.locked,
        "suspended": row.suspended,
        "shadow_banned": False,
        "displayname": row.display_name,
        "avatar_url": row.avatar_url,
        "creation_ts": int(row.created.timestamp() * 1000),
        "last_seen_ts": row.seen,
        "approved": True,
        "appservice_id": row.appservice,
        "expiration_ts": row.expires_ts,
        "owner": row.owner,
        "purpose": row.purpose,
    }


def _room(row: ListedRoom) -> dict[str, Any]:
    return {
        "room_id": row.room_id,
        "name": row.name,
        "topic": row.topic,
        "avatar": row.avatar,
        "canonical_alias": row.canonical_alias,
        "joined_members": row.joined,
        "joined_local_members": row.joined,
        "version": row.version,
        "creator": row.creator,
        "encryption": row.encryption,
        "federatable": True,
        "public": row.public,
        "join_rules": row.join_rule,
        "guest_access": row.guest_access,
        "history_visibility": row.history_visibility,
        "room_type": row.room_type,
        "state_events": None,
    }
