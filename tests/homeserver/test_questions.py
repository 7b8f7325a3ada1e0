"""Each question of the policy is asked by one function: who asks, and who comes to the asker, is found in the code."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import chappe
from chappe.homeserver.policy import Policy

SOURCES = Path(chappe.__file__).parent
QUESTIONS = {name for name, _ in inspect.getmembers(Policy, inspect.isfunction)}


def _places(wanted: Callable[[ast.AST], str | None]) -> dict[str, set[str]]:
    """By what `wanted` finds in a node: the functions that it is found in."""
    found: dict[str, set[str]] = {}

    def walk(path: str, node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            if (name := wanted(child)) is not None:
                found.setdefault(name, set()).add(f"{path}:{inner}")
            walk(path, child, inner)

    for path in SOURCES.rglob("*.py"):
        name = path.relative_to(SOURCES).with_suffix("").as_posix()
        walk(name.removeprefix("homeserver/"), ast.parse(path.read_text()), "")
    return found


# What else is called like a question, by what it is asked of.
NAMESAKES = {
    "display_name": "body|proven|provider|settings|row|device|d",
    "finds": "self|self._sight|self._rooms.sight",
    "home_of": "self|self._accounts",
    "before_leaving": "self|s|w|old|room|write|found",
    "localpart": "body|proven",
    "may_register": "self._means",
    "reads": "self|self.rooms.visibility",
}


def _question(node: ast.AST) -> str | None:
    """A question of the policy that is asked, or handed on to somebody who may ask it. Whatever the policy is called there."""
    if not isinstance(node, ast.Attribute) or node.attr not in QUESTIONS:
        return None
    return None if re.fullmatch(NAMESAKES.get(node.attr, ""), ast.unparse(node.value)) else node.attr


def test_one_function_asks_each_question() -> None:
    askers = _places(_question)
    assert {question: where for question, where in askers.items() if len(where) > 1} == {}, "a way round the first"
    assert QUESTIONS - askers.keys() == set(), "nobody asks it"


# Who writes events of people of here, beside the verbs of `Rooms` that ask `may_send`: what is asked there in its place.
WRITERS = {
    "modules/third_party_invites/third_party_invites:invite": "may_invite_address",
    "actions/upgrade_room:__call__": "may_create_room: the end of the room is part of the upgrade",
    "rooms/create_room:write": "may_create_room, shape_room, may_empower",
    "rooms/membership:_write": "Admission's questions",
    "rooms/membership:evict": "the server's own doing, by the rule of the room",
}


def test_whoever_writes_has_asked() -> None:
    def submits(node: ast.AST) -> str | None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "submit" and re.search(r"(^|_)rooms$", ast.unparse(node.func.value)):
                return "elsewhere"
            if node.func.attr in ("submit", "_require_may_send") and ast.unparse(node.func.value) == "self":
                return node.func.attr
        return None

    found = _places(submits)
    assert found["elsewhere"] == WRITERS.keys()
    assert {verb for verb in found["submit"] if verb.startswith("rooms/rooms:")} == found["_require_may_send"]


# Rules that are not the policy's: who asks them, and why there. A listing or a door that comes new is not one of these.
BY_HAND: Mapping[str, Mapping[str, str]] = {
    "is_blocked": {"rooms/admission:_blocked": "every way into a room"},
    "FROM blocked_rooms": {
        "modules/administration/administration:standing": "what `is_blocked` is",
        "modules/administration/administration:block": "how it ends",
        "modules/administration/administration:blocked_by": "what administrators are shown",
        "agency/console/rights:": "in whose right it was blocked",
        "agency/console/views:": "what administrators are shown",
    },
    "require_may_meet": {
        "rooms/admission:_boundaries": "every way into a room",
        "rooms/membership:_require_may_stay": "who is in a room of other servers is known once one is in it",
    },
    "require_may_enter": {
        "actions/receive_edus:_room": "what is fleeting, that another server sends",
        "rooms/remote/pdu_queues:_deliver_room": "events that another server sends",
        "rooms/admission:_boundaries": "every way into a room",
        "rooms/remote/residence:known_room": "whatever another server asks of a room",
        "rooms/sight:may_take_part": "whatever another server is told of rooms",
    },
    "may_share_room": {
        "actions/receive_edus:_hears": "messages to devices that another server sends",
        "rooms/room_servers:may_share_room": "the rule, asked by `RoomServers`",
        "rooms/admission:_boundaries": "who invites whom",
        "rooms/remote/residence:known_room": "what another server is told of a room that all of here have left",
        "rooms/room_servers:require_may_meet": "the rule",
        "rooms/room_servers:require_may_enter": "the rule",
        "modules/room_directory/room_directory:list": "whose directory another server reads",
    },
    "boundaries.require": {
        "api/federation/authentication:__call__": "whatever another server asks",
        "outbound/federation/client:request": "whatever another server is asked",
        "outbound/federation/client:stream": "the same, for files",
        "outbound/federation/client:post_unsigned": "the same, for another server's keys",
    },
    "boundaries.allows": {  # what would be refused there is not even tried
        "actions/ask_servers:people": "whose people are found here",
        "outbound/federation/outbox:add": "who is written to",
        "outbound/federation/probe:probe": "what an operator is told of a server",
        "senders/federation/device_news:queue": "who hears of devices",
        "senders/federation/fan_out:_destinations": "who hears of events",
        "senders/federation/fan_out:servers": "who hears of an event that another server brought in",
        "senders/federation/sender:allowed": "who hears of typing and presence",
    },
    "boundaries.require_keys": {"outbound/federation/client:get_unsigned": "where no name is needed: keys, versions, tokens"},
    "boundaries.allows_keys": {"api/federation/keys_query:_answers": "whose keys are looked up for others"},
    "boundaries.is_alone": {"senders/federation/sender:run": "whether anything is ever sent"},
    "require_allowed_by_acl": {
        "rooms/remote/residence:known_room": "whatever another server asks of a room",
        "rooms/sight:may_take_part": "whatever another server is told of rooms",
        "rooms/remote/pdu_queues:_deliver_room": "events that another server sends",
        "rooms/remote/membership:invited": "an invitation that another server sends",
        "actions/receive_edus:_room": "what is fleeting, that another server sends",
    },
    "m.room.server_acl": {"rooms/server_acl:require_allowed_by_acl": "the rule"},
    "may_take_part": {
        "rooms/sight:knows_address": "what a room's address says",
        "rooms/sight:_server_knows": "what a room is",
        "modules/room_directory/room_directory:_is_for": "what is listed",
        "modules/calls/admission:require": "who of another server is in a call",
    },
    "share_a_room": {
        "modules/user_directory/user_directory:_known": "who is found",
        "agency/policy:hidden": "which guests are found",
        "agency/sponsors:take_over": "which guest an agent may answer for",
        "agency/guest_cards:of": "whose card an agent sees",
        "modules/presence/api:get": "who is present, when asked",
        "modules/presence/section:_sharing": "who is present, in a sync",
    },
}


def test_who_asks_the_other_rules() -> None:
    def rule(node: ast.AST) -> str | None:
        if isinstance(node, ast.Constant) and type(node.value) is str and "FROM blocked_rooms" in node.value:
            return "FROM blocked_rooms"
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and ast.unparse(node.elts[0]) == "'m.room.server_acl'":
            return "m.room.server_acl"
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            return None
        if isinstance(node, ast.Name):
            return node.id if node.id in BY_HAND else None
        name = node.attr.removeprefix("_")
        if name in BY_HAND:
            return name
        return f"boundaries.{name}" if re.search(r"(^|_|\.)boundaries$", ast.unparse(node.value)) else None

    found = _places(rule)
    del found["boundaries.speaker"]  # in whose name a server is asked, not whether
    assert found == {name: set(where) for name, where in BY_HAND.items()}


# The verbs by which one comes to an asker: who uses them. A door that comes new is entered here, and tried in `test_question_doors.py`.
VERBS: Mapping[str, Mapping[str, str]] = {
    "rooms.send": {
        "rooms/api/room_send:send": "a person",
        "actions/send_delayed_event:_send": "a person, later",
        "modules/bots/webhooks:_say": "a webhook's bot",
        "actions/server_notices:send": "the service",
        "actions/shut_down_room:__call__": "an administrator, in the room that replaces another",
    },
    "rooms.set_state": {"rooms/api/room_send:set_state": "a person", "actions/send_delayed_event:_send": "a person, later"},
    "rooms.redact": {
        "rooms/api/room_send:redact": "a person",
        "rooms/api/room_send:_redact_related": "a person, with what hangs on it",
        "modules/administration/api/rooms:redact": "an administrator",
    },
    "rooms.change_state": {
        "actions/upgrade_room:_try": "whoever upgrades a room",
        "rooms/aliases:_name_no_more": "whoever deletes an alias",
        "actions/shut_down_room:__call__": "an administrator, in the name of the room's",
        "agency/guest_access:_set": "whoever opens a room to guests, or closes it",
        "agency/room_policy:before_leaving": "whoever hands a room over",
    },
    "creation.create": {
        "rooms/api/create_room:create_room": "a person",
        "actions/shut_down_room:__call__": "an administrator, in the name of who is to have the new room",
        "actions/server_notices:_room": "the service",
    },
    "creation.write": {"actions/upgrade_room:__call__": "whoever upgrades a room, who is asked there"},
    "directory.publish": {"modules/room_directory/api:set_visibility": "a person"},
    "appservices.list_room": {"modules/appservices/api:list_room": "a bridge"},
    "invites.invite": {"rooms/api/membership:invite": "a person", "agency/sponsors_api:invite": "a sponsor"},
    "invites.store": {"modules/identity_service/api/addresses:store_invite": "a person, or another server for its own"},
    "accounts.register": {
        "accounts/api/registration:_register": "a person",
        "accounts/api/registration:_guest": "a guest",
        "accounts/api/registration:_as_service": "a bridge",
        "api/pages/register:_create": "a person",
        "actions/sign_in_upstream:_register": "a person whom a provider or a directory knows",
        "accounts/api/shared_secret:register": "who knows the shared secret",
        "modules/administration/api/user_changes:put": "an administrator",
        "cli/admin:act": "an operator",
        "agency/function_accounts:add": "an administrator",
        "modules/bots/bots:account": "who makes a bot",
        "modules/appservices/part:start": "a bridge's own account",
        "actions/server_notices:_sender": "the service's own account",
    },
    "set_profile_field": {
        "accounts/api/profile:set_field": "a person",
        "accounts/api/profile:delete_field": "a person",
        "api/pages/account:_profile": "a person",
        "modules/administration/api/user_changes:_change": "an administrator, who is not asked",
    },
    "bind_threepid.by_owner": {
        "accounts/api/administrative_contact:_add": "a person",
        "api/pages/addresses:_added": "a person",
        "actions/sign_in_upstream:_follow_address": "a provider, for a person",
    },
    "bind_threepid.remove_by_owner": {
        "accounts/api/administrative_contact:remove": "a person",
        "api/pages/addresses:_remove": "a person",
    },
    "repository.find": {
        "modules/media/api/content_repo:_find": "a person",
        "agency/antivirus/media_proxy:_media": "a person",
        "modules/media/api/for_servers:_find": "another server",
    },
    "repository.read_by": {
        "modules/media/api/content_repo:_download": "a person",
        "agency/antivirus/media_proxy:_clean": "a person",
    },
    "bots.account": {"modules/bots/webhooks:_speaker": "a webhook's bot"},
}


def test_who_uses_the_verbs_that_ask() -> None:
    def verb(node: ast.AST) -> str | None:
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
            return None
        if isinstance(node.value, ast.Name) and node.value.id == "self" and node.attr in ("_set_profile_field", "_set_field"):
            return "set_profile_field"
        owner = re.search(r"(^|[._])(bind_threepid|[a-z]+)$", ast.unparse(node.value))
        name = f"{owner[2]}.{node.attr}" if owner is not None else ""
        return name if name in VERBS else None

    assert {name: {place for place in where if not place.endswith(":__init__")} for name, where in _places(verb).items()} == {
        name: set(where) for name, where in VERBS.items()
    }
