"""The list of what notified a user (client-server API, "Listing notifications"): found again from the rooms, not stored."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.modules.push.counts import HidesInvitation, IgnoredBy, UnreadCounts, actions_for
from chappe.homeserver.modules.push.rules import PushRules
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.visibility import VisibleEvent
from chappe.matrix.push_rules import RuleSet, verdict_of

BATCH = 50
MAX_READS = 40  # batches of one request; beyond, the client goes on with the token


@dataclass(frozen=True, slots=True)
class Notification:
    room: LiveRoom
    seen: VisibleEvent
    actions: list[Any]
    is_read: bool


class Notifications:
    def __init__(
        self, rooms: Rooms, rules: PushRules, counts: UnreadCounts, ignored_by: IgnoredBy, hides_invitation: HidesInvitation
    ) -> None:
        self._rooms, self._rules, self._counts, self._ignored_by = rooms, rules, counts, ignored_by
        self._hides_invitation = hides_invitation

    async def of(
        self, user_id: str, start: int | None, limit: int, only_highlights: bool
    ) -> tuple[list[Notification], int | None]:
        """(the newest first, before a position; where to go on). Reads the rooms with news before the others."""
        everywhere = (await self._rooms.memberships.of(user_id)).values()
        memberships = {m.room_nid: m for m in everywhere if m.membership == "join"}
        positions = await self._rooms.store.last_positions(list(memberships))
        upto = start if start is not None else self._rooms.clock.watermark
        # rooms by the position of their newest event that may still be unseen
        heap = [(-min(last, upto), number) for number, last in positions.items() if min(last, upto) > 0]
        heapq.heapify(heap)
        rules, silent = await self._rules.rules(user_id), {user_id, *await self._ignored_by(user_id)}
        before = [m for m in everywhere if m.position <= upto]
        found = await self._invitations(user_id, rules, before, limit, only_highlights)
        for _ in range(MAX_READS):
            if not heap or (len(found) >= limit and found[limit - 1][0] >= -heap[0][0]):
                break
            at, number = heapq.heappop(heap)
            room = await self._rooms.live.by_nid(number)
            since = memberships[number].joined_since or 0
            events = await self._rooms.timeline.events_between(room, since, -at, BATCH, backwards=True)
            others = [e for e in events if e.sender not in silent and not e.is_redacted]
            found += await self._among(user_id, rules, room, others, only_highlights)
            if len(events) == BATCH:
                heapq.heappush(heap, (-(events[-1].position - 1), number))
            found.sort(key=lambda item: -item[0])
        page = await self._shown(user_id, [notification for _, notification in found[:limit]])
        if len(found) > limit:
            return page, found[limit - 1][0] - 1
        return page, -heap[0][0] if heap else None

    async def _shown(self, user_id: str, page: list[Notification]) -> list[Notification]:
        for notification in page:
            await self._rooms.visibility.show(user_id, notification.room, [notification.seen])
        return page

    async def _among(
        self, user_id: str, rules: RuleSet, room: LiveRoom, events: Sequence[RoomEvent], only_highlights: bool
    ) -> list[tuple[int, Notification]]:
        """By position, those of a room's events that notify."""
        found = []
        for event, membership in await self._rooms.visibility.visible_events(user_id, room, events):
            actions = actions_for(rules, room, event) or []
            verdict = verdict_of(actions)
            if verdict.notify and (verdict.highlight or not only_highlights):
                read = await self._counts.is_read(user_id, room, event)
                found.append((event.position, Notification(room, (event, membership), actions, read)))
        return found

    async def _invitations(
        self, user_id: str, rules: RuleSet, memberships: Sequence[Membership], limit: int, only_highlights: bool
    ) -> list[tuple[int, Notification]]:
        """Invitations that wait for an answer, the newest first: they have notified too, though their rooms are not read."""
        found: list[tuple[int, Notification]] = []
        for m in sorted((m for m in memberships if m.membership == "invite"), key=lambda m: -m.position):
            if len(found) > limit:
                break
            if await self._hides_invitation(user_id, m.sender):
                continue
            room = await self._rooms.live.by_nid(m.room_nid)
            event = room.known_to(user_id, ("m.room.member", user_id))
            if event is None or event.membership != "invite":
                continue
            actions = actions_for(rules, room, event) or []
            verdict = verdict_of(actions)
            if verdict.notify and (verdict.highlight or not only_highlights):
                found.append((m.position, Notification(room, (event, "invite"), actions, False)))
        return found
