"""Joining a room, with what follows when it replaces another one: tags, notifications and direct chats come along."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import orjson

from chappe.homeserver.modules.account_data.account_data import GLOBAL, TAGS, AccountData
from chappe.homeserver.modules.push.rules import PushRules
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import MatrixError
from chappe.matrix.event_auth import CREATE
from chappe.matrix.identifiers import UserId

log = logging.getLogger(__name__)
DIRECT, TOMBSTONE = "m.direct", ("m.room.tombstone", "")


class JoinRoom:
    def __init__(self, rooms: Rooms, membership: MembershipChanges, account_data: AccountData, push_rules: PushRules) -> None:
        self._rooms, self._membership = rooms, membership
        self._account_data, self._push_rules = account_data, push_rules

    async def __call__(
        self, user_id: UserId, room_id: str, extra: dict[str, Any] | None = None, servers: Sequence[str] = ()
    ) -> str:
        """Returns the room id. Joining again changes nothing. `servers`: who may be in the room, where nobody here is."""
        room = await self._rooms.live.find(room_id)
        was_in = room is not None and user_id in room.joined
        await self._membership.join(user_id, room_id, extra, servers)
        if not was_in:
            await self.carry_over(user_id, room_id)
        return room_id

    async def carry_over(self, user_id: UserId, room_id: str) -> None:
        """Copies a member's settings from the room that this one replaces, as both say: whoever makes a room can name any other as
        what was before it. Failures cost settings, not the join."""
        room = await self._rooms.require(room_id)
        predecessor = room.state[CREATE].content.get("predecessor")
        old_id = predecessor.get("room_id") if type(predecessor) is dict else None
        old = await self._rooms.live.find(old_id) if type(old_id) is str else None
        if old is None or old.nid not in await self._rooms.memberships.of(user_id):
            return
        tombstone = old.state.get(TOMBSTONE)
        if tombstone is None or tombstone.content.get("replacement_room") != room_id:
            return
        try:
            await self._tags(user_id, old.room_id, room_id)
            await self._direct(user_id, old.room_id, room_id)
            await self._push_rules.copy_room(user_id, old.room_id, room_id)
        except MatrixError as error:
            log.warning("settings could not be carried over", extra={"fields": {"error": error.errcode}})

    async def _tags(self, user_id: str, old_id: str, new_id: str) -> None:
        tags = await self._account_data.tags(user_id, old_id)
        if tags and not await self._account_data.tags(user_id, new_id):
            await self._account_data.write(user_id, new_id, TAGS, {"tags": tags})

    async def _direct(self, user_id: str, old_id: str, new_id: str) -> None:
        raw = await self._account_data.find(user_id, GLOBAL, DIRECT)
        content = orjson.loads(raw) if raw else {}
        changed = False
        for rooms in content.values():
            if type(rooms) is list and old_id in rooms and new_id not in rooms:
                rooms.append(new_id)
                changed = True
        if changed:
            await self._account_data.write(user_id, GLOBAL, DIRECT, content)
