"""A user's rooms, newest first, and the filters of lists: from the summaries, without reading any room's state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from chappe.homeserver.modules.account_data.account_data import GLOBAL, TAGS, AccountData
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.summary import RoomInLists
from chappe.homeserver.sync.sliding.request import SlidingRoomFilter
from chappe.matrix.search_words import fold


@dataclass(frozen=True, slots=True)
class ListedRoom:
    """`activity`: the position by which rooms are ordered."""

    room_nid: int
    room_id: str
    membership: str
    activity: int
    room_type: str | None
    is_encrypted: bool
    name: str


@dataclass(slots=True)
class RoomListPreferences:
    """What filters ask of the user's account data."""

    direct: frozenset[str] = frozenset()
    tags: Mapping[str, frozenset[str]] = field(default_factory=dict)


class RoomList:
    def __init__(self, rooms: Rooms, account_data: AccountData) -> None:
        self._rooms, self._account_data = rooms, account_data

    async def build(self, memberships: Iterable[Membership]) -> dict[int, ListedRoom]:
        """The entries of some rooms, by number. One statement."""
        wanted = {m.room_nid: m for m in memberships}
        rows = await self._rooms.store.listed(list(wanted))
        return {row.room_nid: _listed(wanted[row.room_nid], row) for row in rows}

    async def preferences(self, user_id: str) -> RoomListPreferences:
        """Which rooms are direct, and the tags of rooms, by the user's account data. One statement."""
        direct: set[str] = set()
        tags: dict[str, frozenset[str]] = {}
        for row in await self._account_data.of_types(user_id, ["m.direct", TAGS]):
            content = orjson.loads(row.content)
            if row.room_id == GLOBAL and row.type == "m.direct":
                for rooms in content.values():
                    direct.update(r for r in rooms if type(r) is str) if type(rooms) is list else None
            elif row.type == TAGS and type(content.get("tags")) is dict:
                tags[row.room_id] = frozenset(content["tags"])
        return RoomListPreferences(frozenset(direct), tags)

    async def children(self, user_id: str, spaces: Iterable[str]) -> frozenset[str]:
        """The rooms that the user's joined spaces name directly."""
        found: set[str] = set()
        for space in spaces:
            room = await self._rooms.live.find(space)
            if room is not None and user_id in room.joined:
                found.update(k for (kind, k), e in room.state.items() if kind == "m.space.child" and e.content.get("via"))
        return frozenset(found)


def _listed(membership: Membership, row: RoomInLists) -> ListedRoom:
    activity = row.last_position if membership.membership == "join" else membership.position
    name = row.name or row.canonical_alias or ""
    return ListedRoom(
        membership.room_nid,
        membership.room_id,
        membership.membership,
        activity,
        row.room_type,
        row.encryption is not None,
        name,
    )


Children = Callable[[list[str]], Awaitable[frozenset[str]]]


async def passing(
    rooms: list[ListedRoom], f: SlidingRoomFilter | None, preferences: RoomListPreferences, children: Children
) -> list[ListedRoom]:
    """Those of the rooms, in their order, that a list's filters let through."""
    if f is None:
        return rooms
    in_spaces = await children(f.spaces) if f.spaces is not None else None
    name = fold(f.room_name_like) if f.room_name_like is not None else None
    return [r for r in rooms if _passes(r, f, preferences, in_spaces, name)]


def _passes(
    room: ListedRoom, f: SlidingRoomFilter, preferences: RoomListPreferences, in_spaces: frozenset[str] | None, name: str | None
) -> bool:
    """Complex: one condition for each field of the filter, all alike: a helper each would only be longer."""
    if f.is_dm is not None and (room.room_id in preferences.direct) != f.is_dm:
        return False
    if f.is_encrypted is not None and room.is_encrypted != f.is_encrypted:
        return False
    if f.is_invite is not None and (room.membership == "invite") != f.is_invite:
        return False
    if f.not_room_types is not None and room.room_type in f.not_room_types:
        return False
    if f.room_types is not None and room.room_type not in f.room_types:
        return False
    tags = preferences.tags.get(room.room_id, frozenset())
    if f.not_tags is not None and not tags.isdisjoint(f.not_tags):
        return False
    if f.tags is not None and tags.isdisjoint(f.tags):
        return False
    if name is not None and name not in fold(room.name):
        return False
    return in_spaces is None or room.room_id in in_spaces
