"""What other servers may read of a room: single events, state, auth chains, history; filtered by what their users may see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice

import orjson
from pyroaring import BitMap

from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.handshakes import MEMBER
from chappe.homeserver.rooms.remote.residence import NOT_IN_THE_ROOM, Residence
from chappe.homeserver.rooms.remote.said import Said
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.remote.stored_auth import KnownAuth, StoredAuth
from chappe.homeserver.rooms.remote.stored_pdu import HISTORY, SOFT_FAILED, StoredPdu
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.state_tree import int_to_name
from chappe.homeserver.rooms.store import FOR_SERVERS
from chappe.homeserver.rooms.stored_event import StoredEvent
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import Forbidden, NotFound
from chappe.matrix.event_auth import CREATE
from chappe.matrix.events import references
from chappe.matrix.history_visibility import is_visible, more_open, parse_visibility
from chappe.matrix.identifiers import domain_of
from chappe.matrix.redaction import redact

MOST_EVENTS = 100  # in one answer
NEAR = 10  # events that one statement reads to find one that a server may see
MEMBERS_LOOKED_AT = 500  # of a server, to find what it may see
LARGE_ROOM, HEROES = 500, 5  # members from which a room is large; members after whom a room without a name is called
UNABLE = "ORG.MATRIX.MSC3895_UNABLE_DUE_TO_PARTIAL_STATE"
VISIBILITY = ("m.room.history_visibility", "")


class WalkedEvent(Row):
    """An event that was found along the graph (`_walk`)."""

    event_id: str
    type: str
    state_key: str | None
    sender: str
    depth: int
    state_before: int
    json: bytes


Served = WalkedEvent | StoredEvent  # what another server may be given


class Serving:
    """Answers what other servers ask about a room: events, state, auth chains, history.

    `origin` is the server that asks. It gets what its users may see, and the rest redacted. Whoever is not in the room is
    refused (M_FORBIDDEN), what is not there is M_NOT_FOUND, and while this server is still entering it answers UNABLE (MSC3895)
    to what it cannot know yet.

    A server that has left is answered about the time when it was in the room; and this one, having left, answers about the time
    when it was in it. A server that was removed may not have heard of it, and one that came in may not know with whom: they
    learn it here only.
    """

    def __init__(self, rooms: Rooms, store: RemoteStore, residence: Residence) -> None:
        self._rooms, self._store, self._residence = rooms, store, residence
        self._memberships = Said(store.database, rooms.trees, "membership")
        self._rules = Said(store.database, rooms.trees, "history_visibility")

    async def _room(
        self, origin: str, room_id: str, needs_members: bool = True
    ) -> tuple[LiveRoom, Forbidden | NotFound | None]:
        """Returns a room, and None where both servers are in it now.

        Otherwise, where somebody of `origin` was in it, returns the refusal that holds for everything but that time.
        `needs_members`: the answer depends on who is in the room, so a room of which this server does not know that yet is
        refused (UNABLE).
        """
        room = await self._residence.known_room(room_id, origin)
        if room.is_partial and needs_members:
            raise Forbidden("This server is still entering the room: ask another one", UNABLE)
        refusal: Forbidden | NotFound | None = None
        if not self._rooms.servers.has_own_member(room):
            refusal = NotFound(NOT_IN_THE_ROOM)
        elif origin not in room.partial_servers and not any(domain_of(user) == origin for user in room.joined):
            refusal = Forbidden("Your server is not in the room")
        if refusal is not None and not _users_of(origin, room):
            raise refusal
        return room, refusal

    async def _room_at(self, origin: str, room_id: str, event_id: str, needs_members: bool = True) -> LiveRoom:
        """Returns a room that both servers are in, or in which somebody of `origin` was at an event. Raises M_FORBIDDEN,
        M_NOT_FOUND.
        """
        room, refusal = await self._room(origin, room_id, needs_members)
        if refusal is not None and not await self._of_its_time(origin, room, [event_id]):
            raise refusal
        return room

    async def _of_its_time(self, origin: str, room: LiveRoom, event_ids: Collection[str]) -> set[str]:
        """Returns those of some events before or by which somebody of `origin` was in the room; the event that removed them
        is one.

        Only events that members were shown count: otherwise a server could write itself joins of a time when it might have
        come.
        """
        known = [
            k for k in (await self._store.stored_pdus(event_ids)).values() if k.room_nid == room.nid and k.status == HISTORY
        ]
        keys = [self._rooms.key_hash(MEMBER, user) for user in _users_of(origin, room)]
        roots = {root for k in known for root in (k.state_before, k.state_after)}
        was_in = {root for root, then in (await self._memberships.under(roots, keys)).items() if "join" in then}
        return {k.event_id for k in known if k.state_before in was_in or k.state_after in was_in}

    # ------------------------------------------------------------------------------------------------------ state

    async def auth_chain(self, room: LiveRoom, numbers: Collection[int]) -> list[int]:
        """Returns the numbers of all events that some state events cite, directly or over others; also those among them that
        others cite.
        """
        index = StoredAuth(self._store, room, KnownAuth())
        rows = (await index.rows(numbers)).values()
        chain = BitMap().union(*[row.chain for row in rows]) if rows else BitMap()
        found = [row.nid for row in (await index.numbered(list(chain))).values()]
        return list({*found, *_cited_by_all(room)}) if numbers else found

    def dispensable(self, room: LiveRoom, user_id: str) -> set[int]:
        """Returns the numbers of the member events that a server may do without for a while when it enters a large room
        (MSC3706).

        Those of `user_id`, for whom it enters, and of the first HEROES members, after whom a room without a name is called, it
        always gets. Returns none for a room of fewer than LARGE_ROOM members.
        """
        if len(room.joined) < LARGE_ROOM:
            return set()
        heroes = [user for user in islice(room.joined, HEROES + 1) if user != user_id][:HEROES]
        kept = {user_id, *heroes}
        return {e.nid for (kind, key), e in room.state.items() if kind == MEMBER and key not in kept}

    async def state_and_chain(
        self,
        room: LiveRoom,
        known: StoredPdu,
        without: Collection[int] = (),
        auth_event_nids: Sequence[int] = (),
        is_brief: bool = False,
    ) -> tuple[list[bytes], list[bytes]]:
        """Returns the JSON of the events in the state before an event, and of those in that state's auth chain.

        `without`: numbers that the state is sent without. `auth_event_nids`: those that are added to the chain, with their own chains.
        `is_brief`: what stands in the state is not repeated in the chain.
        """
        whole, _ = await self._rooms.trees.read_whole_tree(known.state_before)
        numbers = [n for n in whole if n not in without]
        chain = {*auth_event_nids, *await self.auth_chain(room, [*numbers, *auth_event_nids])}
        if is_brief:
            chain -= {*numbers}
        pdus = await self._store.pdus([*numbers, *chain])
        return [pdus[n] for n in numbers], [pdus[n] for n in chain]

    async def ids_of_state(self, room: LiveRoom, known: StoredPdu) -> tuple[list[str], list[str]]:
        """Returns the event ids of the state before an event, and of its auth chain (`/state_ids`)."""
        numbers, _ = await self._rooms.trees.read_whole_tree(known.state_before)
        chain = await self.auth_chain(room, numbers)
        found = await self._store.stored_pdus_by_nid([*numbers, *chain])
        return [found[n].event_id for n in numbers], [found[n].event_id for n in chain]

    async def nearest(self, origin: str, room_id: str, ts: int, backwards: bool) -> tuple[str, int] | None:
        """Finds the event that is closest to a time and that `origin` may see (`/timestamp_to_event`): (its id, its
        `origin_server_ts` in ms).

        `ts`: in ms. `backwards`: the closest before it instead of after it. Looks at MOST_EVENTS events; returns None if none
        may be seen.
        """
        room, refusal = await self._room(origin, room_id)
        if refusal is not None:
            raise refusal
        for start in range(0, MOST_EVENTS, NEAR):
            rows = await self._rooms.store.events_by_time(room.nid, ts, backwards, start, NEAR)
            for row, is_seen in zip(rows, await self._seen_by(origin, room, rows), strict=True):
                if is_seen:
                    return row.event_id, row.ts
            if len(rows) < NEAR:
                break
        return None

    async def at(self, origin: str, room_id: str, event_id: str) -> tuple[LiveRoom, StoredPdu]:
        """Returns a room and the event at which `origin` asks for its state. Raises M_NOT_FOUND where that state is not
        known here.
        """
        room = await self._room_at(origin, room_id, event_id)
        known = (await self._store.stored_pdus([event_id])).get(event_id)
        if known is None or known.room_nid != room.nid or known.status not in (HISTORY, SOFT_FAILED):
            raise NotFound("The state at this event is not known here")
        return room, known

    async def event_auth(self, origin: str, room_id: str, event_id: str) -> list[bytes]:
        """Returns the JSON of an event's auth events and of all that these cite (`/event_auth`). Raises M_NOT_FOUND."""
        room = await self._room_at(origin, room_id, event_id, needs_members=False)
        rows = await self._rooms.store.events_by_id(room.nid, [event_id], FOR_SERVERS)
        if not rows:
            raise NotFound("There is no such event in the room")
        if rows[0].type == "m.room.create":
            return []
        auth_events = await self._store.stored_pdus(references(orjson.loads(rows[0].json), "auth_events", room.version))
        numbers = {*(k.nid for k in auth_events.values()), *_cited_by_all(room)}
        pdus = await self._store.pdus([*numbers, *await self.auth_chain(room, numbers)])
        return list(pdus.values())

    # --------------------------------------------------------------------------------------------------- events

    async def event(self, origin: str, event_id: str) -> bytes:
        """Returns the JSON of one event (`/event`), redacted where `origin` may not see it. Raises M_NOT_FOUND."""
        room_nid = await self._rooms.store.room_of_event(event_id)
        if room_nid is None:
            raise NotFound("There is no such event here")
        room = await self._rooms.live.by_nid(room_nid)
        await self._room_at(origin, room.room_id, event_id, needs_members=False)
        rows = await self._rooms.store.events_by_id(room_nid, [event_id], FOR_SERVERS)
        shown = await self.visible(origin, room, rows)
        if not shown:
            raise NotFound("There is no such event here")
        return shown[0]

    async def backfill(self, origin: str, room_id: str, start: Sequence[str], limit: int) -> list[bytes]:
        """Returns the JSON of the events `start` and of those before them, the latest first, at most `limit` and MOST_EVENTS
        (`/backfill`).
        """
        room, refusal = await self._room(origin, room_id)
        rows = await self._walk(room, start, (), min(limit, MOST_EVENTS), includes_start=True)
        return await self._shown(origin, room, rows, refusal)

    async def missing_events(
        self, origin: str, room_id: str, earliest: Sequence[str], latest: Sequence[str], limit: int
    ) -> list[bytes]:
        """Returns the JSON of the events between `earliest` and `latest`, both left out, the oldest first
        (`/get_missing_events`).

        At most `limit` and MOST_EVENTS.
        """
        room, refusal = await self._room(origin, room_id, needs_members=False)
        rows = await self._walk(room, latest, earliest, min(limit, MOST_EVENTS), includes_start=False)
        return (await self._shown(origin, room, rows, refusal))[::-1]

    async def _walk(
        self, room: LiveRoom, start: Sequence[str], stop: Iterable[str], limit: int, includes_start: bool
    ) -> list[WalkedEvent]:
        """Reads the events before `start` along `prev_events`, level by level and one statement a level, not beyond those in
        `stop`.

        Returns at most `limit` rows, the deepest first. `includes_start`: the events of `start` are among them.
        """
        seen = {*stop}
        found: list[WalkedEvent] = []
        level = [e for e in dict.fromkeys(start) if e not in seen]
        seen.update(level)
        first = True
        while level and len(found) < limit:
            rows = await read(
                self._store.database,
                WalkedEvent,
                """SELECT event_id, type, state_key, sender, depth, state_before, json FROM events
                    WHERE event_id = ANY($1::text[]) AND room_nid = $2 AND status IN (0, 3) ORDER BY depth DESC""",
                level,
                room.nid,
            )
            if includes_start or not first:
                found += rows
            first = False
            prev = [p for row in rows for p in references(orjson.loads(row.json), "prev_events", room.version)]
            level = [p for p in dict.fromkeys(prev) if p not in seen]
            seen.update(level)
        found.sort(key=lambda row: -row.depth)
        return found[:limit]

    async def _shown(
        self, origin: str, room: LiveRoom, rows: Sequence[Served], refusal: Forbidden | NotFound | None
    ) -> list[bytes]:
        """Returns the JSON of what `_walk` has read, as `origin` may have it. `refusal`: what `_room` returned."""
        if refusal is not None:
            of_its_time = await self._of_its_time(origin, room, [row.event_id for row in rows])
            if not of_its_time:
                raise refusal
            rows = [row for row in rows if row.event_id in of_its_time]
        return await self.visible(origin, room, rows)

    async def visible(self, origin: str, room: LiveRoom, rows: Sequence[Served]) -> list[bytes]:
        """Returns the JSON of some events, redacted where no user of `origin` may see them (`m.room.history_visibility`).

        While this server is still entering the room it leaves out what it cannot judge: other servers know who was there.
        """
        result = []
        erased = await self._erased_for(origin, room, rows)
        for row, is_seen in zip(rows, await self._seen_by(origin, room, rows), strict=True):
            if is_seen and row.event_id not in erased:
                result.append(row.json)
            elif not room.is_partial:
                result.append(canonical_json(redact(orjson.loads(row.json), room.version)))
        return result

    async def _erased_for(self, origin: str, room: LiveRoom, rows: Sequence[Served]) -> set[str]:
        """Returns the ids of the messages whose authors have had them erased, where the users of `origin` came into the room
        after that.
        """
        erased_at = self._rooms.visibility.erased_at
        theirs = [row for row in rows if row.sender in erased_at and row.state_key is None]
        if not theirs:
            return set()
        members = [user for user in room.joined if domain_of(user) == origin]
        since = await self._store.joined_since(room.nid, members)
        return {row.event_id for row in theirs if since is None or since > erased_at[row.sender]}

    async def _seen_by(self, origin: str, room: LiveRoom, rows: Sequence[Served]) -> list[bool]:
        """Says of each event whether a user of `origin` may see it: by the history visibility and by who was in the room at
        that event.
        """
        keys = [self._rooms.key_hash(MEMBER, user) for user in _users_of(origin, room)]
        roots = {row.state_before: int_to_name(row.state_before) for row in rows}
        said = await self._rules.under(roots.values(), [self._rooms.key_hash(*VISIBILITY)])
        rules = {room_nid: parse_visibility(next(iter(said[root]), None)) for room_nid, root in roots.items()}
        closed = {room_nid: root for room_nid, root in roots.items() if rules[room_nid] in ("invited", "joined")}
        then = await self._memberships.under(closed.values(), keys) if closed else {}
        memberships = {room_nid: then[root] for room_nid, root in closed.items()}
        result = []
        for row in rows:
            visibility = rules[row.state_before]
            if row.type == VISIBILITY[0] and row.state_key == "":
                content = orjson.loads(row.json)["content"]
                visibility = more_open(visibility, parse_visibility(content.get("history_visibility")))
            then_members = memberships.get(row.state_before, {"join"}) or {"leave"}
            is_own = row.type == MEMBER and domain_of(row.state_key or ":") == origin
            may = any(is_visible(visibility, membership, True) for membership in then_members)
            result.append(may or is_own or domain_of(row.sender) == origin)
        return result


def _users_of(origin: str, room: LiveRoom) -> list[str]:
    """Returns the users of a server who are in a room, or were where none is now: at most MEMBERS_LOOKED_AT."""
    members = list(islice((user for user in room.joined if domain_of(user) == origin), MEMBERS_LOOKED_AT))
    if members:
        return members
    former = (user for kind, user in room.state if kind == MEMBER and domain_of(user) == origin)
    return list(islice(former, MEMBERS_LOOKED_AT))


def _cited_by_all(room: LiveRoom) -> set[int]:
    """The number of the event that all others cite by the room's id alone: other servers want it in an auth chain all the same."""
    creation = room.state.get(CREATE)
    return {creation.nid} if room.version.room_id_is_create_hash and creation is not None else set()
