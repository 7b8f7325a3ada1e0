"""The presence part of /sync: of people with whom the reader shares a room, what changed."""

from __future__ import annotations

import orjson

from chappe.homeserver.matrix.filters import passes
from chappe.homeserver.modules.presence import Presence
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.sync.context import SyncContext


class PresenceSection:
    def __init__(self, rooms: Rooms, presence: Presence) -> None:
        self._rooms, self._presence = rooms, presence

    async def of(self, context: SyncContext, newly_shared: list[str]) -> list[bytes]:
        """m.presence events. `newly_shared`: people who share a room with the reader only now."""
        reader = context.user_id
        if not self._presence.enabled_for(reader) or not passes(context.filter.presence, "m.presence", None):
            return []
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
        states = await self._presence.of(user for user in shown if passes(context.filter.presence, "m.presence", user))
        if context.since is not None and not context.changes.concern_me("presence"):
            # that one is here oneself is no news, unless one has said so: the first long poll would end for it
            states.pop(reader, None)
        return [
            orjson.dumps({"type": "m.presence", "sender": user, "content": self._presence.content(state)})
            for user, state in states.items()
        ]

    async def _sharing(self, reader: str, users: set[str]) -> list[str]:
        """Those of some people who share a room with the reader. Rooms in memory tell it at once."""
        joined = await self._rooms.memberships.joined(reader)
        rooms = [room for room in self._rooms.live_rooms([m.number for m in joined]) if not room.stale]
        found = users & {reader}
        for room in rooms:
            found |= room.joined.keys() & users
        if len(rooms) < len(joined):
            for user in users - found:
                if await self._rooms.memberships.share_a_room(reader, user):
                    found.add(user)
        return sorted(found)
