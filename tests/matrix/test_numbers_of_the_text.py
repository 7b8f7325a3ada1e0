"""Every default, limit and level that the protocol fixes, beside the sentence that fixes it.

A number written from memory is wrong sooner or later: a row of these tables names the section that it was read in.
"""

from __future__ import annotations

from typing import Any

import pytest

from chappe.homeserver.accounts.api.registration import RegisterRequest
from chappe.homeserver.accounts.profiles import MAX_FIELD_NAME, MAX_PROFILE_BYTES
from chappe.homeserver.api.federation import transactions
from chappe.homeserver.modules.account_data import account_data
from chappe.homeserver.modules.room_directory.api import DirectoryVisibility, PublicRoomsQuery
from chappe.homeserver.modules.search.search import Around, RoomEventsCriteria
from chappe.homeserver.modules.user_directory.api.users import SearchUsers
from chappe.homeserver.outbound.federation import discovery, keyring
from chappe.homeserver.rooms import ahead
from chappe.homeserver.rooms.create_room import CreateRoomRequest, InitialState
from chappe.homeserver.rooms.server_acl import ServerAcl
from chappe.homeserver.sync import room_section
from chappe.matrix import canonical_json, events, filters, identifiers, push_rules
from chappe.matrix.errors import MatrixError
from chappe.matrix.history_visibility import parse_visibility
from chappe.matrix.power_levels import CREATOR_POWER, PowerLevels, parse_level
from chappe.matrix.room_versions import ROOM_VERSIONS

EVERY = sorted(ROOM_VERSIONS, key=int)
BOSS, MEMBER = "@boss:a", "@member:b"
DAY = 86_400_000


def levels(version: str, content: dict[str, Any] | None) -> PowerLevels:
    return PowerLevels(ROOM_VERSIONS[version], content, frozenset([BOSS]))


# client-server API, "m.room.power_levels" (and server-server API, "Room State": "The invite level defaults to 0 if
# unspecified. The kick level, ban level and redact level each default to 50 if unspecified")
LEVELS = {
    "users_default": 0,  # "If `users_default` is not supplied, it is assumed to be 0"
    "events_default": 0,  # "no `events_default` … or there is no `m.room.power_levels` event, the `events_default` is 0"
    "state_default": 50,  # "no `state_default` … or there is no `m.room.power_levels` event, the `state_default` is 50"
    "ban": 50,  # "default to 50 if they are not specified …, or if the room contains no `m.room.power_levels` event"
    "kick": 50,
    "redact": 50,  # "defaults to 50 if it is not specified …, or if the room contains no `m.room.power_levels` event"
    "invite": 0,  # "`invite` defaults to 0 in either case"
}


@pytest.mark.parametrize("version", EVERY)
@pytest.mark.parametrize("content", [None, {}])
@pytest.mark.parametrize(("name", "level"), LEVELS.items())
def test_levels_that_are_not_given(version: str, content: dict[str, Any] | None, name: str, level: int) -> None:
    assert levels(version, content).level(name) == level


@pytest.mark.parametrize("version", EVERY)
def test_power_and_what_it_takes(version: str) -> None:
    """ "If the room contains no m.room.power_levels event, the room's creator has a power level of 100, and all other users
    have a power level of 0"; room version 12: "infinite". `notifications`: "`room` … Defaults to 50"."""
    creator = CREATOR_POWER if version == "12" else 100
    for content in (None, {}):
        found = levels(version, content)
        assert found.of(MEMBER) == 0
        assert found.of(BOSS) == (creator if content is None or version == "12" else 0)
        assert found.required("m.room.topic", True) == 50 and found.required("m.room.message", False) == 0
        assert found.notification("room") == 50


# room versions 1 to 9: "`m.room.power_levels` events accept values as strings"; 1 to 5: "… accept values as floats";
# 10: "Values in `m.room.power_levels` events must be integers"
@pytest.mark.parametrize(
    ("value", "read", "versions"),
    [
        (7, 7, EVERY),
        (-7, -7, EVERY),
        (2**53 - 1, 2**53 - 1, EVERY),
        (True, None, EVERY),
        (None, None, EVERY),
        ([], None, EVERY),
        ("100", 100, EVERY[:9]),
        ("000100", 100, EVERY[:9]),
        ("+100", 100, EVERY[:9]),
        ("-100", -100, EVERY[:9]),
        (" 00100\t", 100, EVERY[:9]),
        (" +100 ", 100, EVERY[:9]),
        ("100", None, EVERY[9:]),
        ("1_000", None, EVERY),
        ("１００", None, EVERY),
        ("1.0", None, EVERY),
        ("1e2", None, EVERY),
        ("", None, EVERY),
        ("+", None, EVERY),
        ("+ 1", None, EVERY),
        ("0x10", None, EVERY),
        (50.57, 50, EVERY[:5]),
        (-50.57, -50, EVERY[:5]),
        (5.114698e4, 51146, EVERY[:5]),
        (50.57, None, EVERY[5:]),
        (float("inf"), None, EVERY),
        (float("nan"), None, EVERY),
    ],
)
def test_how_levels_are_written(value: object, read: int | None, versions: list[str]) -> None:
    for version in versions:
        assert parse_level(value, ROOM_VERSIONS[version]) == read


