"""Upgrading a room (client-server API, "Room upgrades"): a new room of another version takes the old one's place.

State, bans, aliases and the place in the directory move at once; members are invited where the new room would not let
them in, and whoever was invited is invited again; each one's tags, notification settings and direct chats follow when they
join (`actions/join_room.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from chappe.homeserver.rooms.admission import Admission
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.create_event import Draft
from chappe.homeserver.rooms.create_room import CALL_MEMBER, RoomCreation
from chappe.homeserver.rooms.encryption import ENCRYPTION, algorithm_of
from chappe.homeserver.rooms.join_rules import join_rule_of
from chappe.homeserver.rooms.listings import PublishedRooms
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.membership_change import MembershipChange
from chappe.homeserver.rooms.rooms import MEMBER, Content, Rooms
from chappe.matrix.canonical_json import MAX_INTEGER
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.event_auth import CREATE, creators_of
from chappe.matrix.identifiers import UserId, is_user_id
from chappe.matrix.power_levels import parse_level
from chappe.matrix.room_versions import RoomVersion, require_room_version

log = logging.getLogger(__name__)
COPIED = (
    "m.room.join_rules",
    "m.room.history_visibility",
    "m.room.guest_access",
    "m.room.name",
    "m.room.topic",
    "m.room.avatar",
    "m.room.encryption",
    "m.room.server_acl",
    "m.room.pinned_events",
    "m.room.policy",
    "m.room.retention",
    "m.space.child",
    "m.space.parent",
    # slots for calls, with what they say of encryption (MSC4196)
    "m.rtc.slot",
    "org.matrix.msc4143.rtc.slot",
)
POWER_LEVELS, TOMBSTONE, ALIAS = "m.room.power_levels", "m.room.tombstone", "m.room.canonical_alias"


class UpgradeRoom:
    def __init__(
        self,
        rooms: Rooms,
        creation: RoomCreation,
        membership: MembershipChanges,
        aliases: Aliases,
        published: PublishedRooms,
        admission: Admission,
    ) -> None:
        self._rooms, self._creation, self._membership = rooms, creation, membership
        self._aliases, self._published, self._admission = aliases, published, admission

    async def __call__(self, user_id: UserId, room_id: str, new_version: str, additional_creators: list[str]) -> str:
        """Returns the id of the new room. Raises M_UNSUPPORTED_ROOM_VERSION, or Forbidden before anything is done."""
        version = require_room_version(new_version)
        if additional_creators and not version.privileged_creators:
            raise BadRequest("Rooms of this version have one creator", "M_INVALID_PARAM")
        if not all(is_user_id(user) for user in additional_creators):
            raise BadRequest("additional_creators must be a list of user ids", "M_INVALID_PARAM")
        old = await self._rooms.require_joined(user_id, room_id)
        levels = old.power_levels()
        if levels.of(user_id) < levels.required(TOMBSTONE, True):
            raise Forbidden("You may not upgrade this room")
        await self._creation.require_may_create(user_id, {"room_version": new_version, "predecessor": room_id})
        drafts = await self._drafts(user_id, old, version, additional_creators)
        published = await self._published.domains_of(old.nid)
        new_id = await self._creation.write(user_id, version, drafts, None, published)
        text = "This room has been replaced"
        await self._rooms.submit(old, [Draft(TOMBSTONE, user_id, {"body": text, "replacement_room": new_id}, "")])
        await self._aliases.store.move(room_id, new_id)
        await self._published.withdraw_everywhere(room_id)
        await self._quieten(user_id, old)
        await self._move_canonical_alias(user_id, old, new_id)
        await self._invite_members(user_id, old, new_id)
        return new_id

    async def _drafts(
        self, user_id: UserId, old: LiveRoom, version: RoomVersion, additional_creators: list[str]
    ) -> list[Draft]:
        extra = [u for u in dict.fromkeys(additional_creators) if u != user_id]
        create = _create_content(user_id, old, version, extra)
        creators = {user_id, *extra} if version.privileged_creators else set()
        final = _power_levels(old, version, user_id, creators)
        first = final
        if not version.privileged_creators:  # enough to write what the old room holds, until the end
            first = {**final, "users": {**final["users"], user_id: max(100, *_numbers(final))}}
        drafts = [
            Draft("m.room.create", user_id, create, ""),
            await self._admission.admit(MembershipChange(user_id, user_id, "join")),
            Draft(POWER_LEVELS, user_id, first, ""),
        ]
        for (kind, key), event in old.state.items():
            if (kind, key) == ENCRYPTION:  # also where another server has emptied it
                drafts.append(Draft(kind, user_id, {**event.content, "algorithm": algorithm_of(old.get)}, key))
            elif (kind in COPIED or kind in self._rooms.policy.carried_over) and event.content:
                drafts.append(Draft(kind, user_id, event.content, key))
            elif kind == MEMBER and event.membership == "ban" and key not in creators:
                drafts.append(await self._admission.admit(MembershipChange(user_id, UserId(key), "ban", content=event.content)))
        if first != final:
            drafts.append(Draft(POWER_LEVELS, user_id, final, ""))
        return drafts

    async def _quieten(self, user_id: UserId, old: LiveRoom) -> None:
        """The old room is for reading: only moderators may still write or invite."""

        def quiet(room: LiveRoom, content: Content) -> Content:
            floor = max(50, min(room.power_levels().level("users_default") + 1, MAX_INTEGER))
            return {**content, **{n: max(floor, room.power_levels().level(n)) for n in ("events_default", "invite")}}

        await self._try(user_id, old.room_id, POWER_LEVELS, quiet)

    async def _move_canonical_alias(self, user_id: UserId, old: LiveRoom, new_id: str) -> None:
        event = old.get((ALIAS, ""))
        if event is None or not event.content:
            return
        content = await self._aliases.carried_over(new_id, event.content)
        await self._try(user_id, old.room_id, ALIAS, lambda _room, _now: {})
        await self._try(user_id, new_id, ALIAS, lambda _room, now: None if now or not content else content)

    async def _try(
        self, user_id: UserId, room_id: str, kind: str, change: Callable[[LiveRoom, Content], Content | None]
    ) -> None:
        try:
            await self._rooms.change_state(user_id, room_id, kind, change)
        except MatrixError as error:
            log.warning("an upgrade could not change a room's state", extra={"fields": {"error": error.errcode}})

    async def _invite_members(self, user_id: UserId, old: LiveRoom, new_id: str) -> None:
        """Where the new room would not let them in by itself. Whoever had not answered an invitation has a new one in any case."""
        waiting = {key: e for (kind, key), e in old.state.items() if kind == MEMBER and e.membership == "invite"}
        wanted = {*waiting}
        if join_rule_of(await self._rooms.require(new_id)) not in ("public", "restricted", "knock_restricted"):
            wanted |= old.joined.keys() - {user_id}
        direct = {member for member, event in waiting.items() if event.content.get("is_direct") is True}
        await self._membership.invite_many(
            user_id, new_id, {UserId(m): {"is_direct": True} if m in direct else {} for m in sorted(wanted)}
        )


def _power_levels(old: LiveRoom, version: RoomVersion, user_id: str, creators: set[str]) -> dict[str, Any]:
    """The old room's, fitted to the rules for creators of the new version."""
    event = old.get((POWER_LEVELS, ""))
    content = dict(event.content) if event is not None else {}
    users, events = _object(content, "users"), _object(content, "events")
    events.setdefault(CALL_MEMBER, 0)
    content["events"] = events
    if old.version.privileged_creators and not version.privileged_creators:
        users.update(dict.fromkeys(creators_of(old.state[CREATE], old.version), 100))
    if version.privileged_creators:
        for creator in creators:
            users.pop(creator, None)
        if (parse_level(events.get(TOMBSTONE), old.version) or 0) <= 100:  # only creators may end a room
            events[TOMBSTONE] = 150
    elif event is None:
        users[user_id] = 100
    content["users"] = users
    return content


def _numbers(content: dict[str, Any]) -> list[int]:
    values = [*content.values(), *_object(content, "events").values(), *_object(content, "users").values()]
    return [0, *(value for value in values if type(value) is int)]


def _object(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Rooms of old versions may hold anything there."""
    value = content.get(name)
    return dict(value) if type(value) is dict else {}


def _create_content(user_id: UserId, old: LiveRoom, version: RoomVersion, others: list[str]) -> dict[str, Any]:
    """Of the m.room.create event of the new room. `others`: who else creates it."""
    before = old.state[CREATE].content
    create: dict[str, Any] = {key: before[key] for key in ("type", "m.federate") if key in before}
    create["predecessor"] = {"room_id": old.room_id, "event_id": next(reversed(old.forward_extremities))}
    create["room_version"] = version.id
    if not version.implicit_creator:
        create["creator"] = user_id
    if version.privileged_creators and others:
        create["additional_creators"] = others
    return create
