"""Identifiers, filters, history visibility."""

from __future__ import annotations

import itertools

import pytest

from chappe.matrix.errors import BadRequest
from chappe.matrix.filters import RoomEventFilter, matches_type, only_fields, parse_filter, passes_event
from chappe.matrix.history_visibility import is_visible, more_open, parse_visibility
from chappe.matrix.identifiers import (
    domain_of,
    is_compliant,
    is_new_localpart,
    is_plain_server_name,
    is_server_name,
    is_user_id,
    parse_event_id,
    parse_room_alias,
    parse_room_id,
    parse_server_name,
    parse_user_id,
    plain_form,
)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("example.org", True),
        ("example.org:8448", True),
        ("1.2.3.4:1", True),
        ("[::1]:80", True),
        ("localhost", True),
        ("a" * 231, False),
        ("example.org:99999", False),
        ("[:::1]", False),
        ("ex ample", False),
        ("", False),
        ("a:b", False),
        ("é.fr", False),
        ("a/b", False),
    ],
)
def test_server_names(text: str, good: bool) -> None:
    assert is_server_name(text) is good


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("EXAMPLE.org..:8448", "example.org:8448"),
        ("example.org:08448", "example.org:8448"),
        ("127.1", "127.0.0.1"),
        ("2130706433:80", "127.0.0.1:80"),
        ("0x7f.1", "127.0.0.1"),
        ("1.2.3.4.", "1.2.3.4"),
        ("[::FFFF:1.2.3.4]", "1.2.3.4"),
        ("[2001:DB8::0:1]:1", "[2001:db8::1]:1"),
        (".", ""),
    ],
)
def test_a_server_has_one_name(text: str, plain: str) -> None:
    """Appendices, "Server Name": all of these are in the grammar, and lead to where the plain form leads."""
    assert is_server_name(text) and not is_plain_server_name(text) and plain_form(text) == plain
    with pytest.raises(BadRequest) as refused:
        parse_server_name(text)
    assert refused.value.errcode == "M_INVALID_PARAM"
    assert not plain or parse_server_name(plain) == plain
    assert is_user_id(f"@a:{text}"), "old events hold them"


def test_the_names_of_the_specification_are_plain() -> None:
    examples = ("matrix.org", "matrix.org:8888", "1.2.3.4", "1.2.3.4:1234", "[1234:5678::abcd]", "[1234:5678::abcd]:5678")
    for name in (*examples, "localhost", "xn--bcher-kva.example", "4chan.example", "1.2.3.example", "fade.cafe"):
        assert parse_server_name(name) == name


@pytest.mark.parametrize(
    ("text", "made", "told"),  # whether we may make it, and whether clients are told of it beside events
    [
        ("@a:b.org", True, True),
        ("@a/b=c+d._-:b.org:80", True, True),
        ("@A!~:b.org", False, True),
        ("@*:b.org", False, True),
        ("@:b.org", False, False),
        ("@Zoë:b.org", False, False),
        ("@with space:b.org", False, False),
        ("@日本:b.org", False, False),
        ("@a\n\t\x01\x7f:b.org", False, False),
        ("@\u2028\U0001f600:b.org", False, False),
        ("@" + "é" * 123 + ":b.org", False, False),
    ],
)
def test_user_ids(text: str, made: bool, told: bool) -> None:
    """Appendices, "User Identifiers" and "Historical User IDs"."""
    assert parse_user_id(text) == text and is_user_id(text)
    assert is_new_localpart(text[1:].partition(":")[0]) is made
    assert is_compliant(text) is told


@pytest.mark.parametrize(
    "text",
    [
        "a:b.org",
        "@a",
        "@a:b org",
        "@" + "a" * 255 + ":b.org",
        "@" + "é" * 125 + ":b.org",
        "@a\0:b.org",
        "@\ud800:b.org",
        "@a:",
        "@a:b:c",
    ],
)
def test_what_is_no_user_id(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_user_id(text)


def test_other_identifiers() -> None:
    assert (
        parse_room_id("!hash-only_of_v12")
        and parse_room_id("!a:b.org")
        and parse_event_id("$a/b+c")
        and parse_room_alias("#é:b.org")
    )
    for parse, bad in (
        (parse_room_id, "!"),
        (parse_room_id, "#a:b"),
        (parse_event_id, "$"),
        (parse_event_id, "x"),
        (parse_room_alias, "#:b.org"),
        (parse_room_alias, "#a"),
    ):
        with pytest.raises(BadRequest):
            parse(bad)
    assert domain_of("@a:b.org:80") == "b.org:80"
    assert is_new_localpart("a.b_c=d-e/f+1") and not is_new_localpart("A") and not is_new_localpart("")


@pytest.mark.parametrize(
    ("pattern", "kind", "expected"),
    [("m.*", "m.x", True), ("*", "", True), ("m.room.*", "m.roomx", False), ("*.b", "a.b", True), ("a*c", "abbc", True)],
)
def test_type_patterns(pattern: str, kind: str, expected: bool) -> None:
    assert matches_type((pattern,), kind) is expected


def test_room_filters() -> None:
    f = RoomEventFilter(
        types=("m.*",), not_types=("m.no",), senders=frozenset(["@a:x"]), not_rooms=frozenset(["!b"]), contains_url=False
    )
    assert passes_event(f, "!a", "m.yes", "@a:x", dict)
    assert not passes_event(f, "!a", "m.no", "@a:x", dict) and not passes_event(f, "!b", "m.yes", "@a:x", dict)
    assert not passes_event(f, "!a", "m.yes", "@b:x", dict) and not passes_event(f, "!a", "m.yes", "@a:x", lambda: {"url": "x"})
    assert not passes_event(RoomEventFilter(types=()), "!a", "x", "@a:x", dict)
    for bad in ({"room": 7}, {"room": {"timeline": {"limit": "x"}}}, {"presence": {"types": [7]}}):
        with pytest.raises(BadRequest):
            parse_filter(bad)


def test_event_fields() -> None:
    event = {"type": "x", "content": {"body": "b", "a.b": 1, "deep": {"er": 2, "x": 3}}, "sender": "@a:x"}
    fields = ["type", "content.body", r"content.a\.b", "content.deep.er", "content.none", "type.x", "unsigned"]
    assert only_fields(event, fields) == {"type": "x", "content": {"body": "b", "a.b": 1, "deep": {"er": 2}}}


def test_history_visibility_by_table() -> None:
    sees = {
        ("world_readable", "any", "any"): True,
        ("shared", "join", "any"): True,
        ("shared", "leave", True): True,
        ("shared", "leave", False): False,
        ("invited", "join", "any"): True,
        ("invited", "invite", "any"): True,
        ("invited", "leave", "any"): False,
        ("joined", "join", "any"): True,
        ("joined", "invite", "any"): False,
        ("joined", "leave", "any"): False,
        ("shared", "invite", False): False,
    }
    for (visibility, membership, later), expected in sees.items():
        for m, joined_later in itertools.product(
            ["join", "invite", "leave", "ban"] if membership == "any" else [membership],
            [True, False] if later == "any" else [later],
        ):
            assert is_visible(visibility, m, bool(joined_later)) is expected
    assert more_open("joined", "shared") == "shared" and parse_visibility("x") == parse_visibility(None) == "shared"