@pytest.mark.parametrize(
    ("number", "ours"),
    [
        # client-server API, "Size limits": 65536 bytes for an event, 255 for its keys
        (65_536, events.MAX_EVENT_BYTES),
        (255, events.MAX_FIELD_BYTES),
        (255, identifiers.MAX_LENGTH),
        # server-server API, "PDUs": `prev_events` of 20, `auth_events` of 10 at most
        (20, ahead.MAX_PREV_EVENTS),
        # appendices, "Canonical JSON": "[-(2**53)+1, (2**53)-1]"
        (2**53 - 1, canonical_json.MAX_INTEGER),
        # server-server API, "Transactions": "at most 50 PDUs and 100 EDUs"
        (50, transactions.MOST_PDUS),
        (100, transactions.MOST_EDUS),
        # server-server API, "Resolving server names": "sensible default is 24 hours", "48 hours is recommended", "up to an hour"
        (DAY, discovery.USUAL),
        (2 * DAY, discovery.LONGEST),
        (DAY // 24, discovery.LONGEST_FAILURE),
        # server-server API, "Publishing keys", `valid_until_ts`: "the lesser of this field and 7 days into the future"
        (7 * DAY, keyring.WEEK),
        # client-server API, "Room Tagging": "The name of a tag MUST NOT exceed 255 bytes"
        (255, account_data.MAX_TAG_BYTES),
        # client-server API, "Profiles": 64KiB for a profile, 255 bytes for the name of a field
        (65_536, MAX_PROFILE_BYTES),
        (255, MAX_FIELD_NAME),
        # client-server API, "Syncing", `m.heroes`: "the first 5 members of the room"
        (5, room_section.HEROES),
    ],
)
def test_limits(number: int, ours: int) -> None:
    assert ours == number


# what a request means that does not say it; the first column: the file of `data/api/client-server` and its line in 1.19
@pytest.mark.parametrize(
    ("place", "meant", "ours"),
    [
        ("users.yaml:55, limit", 10, SearchUsers("x").limit),
        ("registration.yaml:142, inhibit_login", False, RegisterRequest().inhibit_login),
        ("list_public_rooms.yaml:103, visibility", "public", DirectoryVisibility().visibility),
        ("list_public_rooms.yaml:241, include_all_networks", False, PublicRoomsQuery().include_all_networks),
        ("create_room.yaml:107, visibility", "private", CreateRoomRequest().visibility),
        ("create_room.yaml:195, state_key", "", InitialState("x", {}).state_key),
        ("search.yaml:80, keys", None, RoomEventsCriteria("x").keys),
        ("search.yaml:108, before_limit", 5, Around().before_limit),
        ("search.yaml:114, after_limit", 5, Around().after_limit),
        ("search.yaml:95, order_by", "rank", RoomEventsCriteria("x").order_by),
        ("search.yaml:122, include_profile", False, Around().include_profile),
        ("definitions/sync_filter.yaml:28, event_format", "client", filters.NO_FILTER.event_format),
        ("definitions/sync_filter.yaml:72, include_leave", False, filters.NO_FILTER.room.include_leave),
        ("definitions/room_event_filter.yaml:24", False, filters.RoomEventFilter().unread_thread_notifications),
        ("definitions/room_event_filter.yaml:31", False, filters.RoomEventFilter().lazy_load_members),
        ("definitions/room_event_filter.yaml:39", False, filters.RoomEventFilter().include_redundant_members),
    ],
)
def test_what_is_meant_where_nothing_is_said(place: str, meant: object, ours: object) -> None:
    assert ours == meant, place


def test_access_lists_that_say_little() -> None:
    """event-schemas/schema/m.room.server_acl.yaml:57: `allow_ip_literals` "Defaults to `true` if missing or otherwise not a
    boolean"; 69: `allow` "defaults to an empty list when not provided, effectively disallowing every server"."""
    assert not ServerAcl({}).allows("a.example") and not ServerAcl({"allow": "*"}).allows("a.example")
    for value in ({}, {"allow_ip_literals": "no"}, {"allow_ip_literals": 0}, {"allow_ip_literals": True}):
        assert ServerAcl({"allow": ["*"], **value}).allows("1.2.3.4")
    assert not ServerAcl({"allow": ["*"], "allow_ip_literals": False}).allows("1.2.3.4")
    assert ServerAcl({"allow": ["*.EXAMPLE"]}).allows("a.example")  # 1.19: "case-insensitive"


@pytest.mark.parametrize("version", EVERY)
def test_the_depth_limit(version: str) -> None:
    """Server-server API, "PDUs", `depth`: 2^63 - 1 in room versions 1 to 5, 2^53 - 1 from 6 on; at it, no more."""
    limit = 2**63 - 1 if int(version) < 6 else 2**53 - 1
    room_version = ROOM_VERSIONS[version]
    assert room_version.depth_limit == limit
    assert [events.depth_after(d, room_version) for d in (0, 7, limit - 1, limit)] == [1, 8, limit, limit]


@pytest.mark.parametrize(
    ("field", "length", "fits"),
    [
        ("type", 255, True),
        ("type", 256, False),
        ("state_key", 255, True),
        ("state_key", 256, False),
        ("room_id", 256, False),
        ("sender", 255, True),
        ("sender", 256, False),
        ("event_id", 256, False),
    ],
)
def test_sizes_are_in_bytes(field: str, length: int, fits: bool) -> None:
    """ "`state_key` MUST NOT exceed 255 bytes": bytes of UTF-8, not characters."""
    for text in ("x" * length, "é" * (length // 2) + "x" * (length % 2)):
        assert len(text.encode()) == length
        try:
            events.check_size({field: text}, b"")
            assert fits
        except MatrixError as error:
            assert not fits and error.errcode == "M_TOO_LARGE"


def test_what_is_assumed_of_history() -> None:
    """Client-server API, "Room history visibility": "If no history_visibility event is present … `shared`"."""
    assert [parse_visibility(v) for v in (None, "unheard of", 7, "joined")] == ["shared", "shared", "shared", "joined"]


# client-server API, "Predefined Rules": (kind, id, enabled, conditions, actions), in the order of the text
ME = "@me:a"
SOUND = {"set_tweak": "sound", "value": "default"}
HIGHLIGHT = {"set_tweak": "highlight"}


def is_(key: str, pattern: str) -> dict[str, str]:
    return {"kind": "event_match", "key": key, "pattern": pattern}


TWO = {"kind": "room_member_count", "is": "2"}
MENTION = {"kind": "event_property_contains", "key": "content.m\\.mentions.user_ids", "value": ME}
AT_ROOM = {"kind": "event_property_is", "key": "content.m\\.mentions.room", "value": True}
MAY = {"kind": "sender_notification_permission", "key": "room"}
EDIT = {"kind": "event_property_is", "key": "content.m\\.relates_to.rel_type", "value": "m.replace"}
RULES: dict[str, list[tuple[str, bool, list[Any], list[Any]]]] = {
    "override": [
        (".m.rule.master", False, [], []),
        (".m.rule.suppress_notices", True, [is_("content.msgtype", "m.notice")], []),
        (
            ".m.rule.invite_for_me",
            True,
            [is_("type", "m.room.member"), is_("content.membership", "invite"), is_("state_key", ME)],
            ["notify", SOUND],
        ),
        (".m.rule.member_event", True, [is_("type", "m.room.member")], []),
        (".m.rule.is_user_mention", True, [MENTION], ["notify", SOUND, HIGHLIGHT]),
        (".m.rule.is_room_mention", True, [AT_ROOM, MAY], ["notify", HIGHLIGHT]),
        (".m.rule.tombstone", True, [is_("type", "m.room.tombstone"), is_("state_key", "")], ["notify", HIGHLIGHT]),
        (".m.rule.reaction", True, [is_("type", "m.reaction")], []),
        (".m.rule.room.server_acl", True, [is_("type", "m.room.server_acl"), is_("state_key", "")], []),
        (".m.rule.suppress_edits", True, [EDIT], []),
    ],
    "content": [],
    "room": [],
    "sender": [],
    "underride": [
        (".m.rule.call", True, [is_("type", "m.call.invite")], ["notify", {"set_tweak": "sound", "value": "ring"}]),
        (".m.rule.encrypted_room_one_to_one", True, [TWO, is_("type", "m.room.encrypted")], ["notify", SOUND]),
        (".m.rule.room_one_to_one", True, [TWO, is_("type", "m.room.message")], ["notify", SOUND]),
        (".m.rule.message", True, [is_("type", "m.room.message")], ["notify"]),
        (".m.rule.encrypted", True, [is_("type", "m.room.encrypted")], ["notify"]),
    ],
}


def test_the_predefined_push_rules() -> None:
    ours = {
        kind: [(r["rule_id"], r["enabled"], r["conditions"], r["actions"]) for r in rules]
        for kind, rules in push_rules.default_rules(ME).items()
    }
    assert ours == RULES
    assert all(rule["default"] for rules in push_rules.default_rules(ME).values() for rule in rules)
    assert push_rules.KINDS == ("override", "content", "room", "sender", "underride")  # "Push Rules": the order of kinds
