"""Signing, hashing, redaction and event ids, by the specification's vectors."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from chappe.matrix.errors import BadRequest, MatrixError
from chappe.matrix.events import content_hash, event_id_of, parse_pdu, room_id_of_create, seal
from chappe.matrix.redaction import redact
from chappe.matrix.room_versions import ROOM_VERSIONS, require_room_version
from chappe.matrix.signing import SigningKey, decode_base64, sign_json, verify_json

KEY = SigningKey(decode_base64("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"), "1")
V1, V12 = ROOM_VERSIONS["1"], ROOM_VERSIONS["12"]


@pytest.mark.parametrize(
    ("value", "signature"),
    [
        ({}, "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ"),
        ({"one": 1, "two": "Two"}, "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw"),
    ],
)
def test_signing_json(value: dict[str, Any], signature: str) -> None:
    signed = sign_json(value, "domain", KEY)
    assert signed["signatures"] == {"domain": {"ed25519:1": signature}}
    assert verify_json(signed, "domain", "ed25519:1", KEY.public)
    assert not verify_json({**signed, "three": 3}, "domain", "ed25519:1", KEY.public)
    assert not verify_json(signed, "other", "ed25519:1", KEY.public)


MINIMAL = {
    "room_id": "!x:domain",
    "sender": "@a:domain",
    "origin": "domain",
    "origin_server_ts": 1000000,
    "signatures": {},
    "hashes": {},
    "type": "X",
    "content": {},
    "prev_events": [],
    "auth_events": [],
    "depth": 3,
    "unsigned": {"age_ts": 1000000},
}
REDACTABLE = {
    "content": {"body": "Here is the message content"},
    "event_id": "$0:domain",
    "origin": "domain",
    "origin_server_ts": 1000000,
    "type": "m.room.message",
    "room_id": "!r:domain",
    "sender": "@u:domain",
    "signatures": {},
    "unsigned": {"age_ts": 1000000},
}


@pytest.mark.parametrize(
    ("event", "sha256", "signature"),
    [
        (
            MINIMAL,
            "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos",
            "KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg",
        ),
        (
            REDACTABLE,
            "onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g",
            "Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA",
        ),
    ],
)
def test_signing_events(event: dict[str, Any], sha256: str, signature: str) -> None:
    event = copy.deepcopy(event)
    event.setdefault("event_id", "$1:domain") if event["type"] != "X" else None
    assert content_hash(event) == sha256
    bare = {k: v for k, v in event.items() if k not in ("signatures", "unsigned")}
    bare["hashes"] = {"sha256": sha256}
    signed = sign_json(redact(bare, V1), "domain", KEY)
    assert signed["signatures"]["domain"]["ed25519:1"] == signature


def _create(**content: Any) -> dict[str, Any]:
    return {
        "type": "m.room.create",
        "sender": "@a:domain",
        "content": {"room_version": "12", **content},
        "state_key": "",
        "origin_server_ts": 1,
        "depth": 1,
        "prev_events": [],
        "auth_events": [],
    }


def test_ids_are_hashes_of_the_redacted_event() -> None:
    for version, alphabet in (("3", "+/"), ("4", "-_"), ("12", "-_")):
        event = {**MINIMAL, "content": {"body": "x"}}
        event_id = seal(event, ROOM_VERSIONS[version], "domain", KEY)
        assert event_id == event_id_of(event, ROOM_VERSIONS[version]) and len(event_id) == 44
        assert set(event_id[1:]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + alphabet)
        said_otherwise = {**event, "content": {"body": "another text"}}
        assert event_id_of(said_otherwise, ROOM_VERSIONS[version]) == event_id  # `hashes` keeps them apart, not the content
    create = _create()
    event_id = seal(create, V12, "domain", KEY)
    assert room_id_of_create(create, V12) == "!" + event_id[1:]


ALL_KEYS: dict[str, Any] = {
    "event_id": "$e",
    "room_id": "!r:d",
    "sender": "@s:d",
    "state_key": "",
    "hashes": {},
    "signatures": {},
    "depth": 1,
    "prev_events": [],
    "auth_events": [],
    "origin_server_ts": 1,
    "origin": "d",
    "prev_state": [],
    "membership": "join",
    "unsigned": {},
    "extra": 1,
    "redacts": "$x",
}
CONTENTS: dict[str, tuple[dict[str, Any], dict[str, set[str]]]] = {
    # content, and by room version from which it holds, the keys that are kept
    "m.room.create": (
        {"creator": "@s:d", "room_version": "1", "x": 1},
        {"1": {"creator"}, "11": {"creator", "room_version", "x"}},
    ),
    "m.room.member": (
        {
            "membership": "join",
            "displayname": "x",
            "join_authorised_via_users_server": "@a:d",
            "third_party_invite": {"signed": {}, "display_name": "x"},
        },
        {
            "1": {"membership"},
            "9": {"membership", "join_authorised_via_users_server"},
            "11": {"membership", "join_authorised_via_users_server", "third_party_invite"},
        },
    ),
    "m.room.join_rules": ({"join_rule": "x", "allow": [], "y": 1}, {"1": {"join_rule"}, "8": {"join_rule", "allow"}}),
    "m.room.power_levels": (
        {
            "ban": 1,
            "events": {},
            "events_default": 1,
            "kick": 1,
            "redact": 1,
            "state_default": 1,
            "users": {},
            "users_default": 1,
            "invite": 1,
            "notifications": {},
        },
        {
            "1": {"ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"},
            "11": {"ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default", "invite"},
        },
    ),
    "m.room.history_visibility": ({"history_visibility": "x", "y": 1}, {"1": {"history_visibility"}}),
    "m.room.aliases": ({"aliases": [], "y": 1}, {"1": {"aliases"}, "6": set()}),
    "m.room.redaction": ({"redacts": "$x", "reason": "y"}, {"1": set(), "11": {"redacts"}}),
    "m.room.message": ({"body": "x", "msgtype": "m.text"}, {"1": set()}),
}


@pytest.mark.parametrize("version", list(ROOM_VERSIONS))
@pytest.mark.parametrize("event_type", list(CONTENTS))
def test_redaction(version: str, event_type: str) -> None:
    content, by_version = CONTENTS[event_type]
    kept = by_version[max((v for v in by_version if int(v) <= int(version)), key=int)]
    left = redact({**ALL_KEYS, "type": event_type, "content": content}, ROOM_VERSIONS[version])
    assert set(left["content"]) == kept
    old = {"origin", "prev_state", "membership"} if int(version) < 11 else set()
    assert (
        set(left)
        == {"type", "content"} | set(ALL_KEYS) - {"unsigned", "extra", "redacts", "origin", "prev_state", "membership"} | old
    )
    if "third_party_invite" in left["content"]:
        assert left["content"]["third_party_invite"] == {"signed": {}}


def test_unknown_room_versions_are_refused() -> None:
    for unknown in ("13", "org.example", "", None, 1):
        with pytest.raises(BadRequest) as error:
            require_room_version(unknown)
        assert error.value.errcode == "M_UNSUPPORTED_ROOM_VERSION"


GOOD = {
    **{k: v for k, v in MINIMAL.items() if k not in ("unsigned", "origin")},
    "hashes": {"sha256": "x"},
    "signatures": {"domain": {}},
}


@pytest.mark.parametrize(
    "change",
    [
        {"type": 7},
        {"sender": "a"},
        {"sender": None},
        {"content": []},
        {"depth": -1},
        {"depth": 2**53},
        {"depth": True},
        {"depth": "1"},
        {"origin_server_ts": 1.5},
        {"prev_events": ["$a"] * 21},
        {"auth_events": ["$a"] * 11},
        {"prev_events": [7]},
        {"state_key": 7},
        {"room_id": 7},
        {"hashes": None},
        {"content": {"n": 2**53}},
        {"content": {"x": "x" * 70_000}},
        {"type": "t" * 256},
    ],
)
def test_malformed_pdus_are_refused(change: dict[str, Any]) -> None:
    assert parse_pdu({**GOOD, "unsigned": {"a": 1}, "event_id": "$mine"}, V12).keys() == GOOD.keys()
    with pytest.raises(MatrixError):
        parse_pdu({**GOOD, **change}, V12)


def test_version_12s_create_has_no_room_id() -> None:
    good = {**_create(), "hashes": {}, "signatures": {}}
    parse_pdu(good, V12)
    with pytest.raises(BadRequest):
        parse_pdu({**good, "room_id": "!x:domain"}, V12)
    with pytest.raises(BadRequest):
        parse_pdu({k: v for k, v in GOOD.items() if k != "room_id"}, V12)
