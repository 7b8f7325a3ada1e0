"""Room versions as data: each is the previous one plus differences (specification, `rooms/`).

Versions are never compared by order: code asks for a property.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chappe.matrix.errors import BadRequest


@dataclass(frozen=True, slots=True)
class RoomVersion:
    """What differs between room versions. The field comments name the version in which a property appeared."""

    id: str
    event_id_format: str = "chosen"  # "chosen" by the server (1, 2), "base64" hash (3), "base64url" hash (4+)
    state_resolution: str = "1"  # "1", "2" (2+), "2.1" (12+)
    redaction_is_authorised_by_id: bool = True  # 1, 2: rule 11 of the authorisation rules looks at the event's domain
    enforces_key_validity: bool = False  # 5
    strict_canonical_json: bool = False  # 6
    aliases_are_special: bool = True  # until 5: m.room.aliases has its own authorisation and redaction
    notification_levels_are_checked: bool = False  # 6
    knocking: bool = False  # 7
    restricted_joins: bool = False  # 8
    redaction_keeps_authorising_user: bool = False  # 9
    integer_power_levels: bool = False  # 10
    knock_restricted_joins: bool = False  # 10
    updated_redaction_rules: bool = False  # 11: MSC2176, MSC3820, MSC3821, MSC3989
    redacts_in_content: bool = False  # 11
    strict_name_sizes: bool = False  # 11: an event with a type or state key of more than 255 bytes is no event
    implicit_creator: bool = False  # 11: create has no `creator`, its sender is the creator
    room_id_is_create_hash: bool = False  # 12: MSC4291
    privileged_creators: bool = False  # 12: MSC4289
    checks_shown_state: bool = False  # 12: MSC4311, what an invitation shows wrongly of the room refuses it

    @property
    def event_ids_are_hashes(self) -> bool:
        return self.event_id_format != "chosen"

    @property
    def depth_limit(self) -> int:
        """The greatest `depth` of an event; where a room is there, its next events have it too (server-server API, "PDUs")."""
        return 2**53 - 1 if self.strict_canonical_json else 2**63 - 1


_V1 = RoomVersion("1")
_V2 = replace(_V1, id="2", state_resolution="2")
_V3 = replace(_V2, id="3", event_id_format="base64", redaction_is_authorised_by_id=False)
_V4 = replace(_V3, id="4", event_id_format="base64url")
_V5 = replace(_V4, id="5", enforces_key_validity=True)
_V6 = replace(_V5, id="6", strict_canonical_json=True, aliases_are_special=False, notification_levels_are_checked=True)
_V7 = replace(_V6, id="7", knocking=True)
_V8 = replace(_V7, id="8", restricted_joins=True)
_V9 = replace(_V8, id="9", redaction_keeps_authorising_user=True)
_V10 = replace(_V9, id="10", integer_power_levels=True, knock_restricted_joins=True)
_V11 = replace(
    _V10, id="11", updated_redaction_rules=True, redacts_in_content=True, strict_name_sizes=True, implicit_creator=True
)
_V12 = replace(
    _V11, id="12", state_resolution="2.1", room_id_is_create_hash=True, privileged_creators=True, checks_shown_state=True
)

ROOM_VERSIONS = {v.id: v for v in (_V1, _V2, _V3, _V4, _V5, _V6, _V7, _V8, _V9, _V10, _V11, _V12)}
DEFAULT_ROOM_VERSION = "12"


def require_room_version(version_id: object) -> RoomVersion:
    """Raises M_UNSUPPORTED_ROOM_VERSION for one that this server does not know."""
    version = ROOM_VERSIONS.get(version_id) if isinstance(version_id, str) else None
    if version is None:
        raise BadRequest(f"Room version {str(version_id)[:40]!r} is not supported", "M_UNSUPPORTED_ROOM_VERSION")
    return version
