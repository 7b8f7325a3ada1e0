"""Who may come in, and who may know of a room (client-server API, "Restricted rooms", "Spaces")."""

from __future__ import annotations

from collections.abc import Mapping

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership


def join_rule_of(room: LiveRoom) -> str:
    """The room's join rule. One that the room's version does not know counts as `invite`."""
    event = room.get(("m.room.join_rules", ""))
    rule = event.content.get("join_rule") if event is not None else None
    rule = rule if type(rule) is str else "invite"
    version = room.version
    if rule == "restricted" and not version.restricted_joins:
        return "invite"
    if rule == "knock" and not version.knocking:
        return "invite"
    if rule == "knock_restricted" and not version.knock_restricted_joins:
        return "invite"
    return rule


def allowed_rooms(room: LiveRoom) -> list[str]:
    """The rooms whose members a restricted rule lets in."""
    event = room.get(("m.room.join_rules", ""))
    allow = event.content.get("allow") if event is not None else None
    return [
        condition["room_id"]
        for condition in (allow if type(allow) is list else ())
        if type(condition) is dict and condition.get("type") == "m.room_membership" and type(condition.get("room_id")) is str
    ]


def is_allowed_in(memberships: Mapping[int, Membership], room: LiveRoom) -> bool:
    """Whether a restricted rule lets somebody with these memberships in."""
    allowed = set(allowed_rooms(room))
    return any(m.membership == "join" and m.room_id in allowed for m in memberships.values())


def may_know(memberships: Mapping[int, Membership], room: LiveRoom) -> bool:
    """Whether somebody may see what the room is: name, topic, number of members."""
    mine = memberships.get(room.nid)
    if mine is not None and mine.membership in ("join", "invite", "knock"):
        return True
    rule = join_rule_of(room)
    if rule in ("public", "knock", "knock_restricted") or room.history_visibility == "world_readable":
        return mine is None or mine.membership != "ban" or room.history_visibility == "world_readable"
    return rule == "restricted" and is_allowed_in(memberships, room)
