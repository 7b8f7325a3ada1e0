"""device_lists of /sync, and /keys/changes: whose keys a client must ask for anew, and whom it may forget.

Clients encrypt for those who are invited to a room as well, and with whoever has invited them: they are told of these too.
"""

from __future__ import annotations

from collections.abc import Mapping

from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.sight import PRESENT
from chappe.homeserver.sync.context import Changes, SyncContext


class DeviceLists:
    def __init__(self, rooms: Rooms, keys: DeviceKeys) -> None:
        self._rooms, self._keys = rooms, keys

    async def of(self, context: SyncContext) -> tuple[list[str], list[str]]:
        """(changed, left) since the token; nothing in an initial sync, where clients ask for everybody anyway."""
        if context.since is None:
            return [], []
        return await self.since(context.user_id, context.memberships, context.after, context.upto, context.changes)

    async def since(
        self, user_id: str, memberships: Mapping[int, Membership], after: int, upto: int, changes: Changes
    ) -> tuple[list[str], list[str]]:
        """(changed, left) in (after, upto]. `changes`: what the commits there have changed."""
        touched = None
        if changes.known:
            touched = {n for n, kinds in changes.rooms.items() if "events" in kinds or "*" in kinds}
        mine = changes.concern_me("membership")
        if touched is not None and not touched and not changes.device_lists and not mine:
            return [], []
        users = changes.device_lists if changes.known else None
        return await self.between(user_id, memberships, after, upto, users, touched)

    async def between(
        self,
        user_id: str,
        memberships: Mapping[int, Membership],
        after: int,
        upto: int,
        candidates: set[str] | None,
        touched: set[int] | None,
    ) -> tuple[list[str], list[str]]:
        """(changed, left) in (after, upto]. `candidates`: whose keys changed; `touched`: the numbers of the rooms with events. None
        where this process does not remember that: the database is asked."""
        joined = {n: m for n, m in memberships.items() if m.membership == "join"}
        came, went = await self._movements(memberships, after, upto, touched)
        changed_keys = candidates if candidates is not None else set(await self._keys.changed_users(after, upto))
        if not changed_keys and not came and not went:
            return [], []
        rooms = [await self._rooms.live.by_nid(n) for n in joined]
        inviters = {m.sender for m in memberships.values() if m.membership == "invite"}

        def is_met(user: str) -> bool:
            return user in inviters or any(is_present(room, user) for room in rooms)

        changed = {u for u in changed_keys | came if u == user_id or is_met(u)}
        if changed == {user_id} and user_id not in changed_keys:
            changed = set()  # who comes among others is named with them, as Synapse has it; a room of one's own is no news
        left = {u for u in went | came if u != user_id and not is_met(u)}
        return sorted(changed), sorted(left)

    async def _movements(
        self, memberships: Mapping[int, Membership], after: int, upto: int, touched: set[int] | None
    ) -> tuple[set[str], set[str]]:
        """Who came into the reader's rooms, or was invited, and who left; everybody in a room that the reader joined or left;
        who has invited the reader.

        Complex: the ways in which a membership may have moved shut each other out; apart, none would show that one is forgotten.
        """
        came: set[str] = set()
        went: set[str] = set()
        for number, membership in memberships.items():
            moved = membership.position > after
            if not moved and (membership.membership != "join" or (touched is not None and number not in touched)):
                continue
            room = await self._rooms.live.by_nid(number)
            if membership.membership == "join" and membership.members_told_since > after:
                came.update(everybody(room))
            elif moved and membership.membership == "invite":
                came.add(membership.sender)
            elif moved and membership.membership in ("leave", "ban") and membership.was_joined:
                went.update(everybody(room))
            elif membership.membership == "join":
                for user, is_here in await self._member_changes(room, after, upto):
                    (came if is_here else went).add(user)
        return came, went

    async def _member_changes(self, room: LiveRoom, after: int, upto: int) -> list[tuple[str, bool]]:
        """(user, whether they are joined or invited now), of those for whom that has changed."""
        result = []
        for event in await self._rooms.timeline.state_changes(room, after, upto):
            if event.type == "m.room.member" and event.state_key is not None:
                before = event.replaces.membership if event.replaces else "leave"
                if event.membership != before and (event.membership in PRESENT or before in PRESENT):
                    result.append((event.state_key, event.membership in PRESENT))
        return result


def everybody(room: LiveRoom) -> set[str]:
    """Who is in a room, or invited to it."""
    found = set(room.joined)
    if room.invited:
        found.update(key for (kind, key), e in room.state.items() if kind == "m.room.member" and e.membership == "invite")
    return found


def is_present(room: LiveRoom, user_id: str) -> bool:
    """Whether somebody is in a room, or invited to it."""
    return user_id in room.joined or (room.invited > 0 and room.membership(user_id) == "invite")
