"""SQL of rooms across servers: outliers, rejected and soft-failed events, missing events and the stretches of the past.

What a commit writes: `fragments.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pyroaring import BitMap

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, mapping, read, values
from chappe.homeserver.load.breath import Breath
from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.remote.fragments import OF_NO_TIMELINE
from chappe.homeserver.rooms.remote.stored_pdu import StoredPdu
from chappe.homeserver.rooms.stretches import block_of

ASKED_AGAIN_MS = 60_000  # after which what nobody had is asked for again; each time twice as late
LONGEST_PAUSE_MS = 86_400_000
MOST_BESIDE = 100  # missing events beside which a place in the past is looked for


class MissingEvent(Row):
    """An event that is not stored, with the depth and the position of an event that has it among its previous events.

    `follower`: 0 where that is in no timeline; None where what is missing lies before all that is here.
    """

    event_id: str
    follower_depth: int
    follower: int | None


_STORED_PDU = """nid, room_nid, event_id, type, state_key, sender, depth, status,
            state_before AS root_before, coalesce(state_after, state_before) AS root_after, position,
            is_unfit AND redacted_by IS NULL AS is_unfit"""


def _may_be_had(now: str) -> str:
    """Of what is missing: whether others are asked for it (again) by now, which is a parameter of the statement."""
    pause = f"least({ASKED_AGAIN_MS} * 2 ^ least(greatest(attempts - 1, 0), 20), {LONGEST_PAUSE_MS})::bigint"
    return f"(failed_ts IS NULL OR failed_ts + {pause} < {now})"


class StoredChain(Row):
    event_nid: int
    num: int
    base: int
    rest: bytes


class HeldRedaction(Row):
    target: str
    redaction: str


class RemoteStore:
    """Each method is one statement unless it says otherwise."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def stored_pdus(self, event_ids: Collection[str]) -> dict[str, StoredPdu]:
        if not event_ids:
            return {}
        rows = await read(
            self.database, StoredPdu, f"SELECT {_STORED_PDU} FROM events WHERE event_id = ANY($1::text[])", list(event_ids)
        )
        found, breath = {}, Breath()
        for row in rows:  # hundreds of thousands, of a room that is entered
            await breath.take()
            found[row.event_id] = row
        return found

    async def without_content(self, room_nid: int, event_ids: Collection[str]) -> set[str]:
        """Those of some events that are here without their content, which may still come."""
        if not event_ids:
            return set()
        return set(
            await values(
                self.database,
                str,
                """SELECT event_id FROM events
                WHERE event_id = ANY($2::text[]) AND room_nid = $1 AND is_unfit AND redacted_by IS NULL""",
                room_nid,
                list(event_ids),
            )
        )

    async def settle(self, nids: Collection[int]) -> None:
        """What is here of some events is all that is left: no copy takes their place any more."""
        await self.database.execute("UPDATE events SET is_unfit = false WHERE nid = ANY($1::bigint[]) AND is_unfit", list(nids))

    async def has_events(self, room_nid: int) -> bool:
        return bool(await self.database.fetchval("SELECT EXISTS (SELECT 1 FROM events WHERE room_nid = $1)", room_nid))

    async def stored_pdus_by_nid(self, nids: Collection[int]) -> dict[int, StoredPdu]:
        if not nids:
            return {}
        rows = await read(
            self.database, StoredPdu, f"SELECT {_STORED_PDU} FROM events WHERE nid = ANY($1::bigint[])", list(nids)
        )
        return {row.nid: row for row in rows}

    async def pdus(self, nids: Collection[int]) -> dict[int, bytes]:
        if not nids:
            return {}
        return await mapping(
            self.database, int, bytes, "SELECT nid, json FROM events WHERE nid = ANY($1::bigint[])", list(nids)
        )

    async def chains(self, nids: Collection[int]) -> dict[int, ChainRow]:
        """The auth chains of some state events, as they are stored."""
        if not nids:
            return {}
        rows = await read(
            self.database,
            StoredChain,
            "SELECT event_nid, num, base, rest FROM auth_events WHERE event_nid = ANY($1::bigint[])",
            list(nids),
        )
        return {r.event_nid: ChainRow(r.num, r.base, BitMap.deserialize(r.rest)) for r in rows}

    async def joined_since(self, room_nid: int, users: Sequence[str]) -> int | None:
        """The position at which the first of some members came in; None where none of them is in the room."""
        return await self.database.fetchval(  # type: ignore[no-any-return]
            """SELECT min(coalesce(joined_since, position)) FROM memberships
                WHERE room_nid = $1 AND user_id = ANY($2::text[]) AND membership = 'join'""",
            room_nid,
            list(users),
        )

    async def gap_between(self, room_nid: int, after: int, upto: int, last: bool, now_ms: int) -> int | None:
        """The position of the first, or the last, event in (after, upto] before which something is missing that may be had."""
        return await self.database.fetchval(  # type: ignore[no-any-return]
            f"""SELECT position FROM missing_events WHERE room_nid = $1 AND position > $2 AND position <= $3
                   AND position <> $5 AND {_may_be_had("$4")} ORDER BY position {"DESC" if last else "ASC"} LIMIT 1""",
            room_nid,
            after,
            upto,
            now_ms,
            OF_NO_TIMELINE,
        )

    async def missing_before(self, room_nid: int, follower: int | None, now_ms: int) -> list[str]:
        """What is not here and was before an event, by its position; None: before all of them."""
        return await values(
            self.database,
            str,
            f"""SELECT event_id FROM missing_events WHERE room_nid = $1 AND position IS NOT DISTINCT FROM $2
                   AND {_may_be_had("$3")} ORDER BY follower_depth DESC LIMIT 20""",
            room_nid,
            follower,
            now_ms,
        )

    async def missing(self, room_nid: int, event_ids: Collection[str]) -> list[MissingEvent]:
        """Those of some events that are not here and are followed by others that members see."""
        return await read(
            self.database,
            MissingEvent,
            """SELECT event_id, follower_depth, position AS follower FROM missing_events
                WHERE room_nid = $1 AND event_id = ANY ($2::text[]) AND position IS DISTINCT FROM $3""",
            room_nid,
            list(event_ids),
            OF_NO_TIMELINE,
        )

    async def missing_beside(self, room_nid: int, event_id: str, depth: int) -> list[MissingEvent]:
        """An event, where it is missing; and what else is, and is followed by something deeper, the nearest first."""
        return await read(
            self.database,
            MissingEvent,
            """SELECT event_id, follower_depth, position AS follower FROM missing_events
                WHERE room_nid = $1 AND (event_id = $2 OR follower_depth > $3) AND position IS DISTINCT FROM $4
                ORDER BY event_id <> $2, follower_depth LIMIT $5""",
            room_nid,
            event_id,
            depth,
            OF_NO_TIMELINE,
            MOST_BESIDE,
        )

    async def forget_stretch(self, room_nid: int, number: int) -> None:
        """Of a jump into which nothing was written after all."""
        low, high = block_of(number)
        await self.database.execute(
            """DELETE FROM stretches WHERE room_nid = $1 AND number = $2 AND NOT EXISTS (
                   SELECT 1 FROM events WHERE room_nid = $1 AND position >= $3 AND position <= $4)""",
            room_nid,
            number,
            low,
            high,
        )

    async def mark_failed(self, room_nid: int, event_ids: Iterable[str], now_ms: int) -> None:
        await self.database.execute(
            """UPDATE missing_events SET failed_ts = $3, attempts = attempts + 1
                WHERE room_nid = $1 AND event_id = ANY($2::text[])""",
            room_nid,
            list(event_ids),
            now_ms,
        )

    async def invitation(self, user_id: str, room_nid: int) -> bytes | None:
        """The event of a membership beside a room."""
        return await self.database.fetchval(  # type: ignore[no-any-return]
            "SELECT event FROM invitations WHERE user_id = $1 AND room_nid = $2", user_id, room_nid
        )

    async def keep_invitation(self, user_id: str, room_nid: int, event_id: str, event: bytes, stripped: bytes) -> None:
        """`stripped`: what the other server showed of the room, as JSON."""
        await self.database.execute(
            """INSERT INTO invitations (user_id, room_nid, event_id, event, stripped) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (user_id, room_nid) DO UPDATE SET event_id = $3, event = $4, stripped = $5""",
            user_id,
            room_nid,
            event_id,
            event,
            stripped,
        )

    async def end_invitation(self, user_id: str, room_nid: int, event_id: str, event: bytes) -> None:
        """The event that ends it takes its place; what was shown of the room stays."""
        await self.database.execute(
            """INSERT INTO invitations (user_id, room_nid, event_id, event, stripped) VALUES ($1, $2, $3, $4, '[]')
               ON CONFLICT (user_id, room_nid) DO UPDATE SET event_id = $3, event = $4""",
            user_id,
            room_nid,
            event_id,
            event,
        )

    async def forget_invitation(self, user_id: str, room_nid: int) -> None:
        await self.database.execute("DELETE FROM invitations WHERE room_nid = $1 AND user_id = $2", room_nid, user_id)

    async def redactions_held(self, event_ids: Collection[str]) -> dict[str, list[str]]:
        rows = await read(
            self.database,
            HeldRedaction,
            "SELECT target, redaction FROM held_redactions WHERE target = ANY($1::text[])",
            list(event_ids),
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row.target, []).append(row.redaction)
        return found
