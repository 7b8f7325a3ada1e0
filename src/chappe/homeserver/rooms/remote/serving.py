"""What other servers may read of a room: single events, state, auth chains, history; filtered by what their users may see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice

import orjson
from pyroaring import BitMap

from chappe.homeserver.database.pool import Row
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.handshakes import MEMBER
from chappe.homeserver.rooms.remote.residence import NOT_IN_THE_ROOM, Residence
from chappe.homeserver.rooms.remote.said import Said
from chappe.homeserver.rooms.remote.store import HISTORY, SOFT_FAILED, Known, RemoteStore
from chappe.homeserver.rooms.remote.stored_auth import KnownAuth, StoredAuth
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.state_tree import int_to_name
from chappe.homeserver.rooms.store import FOR_SERVERS
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import Forbidden, NotFound
from chappe.matrix.event_auth import CREATE
from chappe.matrix.events import references
from chappe.matrix.history_visibility import is_visible, more_open, parse_visibility
from chappe.matrix.identifiers import domain_of
from chappe.matrix.redaction import redact

MOST_EVENTS = 100
NEAR = 10  # events that are looked at together for one that a server may see
MEMBERS_LOOKED_AT = 500
LARGE_ROOM, HEROES = 500, 5
UNABLE = "ORG.MATRIX.MSC3895_UNABLE_DUE_TO_PARTIAL_STATE"
VISIBILITY = ("m.room.history_visibility", "")


class Serving:
    """Raises M_FORBIDDEN for servers that are not in the room, M_NOT_FOUND for events that are not there, and MSC3895's code
    where it cannot be known yet who is in the room, or what was there.

    A server that is out of a room is answered of the time when it was in it, and so does one answer that is out itself: who was
    removed may not have heard of it yet, and who came in may not know yet with whom. They cannot learn it but from these.
    """

    def __init__(self, rooms: Rooms, store: RemoteStore, residence: Residence) -> None:
        self._rooms, self._store, self._residence = rooms, store, residence
        self._memberships = Said(store.database, rooms.trees, "membership")
        self._rules = Said(store.database, rooms.trees, "history_visibility")

    async def _room(
        self, origin: str, room_id: str, needs_members: bool = True
    ) -> tuple[LiveRoom, Forbidden | NotFound | None]:
        """A room, and what a server is answered about the time when it was not in it; None where both are in it now."""
        room = await self._residence.known_room(room_id, origin)
        if room.is_partial and needs_members:
            raise Forbidden("This server is still entering the room: ask another one", UNABLE)
        refusal: Forbidden | NotFound | None = None
        if not self._rooms.has_own_member(room):
            refusal = NotFound(NOT_IN_THE_ROOM)
        elif origin not in room.partial_servers and not any(domain_of(user) == origin for user in room.joined):
            refusal = Forbidden("Your server is not in the room")
        if refusal is not None and not _users_of(origin, room):
            raise refusal
        return room, refusal

    async def _room_at(self, origin: str, room_id: str, event_id: str, needs_members: bool = True) -> LiveRoom:
        """A room that both are in, or that the asking server was in at an event."""
        room, refusal = await self._room(origin, room_id, needs_members)
        if refusal is not None and not await self._of_its_time(origin, room, [event_id]):
            raise refusal
        return room

    async def _of_its_time(self, origin: str, room: LiveRoom, event_ids: Collection[str]) -> set[str]:
        """Those of some events before or with which somebody of a server was in the room: its removal is one of them.

        What was kept from the members brings nobody in: a server can write joins of a time when it might have come.
        """
        known = [k for k in (await self._store.known(event_ids)).values() if k.room == room.number and k.status == HISTORY]
        keys = [self._rooms.key_hash(MEMBER, user) for user in _users_of(origin, room)]
        roots = {root for k in known for root in (k.state_before, k.state_after)}
        was_in = {root for root, then in (await self._memberships.under(roots, keys)).items() if "join" in then}
        return {k.event_id for k in known if k.state_before in was_in or k.state_after in was_in}

    # ------------------------------------------------------------------------------------------------------ state

    async def auth_chain(self, room: LiveRoom, numbers: Collection[int]) -> list[int]:
        """The numbers of everything that some state events cite, directly or not: also of those among them that others cite."""
        index = StoredAuth(self._store, room, KnownAuth())
        rows = (await index.rows(numbers)).values()
        chain = BitMap().union(*[row.chain for row in rows]) if rows else BitMap()
        found = [row.nid for row in (await index.numbered(list(chain))).values()]
        return list({*found, *_cited_by_all(room)}) if numbers else found

    def dispensable(self, room: LiveRoom, user_id: str) -> set[int]:
        """The member events that a server which enters a large room can do without for a while; none in a small one.

        It gets that of whom it enters for, and of those whom the room is called after (MSC3943).
        """
        if len(room.joined) < LARGE_ROOM:
            return set()
        heroes = [user for user in islice(room.joined, HEROES + 1) if user != user_id][:HEROES]
        kept = {user_id, *heroes}
        return {e.nid for (kind, key), e in room.state.items() if kind == MEMBER and key not in kept}

    async def state_and_chain(
        self, room: LiveRoom, known: Known, without: Collection[int] = (), cited: Sequence[int] = (), is_brief: bool = False
    ) -> tuple[list[bytes], list[bytes]]:
        """The state before an event and its auth chain, as they travel. `without`: numbers that are left out of the state;
        `cited`: these and their chains are added; `is_brief`: what the state has is not repeated in the chain."""
        whole, _ = await self._rooms.trees.whole(known.state_before)
        numbers = [n for n in whole if n not in without]
        chain = {*cited, *await self.auth_chain(room, [*numbers, *cited])}
        if is_brief:
            chain -= {*numbers}
        pdus = await self._store.pdus([*numbers, *chain])
        return [pdus[n] for n in numbers], [pdus[n] for n in chain]

    async def ids_of_state(self, room: LiveRoom, known: Known) -> tuple[list[str], list[str]]:
        """The same, by their ids alone."""
        numbers, _ = await self._rooms.trees.whole(known.state_before)
        chain = await self.auth_chain(room, numbers)
        found = await self._store.known_by_number([*numbers, *chain])
        return [found[n].event_id for n in numbers], [found[n].event_id for n in chain]

    async def nearest(self, origin: str, room_id: str, ts: int, backwards: bool) -> tuple[str, int] | None:
        """The event closest to a time, and its own."""
        room, refusal = await self._room(origin, room_id)
        if refusal is not None:
            raise refusal
        for start in range(0, MOST_EVENTS, NEAR):
            rows = await self._rooms.store.events_by_time(room.number, ts, backwards, start, NEAR)
            for row, is_seen in zip(rows, await self._seen_by(origin, room, rows), strict=True):
                if is_seen:
                    return row["event_id"], row["ts"]
            if len(rows) < NEAR:
                break
        return None

    async def at(self, origin: str, room_id: str, event_id: str) -> tuple[LiveRoom, Known]:
        """An event whose state is asked for."""
        room = await self._room_at(origin, room_id, event_id)
        known = (await self._store.known([event_id])).get(event_id)
        if known is None or known.room != room.number or known.status not in (HISTORY, SOFT_FAILED):
            raise NotFound("The state at this event is not known here")
        return room, known

    async def event_auth(self, origin: str, room_id: str, event_id: str) -> list[bytes]:
        room = await self._room_at(origin, room_id, event_id, needs_members=False)
        rows = await self._rooms.store.events_by_id(room.number, [event_id], FOR_SERVERS)
        if not rows:
            raise NotFound("There is no such event in the room")
        if rows[0]["type"] == "m.room.create":
            return []
        cited = await self._store.known(references(orjson.loads(rows[0]["json"]), "auth_events", room.version))
        numbers = {*(k.nid for k in cited.values()), *_cited_by_all(room)}
        pdus = await self._store.pdus([*numbers, *await self.auth_chain(room, numbers)])
        return list(pdus.values())

    # --------------------------------------------------------------------------------------------------- events

    async def event(self, origin: str, event_id: str) -> bytes:
        number = await self._rooms.store.room_of_event(event_id)
        if number is None:
            raise NotFound("There is no such event here")
        room = await self._rooms.live.by_number(number)
        await self._room_at(origin, room.room_id, event_id, needs_members=False)
        rows = await self._rooms.store.events_by_id(number, [event_id], FOR_SERVERS)
        shown = await self.visible(origin, room, rows)
        if not shown:
            raise NotFound("There is no such event here")
        return shown[0]

    async def backfill(self, origin: str, room_id: str, start: Sequence[str], limit: int) -> list[bytes]:
        """Events with, and before, some events, the latest first."""
        room, refusal = await self._room(origin, room_id)
        rows = await self._walk(room, start, (), min(limit, MOST_EVENTS), includes_start=True)
        return await self._shown(origin, room, rows, refusal)

    async def missing_events(
        self, origin: str, room_id: str, earliest: Sequence[str], latest: Sequence[str], limit: int
    ) -> list[bytes]:
        """Events between some and others, the oldest first."""
        room, refusal = await self._room(origin, room_id, needs_members=False)
        rows = await self._walk(room, latest, earliest, min(limit, MOST_EVENTS), includes_start=False)
        return (await self._shown(origin, room, rows, refusal))[::-1]

    async def _walk(
        self, room: LiveRoom, start: Sequence[str], stop: Iterable[str], limit: int, includes_start: bool
    ) -> list[Row]:
        """Breadth-first along `prev_events`. A statement per level."""
        seen = {*stop}
        found: list[Row] = []
        level = [e for e in dict.fromkeys(start) if e not in seen]
        seen.update(level)
        first = True
        while level and len(found) < limit:
            rows = await self._store.database.fetch(
                """SELECT event_id, type, state_key, sender, depth, status, state_before, json FROM events
                    WHERE event_id = ANY($1::text[]) AND room_nid = $2 AND status IN (0, 3) ORDER BY depth DESC""",
                level,
                room.number,
            )
            if includes_start or not first:
                found += rows
            first = False
            prev = [p for row in rows for p in references(orjson.loads(row["json"]), "prev_events", room.version)]
            level = [p for p in dict.fromkeys(prev) if p not in seen]
            seen.update(level)
        found.sort(key=lambda row: -row["depth"])
        return found[:limit]

    async def _shown(
        self, origin: str, room: LiveRoom, rows: Sequence[Row], refusal: Forbidden | NotFound | None
    ) -> list[bytes]:
        """What a walk has found, as the server may have it. `refusal`: of `_room`."""
        if refusal is not None:
            of_its_time = await self._of_its_time(origin, room, [row["event_id"] for row in rows])
            if not of_its_time:
                raise refusal
            rows = [row for row in rows if row["event_id"] in of_its_time]
        return await self.visible(origin, room, rows)

    async def visible(self, origin: str, room: LiveRoom, rows: Sequence[Row]) -> list[bytes]:
        """The events as the server may have them: redacted, where none of its users may see them.

        While this server is still entering the room it does not know who was there: what depends on that it leaves to others.
        """
        result = []
        erased = await self._erased_for(origin, room, rows)
        for row, is_seen in zip(rows, await self._seen_by(origin, room, rows), strict=True):
            if is_seen and row["event_id"] not in erased:
                result.append(row["json"])
            elif not room.is_partial:
                result.append(canonical_json(redact(orjson.loads(row["json"]), room.version)))
        return result

    async def _erased_for(self, origin: str, room: LiveRoom, rows: Sequence[Row]) -> set[str]:
        """The messages that their authors have erased for servers that came into the room later."""
        erased_at = self._rooms.visibility.erased_at
        theirs = [row for row in rows if row["sender"] in erased_at and row["state_key"] is None]
        if not theirs:
            return set()
        members = [user for user in room.joined if domain_of(user) == origin]
        since = await self._store.joined_since(room.number, members)
        return {row["event_id"] for row in theirs if since is None or since > erased_at[row["sender"]]}

    async def _seen_by(self, origin: str, room: LiveRoom, rows: Sequence[Row]) -> list[bool]:
        """Of each event, whether any of a server's users may see it."""
        keys = [self._rooms.key_hash(MEMBER, user) for user in _users_of(origin, room)]
        roots = {row["state_before"]: int_to_name(row["state_before"]) for row in rows}
        said = await self._rules.under(roots.values(), [self._rooms.key_hash(*VISIBILITY)])
        rules = {number: parse_visibility(next(iter(said[root]), None)) for number, root in roots.items()}
        closed = {number: root for number, root in roots.items() if rules[number] in ("invited", "joined")}
        then = await self._memberships.under(closed.values(), keys) if closed else {}
        memberships = {number: then[root] for number, root in closed.items()}
        result = []
        for row in rows:
            visibility = rules[row["state_before"]]
            if row["type"] == VISIBILITY[0] and row["state_key"] == "":
                content = orjson.loads(row["json"])["content"]
                visibility = more_open(visibility, parse_visibility(content.get("history_visibility")))
            then_members = memberships.get(row["state_before"], {"join"}) or {"leave"}
            is_own = row["type"] == MEMBER and domain_of(row["state_key"] or ":") == origin
            may = any(is_visible(visibility, membership, True) for membership in then_members)
            result.append(may or is_own or domain_of(row["sender"]) == origin)
        return result


def _users_of(origin: str, room: LiveRoom) -> list[str]:
    """Those of a server who are in a room; where nobody is, those who were."""
    members = list(islice((user for user in room.joined if domain_of(user) == origin), MEMBERS_LOOKED_AT))
    if members:
        return members
    former = (user for kind, user in room.state if kind == MEMBER and domain_of(user) == origin)
    return list(islice(former, MEMBERS_LOOKED_AT))


def _cited_by_all(room: LiveRoom) -> set[int]:
    """The number of the event that all others cite by the room's id alone: other servers want it in an auth chain all the same."""
    creation = room.state.get(CREATE)
    return {creation.nid} if room.version.room_id_is_create_hash and creation is not None else set()
