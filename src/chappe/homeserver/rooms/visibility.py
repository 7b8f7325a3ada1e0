"""The one function that says which events a reader sees (client-server API "Room history visibility").

Sync, messages, context, single events, search and federation all ask here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import orjson

from chappe.homeserver.bus.erased import ErasedAuthors
from chappe.homeserver.rooms.ignoring import Ignoring
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership, Memberships
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.state_tree import KeyHash, int_to_name
from chappe.homeserver.rooms.state_tree_reader import TreeReader
from chappe.homeserver.rooms.store import RoomStore
from chappe.matrix.errors import Forbidden
from chappe.matrix.history_visibility import is_visible, more_open, parse_visibility

VISIBILITY_KEY = ("m.room.history_visibility", "")
VisibleEvent = tuple[RoomEvent, str]  # an event and the reader's membership at it
Reads = Callable[[str, LiveRoom, Sequence[RoomEvent]], Awaitable[None]]
MayPeek = Callable[[str], bool]


class Place(NamedTuple):
    """Where an event stands: its position, and the root of the room's state before it."""

    position: int
    state_before: int


def _joined_later(mine: Membership | None, room: LiveRoom, position: int) -> bool:
    return mine is not None and (mine.joined_since or 0) > room.order.when(position)


class Visibility:
    """`may_peek`: whether somebody sees rooms that are open to the world, without being there."""

    def __init__(
        self,
        store: RoomStore,
        trees: TreeReader,
        key_hash: KeyHash,
        memberships: Memberships,
        may_peek: MayPeek,
        ignoring: Ignoring,
        erased: ErasedAuthors,
    ) -> None:
        self._store, self._trees, self._key_hash, self._memberships = store, trees, key_hash, memberships
        self._may_peek, self.ignoring, self.erased_at = may_peek, ignoring, erased
        self._listeners: list[Reads] = []

    def listen(self, listener: Reads) -> None:
        """`listener` is told of what somebody is about to be shown; its refusal ends the request."""
        self._listeners.append(listener)

    async def require_reader(self, user_id: str, room: LiveRoom) -> Membership | None:
        """The reader's membership, None for one who may only peek. Raises Forbidden for those who may not read at all."""
        membership = (await self._memberships.of(user_id)).get(room.nid)
        if membership is not None and membership.forgotten:
            raise Forbidden("You have forgotten this room")
        if membership is not None and (membership.membership == "join" or membership.was_joined):
            return membership
        if self.is_open_to(user_id, room):
            return None
        raise Forbidden("You are not in this room")

    def is_open_to(self, user_id: str, room: LiveRoom) -> bool:
        """Whether the room is open to the world, and the user sees such rooms without being there."""
        return room.history_visibility == "world_readable" and self._may_peek(user_id)

    async def filter(self, user_id: str, room: LiveRoom, events: Sequence[RoomEvent]) -> list[VisibleEvent]:
        """Those of a room's events that the user may see, with the user's membership at each; as this user is to see them.

        They are shown all of these. Where something is chosen of them, it is `visible_events`, and `show` of what was chosen.
        """
        seen = await self.visible_events(user_id, room, events)
        await self.show(user_id, room, seen)
        return seen

    async def show(self, user_id: str, room: LiveRoom, seen: Sequence[VisibleEvent]) -> None:
        """Somebody is about to be shown these events: no more and no fewer. Who listens may refuse, which ends the request."""
        if seen:
            for listener in self._listeners:
                await listener(user_id, room, [event for event, _ in seen])

    async def visible_events(self, user_id: str, room: LiveRoom, events: Sequence[RoomEvent]) -> list[VisibleEvent]:
        """As `filter`, but nobody is shown them yet (`show`)."""
        events = [e for e in events if not e.is_erased]
        if ignored := await self.ignoring.of(user_id):
            events = [e for e in events if e.sender not in ignored or e.state_key is not None]
        mine = (await self._memberships.of(user_id)).get(room.nid)
        certain = [None if mine is None else mine.sees(event.position) for event in events]
        if all(certain):
            return self._after_erasures(mine, [(event, "join") for event in events])
        asked = {event.state_before for event, sees in zip(events, certain, strict=True) if sees is None}
        then = await self._state_then(user_id, room, asked)
        seen: list[VisibleEvent] = []
        for event, sees in zip(events, certain, strict=True):
            if sees is not None:
                seen += [(event, "join")] if sees else []
                continue
            visibility, membership = _with_own(event, user_id, *then[event.state_before])
            if is_visible(visibility, membership, _joined_later(mine, room, event.position)) or self._is_own(event, user_id):
                seen.append((event, membership))
        return self._after_erasures(mine, seen)

    def _after_erasures(self, mine: Membership | None, seen: list[VisibleEvent]) -> list[VisibleEvent]:
        """Messages of people who have erased them are redacted for readers who were not there (client-server API, "Account
        deactivation"). State is the room's, and stays."""
        if not self.erased_at:
            return seen
        return [
            (event.emptied(), membership)
            if event.state_key is None and membership != "join" and self.is_erased_for(mine, event.sender)
            else (event, membership)
            for event, membership in seen
        ]

    def is_erased_for(self, mine: Membership | None, sender: str) -> bool:
        """Whether somebody who came into the room then, or was never in it, reads a sender's messages redacted."""
        erased_at = self.erased_at.get(sender)
        if erased_at is None:
            return False
        return mine is None or mine.membership != "join" or (mine.joined_since or 0) > erased_at

    async def visible_places(self, user_id: str, room: LiveRoom, places: Sequence[Place]) -> set[Place]:
        """Where the user would see messages: to count what they may see, without its being read to them."""
        mine = (await self._memberships.of(user_id)).get(room.nid)
        certain = {place: None if mine is None else mine.sees(place.position) for place in places}
        then = await self._state_then(user_id, room, {p.state_before for p, sees in certain.items() if sees is None})
        return {
            place
            for place, sees in certain.items()
            if sees or (sees is None and is_visible(*then[place.state_before], _joined_later(mine, room, place.position)))
        }

    async def sees_state(self, user_id: str, room: LiveRoom, position: int, root: int) -> bool:
        """Whether the user may know the state as it was at a position, `root`: as who would see an event there."""
        return bool(await self.visible_places(user_id, room, [Place(position, root)]))

    @staticmethod
    def _is_own(event: RoomEvent, user_id: str) -> bool:
        return event.type == "m.room.member" and event.state_key == user_id

    async def _state_then(self, user_id: str, room: LiveRoom, roots: Collection[int]) -> dict[int, tuple[str, str]]:
        """By root: the history visibility and the reader's membership in that state."""
        visibility, member = self._key_hash(*VISIBILITY_KEY), self._key_hash("m.room.member", user_id)
        if not roots:
            return {}
        named = {int_to_name(root): root for root in roots}
        read = await self._trees.get_in(named, [visibility, member])
        found = {named[name]: keys for name, keys in read.items()}
        present = [event for key in (VISIBILITY_KEY, ("m.room.member", user_id)) if (event := room.state.get(key))]
        numbers = {number for keys in found.values() for number in keys.values()}
        contents = await self._contents([*present, *room.tail], numbers)
        result = {}
        for root, keys in found.items():
            rule = contents.get(keys.get(visibility, -1), {}).get("history_visibility")
            membership = contents.get(keys.get(member, -1), {}).get("membership", "leave")
            result[root] = (parse_visibility(rule), str(membership))
        return result

    async def _contents(self, at_hand: Iterable[RoomEvent], numbers: set[int]) -> dict[int, dict[str, object]]:
        known = {e.nid: e.content for e in at_hand if e.nid in numbers}
        missing = numbers - known.keys()
        if missing:
            for row in await self._store.events_by_nid(list(missing)):
                known[row.nid] = orjson.loads(row.json)["content"]
        return known


def _with_own(event: RoomEvent, user_id: str, visibility: str, membership: str) -> tuple[str, str]:
    """The history visibility and the user's membership by which an event is seen: those before it, or what it makes of them where
    that shows more."""
    if event.type == VISIBILITY_KEY[0] and event.state_key == "":
        visibility = more_open(visibility, parse_visibility(event.content.get("history_visibility")))
    if event.type == "m.room.member" and event.state_key == user_id and membership != "join":
        membership = event.membership
    return visibility, membership
