"""The redaction algorithm of every room version (specification, `rooms/v1` to `rooms/v12`, "Redactions").

It feeds event ids and signatures: one wrong key splits the room.
"""

from __future__ import annotations

from typing import Any

from chappe.matrix.room_versions import RoomVersion

_KEPT = frozenset(
    (
        "event_id",
        "type",
        "room_id",
        "sender",
        "state_key",
        "content",
        "hashes",
        "signatures",
        "depth",
        "prev_events",
        "auth_events",
        "origin_server_ts",
    )
)
_KEPT_UNTIL_V10 = _KEPT | {"origin", "prev_state", "membership"}
_POWER_LEVELS = ("ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default")


def redact(event: dict[str, Any], version: RoomVersion) -> dict[str, Any]:
    """What is left of an event once redacted. `unsigned` is dropped."""
    kept = _KEPT if version.updated_redaction_rules else _KEPT_UNTIL_V10
    result = {key: value for key, value in event.items() if key in kept}
    content = event.get("content")
    result["content"] = redact_content(event.get("type"), content, version) if type(content) is dict else {}
    return result


def redact_content(event_type: object, content: dict[str, Any], version: RoomVersion) -> dict[str, Any]:
    """The keys of `content` that redaction keeps for this event type."""
    if event_type == "m.room.create":
        return dict(content) if version.updated_redaction_rules else _only(content, ("creator",))
    if event_type == "m.room.member":
        return _member(content, version)
    if event_type == "m.room.join_rules":
        return _only(content, ("join_rule", "allow") if version.restricted_joins else ("join_rule",))
    if event_type == "m.room.power_levels":
        return _only(content, (*_POWER_LEVELS, "invite") if version.updated_redaction_rules else _POWER_LEVELS)
    if event_type == "m.room.history_visibility":
        return _only(content, ("history_visibility",))
    if event_type == "m.room.aliases" and version.aliases_are_special:
        return _only(content, ("aliases",))
    if event_type == "m.room.redaction" and version.updated_redaction_rules:
        return _only(content, ("redacts",))
    return {}


def _only(content: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: content[key] for key in keys if key in content}


def _member(content: dict[str, Any], version: RoomVersion) -> dict[str, Any]:
    keys = ("membership",)
    if version.redaction_keeps_authorising_user:
        keys += ("join_authorised_via_users_server",)  # type: ignore[assignment]
    result = _only(content, keys)
    invite = content.get("third_party_invite")
    if version.updated_redaction_rules and type(invite) is dict and "signed" in invite:
        result["third_party_invite"] = {"signed": invite["signed"]}
    return result
