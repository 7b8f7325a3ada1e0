"""Reads a room's state events and their auth events for state resolution (`AuthIndex`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pyroaring import BitMap

from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.remote.stored_pdu import REJECTED
from chappe.homeserver.rooms.state_conflict import AuthRow, StoredEvent
from chappe.matrix.event_auth import StateKey

MOST_KNOWN = 10_000  # of one room


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A state event that is being written, and which state resolution needs like those that are stored. `auth`: its auth events."""

    nid: int
    num: int
    event_id: str
    pdu: dict[str, Any]
    auth: Sequence[int]


class KnownAuth:
    """What has been read of a room's state events and does not change: states are resolved again with every event of a fork."""

    def __init__(self) -> None:
        self.rows: dict[int, AuthRow] = {}
        self.nids: dict[int, int] = {}  # by number in the room
        self.pdus: dict[int, tuple[str, dict[str, Any]]] = {}  # with the event's id
        self.bases: dict[int, BitMap] = {0: BitMap()}

    def is_large(self) -> bool:
        return len(self.rows) + len(self.pdus) > MOST_KNOWN


class Citer(Row):
    event_nid: int
    auth: list[int]
    type: str
    state_key: str  # only state events have auth events kept


class AuthOfEvent(Row):
    """`num`: of the event in its room. `base`, `rest`: its auth chain, of numbers."""

    event_nid: int
    num: int
    auth: list[int]
    base: int
    rest: bytes


class AuthBase(Row):
    base: int
    chain: bytes


class StoredAuth:
    """A room's state events as state resolution asks for them (`AuthIndex`). A statement per call, two for `events`."""

    def __init__(self, store: RemoteStore, room: LiveRoom, known: KnownAuth, unwritten: Unwritten | None = None) -> None:
        self._database, self._room, self._known, self._unwritten = store.database, room, known, unwritten

    async def rows(self, nids: Collection[int]) -> Mapping[int, AuthRow]:
        known = self._known.rows
        if missing := [nid for nid in nids if nid not in known]:
            await self._read("event_nid = ANY($1::bigint[])", missing)
        found = {nid: known[nid] for nid in nids if nid in known}
        if (new := self._unwritten) is not None and new.nid in nids:
            chain = BitMap()
            for row in (await self.rows(new.auth)).values():
                chain |= row.chain
                chain.add(row.num)
            found[new.nid] = AuthRow(new.nid, new.num, chain, new.auth)
        return found

    async def numbered(self, nums: Collection[int]) -> Mapping[int, AuthRow]:
        known = self._known.nids
        if missing := [num for num in nums if num not in known]:
            await self._read("room_nid = $1 AND num = ANY($2::int[])", self._room.nid, missing)
        return {num: self._known.rows[known[num]] for num in nums if num in known}

    async def _read(self, which: str, *arguments: Any) -> None:
        for row in await read(
            self._database, AuthOfEvent, f"SELECT event_nid, num, auth, base, rest FROM auth_events WHERE {which}", *arguments
        ):
            chain = await self._base(row.base) | BitMap.deserialize(row.rest)
            self._known.rows[row.event_nid] = AuthRow(row.event_nid, row.num, chain, row.auth)
            self._known.nids[row.num] = row.event_nid

    async def _base(self, base: int) -> BitMap:
        bases = self._known.bases
        if base not in bases:
            rows = await read(
                self._database, AuthBase, "SELECT base, chain FROM auth_bases WHERE room_nid = $1", self._room.nid
            )
            bases.update((row.base, BitMap.deserialize(row.chain)) for row in rows)
        return bases[base]

    async def citers(self, nids: Collection[int]) -> Mapping[int, Mapping[int, StateKey]]:
        found: dict[int, dict[int, StateKey]] = {nid: {} for nid in nids}
        for row in await read(
            self._database,
            Citer,
            """SELECT a.event_nid, a.auth, e.type, e.state_key FROM auth_events a JOIN events e ON e.nid = a.event_nid
                WHERE a.auth && $1::bigint[]""",
            list(nids),
        ):
            for nid in row.auth:
                if nid in found:
                    found[nid][row.event_nid] = row.type, row.state_key
        return found

    async def keys(self, nids: Collection[int]) -> Mapping[int, StateKey]:
        events = await self.events(nids)
        return {nid: (event.pdu["type"], event.pdu["state_key"]) for nid, event in events.items()}

    async def events(self, nids: Collection[int]) -> Mapping[int, StoredEvent]:
        pdus, fetch = self._known.pdus, self._database.fetch
        missing = [nid for nid in nids if nid not in pdus]
        rejected = await fetch("SELECT nid FROM events WHERE nid = ANY($1::bigint[]) AND status = $2", list(nids), REJECTED)
        is_rejected = {row["nid"] for row in rejected}
        if missing:
            read: dict[int, tuple[str, dict[str, Any]]] = {}
            for row in await fetch("SELECT nid, event_id, json, is_unfit FROM events WHERE nid = ANY($1::bigint[])", missing):
                read[row["nid"]] = row["event_id"], orjson.loads(row["json"])
                if not row["is_unfit"]:  # which does change, once a copy comes whose hash fits
                    pdus[row["nid"]] = read[row["nid"]]
            pdus = {**{nid: pdus[nid] for nid in nids if nid in pdus}, **read}
        found = {nid: StoredEvent(*pdus[nid], nid in is_rejected) for nid in nids if nid in pdus}
        if (new := self._unwritten) is not None and new.nid in nids:
            found[new.nid] = StoredEvent(new.event_id, new.pdu)
        return found
