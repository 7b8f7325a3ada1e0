"""The authorisation rules of every room version (specification, `rooms/v1` to `rooms/v12`, "Authorization rules").

`check_auth` follows the rules in the specification's order; the numbers in comments are version 12's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import Forbidden, Malformed
from chappe.matrix.identifiers import domain_of, is_user_id
from chappe.matrix.power_levels import DEFAULT_LEVELS, PowerLevels, parse_level
from chappe.matrix.room_versions import ROOM_VERSIONS, RoomVersion
from chappe.matrix.signing import verify_json

StateKey = tuple[str, str]
CREATE: StateKey = ("m.room.create", "")
POWER_LEVELS: StateKey = ("m.room.power_levels", "")
JOIN_RULES: StateKey = ("m.room.join_rules", "")


class StateEvent(Protocol):
    """What the rules read of an event that is part of the state."""

    @property
    def event_id(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def content(self) -> dict[str, Any]: ...


GetState = Callable[[StateKey], StateEvent | None]


def auth_event_keys(
    event_type: str, state_key: str | None, sender: str, content: dict[str, Any], version: RoomVersion
) -> list[StateKey]:
    """The "auth events selection" of the server-server API: the state that an event must cite."""
    if event_type == "m.room.create":
        return []
    keys: list[StateKey] = [] if version.room_id_is_create_hash else [CREATE]
    keys += [POWER_LEVELS, ("m.room.member", sender)]
    if event_type != "m.room.member" or state_key is None:
        return keys
    if state_key != sender:
        keys.append(("m.room.member", state_key))
    membership = content.get("membership")
    if membership in ("join", "invite", "knock"):
        keys.append(JOIN_RULES)
    invite = content.get("third_party_invite")
    if membership == "invite" and type(invite) is dict and type(invite.get("signed")) is dict:
        token = invite["signed"].get("token")
        if type(token) is str:
            keys.append(("m.room.third_party_invite", token))
    via = content.get("join_authorised_via_users_server")
    if membership == "join" and version.restricted_joins and type(via) is str and via not in (sender, state_key):
        keys.append(("m.room.member", via))
    return keys


def creators_of(create: StateEvent, version: RoomVersion) -> frozenset[str]:
    """Version 12: sender and additional creators. Version 11: the sender. Before: the `creator` field."""
    if version.privileged_creators:
        extra = create.content.get("additional_creators")
        return frozenset([create.sender, *(extra if type(extra) is list else ())])
    if version.implicit_creator:
        return frozenset([create.sender])
    creator = create.content.get("creator")
    return frozenset([creator if type(creator) is str else create.sender])


def power_levels_of(get: GetState, version: RoomVersion, create: StateEvent) -> PowerLevels:
    levels = get(POWER_LEVELS)
    return PowerLevels(version, levels.content if levels else None, creators_of(create, version))


def membership_of(get: GetState, user_id: str) -> str:
    member = get(("m.room.member", user_id))
    membership = member.content.get("membership") if member else None
    return membership if type(membership) is str else "leave"


def check_auth(pdu: dict[str, Any], version: RoomVersion, get: GetState, *, has_begun: bool = False) -> None:
    """Raises Forbidden, with a sentence for people, unless the state allows the event: Malformed, where no state would.

    `has_begun`: nobody may come in by the exception for a creator's first join. Callers set it when they judge by a
    room's present state, once somebody is or its creator was in the room: the exception would let anybody write that join again.

    Complex: the authorisation rules of the specification, numbered and in its order; a reader holds the two beside each other.
    """
    event_type, sender, content = pdu["type"], pdu["sender"], pdu["content"]
    if event_type == "m.room.create":
        return _check_create(pdu, version)  # 1
    create = get(CREATE)
    if create is None:
        raise Forbidden("The room does not exist")  # 2
    if create.content.get("m.federate") is False and domain_of(sender) != domain_of(create.sender):
        raise Forbidden("This room is closed to other servers")  # 3
    state_key = pdu.get("state_key")
    if event_type == "m.room.aliases" and version.aliases_are_special:
        if state_key != domain_of(sender):
            raise Forbidden("Aliases can be set for one's own server only")
        return None
    levels = power_levels_of(get, version, create)
    if event_type == "m.room.member":
        return _Membership(pdu, version, get, create, levels, has_begun).check()  # 5
    if membership_of(get, sender) != "join":
        raise Forbidden("You are not in this room")  # 6
    power = levels.of(sender)
    if event_type == "m.room.third_party_invite":
        if power < levels.level("invite"):
            raise Forbidden("You may not invite people to this room")  # 7
        return None
    required = levels.required(event_type, state_key is not None)
    if power < required:
        raise Forbidden(f"You need power {required} to send {event_type} in this room; you have {power}")  # 8
    if state_key is not None and state_key.startswith("@") and state_key != sender:
        raise Forbidden("This state belongs to another user")  # 9
    if event_type == "m.room.power_levels":
        return _check_power_levels(content, sender, power, version, get, creators_of(create, version))  # 10
    if event_type == "m.room.redaction" and version.redaction_is_authorised_by_id:
        if power < levels.level("redact") and domain_of(str(pdu.get("redacts"))) != domain_of(pdu.get("event_id", "")):
            raise Forbidden("You may not redact this event")
    return None


def _check_create(pdu: dict[str, Any], version: RoomVersion) -> None:
    content = pdu["content"]
    if pdu["prev_events"]:
        raise Malformed("A create event must be the first of its room")
    if version.room_id_is_create_hash:
        if "room_id" in pdu:
            raise Malformed("The create event of this room version has no room_id")
    elif domain_of(pdu["room_id"]) != domain_of(pdu["sender"]):
        raise Malformed("The room id is of another server than the sender")
    if content.get("room_version", "1") not in ROOM_VERSIONS:
        raise Malformed("Unknown room version")
    if not version.implicit_creator and "creator" not in content:
        raise Malformed("The create event names no creator")
    if version.privileged_creators:
        extra = content.get("additional_creators", [])
        if type(extra) is not list or not all(is_user_id(user) for user in extra):
            raise Malformed("additional_creators must be a list of user ids")


class _Membership:
    """Rule 5: m.room.member."""

    def __init__(
        self, pdu: dict[str, Any], version: RoomVersion, get: GetState, create: StateEvent, levels: PowerLevels, has_begun: bool
    ) -> None:
        self.pdu, self.version, self.get, self.create, self.levels = pdu, version, get, create, levels
        self.sender: str = pdu["sender"]
        self.content: dict[str, Any] = pdu["content"]
        self.power, self.has_begun = levels.of(self.sender), has_begun

    def check(self) -> None:
        target, wanted = self.pdu.get("state_key"), self.content.get("membership")
        if type(target) is not str or type(wanted) is not str:
            raise Malformed("A membership event needs a user as state key and a membership")
        self.target = target
        self.now = membership_of(self.get, target)
        rules = self.get(JOIN_RULES)
        self.rule = rules.content.get("join_rule") if rules else "invite"
        if wanted == "join":
            return self._join()
        if wanted == "invite":
            return self._invite()
        if wanted == "leave":
            return self._leave()
        if wanted == "ban":
            return self._ban()
        if wanted == "knock" and self.version.knocking:
            return self._knock()
        raise Malformed(f"Unknown membership {wanted[:40]!r}")

    def _join(self) -> None:
        if self._is_creators_first_join():
            return
        if self.sender != self.target:
            raise Forbidden("Nobody can join for somebody else")
        if self.now == "ban":
            raise Forbidden("You are banned from this room")
        if self.rule == "public":
            return
        welcome = self.now in ("invite", "join")
        if self.rule == "invite" or (self.rule == "knock" and self.version.knocking):
            if not welcome:
                raise Forbidden("You are not invited to this room")
            return
        if self._is_restricted() and (welcome or self._is_authorised_by_member()):
            return
        raise Forbidden("You are not invited to this room")

    def _is_creators_first_join(self) -> bool:
        prev = self.pdu["prev_events"]
        first = [item if type(item) is str else item[0] for item in prev]
        if first != [self.create.event_id] or self.has_begun:
            return False
        if self.version.implicit_creator:
            return self.target == self.create.sender
        return self.target == self.create.content.get("creator")

    def _is_restricted(self) -> bool:
        if self.rule == "restricted":
            return self.version.restricted_joins
        return self.rule == "knock_restricted" and self.version.knock_restricted_joins

    def _is_authorised_by_member(self) -> bool:
        via = self.content.get("join_authorised_via_users_server")
        if type(via) is not str:
            return False
        return membership_of(self.get, via) == "join" and self.levels.of(via) >= self.levels.level("invite")

    def _invite(self) -> None:
        if "third_party_invite" in self.content:
            return self._third_party_invite()
        self._require_joined()
        if self.now in ("join", "ban"):
            raise Forbidden("This person is already in the room" if self.now == "join" else "This person is banned")
        if self.power < self.levels.level("invite"):
            raise Forbidden("You may not invite people to this room")
        return None

    def _third_party_invite(self) -> None:
        if self.now == "ban":
            raise Forbidden("This person is banned")
        invite = self.content["third_party_invite"]
        signed = invite.get("signed") if type(invite) is dict else None
        if type(signed) is not dict or type(signed.get("token")) is not str or signed.get("mxid") != self.target:
            raise Malformed("The invitation by e-mail is malformed")
        issued = self.get(("m.room.third_party_invite", signed["token"]))
        if issued is None or issued.sender != self.sender:
            raise Forbidden("The invitation by e-mail is unknown")
        keys = invitation_keys(issued.content)
        signatures = signed.get("signatures")
        for entity, by_key in signatures.items() if type(signatures) is dict else ():
            for key_id in by_key if type(by_key) is dict else ():
                if any(verify_json(signed, entity, key_id, key) for key in keys):
                    return
        raise Forbidden("The invitation by e-mail is not validly signed")

    def _leave(self) -> None:
        if self.sender == self.target:
            if self.now in ("invite", "join") or (self.now == "knock" and self.version.knocking):
                return
            raise Forbidden("You are banned from this room" if self.now == "ban" else "You are not in this room")
        self._require_joined()
        if self.now == "ban" and self.power < self.levels.level("ban"):
            raise Forbidden("You may not unban people in this room")
        if self.power < self.levels.level("kick") or self.levels.of(self.target) >= self.power:
            raise Forbidden("You may not remove this person from the room")

    def _ban(self) -> None:
        self._require_joined()
        if self.power < self.levels.level("ban") or self.levels.of(self.target) >= self.power:
            raise Forbidden("You may not ban this person from the room")

    def _knock(self) -> None:
        open_to_knocks = self.rule == "knock" or (self.rule == "knock_restricted" and self.version.knock_restricted_joins)
        if not open_to_knocks:
            raise Forbidden("This room does not accept requests to join")
        if self.sender != self.target:
            raise Forbidden("Nobody can knock for somebody else")
        if self.now in ("ban", "invite", "join"):
            raise Forbidden("You cannot ask to join this room")

    def _require_joined(self) -> None:
        if membership_of(self.get, self.sender) != "join":
            raise Forbidden("You are not in this room")


def _check_power_levels(
    new: dict[str, Any], sender: str, power: float, version: RoomVersion, get: GetState, creators: frozenset[str]
) -> None:
    """Rule 10: nobody gives or takes more power than their own."""
    _check_power_levels_format(new, version, creators)
    current = get(POWER_LEVELS)
    if current is None:
        return
    old = current.content

    def refuse_if_beyond(value: object) -> None:
        level = parse_level(value, version)
        if level is not None and level > power:
            raise Forbidden(f"You cannot set or change a power above your own ({power})")

    for name in DEFAULT_LEVELS:
        if _differ(old.get(name), new.get(name), version):
            refuse_if_beyond(old.get(name))
            refuse_if_beyond(new.get(name))
    for name in ("events", "notifications", "users") if version.notification_levels_are_checked else ("events", "users"):
        was, now = _object(old, name), _object(new, name)
        for key in was.keys() | now.keys():
            if not _differ(was.get(key), now.get(key), version):
                continue
            had = parse_level(was.get(key), version)
            if name != "users":
                refuse_if_beyond(was.get(key))
            elif key != sender and had is not None and had >= power:
                raise Forbidden("You cannot change the power of somebody who has as much as you")
            refuse_if_beyond(now.get(key))


def _differ(a: object, b: object, version: RoomVersion) -> bool:
    return parse_level(a, version) != parse_level(b, version)


def _object(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if type(value) is dict else {}


def _check_power_levels_format(new: dict[str, Any], version: RoomVersion, creators: frozenset[str]) -> None:
    users = new.get("users", {})
    if type(users) is not dict or not all(is_user_id(user) for user in users):
        raise Malformed("The power levels' `users` must be an object of user ids")
    for name in DEFAULT_LEVELS:
        if name in new and parse_level(new[name], version) is None and version.integer_power_levels:
            raise Malformed(f"The power level `{name}` must be an integer")
    for name in ("events", "notifications", "users"):
        values = new.get(name, {})
        if not version.integer_power_levels and name != "users":
            continue
        if type(values) is not dict or any(parse_level(v, version) is None for v in values.values()):
            raise Malformed(f"The power levels' `{name}` must be an object of integers")
    if version.privileged_creators and not creators.isdisjoint(users):
        raise Malformed("A creator of the room has infinite power and cannot be listed in `users`")


def check_auth_events(pdu: dict[str, Any], version: RoomVersion, auth_events: list[tuple[StateKey, StateEvent]]) -> None:
    """Rule 2 on the cited events themselves: no duplicates, only those that the selection picks, create among them.

    `auth_events`: those that it names, with their state keys. Raises Forbidden.
    """
    keys = [key for key, _ in auth_events]
    if len(set(keys)) != len(keys):
        raise Forbidden("The event cites two auth events for the same state")
    allowed = auth_event_keys(pdu["type"], pdu.get("state_key"), pdu["sender"], pdu["content"], version)
    if not set(keys) <= set(allowed):
        raise Forbidden("The event cites state that has no part in its authorisation")
    if not version.room_id_is_create_hash and pdu["type"] != "m.room.create" and CREATE not in keys:
        raise Forbidden("The event does not cite its room's create event")


def canonical_content(content: dict[str, Any]) -> bytes:
    """Two contents are the same state exactly if these bytes are equal."""
    return canonical_json(content)


def invitation_keys(content: Mapping[str, Any]) -> list[str]:
    """The keys that may sign for whoever an m.room.third_party_invite invites; none once it is taken back."""
    more = content.get("public_keys")
    given = [item.get("public_key") for item in more if type(item) is dict] if type(more) is list else []
    return [key for key in (content.get("public_key"), *given) if type(key) is str]
