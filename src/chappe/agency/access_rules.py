"""What kind a room is, and what that binds: `im.vector.room.access_rules`, as the French State's clients read and write it. Pure.

restricted    agents only (what a room is that says nothing)
unrestricted  open to guests, who come in by invitation
direct        two people

`visibility` is beside it: a `public` room is a forum, which agents find and enter by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.power_levels import DEFAULT_LEVELS

EVENT = "im.vector.room.access_rules"
RESTRICTED, UNRESTRICTED, DIRECT = "restricted", "unrestricted", "direct"
VISIBILITIES = ("public", "private")
RULES = frozenset((RESTRICTED, UNRESTRICTED, DIRECT))
NOT_IN_DIRECT = ("m.room.name", "m.room.avatar", "m.room.topic")
NEVER_REDACTED = frozenset(
    (
        EVENT,
        "m.room.retention",
        "m.room.power_levels",
        "m.room.join_rules",
        "m.room.history_visibility",
        "m.room.guest_access",
        "m.room.server_acl",
        "m.room.encryption",
        "m.room.create",
    )
)
FORCED = "force_unencrypted_at_creation"
MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}
FORUM_RETENTION_MS = 3 * 30 * 86_400_000
StateItem = tuple[str, str, dict[str, Any]]

_CALLS = ("m.call.member", "org.matrix.msc3401.call.member", "m.beacon_info", "org.matrix.msc3672.beacon_info")
LEVELS: dict[str, Any] = {
    "users_default": 0,
    "events_default": 0,
    "state_default": 100,
    "invite": 50,
    "kick": 50,
    "ban": 50,
    "redact": 50,
    "events": {
        "m.room.name": 50,
        "m.room.avatar": 50,
        "m.room.canonical_alias": 50,
        "m.room.power_levels": 100,
        "m.room.history_visibility": 100,
        "m.room.server_acl": 100,
        "m.room.encryption": 100,
        **dict.fromkeys(_CALLS, 0),
    },
}
MINIMA = {key: LEVELS[key] for key in ("invite", "kick", "ban", "redact", "state_default")}
# what anybody may be let send: messages of a kind that is known, and the state that one's own calls and place are
_ANYBODYS = frozenset(
    (
        *("m.room.member", "m.room.message", "m.room.encrypted", "m.room.redaction", "m.reaction", "m.sticker"),
        *("m.call", "m.rtc.member", "m.beacon", "org.matrix.msc3401.call", "org.matrix.msc3672.beacon", *_CALLS),
    )
)
_ANYBODYS_FAMILIES = (
    *("m.call.", "m.rtc.", "m.key.verification.", "m.poll.", "org.matrix.msc3381.poll.", "org.matrix.msc3401.call."),
    *("org.matrix.msc4075.", "org.matrix.msc4143.rtc."),
)


@dataclass(frozen=True, slots=True)
class RoomKind:
    """Of a room that exists."""

    rule: str
    is_public: bool
    is_forced_plain: bool

    @property
    def is_direct(self) -> bool:
        return self.rule == DIRECT

    @property
    def admits_guests(self) -> bool:
        return self.rule != RESTRICTED


def kind_of(content: Mapping[str, Any] | None, join_rule: str | None = None) -> RoomKind:
    """By the content of its access rules; a rule that is unknown is the strictest one.

    `join_rule`: tells forums from before they said so themselves.
    """
    content = content or {}
    rule, visibility = content.get("rule"), content.get("visibility")
    is_public = visibility == "public" or (visibility is None and join_rule == "public")
    return RoomKind(rule if type(rule) is str and rule in RULES else RESTRICTED, is_public, content.get(FORCED) is True)


# ------------------------------------------------------------------------------------------------------ a room that is made


def shape(request: Mapping[str, Any], state: Sequence[StateItem]) -> list[StateItem]:
    """The state of a new room, completed. `request`: the body of createRoom, every field there.

    Raises BadRequest for rules that contradict each other, Forbidden for what such a room may not have.
    """
    given = {(kind, key): content for kind, key, content in state}
    override = request["power_level_content_override"]
    rules = _rules_asked_for(request, given)
    kind = kind_of(rules)
    for key in ("invite", "state_default"):
        if key in override and (type(override[key]) is not int or override[key] < MINIMA[key]):
            raise BadRequest("Invalid power levels content override", "M_UNKNOWN")
    asked = given.get(("m.room.power_levels", ""), {})
    given["m.room.power_levels", ""] = _completed({**asked, **_without(LEVELS, override)}, asked, override)
    given[EVENT, ""] = rules
    is_space = request["creation_content"].get("type") == "m.space"
    _shape_history(kind, is_space, {item["type"] for item in request["initial_state"]}, given)
    if kind.is_direct and any((event_type, "") in given for event_type in NOT_IN_DIRECT):
        raise Forbidden("A direct conversation has no name, picture or topic of its own")
    return [(event_type, key, content) for (event_type, key), content in given.items()]


def _rules_asked_for(request: Mapping[str, Any], given: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    """The content of a new room's access rules. `given`: its state by key, as far as it was asked for. Raises BadRequest."""
    preset = request["preset"] or ("public_chat" if request["visibility"] == "public" else "private_chat")
    rules = dict(given.get((EVENT, ""), {"rule": DIRECT if request["is_direct"] else RESTRICTED}))
    rule = rules.get("rule")
    join_rule = given.get(("m.room.join_rules", ""), {}).get("join_rule")
    if rule not in RULES or (rule == DIRECT) != request["is_direct"] or (rule == DIRECT and join_rule == "public"):
        raise BadRequest("Invalid access rule", "M_UNKNOWN")
    rules.setdefault("visibility", "public" if preset == "public_chat" else "private")
    if rules["visibility"] not in VISIBILITIES or (kind_of(rules).is_public and rule != RESTRICTED):
        raise BadRequest("Invalid access rule", "M_UNKNOWN")
    return rules


