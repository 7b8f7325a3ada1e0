"""One room's part of a sliding sync answer, as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.modules.push.counts import RoomCounts
from chappe.homeserver.modules.relations.relations import Relations, present_event
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.visibility import VisibleEvent
from chappe.homeserver.sync.room_section import RoomSections, heroes
from chappe.homeserver.sync.sliding.request import MEMBER, RoomConfig
from chappe.homeserver.sync.token import position_token
from chappe.matrix.event_auth import StateKey

NAMING = frozenset(("m.room.name", "m.room.avatar", "m.room.canonical_alias", MEMBER))


@dataclass(slots=True)
class Wanted:
    """What to tell of a room. `since`: up to where the client has it, None if it never saw it; `upto`: the answer's end."""

    user_id: str
    device_id: str
    membership: Membership
    config: RoomConfig
    before: RoomConfig | None
    since: int | None
    live_after: int | None  # events beyond count as live; None: none does
    upto: int
    is_dm: bool
    counts: RoomCounts | None
    members: dict[str, str]  # member events that the client has, by user; added to

    @property
    def is_initial(self) -> bool:
        """Whether it is told as if the client had never seen it: also where the room was left again meanwhile."""
        return self.since is None or self.membership.told_since > self.since

    @property
    def is_expanded(self) -> bool:
        """Whether the client wants more of the timeline than it got before."""
        return not self.is_initial and self.before is not None and self.config.limit > self.before.limit


