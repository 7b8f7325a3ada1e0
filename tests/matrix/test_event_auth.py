"""The authorisation rules as tables of cases: a small room, an event, and whether it is allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from chappe.matrix.errors import Forbidden
from chappe.matrix.event_auth import auth_event_keys, check_auth, check_auth_events
from chappe.matrix.power_levels import CREATOR_POWER, PowerLevels
from chappe.matrix.room_versions import ROOM_VERSIONS
from chappe.matrix.signing import SigningKey, sign_json

ALICE, BOB, CAROL, DAVE, EVE = (f"@{n}:a.org" for n in ("alice", "bob", "carol", "dave", "eve"))
ABROAD = "@zoe:b.org"


@dataclass
class Fact:
    event_id: str
    sender: str
    content: dict[str, Any] = field(default_factory=dict)


class Room:
    """Alice created it; Bob (50) and Carol are in; Dave is invited; Eve is banned."""

    def __init__(self, version: str, rule: str = "invite", levels: dict[str, Any] | None = None, **create: Any) -> None:
        self.version = ROOM_VERSIONS[version]
        users = {BOB: 50} if self.version.privileged_creators else {ALICE: 100, BOB: 50}
        content = {"room_version": version, "creator": ALICE, **create}
        self.state: dict[tuple[str, str], Fact] = {
            ("m.room.create", ""): Fact("$create", ALICE, content),
            ("m.room.power_levels", ""): Fact("$levels", ALICE, {"users": users, **(levels or {})}),
            ("m.room.join_rules", ""): Fact("$rules", ALICE, {"join_rule": rule}),
        }
        for user, membership in ((ALICE, "join"), (BOB, "join"), (CAROL, "join"), (DAVE, "invite"), (EVE, "ban")):
            self.state["m.room.member", user] = Fact(f"${user}", user, {"membership": membership})

    def allows(self, sender: str, event_type: str, content: dict[str, Any], state_key: str | None = None, **more: Any) -> bool:
        pdu = {
            "type": event_type,
            "sender": sender,
            "content": content,
            "prev_events": ["$p"],
            "room_id": "!r:a.org",
            "event_id": "$e:a.org",
            **more,
        }
        if state_key is not None:
            pdu["state_key"] = state_key
        try:
            check_auth(pdu, self.version, self.state.get)
        except Forbidden:
            return False
        return True

    def member(self, sender: str, target: str, membership: str, **content: Any) -> bool:
        return self.allows(sender, "m.room.member", {"membership": membership, **content}, target)


EVERY = list(ROOM_VERSIONS)
MODERN = [v for v in EVERY if int(v) >= 8]


@pytest.mark.parametrize("version", EVERY)
@pytest.mark.parametrize(
    ("sender", "target", "membership", "allowed"),
    [
        (DAVE, DAVE, "join", True),
        (CAROL, CAROL, "join", True),
        (ABROAD, ABROAD, "join", False),
        (EVE, EVE, "join", False),
        (BOB, DAVE, "join", False),
        (BOB, ABROAD, "invite", True),
        (CAROL, ABROAD, "invite", True),
        (DAVE, ABROAD, "invite", False),
        (BOB, CAROL, "invite", False),
        (BOB, EVE, "invite", False),
        (CAROL, CAROL, "leave", True),
        (DAVE, DAVE, "leave", True),
        (EVE, EVE, "leave", False),
        (ABROAD, ABROAD, "leave", False),
        (BOB, CAROL, "leave", True),
        (CAROL, BOB, "leave", False),
        (BOB, ALICE, "leave", False),
        (BOB, BOB, "leave", True),
        (BOB, EVE, "leave", True),
        (CAROL, EVE, "leave", False),
        (BOB, CAROL, "ban", True),
        (CAROL, BOB, "ban", False),
        (BOB, ALICE, "ban", False),
        (BOB, ABROAD, "ban", True),
        (DAVE, CAROL, "ban", False),
        (BOB, CAROL, "nonsense", False),
        (ABROAD, ABROAD, "knock", False),
    ],
)
def test_membership(version: str, sender: str, target: str, membership: str, allowed: bool) -> None:
    assert Room(version).member(sender, target, membership) is allowed


@pytest.mark.parametrize("version", EVERY)
def test_public_rooms(version: str) -> None:
    room = Room(version, "public")
    assert room.member(ABROAD, ABROAD, "join") and not room.member(EVE, EVE, "join")


@pytest.mark.parametrize("version", EVERY)
def test_the_creators_first_join(version: str) -> None:
    room = Room(version)
    create = room.state["m.room.create", ""]
    room.state = {("m.room.create", ""): create}
    join = {"membership": "join"}
    prev: Any = ["$create"] if room.version.event_ids_are_hashes else [["$create", {}]]
    assert room.allows(ALICE, "m.room.member", join, ALICE, prev_events=prev)
    assert not room.allows(BOB, "m.room.member", join, BOB, prev_events=prev)
    assert not room.allows(ALICE, "m.room.member", join, ALICE, prev_events=["$other"])


@pytest.mark.parametrize("version", EVERY)
def test_knocking(version: str) -> None:
    since7, since10 = int(version) >= 7, int(version) >= 10
    assert Room(version, "knock").member(ABROAD, ABROAD, "knock") is since7
    assert Room(version, "knock_restricted").member(ABROAD, ABROAD, "knock") is since10
    room = Room(version, "knock")
    for user in (CAROL, DAVE, EVE):
        assert not room.member(user, user, "knock")
    assert not room.member(BOB, ABROAD, "knock")
    room.state["m.room.member", ABROAD] = Fact("$k", ABROAD, {"membership": "knock"})
    assert room.member(ABROAD, ABROAD, "leave") is since7
    assert not room.member(ABROAD, ABROAD, "join")
    assert room.member(DAVE, DAVE, "join") is since7


@pytest.mark.parametrize("version", EVERY)
def test_restricted_joins(version: str) -> None:
    since8, since10 = int(version) >= 8, int(version) >= 10
    via = {"join_authorised_via_users_server": CAROL}
    assert Room(version, "restricted").member(ABROAD, ABROAD, "join", **via) is since8
    assert Room(version, "knock_restricted").member(ABROAD, ABROAD, "join", **via) is since10
    assert Room(version, "restricted").member(DAVE, DAVE, "join") is since8  # invited: nobody need vouch
    room = Room(version, "restricted", {"invite": 50})
    assert not room.member(ABROAD, ABROAD, "join", **via)
    assert not room.member(ABROAD, ABROAD, "join")
    assert not room.member(ABROAD, ABROAD, "join", join_authorised_via_users_server=DAVE)


@pytest.mark.parametrize("version", EVERY)
@pytest.mark.parametrize(
    ("sender", "event_type", "state_key", "allowed"),
    [
        (CAROL, "m.room.message", None, True),
        (DAVE, "m.room.message", None, False),
        (ABROAD, "m.room.message", None, False),
        (CAROL, "m.room.name", "", False),
        (BOB, "m.room.name", "", True),
        (BOB, "x", ALICE, False),
        (BOB, "x", BOB, True),
        (CAROL, "x", CAROL, False),
        (BOB, "guarded", None, False),
        (ALICE, "guarded", None, True),
        (CAROL, "easy", "", True),
        (CAROL, "m.room.third_party_invite", "t", True),
    ],
)
def test_sending(version: str, sender: str, event_type: str, state_key: str | None, allowed: bool) -> None:
    room = Room(version, levels={"events": {"guarded": 75, "easy": 0}})
    assert room.allows(sender, event_type, {}, state_key) is allowed


@pytest.mark.parametrize("version", EVERY)
def test_without_power_levels_the_creator_rules(version: str) -> None:
    room = Room(version)
    del room.state["m.room.power_levels", ""]
    assert room.allows(ALICE, "m.room.name", {}, "") and room.member(ALICE, BOB, "ban")
    assert not room.allows(CAROL, "m.room.name", {}, "")  # m.room.power_levels: "the state_default is 50"
    assert not room.member(CAROL, BOB, "ban")


def levels_of(version: str, **change: Any) -> dict[str, Any]:
    return {"users": {BOB: 50} if version == "12" else {ALICE: 100, BOB: 50}, **change}


@pytest.mark.parametrize("version", EVERY)
@pytest.mark.parametrize(
    ("sender", "change", "allowed"),
    [
        (BOB, {"users_default": 10}, True),
        (BOB, {"users_default": 60}, False),
        (BOB, {"ban": 60}, False),
        (BOB, {"events": {"x": 50}}, True),
        (BOB, {"events": {"x": 51}}, False),
        (BOB, {"events_default": 50, "kick": 50}, True),
        (CAROL, {"ban": 0}, False),
    ],
)
def test_changing_levels(version: str, sender: str, change: dict[str, Any], allowed: bool) -> None:
    room = Room(version, levels={"ban": 50, "events": {"m.room.power_levels": 0}} if sender == CAROL else {})
    assert room.allows(sender, "m.room.power_levels", levels_of(version, **change), "") is allowed


@pytest.mark.parametrize("version", EVERY)
def test_changing_users(version: str) -> None:
    room = Room(version)
    mine = {} if version == "12" else {ALICE: 100}

    def set_users(users: dict[str, Any], sender: str = BOB) -> bool:
        return room.allows(sender, "m.room.power_levels", {"users": users}, "")

    assert set_users({**mine, BOB: 50, CAROL: 50}) and set_users({**mine, BOB: 49}) and set_users(mine)  # oneself may step down
    assert not set_users({**mine, BOB: 51}) and not set_users({**mine, BOB: 50, CAROL: 51})
    room.state["m.room.power_levels", ""].content["users"] = {**mine, BOB: 50, CAROL: 50}
    assert not set_users({**mine, BOB: 50}) and not set_users({**mine, BOB: 50, CAROL: 10})  # an equal cannot be demoted
    assert set_users({**mine, BOB: 0}, ALICE)
    assert not set_users({**mine, "nobody": 1}, ALICE)
    if version != "12":
        assert not set_users({ALICE: 50, BOB: 50, CAROL: 50})


@pytest.mark.parametrize("version", EVERY)
def test_notification_levels_count_since_version_6(version: str) -> None:
    change = levels_of(version, notifications={"room": 100})
    assert Room(version).allows(BOB, "m.room.power_levels", change, "") is (int(version) < 6)


@pytest.mark.parametrize(
    ("version", "value", "power"),
    [("5", 7.9, 7), ("9", " +07 ", 7), ("9", 7.9, 0), ("10", "7", 0), ("1", "x", 0), ("1", True, 0)],
)
def test_levels_that_are_no_integers(version: str, value: object, power: int) -> None:
    assert PowerLevels(ROOM_VERSIONS[version], {"users": {BOB: value}}, frozenset()).of(BOB) == power


@pytest.mark.parametrize("version", EVERY)
def test_new_levels_must_be_integers_since_version_10(version: str) -> None:
    for change in ({"ban": "50"}, {"events": {"x": "0"}}, {"events": []}):
        assert Room(version).allows(ALICE, "m.room.power_levels", levels_of(version, **change), "") is (int(version) < 10)


def test_version_12s_creators_stand_above_all() -> None:
    room = Room("12", additional_creators=[CAROL])
    levels = PowerLevels(room.version, {"users": {BOB: 2**53 - 1}}, frozenset([ALICE, CAROL]))
    assert levels.of(ALICE) == levels.of(CAROL) == CREATOR_POWER > levels.of(BOB)
    assert room.member(CAROL, BOB, "ban") and not room.member(ALICE, CAROL, "ban") and not room.member(BOB, CAROL, "leave")
    assert not room.allows(ALICE, "m.room.power_levels", {"users": {CAROL: 100}}, "")
    assert not room.allows(ALICE, "m.room.power_levels", {"users": {ALICE: 100}}, "")


@pytest.mark.parametrize("version", EVERY)
def test_create(version: str) -> None:
    room = Room(version)
    room.state = {}
    place = {} if version == "12" else {"room_id": "!r:a.org"}

    def create(content: dict[str, Any], **more: Any) -> bool:
        pdu = {
            "type": "m.room.create",
            "sender": ALICE,
            "content": content,
            "state_key": "",
            "prev_events": [],
            **place,
            **more,
        }
        try:
            check_auth(pdu, room.version, room.state.get)
        except Forbidden:
            return False
        return True

    good = {"creator": ALICE, "room_version": version}
    assert create(good) and not create(good, prev_events=["$x"]) and not create({**good, "room_version": "99"})
    assert create({"room_version": version}) is (int(version) >= 11)
    assert create(good, room_id="!r:b.org") is False
    if version == "12":
        assert create({**good, "additional_creators": [BOB]}) and not create({**good, "additional_creators": ["bob"]})
        assert not create({**good, "additional_creators": "x"}) and not create(good, room_id="!r:a.org")


@pytest.mark.parametrize("version", EVERY)
def test_rooms_that_do_not_federate(version: str) -> None:
    room = Room(version, "public", **{"m.federate": False})
    assert not room.member(ABROAD, ABROAD, "join") and room.member(ALICE, CAROL, "ban")


@pytest.mark.parametrize("version", EVERY)
def test_aliases_were_special_until_version_5(version: str) -> None:
    room = Room(version)
    assert room.allows(DAVE, "m.room.aliases", {}, "a.org") is (int(version) < 6)
    assert not room.allows(CAROL, "m.room.aliases", {}, "b.org")


@pytest.mark.parametrize("version", EVERY)
def test_redactions_by_authorisation(version: str) -> None:
    room, early = Room(version), int(version) < 3
    assert room.allows(CAROL, "m.room.redaction", {}, redacts="$x:a.org")
    assert room.allows(CAROL, "m.room.redaction", {}, redacts="$x:b.org") is (not early)
    assert room.allows(BOB, "m.room.redaction", {}, redacts="$x:b.org")


@pytest.mark.parametrize("version", MODERN)
def test_third_party_invites(version: str) -> None:
    room, key = Room(version), SigningKey(b"k" * 32, "0")
    room.state["m.room.third_party_invite", "tok"] = Fact(
        "$t", BOB, {"public_key": "AAAA", "public_keys": [{"public_key": key.public}]}
    )
    signed = sign_json({"mxid": ABROAD, "token": "tok"}, "id.org", key)

    def invite(sender: str = BOB, target: str = ABROAD, block: Any = None) -> bool:
        return room.member(sender, target, "invite", third_party_invite={"signed": signed} if block is None else block)

    assert invite()
    assert not invite(sender=CAROL) and not invite(target=DAVE) and not invite(target=EVE)
    for block in (
        {},
        {"signed": {}},
        {"signed": {**signed, "token": "other"}},
        {"signed": {**signed, "signatures": {}}},
        {"signed": {**signed, "x": 1}},
        7,
    ):
        assert not invite(block=block)


@pytest.mark.parametrize("version", EVERY)
def test_the_selection_of_auth_events(version: str) -> None:
    v = ROOM_VERSIONS[version]
    create = [] if version == "12" else [("m.room.create", "")]
    assert auth_event_keys("m.room.create", "", ALICE, {}, v) == []
    assert auth_event_keys("m.room.message", None, BOB, {}, v) == [*create, ("m.room.power_levels", ""), ("m.room.member", BOB)]
    join = auth_event_keys("m.room.member", BOB, BOB, {"membership": "join", "join_authorised_via_users_server": CAROL}, v)
    assert (("m.room.member", CAROL) in join) is (int(version) >= 8) and ("m.room.join_rules", "") in join
    third = {"membership": "invite", "third_party_invite": {"signed": {"token": "t"}}}
    assert ("m.room.third_party_invite", "t") in auth_event_keys("m.room.member", CAROL, BOB, third, v)


def test_cited_events_must_be_those_of_the_selection() -> None:
    room = Room("11")
    pdu = {"type": "m.room.message", "sender": CAROL, "content": {}}
    good = [(k, room.state[k]) for k in (("m.room.create", ""), ("m.room.power_levels", ""), ("m.room.member", CAROL))]
    check_auth_events(pdu, room.version, good)  # type: ignore[arg-type]
    for bad in (good[1:], [*good, good[1]], [*good, (("m.room.member", BOB), room.state["m.room.member", BOB])]):
        with pytest.raises(Forbidden):
            check_auth_events(pdu, room.version, bad)  # type: ignore[arg-type]
