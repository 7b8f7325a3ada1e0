"""`POST /search`: finds, orders, groups, and shows what was said around."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Real, Row, read
from chappe.homeserver.modules.search.entry import KEYS
from chappe.homeserver.modules.search.index import SearchIndex
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.visibility import Place, VisibleEvent
from chappe.matrix.errors import BadRequest
from chappe.matrix.filters import RoomEventFilter, is_open, passes, passes_event, passes_room
from chappe.matrix.search_lexemes import meant, query

LOOKED_THROUGH = 2000  # characters of a result, for words to highlight
DEFAULT_PAGE, MAX_PAGE, MAX_TERM, LOOKED_AT = 10, 100, 1000, 2000
_TOKEN = re.compile(r"q([0-9]{1,9})")


class Around(msgspec.Struct, frozen=True):
    before_limit: int = 5
    after_limit: int = 5
    include_profile: bool = False


class GroupKey(msgspec.Struct, frozen=True):
    key: str


class Groupings(msgspec.Struct, frozen=True):
    group_by: list[GroupKey] = []


class RoomEventsCriteria(msgspec.Struct, frozen=True):
    """What is looked for."""

    search_term: str
    keys: list[str] | None = None
    filter: RoomEventFilter = RoomEventFilter()
    order_by: str = "rank"
    event_context: Around | None = None
    include_state: bool = False
    groupings: Groupings = Groupings()


@dataclass(frozen=True, slots=True)
class Hit:
    room: LiveRoom
    seen: VisibleEvent
    rank: float


@dataclass(frozen=True, slots=True)
class SearchResults:
    """`count`: how many of the best 2,000 the user may see, None where only each content says what was asked for;
    `next`: the token of the next page; a full page has one, though nothing may follow."""

    hits: list[Hit]
    count: int | None
    highlights: list[str]
    next: str | None


class Candidate(Row):
    """An event whose words fit."""

    nid: int
    room_nid: int
    position: int
    sender: str
    type: str
    rank: Real


class MessageSearch:
    def __init__(self, database: Database, rooms: Rooms, index: SearchIndex) -> None:
        self._database, self._rooms, self._index = database, rooms, index

    async def search(self, user_id: str, wanted: RoomEventsCriteria, token: str | None) -> SearchResults:
        """In the rooms where the user is or was. Raises M_INVALID_PARAM for unknown keys, orders and tokens.

        Counts and tokens are made of what the user may see: what is hidden does not show in them either.
        """
        types = _check(wanted)
        offset = _offset(token)
        rooms = await self._searched_rooms(user_id, wanted.filter)
        term = query(wanted.search_term)
        limit = min(DEFAULT_PAGE if wanted.filter.limit is None else max(1, wanted.filter.limit), MAX_PAGE)
        if not rooms or not term:
            return SearchResults([], 0, [], None)
        await self._index.caught_up()
        visible = await self._visible(user_id, rooms, await self._candidates(term, rooms, types, wanted))
        hits: list[Hit] = []
        while len(hits) < limit and offset < len(visible):
            rows = visible[offset : offset + limit - len(hits)]
            hits += await self._hits(user_id, rows, wanted.filter)
            offset += len(rows)
        count = len(visible) if wanted.filter.contains_url is None else None
        is_full = len(hits) == limit  # COMPAT: others tell so whether there may be more, and clients were written with them
        return SearchResults(hits, count, _highlights(wanted.search_term, hits), f"q{offset}" if is_full else None)

    async def _searched_rooms(self, user_id: str, f: RoomEventFilter) -> dict[int, Membership]:
        memberships = (await self._rooms.memberships.of(user_id)).values()
        return {m.room_nid: m for m in memberships if m.was_joined and not m.forgotten and passes_room(f, m.room_id)}

    async def _candidates(
        self, term: str, rooms: dict[int, Membership], types: list[str], wanted: RoomEventsCriteria
    ) -> list[Candidate]:
        """What a `tsquery` finds, the best first, at most 2,000. What came after one has left a room is none of it."""
        ordered = "position DESC" if wanted.order_by == "recent" else "rank DESC, position DESC"
        left = {m.room_nid: m.position for m in rooms.values() if m.membership != "join"}
        return await read(
            self._database,
            Candidate,
            f"""SELECT s.nid, s.room_nid, s.position, s.sender, s.type, ts_rank_cd(s.words, $1::text::tsquery) AS rank
                  FROM event_search s
                 WHERE s.words @@ $1::text::tsquery AND s.room_nid = ANY($2::bigint[]) AND s.type = ANY($3::text[])
                   AND ($4::text[] IS NULL OR s.sender = ANY($4)) AND s.sender <> ALL($5::text[])
                   AND NOT EXISTS (SELECT 1 FROM unnest($6::bigint[], $7::bigint[]) l(room, upto)
                                    WHERE l.room = s.room_nid AND s.position > l.upto)
                 ORDER BY {ordered} LIMIT {LOOKED_AT}""",
            term,
            list(rooms),
            [t for t in types if passes(wanted.filter, t, None)],
            _names(wanted.filter.senders),
            _names(wanted.filter.not_senders),
            list(left),
            list(left.values()),
        )

    async def _visible(self, user_id: str, rooms: dict[int, Membership], rows: Sequence[Candidate]) -> list[Candidate]:
        """Those of the candidates that the user may see. Reads states only where the membership does not tell."""
        ignored = await self._rooms.visibility.ignoring.of(user_id)
        rows = [row for row in rows if row.sender not in ignored or row.type != "m.room.message"]
        erased = self._rooms.visibility.is_erased_for
        sees = {row.nid: rooms[row.room_nid].sees(row.position) for row in rows}
        rows = [
            row for row in rows if sees[row.nid] or row.type != "m.room.message" or not erased(rooms[row.room_nid], row.sender)
        ]
        by_room: dict[int, list[int]] = {}
        for row in rows:
            if sees[row.nid] is None:
                by_room.setdefault(row.room_nid, []).append(row.nid)
        places = await self._rooms.store.places([nid for nids in by_room.values() for nid in nids])
        for number, nids in by_room.items():
            of_room = {nid: Place(*places[nid]) for nid in nids if nid in places}
            room = await self._rooms.live.by_nid(number)
            seen = await self._rooms.visibility.visible_places(user_id, room, list(of_room.values()))
            sees |= {nid: place in seen for nid, place in of_room.items()}
        return [row for row in rows if sees[row.nid]]

    async def _hits(self, user_id: str, rows: Sequence[Candidate], f: RoomEventFilter) -> list[Hit]:
        """In the order of the rows, without what the user did not ask for, or may not see any more."""
        by_room: dict[int, list[int]] = {}
        for row in rows:
            by_room.setdefault(row.room_nid, []).append(row.nid)
        seen: dict[int, tuple[LiveRoom, VisibleEvent]] = {}
        for number, nids in by_room.items():
            room = await self._rooms.live.by_nid(number)
            events = await self._rooms.timeline.of_rows(room, await self._rooms.store.events_by_nid(nids))
            found = await self._rooms.visibility.visible_events(user_id, room, events)
            if not is_open(f):
                found = [
                    (event, membership)
                    for event, membership in found
                    if passes_event(f, room.room_id, event.type, event.sender, event.get_content)
                ]
            await self._rooms.visibility.show(user_id, room, found)
            seen |= {event.nid: (room, (event, membership)) for event, membership in found}
        return [Hit(*seen[row.nid], row.rank) for row in rows if row.nid in seen]


def _check(wanted: RoomEventsCriteria) -> list[str]:
    """The event types in which to look."""
    if wanted.order_by not in ("recent", "rank"):
        raise BadRequest("order_by must be `recent` or `rank`", "M_INVALID_PARAM")
    if len(wanted.search_term) > MAX_TERM:
        raise BadRequest(f"The search term may have {MAX_TERM} characters at most", "M_INVALID_PARAM")
    keys = list(KEYS) if wanted.keys is None else wanted.keys
    if unknown := [key for key in keys if key not in KEYS]:
        raise BadRequest(f"One cannot search in {unknown[0][:60]!r}", "M_INVALID_PARAM")
    for group in wanted.groupings.group_by:
        if group.key not in ("room_id", "sender"):
            raise BadRequest("Results can be grouped by `room_id` and `sender`", "M_INVALID_PARAM")
    return [KEYS[key] for key in keys]


def _offset(token: str | None) -> int:
    if not token:
        return 0
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise BadRequest("This is not a token of a search", "M_INVALID_PARAM")
    return int(match[1])


def _highlights(term: str, hits: Sequence[Hit]) -> list[str]:
    """The words of the results that the term meant: in their own spelling, endings included."""
    texts = []
    for hit in hits:
        content = hit.seen[0].content
        texts += [text[:LOOKED_THROUGH] for text in map(content.get, ("body", "name", "topic")) if type(text) is str]
    return meant(term, texts)[:50]


def _names(found: frozenset[str] | None) -> list[str] | None:
    return None if found is None else list(found)