class RoomResults:
    def __init__(self, rooms: Rooms, relations: Relations) -> None:
        self._rooms, self._relations = rooms, relations

    async def of(self, room: LiveRoom, w: Wanted) -> bytes | None:
        """The room's object, or None where there is nothing to say."""
        if w.membership.membership in ("invite", "knock"):
            return self._stripped(room, w)
        upto = w.upto if w.membership.membership == "join" else min(w.upto, w.membership.position)
        initial, expanded = w.is_initial, w.is_expanded
        events, all_events, limited = await self._timeline(room, w, upto, initial, expanded)
        state, changed = await self._states(room, w, upto, initial)
        if w.membership.is_beside and (beside := room.beside(w.user_id)) is not None:
            events, all_events, limited = [(beside, beside.membership)], [beside], False
            state = changed = {beside.key: beside}
        known: Mapping[StateKey, RoomEvent] = state
        if w.config.lazy_members:
            known = await self._rooms.timeline.speakers(room, (e for e, _ in events), state)
        required = self._required(w, known, changed, events, initial, limited)
        result = self._about(room, w, state, changed, initial)
        if events or initial or limited:
            start = room.order.before(all_events[0].position or w.membership.position) if all_events else upto
            result |= await self._timeline_fields(room, w, events, start, limited)
        if required or initial:
            result["required_state"] = orjson.Fragment(b"[%b]" % b",".join([e.for_joined() for e in required]))
        if w.counts is not None:
            result["notification_count"], result["highlight_count"] = w.counts.total
        if not result:
            return None
        return orjson.dumps({**result, **_standing(room, w)})

    async def _timeline_fields(
        self, room: LiveRoom, w: Wanted, events: list[VisibleEvent], start: int, limited: bool
    ) -> dict[str, Any]:
        timeline = orjson.Fragment(b"[%b]" % await self._events(room, w, events, w.is_initial or limited))
        live = sum(1 for e, _ in events if w.live_after is not None and e.position > w.live_after)
        fields = {"prev_batch": position_token(start), "limited": limited, "num_live": live, "timeline": timeline}
        return {**fields, "unstable_expanded_timeline": True} if w.is_expanded else fields

    def _stripped(self, room: LiveRoom, w: Wanted) -> bytes:
        name = f"{w.membership.membership}_state"
        stripped = orjson.Fragment(b"[%b]" % RoomSections.stripped(room, w.user_id))
        return orjson.dumps({name: stripped, "initial": True, "bump_stamp": w.membership.position, "is_dm": w.is_dm})

    # ----------------------------------------------------------------------------------------------------- timeline

    async def _states(
        self, room: LiveRoom, w: Wanted, upto: int, initial: bool
    ) -> tuple[dict[StateKey, RoomEvent], dict[StateKey, RoomEvent]]:
        """(the state at the end of the timeline, what of it is new to the client)."""
        state = await self._rooms.timeline.state_after(room, upto)
        changed = await self._changes(room, w, upto, initial)
        if w.membership.was_joined:
            return state, changed
        own = (MEMBER, w.user_id)  # an invitation withdrawn, a knock refused: of the room itself nothing is told
        return {own: state[own]} if own in state else {}, {own: changed[own]} if own in changed else {}

    async def _timeline(
        self, room: LiveRoom, w: Wanted, upto: int, initial: bool, expanded: bool
    ) -> tuple[list[VisibleEvent], list[RoomEvent], bool]:
        """(what the reader sees, what happened, whether more happened), oldest first."""
        after = 0 if initial or expanded or w.since is None else w.since
        limit = w.config.limit
        if limit <= 0:
            return [], [], room.last_position > after
        cut = room.order.latest_cut(after, upto)  # nothing is told as if it had come right after what lies beyond a gap
        events = await self._rooms.timeline.events_between(room, max(after, cut - 1), upto, limit + 1, backwards=True)
        limited = len(events) > limit or cut > 0
        events = events[:limit][::-1]
        return await self._rooms.visibility.filter(w.user_id, room, events) if events else [], events, limited

    async def _events(self, room: LiveRoom, w: Wanted, events: list[VisibleEvent], bundled: bool) -> bytes:
        bundles = await self._relations.bundles(w.user_id, room, [e for e, _ in events]) if bundled else {}
        mine = f"{w.user_id}\x1f{w.device_id}\x1f"
        return b",".join([present_event(e, m, mine, bundles.get(e.event_id)) for e, m in events])

    # -------------------------------------------------------------------------------------------------------- state

    async def _changes(self, room: LiveRoom, w: Wanted, upto: int, initial: bool) -> dict[StateKey, RoomEvent]:
        """The state that changed since the client saw the room."""
        if initial or w.since is None:
            return {}
        return {e.key: e for e in await self._rooms.timeline.state_changes(room, w.since, upto)}

    def _required(
        self,
        w: Wanted,
        state: Mapping[StateKey, RoomEvent],
        changed: Mapping[StateKey, RoomEvent],
        events: list[VisibleEvent],
        initial: bool,
        limited: bool,
    ) -> list[RoomEvent]:
        config, user = w.config, w.user_id
        found = config.select(state if initial else changed, user)
        if not initial and w.before is not None and config.rules != w.before.rules:  # more is wanted than before
            known = w.before.select(state, user)
            found.update((k, e) for k, e in config.select(state, user).items() if k not in known)
        if config.lazy_members:
            if initial:
                w.members.clear()
            elif not limited:
                found.update((k, e) for k, e in changed.items() if k[0] == MEMBER)
            for member in self._speakers(events):
                lazy = state.get((MEMBER, member))
                if lazy is not None and w.members.get(member) != lazy.event_id:
                    found[lazy.key] = lazy
        w.members.update((e.key[1], e.event_id) for e in found.values() if e.type == MEMBER)
        return list(found.values())

    @staticmethod
    def _speakers(events: list[VisibleEvent]) -> Iterable[str]:
        for event, _ in events:
            yield event.sender
            if event.type == MEMBER and event.state_key is not None:
                yield event.state_key

    # ------------------------------------------------------------------------------------------------- what it is

    @staticmethod
    def _about(
        room: LiveRoom, w: Wanted, state: dict[StateKey, RoomEvent], changed: dict[StateKey, RoomEvent], initial: bool
    ) -> dict[str, Any]:
        """Name, picture, people: everything the first time, then what changed."""
        result: dict[str, Any] = {}
        kinds = NAMING if initial else {k[0] for k in changed} & NAMING
        if initial:
            result["initial"], result["is_dm"] = True, w.is_dm
        name, avatar = _text(state, "m.room.name", "name"), _text(state, "m.room.avatar", "url")
        if name is None:
            name = _text(state, "m.room.canonical_alias", "alias")
        if kinds & {"m.room.name", "m.room.canonical_alias"} and name is not None:
            result["name"] = name
        if "m.room.avatar" in kinds and avatar is not None:
            result["avatar"] = avatar
        if MEMBER in kinds and w.membership.membership == "join":
            result["joined_count"], result["invited_count"] = len(room.joined), room.invited
        if kinds & {MEMBER, "m.room.name"} and name is None and w.membership.membership == "join":
            result["heroes"] = [_hero(state, user) for user in heroes(room, w.user_id)]
        return result


def _text(state: dict[StateKey, RoomEvent], event_type: str, field: str) -> str | None:
    event = state.get((event_type, ""))
    value = event.content.get(field) if event is not None else None
    return value if type(value) is str and value else None


def _hero(state: dict[StateKey, RoomEvent], user: str) -> dict[str, str]:
    event = state.get((MEMBER, user))
    content = event.content if event is not None else {}
    profile = {k: content[k] for k in ("displayname", "avatar_url") if type(content.get(k)) is str}
    return {"user_id": user, **profile}


def _standing(room: LiveRoom, w: Wanted) -> dict[str, int]:
    """Where the room stands among others. What was unread in a room that one is out of is unread no more."""
    if w.membership.membership == "join":
        return {"bump_stamp": room.bump_position}
    return {"notification_count": 0, "highlight_count": 0, "bump_stamp": w.membership.position}
