"""`POST /search`: finds, orders, groups, and shows what was said around."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from chappe.homeserver.database.pool import Database, Row
from chappe.homeserver.matrix.errors import BadRequest
from chappe.homeserver.matrix.filters import RoomEventFilter, is_open, passes_event
from chappe.homeserver.modules.search.index import KEYS, SearchIndex
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.summary import fold
from chappe.homeserver.rooms.visibility import Seen

DEFAULT_PAGE, MAX_PAGE, MAX_READS, MAX_TERM, COUNTED = 10, 100, 10, 1000, 10_000
_TOKEN = re.compile(r"q([0-9]{1,9})")
_WORD = re.compile(r"\w+")


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
    seen: Seen
    rank: float


@dataclass(frozen=True, slots=True)
class Found:
    """`next`: the token of the next page."""

    hits: list[Hit]
    count: int
    highlights: list[str]
    next: str | None


_QUERY = """(plainto_tsquery('french', $1) || plainto_tsquery('english', $1) || plainto_tsquery('simple', $1))"""


class MessageSearch:
    def __init__(self, database: Database, rooms: Rooms, index: SearchIndex) -> None:
        self._database, self._rooms, self._index = database, rooms, index

    async def search(self, user_id: str, wanted: RoomEventsCriteria, token: str | None) -> Found:
        """In the rooms where the user is or was. Raises M_INVALID_PARAM for unknown keys, orders and tokens."""
        types = _check(wanted)
        offset = _offset(token)
        numbers = await self._searched_rooms(user_id, wanted.filter)
        term = fold(wanted.search_term.replace("\0", " "))
        limit = min(DEFAULT_PAGE if wanted.filter.limit is None else max(1, wanted.filter.limit), MAX_PAGE)
        if not numbers or not _WORD.search(term):
            return Found([], 0, [], None)
        await self._index.caught_up()
        hits: list[Hit] = []
        for _ in range(MAX_READS):
            rows = await self._read(term, numbers, types, wanted, offset, limit + 1)
            for hit in await self._hits(user_id, rows, wanted.filter):
                if hit is not None:
                    if len(hits) == limit:
                        return await self._found(term, numbers, types, hits, f"q{offset}")
                    hits.append(hit)
                offset += 1
            if len(rows) <= limit:
                return await self._found(term, numbers, types, hits, None)
        return await self._found(term, numbers, types, hits, f"q{offset}")

    async def _searched_rooms(self, user_id: str, f: RoomEventFilter) -> dict[int, str]:
        memberships = (await self._rooms.memberships.of(user_id)).values()
        return {
            m.number: m.room_id for m in memberships
            if m.was_joined and not m.forgotten and m.room_id not in f.not_rooms and (f.rooms is None or m.room_id in f.rooms)
        }  # fmt: skip

    async def _read(
        self, term: str, rooms: dict[int, str], types: list[str], wanted: RoomEventsCriteria, offset: int, limit: int
    ) -> Sequence[Row]:
        order = "position DESC" if wanted.order_by == "recent" else "rank DESC, position DESC"
        return await self._database.fetch(
            f"""SELECT s.nid, s.room_nid, s.position, ts_rank_cd(s.words, {_QUERY}) AS rank FROM event_search s
                 WHERE s.words @@ {_QUERY} AND s.room_nid = ANY($2::bigint[]) AND s.type = ANY($3::text[])
                   AND ($4::text[] IS NULL OR s.sender = ANY($4)) AND s.sender <> ALL($5::text[])
                 ORDER BY {order} OFFSET $6 LIMIT $7""",
            term, list(rooms), types, _names(wanted.filter.senders), _names(wanted.filter.not_senders), offset, limit,
        )  # fmt: skip

    async def _hits(self, user_id: str, rows: Sequence[Row], f: RoomEventFilter) -> list[Hit | None]:
        """In the order of the rows; None for what the user may not see or did not ask for."""
        by_room: dict[int, list[int]] = {}
        for row in rows:
            by_room.setdefault(row["room_nid"], []).append(row["nid"])
        seen: dict[int, tuple[LiveRoom, Seen]] = {}
        for number, nids in by_room.items():
            room = await self._rooms.live.by_number(number)
            events = await self._rooms.timeline.of_rows(room, await self._rooms.store.events_by_number(nids))
            for event, membership in await self._rooms.visibility.filter(user_id, room, events):
                if is_open(f) or passes_event(f, room.room_id, event.type, event.sender, event.get_content):
                    seen[event.nid] = (room, (event, membership))
        return [Hit(*seen[row["nid"]], row["rank"]) if row["nid"] in seen else None for row in rows]

    async def _found(
        self, term: str, rooms: dict[int, str], types: list[str], hits: list[Hit], token: str | None
    ) -> Found:
        count = await self._database.fetchval(
            f"""SELECT count(*) FROM (SELECT 1 FROM event_search s WHERE s.words @@ {_QUERY}
                  AND s.room_nid = ANY($2::bigint[]) AND s.type = ANY($3::text[]) LIMIT {COUNTED}) x""",
            term, list(rooms), types,
        )  # fmt: skip
        return Found(hits, count, _highlights(term, hits), token)


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
    roots = [word[: max(3, len(word) - 2)] for word in _WORD.findall(term)]
    found: dict[str, None] = {}
    for hit in hits:
        content = hit.seen[0].content
        for text in (content.get("body"), content.get("name"), content.get("topic")):
            for word in _WORD.findall(text) if type(text) is str else ():
                if any(fold(word).startswith(root) for root in roots):
                    found[word.lower()] = None
    return list(found)[:50]


def _names(found: frozenset[str] | None) -> list[str] | None:
    return None if found is None else list(found)