def _without(defaults: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in defaults.items() if key not in override or key == "events"}


def _completed(levels: dict[str, Any], asked: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, where it was; the defaults elsewhere; the levels above all for a room's end stay as they were."""
    events = {**asked.get("events", {}), **LEVELS["events"]}
    if type(wanted := override.get("events")) is dict:
        events.update(wanted)
    return {**levels, "events": events}


def _shape_history(kind: RoomKind, is_space: bool, asked: set[str], given: dict[tuple[str, str], dict[str, Any]]) -> None:
    """`asked`: the types of state that were given explicitly. Who comes later does not read what was before.

    Nobody speaks in a space: it is not encrypted, and its rooms are shown to those who come later.
    """
    if kind.is_public:
        if ("m.room.encryption", "") in given:
            raise Forbidden("A forum is not encrypted: whoever may enter may read it")
        given.setdefault(("m.room.retention", ""), {"max_lifetime": FORUM_RETENTION_MS})
        check_retention(kind, given["m.room.retention", ""])
        return
    if is_space:
        return
    if not kind.is_forced_plain:
        given.setdefault(("m.room.encryption", ""), dict(MEGOLM))
    if "m.room.history_visibility" not in asked:
        given["m.room.history_visibility", ""] = {"history_visibility": "invited"}


# ---------------------------------------------------------------------------------------------------- a room that exists


def check_retention(kind: RoomKind, content: Mapping[str, Any]) -> None:
    """What is said in a forum is deleted after three months at the latest. Raises Forbidden."""
    lifetime = content.get("max_lifetime")
    if kind.is_public and (type(lifetime) is not int or not 0 < lifetime <= FORUM_RETENTION_MS):
        raise Forbidden("Messages of a forum are kept for three months at most")


def check_change(kind: RoomKind, before: Mapping[str, Any] | None, after: Mapping[str, Any], people: int, guests: int) -> None:
    """New access rules. `people`: who is in the room or invited; `guests`: how many of these. Raises Forbidden.

    Complex: a list of refusals, each with the sentence that people read; the first that holds is told, so their order counts.
    """
    rule = after.get("rule")
    if rule not in RULES:
        raise Forbidden("This is no access rule")
    if after.get("visibility", "private") not in VISIBILITIES:
        raise Forbidden("A room is `public` or `private`")
    old = before or {}
    if before is not None and old.get("rule") != rule:
        if kind.is_direct or rule == DIRECT:
            raise Forbidden("A direct conversation stays one, and a room does not become one")
        if rule == RESTRICTED and guests:
            raise Forbidden("Guests are in this room: close it to guests, and they will be removed")
    now_public = after.get("visibility") == "public"
    if rule != RESTRICTED and (kind.is_public or now_public):
        raise Forbidden("A forum is not opened to guests")
    if rule == DIRECT and people > 2:
        raise Forbidden("A direct conversation is between two people")
    if before is not None and now_public != kind.is_public and "visibility" in {*old, *after}:
        raise Forbidden("Whether a room is a forum is decided when it is made")
    if before is not None and (after.get(FORCED) is True) != kind.is_forced_plain:
        raise Forbidden("Whether a room is encrypted is decided when it is made")


def check_levels(
    kind: RoomKind, content: Mapping[str, Any], guests_among: Sequence[str], before: Mapping[str, Any] | None = None
) -> None:
    """Guests moderate nothing and change nothing of a room: who is no moderator has no power in it. Raises Forbidden.

    `guests_among`: those whom the new levels name. `before`: of a room that admits guests already; what is too low in it, and
    is not touched, may stay.
    """
    users = content.get("users")
    if type(users) is dict and any(users.get(guest) != 0 for guest in guests_among):
        raise Forbidden("Guests cannot be moderators")
    if not kind.admits_guests:
        return
    if content.get("users_default", 0) != 0:
        raise Forbidden("In a room that is open to guests nobody has power by default")
    for key, least in MINIMA.items():
        level = content.get(key, DEFAULT_LEVELS[key])
        is_kept = before is not None and level == before.get(key, DEFAULT_LEVELS[key])
        if not is_kept and (type(level) is not int or level < least):
            raise Forbidden(f"In a room that is open to guests `{key}` is {least} at least")
    _check_event_levels(content, before)


def _check_event_levels(content: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    events, kept = _events(content), _events(before or {})
    for event_type, level in events.items():
        is_kept = event_type in kept and level == kept[event_type]
        if not is_kept and not is_anybodys(event_type) and (type(level) is not int or level <= 0):
            raise Forbidden(f"In a room that is open to guests not everybody may send {event_type[:60]}")


def is_anybodys(event_type: str) -> bool:
    """Whether guests may be let send this, also as state: it changes nothing of a room."""
    return event_type in _ANYBODYS or event_type.startswith(_ANYBODYS_FAMILIES)


def _events(levels: Mapping[str, Any]) -> Mapping[str, Any]:
    events = levels.get("events")
    return events if type(events) is dict else {}
