"""Opening a room to guests, and closing it again: what deployed systems cannot take back, an administrator can here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from chappe.agency import access_rules
from chappe.agency.access_rules import EVENT
from chappe.agency.policy import AgencyPolicy
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import Forbidden
from chappe.matrix.identifiers import UserId, domain_of, parse_room_id

log = logging.getLogger(__name__)
_GUESTS = "/_chappe/client/v1/rooms/{roomId}/guest_access"
_ACTS: dict[str, Any] = {"acts": True, "limit": "account", "body_limit": SMALL_LIMIT}
REASONS = {"fr": "Cette discussion a été refermée aux invités", "en": "This room has been closed to guests"}


class GuestAccess:
    """`language_of`: in which a hosted domain speaks to its people."""

    def __init__(
        self, rooms: Rooms, membership: MembershipChanges, policy: AgencyPolicy, language_of: Callable[[str], str]
    ) -> None:
        self._rooms, self._membership, self._policy, self._language_of = rooms, membership, policy, language_of

    async def open(self, user_id: UserId, room_id: str) -> None:
        """Agents of the room may invite guests from now on. Raises Forbidden for forums, direct conversations, and without power."""
        room = await self._rooms.require_joined(user_id, room_id)
        await self._set(user_id, room, access_rules.UNRESTRICTED)

    async def close(self, user_id: UserId, room_id: str) -> list[dict[str, Any]]:
        """Removes every guest, then closes the room to them. Returns who they were and what each could see.

        Clients use a new key for the next message as soon as somebody has been removed.
        """
        room = await self._rooms.require_joined(user_id, room_id)
        if self._policy.kind(room).rule != access_rules.UNRESTRICTED:
            raise Forbidden("This room is not open to guests")
        levels = room.power_levels()
        if levels.of(user_id) < levels.required(EVENT, True):
            raise Forbidden("Only an administrator of the room can close it to guests")
        report, reason = [], REASONS[self._language_of(domain_of(user_id))]
        for guest in self._policy.guests.among([*self._policy.people(room)]):
            report.append(await self._seen_by(room, guest))
            await self._membership.kick(user_id, room_id, UserId(guest), reason)
        await self._set(user_id, room, access_rules.RESTRICTED)
        return report

    async def _set(self, user_id: UserId, room: LiveRoom, rule: str) -> None:
        await self._rooms.change_state(user_id, room.room_id, EVENT, lambda _room, now: {**now, "rule": rule})

    async def _seen_by(self, room: LiveRoom, guest: str) -> dict[str, Any]:
        """A guest, since when they were in the room (ms), and how many messages were written since."""
        joined = (await self._rooms.memberships.of(guest)).get(room.nid)
        event = room.state.get(("m.room.member", guest))
        if joined is None or event is None or event.membership != "join":
            return {"user_id": guest, "membership": "invite", "messages": 0}
        since = joined.joined_since or 0
        count = await self._rooms.store.count_messages(room.nid, since)
        return {"user_id": guest, "membership": "join", "since_ts": event.ts, "messages": count}


class GuestAccessApi:
    def __init__(self, access: GuestAccess) -> None:
        self._access = access

    @endpoint("POST", _GUESTS + "/open", **_ACTS)
    async def open(self, request: Request) -> Answer:
        await self._access.open(request.user_id, parse_room_id(request.params["roomId"]))
        return {}

    @endpoint("POST", _GUESTS + "/close", **_ACTS)
    async def close(self, request: Request) -> Answer:
        """Who was removed, and what each could see: for the record."""
        return {"removed": await self._access.close(request.user_id, parse_room_id(request.params["roomId"]))}
