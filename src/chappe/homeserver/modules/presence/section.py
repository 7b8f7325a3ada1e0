"""The presence part of /sync: of people with whom the reader shares a room, what changed."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.sync.context import SyncContext
from chappe.homeserver.sync.section import Section, SyncAnswer
from chappe.matrix.filters import passes

TYPE = "m.presence"


class PresenceSection(Section):
    def __init__(self, rooms: Rooms, presence: Presence) -> None:
        self._rooms, self._presence = rooms, presence

    async def of_account(self, context: SyncContext, answer: SyncAnswer) -> None:
        if not self._presence.enabled_for(context.user_id) or not passes(context.filter.presence, TYPE, None):
            return
        events = await self._events(context, answer.newly_shared)
        if events:
            answer.events["presence"] = events

    async def _events(self, context: SyncContext, newly_shared: Collection[str]) -> list[bytes]:
        """m.presence events. `newly_shared`: people who share a room with the reader only now."""
        reader = context.user_id
        if context.since is None:
            shown = await self._presence.present_among(await self._rooms.members_sharing(reader) - {reader})
            shown.append(reader)  # oneself, whatever one is
        else:
            changed = context.changes.presence
            if not context.changes.known:
                changed = set(await self._presence.changed_users(context.after, context.upto))
            shown = await self._sharing(reader, changed) if changed else []
            if newly_shared:
                shown += await self._presence.present_among(set(newly_shared) - set(shown))
        states = await self._presence.of(user for user in shown if passes(context.filter.presence, TYPE, user))
        if context.since is not None and not context.changes.concern_me("presence"):
            # that one is here oneself is no news, unless one has said so: the first long poll would end for it
            states.pop(reader, None)
        return [
            orjson.dumps({"type": TYPE, "sender": user, "content": self._presence.content(state, user == reader)})
            for user, state in states.items()
        ]

    async def _sharing(self, reader: str, users: set[str]) -> list[str]:
        """Those of some people who share a room with the reader. Rooms in memory tell it at once."""
        joined = await self._rooms.memberships.joined(reader)
        rooms = [room for room in self._rooms.live.in_memory(m.room_nid for m in joined) if not room.stale]
        found = users & {reader}
        for room in rooms:
            found |= room.joined.keys() & users
        if len(rooms) < len(joined):
            for user in users - found:
                if await self._rooms.memberships.share_a_room(reader, user):
                    found.add(user)
        return sorted(found)
