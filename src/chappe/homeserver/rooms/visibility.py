"""The one function that says which events a reader sees (DESIGN section 6, client-server API "Room history visibility").

Sync, messages, context, single events, search and federation all ask here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

import orjson

from chappe.homeserver.matrix.errors import Forbidden
from chappe.homeserver.matrix.history_visibility import is_visible, more_open, parse_visibility
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership, Memberships
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.state_tree import KeyHash, TreeReader, int_to_name
from chappe.homeserver.rooms.store import RoomStore

VISIBILITY_KEY = ("m.room.history_visibility", "")
Seen = tuple[RoomEvent, str]  # an event and the reader's membership at it
IgnoredBy = Callable[[str], Awaitable[frozenset[str]]]
Reads = Callable[[str, LiveRoom, Sequence[RoomEvent]], Awaitable[None]]


async def _nobody(_: str) -> frozenset[str]:
    return frozenset()


class Visibility:
    def __init__(self, store: RoomStore, trees: TreeReader, key_hash: KeyHash, memberships: Memberships) -> None:
        self._store, self._trees, self._key_hash, self._memberships = store, trees, key_hash, memberships
        self.ignored_by: IgnoredBy = _nobody  # whose events, state apart, a reader does not want to see
        self.reads: Reads | None = None  # told of what somebody is about to be shown; a refusal ends the request

    async def require_reader(self, user_id: str, room: LiveRoom) -> Membership | None:
        """The reader's membership, None for one who may only peek. Raises Forbidden for those who may not read at all."""
        membership = (await self._memberships.of(user_id)).get(room.number)
        if membership is not None and membership.forgotten:
            raise Forbidden("You have forgotten this room")
        if membership is not None and (membership.membership == "join" or membership.was_joined):
            return membership
        if room.history_visibility == "world_readable":
            return None
        raise Forbidden("You are not in this room")

    async def filter(self, user_id: str, room: LiveRoom, events: Sequence[RoomEvent]) -> list[Seen]:
        """Those of a room's events that the user may see, with the user's membership at each."""
        seen = await self._seen(user_id, room, events)
        if self.reads is not None and seen:
            await self.reads(user_id, room, [event for event, _ in seen])
        return seen

    async def _seen(self, user_id: str, room: LiveRoom, events: Sequence[RoomEvent]) -> list[Seen]:
        events = [e for e in events if not e.is_erased]
        if ignored := await self.ignored_by(user_id):
            events = [e for e in events if e.sender not in ignored or e.state_key is not None]
        mine = (await self._memberships.of(user_id)).get(room.number)
        since = mine.joined_since if mine and mine.membership == "join" else None
        if since is not None and all(event.position >= since for event in events):
            return [(event, "join") for event in events]
        last = None if mine is None or mine.membership == "join" or not mine.was_joined else mine.position
        then = await self._state_then(user_id, room, [e for e in events if since is None or e.position < since])
        seen: list[Seen] = []
        for event in events:
            if since is not None and event.position >= since:
                seen.append((event, "join"))
                continue
            if last is not None and event.position > last:
                continue
            visibility, membership = then[event.state_before]
            if event.type == VISIBILITY_KEY[0] and event.state_key == "":
                visibility = more_open(visibility, parse_visibility(event.content.get("history_visibility")))
            if event.type == "m.room.member" and event.state_key == user_id and membership != "join":
                membership = event.membership
            joined_later = mine is not None and (mine.joined_since or 0) > event.position
            if is_visible(visibility, membership, joined_later) or self._is_own(event, user_id):
                seen.append((event, membership))
        return seen

    @staticmethod
    def _is_own(event: RoomEvent, user_id: str) -> bool:
        return event.type == "m.room.member" and event.state_key == user_id

    async def _state_then(
        self, user_id: str, room: LiveRoom, events: Sequence[RoomEvent]
    ) -> dict[int, tuple[str, str]]:
        """By root: the history visibility and the reader's membership in that state."""
        visibility, member = self._key_hash(*VISIBILITY_KEY), self._key_hash("m.room.member", user_id)
        found = {}
        for root in {event.state_before for event in events}:
            found[root] = await self._trees.get_many(int_to_name(root), [visibility, member])
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
            for row in await self._store.events_by_number(list(missing)):
                known[row["nid"]] = orjson.loads(row["json"])["content"]
        return known
