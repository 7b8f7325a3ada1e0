"""Kinds of rooms, and what each binds: every transition and refusal of `im.vector.room.access_rules`, as people meet them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chappe.agency.access_rules import FORUM_RETENTION_MS
from chappe.homeserver.rooms.create_event import Draft
from tests.agency.conftest import GUESTS, RULES, account, agency, membership, rules_of
from tests.support import Person, Refused, Server, refused, segment

LISTED = {"visibility": "public", "preset": "private_chat"}


def rules(rule: str, **more: Any) -> dict[str, Any]:
    return {"type": RULES, "state_key": "", "content": {"rule": rule, **more}}


async def has_state(person: Person, room: str, kind: str) -> Any:
    try:
        return await person.state(room, kind)
    except Refused:
        return None


# --------------------------------------------------------------------------------------------------------------- making


@pytest.mark.parametrize("version", ["6", "11", "12"])
async def test_a_private_room(alice: Person, version: str) -> None:
    room = await alice.create_room(name="Cabinet", room_version=version)
    assert await rules_of(alice, room) == {"rule": "restricted", "visibility": "private"}
    assert (await alice.state(room, "m.room.encryption"))["algorithm"] == "m.megolm.v1.aes-sha2"
    assert (await alice.state(room, "m.room.history_visibility"))["history_visibility"] == "invited"
    levels = await alice.state(room, "m.room.power_levels")
    wanted = {"users_default": 0, "events_default": 0, "state_default": 100, "invite": 50, "kick": 50, "ban": 50, "redact": 50}
    assert {key: levels[key] for key in wanted} == wanted
    assert {levels["events"][k] for k in ("m.room.name", "m.room.avatar", "m.room.canonical_alias")} == {50}
    assert levels["events"]["m.call.member"] == levels["events"]["org.matrix.msc3672.beacon_info"] == 0
    assert levels["users"] == ({} if version == "12" else {alice.id: 100})
    assert await has_state(alice, room, "m.room.retention") is None


async def test_a_space_is_not_encrypted(alice: Person) -> None:
    """Nobody speaks in it; its state is what it is."""
    space = await alice.create_room(name="Direction", creation_content={"type": "m.space"})
    assert await rules_of(alice, space) == {"rule": "restricted", "visibility": "private"}
    assert await has_state(alice, space, "m.room.encryption") is None
    assert (await alice.state(space, "m.room.history_visibility"))["history_visibility"] == "shared"


async def test_a_forum(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat", visibility="public", name="Forum")
    assert await rules_of(alice, room) == {"rule": "restricted", "visibility": "public"}
    assert await has_state(alice, room, "m.room.encryption") is None
    assert (await alice.state(room, "m.room.history_visibility"))["history_visibility"] == "shared"
    assert (await alice.state(room, "m.room.retention"))["max_lifetime"] == FORUM_RETENTION_MS == 7_776_000_000
    await bob.join(room)
    found = await bob.call("POST", "/publicRooms", {})
    assert room in [entry["room_id"] for entry in found["chunk"]]


async def test_a_direct_conversation(alice: Person, bob: Person) -> None:
    room = await alice.create_room(is_direct=True, preset="trusted_private_chat", invite=[bob.id], room_version="11")
    assert (await rules_of(alice, room))["rule"] == "direct"
    assert await has_state(alice, room, "m.room.encryption") is not None
    assert (await alice.state(room, "m.room.power_levels"))["users"] == {alice.id: 100, bob.id: 100}


async def test_what_is_asked_for_is_kept_where_it_may_be(alice: Person) -> None:
    room = await alice.create_room(
        room_version="11",
        power_level_content_override={"events_default": 10, "events": {"m.room.topic": 50}, "invite": 60},
        initial_state=[
            rules("unrestricted"),
            {"type": "m.room.history_visibility", "content": {"history_visibility": "shared"}},
        ],
    )
    levels = await alice.state(room, "m.room.power_levels")
    assert (levels["events_default"], levels["invite"], levels["events"]["m.room.topic"], levels["events"]["m.room.name"]) == (
        10,
        60,
        50,
        50,
    )
    assert (await rules_of(alice, room))["rule"] == "unrestricted"
    assert (await alice.state(room, "m.room.history_visibility"))["history_visibility"] == "shared"
    plain = await alice.create_room(initial_state=[rules("restricted", force_unencrypted_at_creation=True)])
    assert await has_state(alice, plain, "m.room.encryption") is None


@pytest.mark.parametrize(
    "options, status, words",
    [
        ({"initial_state": [rules("anything")]}, 400, "Invalid access rule"),
        ({"initial_state": [rules("direct")]}, 400, "Invalid access rule"),
        ({"initial_state": [rules("restricted")], "is_direct": True}, 400, "Invalid access rule"),
        ({"is_direct": True, "preset": "public_chat"}, 400, "Invalid access rule"),
        (
            {"is_direct": True, "initial_state": [{"type": "m.room.join_rules", "content": {"join_rule": "public"}}]},
            400,
            "Invalid access rule",
        ),
        ({"preset": "public_chat", "initial_state": [rules("unrestricted")]}, 400, "Invalid access rule"),
        ({"initial_state": [rules("restricted", visibility="secret")]}, 400, "Invalid access rule"),
        ({"initial_state": [{"type": RULES, "state_key": "", "content": {}}]}, 400, "Invalid access rule"),
        ({"power_level_content_override": {"invite": 0}}, 400, "Invalid power levels content override"),
        ({"power_level_content_override": {"state_default": 50}}, 400, "Invalid power levels content override"),
        ({"power_level_content_override": {"invite": "50"}}, 400, "Invalid power levels content override"),
        (
            {"initial_state": [rules("unrestricted")], "power_level_content_override": {"users_default": 10}},
            403,
            "power by default",
        ),
        (
            {
                "initial_state": [rules("unrestricted")],
                "room_version": "11",
                "power_level_content_override": {"users": {f"@gaston:{GUESTS}": 50}},
            },
            403,
            "Guests cannot be moderators",
        ),
        ({"preset": "public_chat", "initial_state": [{"type": "m.room.encryption", "content": {}}]}, 403, "not encrypted"),
        ({"preset": "public_chat", "initial_state": [{"type": "m.room.retention", "content": {}}]}, 403, "three months"),
        (
            {
                "preset": "public_chat",
                "initial_state": [{"type": "m.room.retention", "content": {"max_lifetime": FORUM_RETENTION_MS + 1}}],
            },
            403,
            "three months",
        ),
        ({"is_direct": True, "name": "Us"}, 403, "no name"),
        ({"is_direct": True, "invite": ["@bob:localhost", "@carol:localhost"]}, 403, "two people"),
        ({"invite": [f"@gaston:{GUESTS}"]}, 403, "not open to guests"),
        ({**LISTED, "initial_state": [rules("unrestricted")]}, 403, "Only rooms for agents"),
        ({**LISTED, "is_direct": True}, 403, "Only rooms for agents"),
        (
            {"initial_state": [{"type": "m.room.third_party_invite", "state_key": "t", "content": {"public_key": "k"}}]},
            403,
            "e-mail",
        ),
    ],
)
async def test_rooms_that_are_not_made(alice: Person, options: dict[str, Any], status: int, words: str) -> None:
    before = await alice.call("GET", "/joined_rooms")
    error = await refused(alice.create_room(**options))
    assert error.status == status and words in error.body["error"], error.body
    assert await alice.call("GET", "/joined_rooms") == before, "nothing is left of it"


# -------------------------------------------------------------------------------------------------------------- changing


async def change(person: Person, room: str, **content: Any) -> None:
    await person.set_state(room, RULES, {**await rules_of(person, room), **content})


async def test_transitions(alice: Person, bob: Person) -> None:
    private = await alice.create_room(room_version="11")
    for wrong in ({"rule": "direct"}, {"rule": "open"}, {"visibility": "public"}, {"force_unencrypted_at_creation": True}):
        assert (await refused(change(alice, private, **wrong))).status == 403, wrong
    assert (await refused(alice.set_state(private, RULES, {}))).status == 403
    await change(alice, private, rule="unrestricted")
    await change(alice, private, rule="restricted")  # nobody from outside is in it: it may be taken back
    forum = await alice.create_room(preset="public_chat", visibility="public")
    for wrong in ({"rule": "unrestricted"}, {"visibility": "private"}, {"rule": "direct"}):
        assert (await refused(change(alice, forum, **wrong))).status == 403, wrong
    assert (await refused(alice.set_state(forum, RULES, {"rule": "restricted"}))).status == 403, "visibility cannot be removed"
    direct = await alice.create_room(is_direct=True, invite=[bob.id])
    for wrong in ({"rule": "restricted"}, {"rule": "unrestricted"}):
        assert (await refused(change(alice, direct, **wrong))).status == 403, wrong


async def test_a_moderator_does_not_decide_what_a_room_is(alice: Person, bob: Person) -> None:
    room = await alice.create_room(room_version="11", invite=[bob.id])
    await bob.join(room)
    levels = await alice.state(room, "m.room.power_levels")
    await alice.set_state(room, "m.room.power_levels", {**levels, "users": {**levels["users"], bob.id: 50}})
    await bob.set_state(room, "m.room.name", {"name": "A moderator may do this"})
    assert (await refused(change(bob, room, rule="unrestricted"))).status == 403


async def test_a_room_in_the_directory_is_not_opened_to_guests(alice: Person) -> None:
    room = await alice.create_room()
    listing = f"/directory/list/room/{segment(room)}"
    await alice.call("PUT", listing, {"visibility": "public"})
    assert (await refused(change(alice, room, rule="unrestricted"))).status == 403
    await alice.call("PUT", listing, {"visibility": "private"})
    await change(alice, room, rule="unrestricted")
    assert (await refused(alice.call("PUT", listing, {"visibility": "public"}))).status == 403


async def test_state_that_a_kind_of_room_does_not_have(alice: Person, bob: Person) -> None:
    direct = await alice.create_room(is_direct=True, invite=[bob.id])
    for kind, content in (
        ("m.room.name", {"name": "x"}),
        ("m.room.topic", {"topic": "x"}),
        ("m.room.avatar", {"url": "mxc://a/b"}),
        ("m.room.join_rules", {"join_rule": "public"}),
    ):
        assert (await refused(alice.set_state(direct, kind, content))).status == 403, kind
    forum = await alice.create_room(preset="public_chat")
    assert (await refused(alice.set_state(forum, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}))).status == 403
    for content in ({}, {"max_lifetime": FORUM_RETENTION_MS + 1}, {"max_lifetime": 0}):
        assert (await refused(alice.set_state(forum, "m.room.retention", content))).status == 403
    assert (await refused(alice.set_state(forum, "m.room.retention", {"max_lifetime": "1"}))).status == 400
    await alice.set_state(forum, "m.room.retention", {"max_lifetime": 86_400_000})
    private = await alice.create_room()
    await alice.set_state(private, "m.room.join_rules", {"join_rule": "public"})  # access by link
    await bob.join(private)
    await alice.set_state(private, "m.room.join_rules", {"join_rule": "invite"})


async def test_no_third_person_in_a_direct_conversation(ministry: Server, alice: Person, bob: Person) -> None:
    carol = await account(ministry, "carol")
    room = await alice.create_room(is_direct=True, preset="trusted_private_chat", invite=[bob.id], room_version="11")
    assert (await refused(alice.invite(room, carol))).status == 403
    by_address = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": "z@culture.example"}
    assert (await refused(alice.call("POST", f"/rooms/{segment(room)}/invite", by_address))).status == 403
    await bob.join(room)
    member = {"membership": "invite"}
    assert (await refused(alice.set_state(room, "m.room.member", member, carol.id))).status == 403, "not by another door either"
    await bob.leave(room)
    await alice.invite(room, bob)  # the same two
    await bob.join(room)


async def test_an_upgrade_carries_the_rules_over(alice: Person) -> None:
    room = await alice.create_room(room_version="11")
    await change(alice, room, rule="unrestricted")
    new = (await alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "12"}))["replacement_room"]
    assert await rules_of(alice, new) == {"rule": "unrestricted", "visibility": "private"}


# ---------------------------------------------------------------------------------------------------------------- guests


async def test_what_guests_cannot_do(ministry: Server, alice: Person, bob: Person, gaston: Person) -> None:
    assert (await refused(gaston.create_room())).status == 403
    assert (await refused(gaston.create_room(is_direct=True, invite=[alice.id]))).status == 403
    assert (await gaston.call("POST", "/user_directory/search", {"search_term": "alice"}))["results"] == []
    forum = await alice.create_room(preset="public_chat", visibility="public", name="Forum")
    for asked in (gaston.call("POST", "/publicRooms", {}), gaston.call("GET", "/publicRooms")):
        assert (await asked)["chunk"] == []
    assert (await refused(gaston.join(forum))).status == 403
    assert (await refused(alice.invite(forum, gaston))).status == 403
    private = await alice.create_room()
    assert (await refused(alice.invite(private, gaston))).status == 403
    member = {"membership": "invite"}
    assert (await refused(alice.set_state(private, "m.room.member", member, gaston.id))).status == 403
    room = await alice.create_room(initial_state=[rules("unrestricted")], invite=[gaston.id, bob.id], room_version="11")
    await gaston.join(room)
    carol = await account(ministry, "carol")
    levels = await alice.state(room, "m.room.power_levels")
    assert (
        await refused(alice.set_state(room, "m.room.power_levels", {**levels, "users": {**levels["users"], gaston.id: 50}}))
    ).status == 403
    assert (await refused(alice.set_state(room, "m.room.power_levels", {**levels, "users_default": 50}))).status == 403
    await alice.set_state(room, "m.room.power_levels", {**levels, "invite": 50, "users": {**levels["users"], bob.id: 50}})
    assert (await refused(gaston.invite(room, carol))).status == 403
    assert (await refused(gaston.call("PUT", f"/directory/list/room/{segment(room)}", {"visibility": "public"}))).status == 403
    await gaston.say(room, "but I may speak")


@pytest.mark.parametrize("version", ["11", "12"])
@pytest.mark.parametrize("door", ["additional_creators", "trusted", "users", "users_default", "upgrade"])
async def test_a_guest_gets_no_power_over_a_new_room(alice: Person, gaston: Person, door: str, version: str) -> None:
    wanted: dict[str, Any] = {"initial_state": [rules("unrestricted")], "room_version": version, "invite": [gaston.id]}
    if door == "upgrade":
        room = await alice.create_room(**wanted)
        body = {"new_version": version, "additional_creators": [gaston.id]}
        answer = await refused(alice.call("POST", f"/rooms/{segment(room)}/upgrade", body))
        assert answer.status == (403 if version == "12" else 400)
        return
    asked: dict[str, dict[str, Any]] = {
        "additional_creators": {"creation_content": {"additional_creators": [gaston.id]}},
        "trusted": {"preset": "trusted_private_chat"},
        "users": {"power_level_content_override": {"users": {gaston.id: 50}}},
        "users_default": {"power_level_content_override": {"users_default": 50}},
    }
    if (door, version) == ("additional_creators", "11"):
        room = await alice.create_room(**wanted, **asked[door])
        assert gaston.id not in (await alice.state(room, "m.room.power_levels"))["users"]
        return
    assert (await refused(alice.create_room(**wanted, **asked[door]))).status == 403


TOO_LOW: list[dict[str, Any]] = [
    {"state_default": 0},
    {"state_default": 50},
    {"invite": 0},
    {"kick": 0},
    {"ban": 0},
    {"redact": 0},
    {"users_default": 1},
    {"events": {"m.room.topic": 0}},
    {"events": {"m.room.power_levels": -1}},
    {"events": {"m.space.child": 0}},
    {"events": {"example.own": 0}},
]
POWER = "m.room.power_levels"


async def _made(alice: Person, **options: Any) -> str:
    return await alice.create_room(initial_state=[rules("unrestricted")], room_version="11", **options)


async def _by_override(alice: Person, low: dict[str, Any], guest: Person) -> None:
    await _made(alice, power_level_content_override=low)


async def _by_put(alice: Person, low: dict[str, Any], guest: Person) -> None:
    room = await _made(alice)
    await alice.set_state(room, POWER, _with(await alice.state(room, POWER), low))


async def _by_put_without(alice: Person, low: dict[str, Any], guest: Person) -> None:
    """Nothing but this: what is not said is what the specification says, which is lower."""
    await alice.set_state(await _made(alice), POWER, {"users": {alice.id: 100}, **low})


async def _by_put_in_a_direct_conversation(alice: Person, low: dict[str, Any], guest: Person) -> None:
    room = await alice.create_room(is_direct=True, invite=[guest.id], room_version="11")
    await guest.join(room)
    await alice.set_state(room, POWER, _with(await alice.state(room, POWER), low))


async def _by_opening(alice: Person, low: dict[str, Any], guest: Person) -> None:
    room = await _closed_and_low(alice, low)
    await change(alice, room, rule="unrestricted")


async def _by_guest_access(alice: Person, low: dict[str, Any], guest: Person) -> None:
    room = await _closed_and_low(alice, low)
    await alice.call("POST", f"/_chappe/client/v1/rooms/{segment(room)}/guest_access/open", {})


async def _closed_and_low(alice: Person, low: dict[str, Any]) -> str:
    """Among agents a room's levels are its administrators' own."""
    room = await alice.create_room(room_version="11")
    await alice.set_state(room, POWER, _with(await alice.state(room, POWER), low))
    return room


def _with(levels: dict[str, Any], low: dict[str, Any]) -> dict[str, Any]:
    return {**levels, **low, "events": {**levels["events"], **low.get("events", {})}}


@pytest.mark.parametrize("low", TOO_LOW, ids=str)
@pytest.mark.parametrize(
    "door",
    [_by_override, _by_put, _by_put_without, _by_put_in_a_direct_conversation, _by_opening, _by_guest_access],
    ids=lambda door: door.__name__,
)
async def test_where_guests_may_be_nobody_below_moderators_has_power(
    alice: Person, gaston: Person, door: Any, low: dict[str, Any]
) -> None:
    answer = await refused(door(alice, low, gaston))
    by_key = door is _by_override and bool({"invite", "state_default"} & low.keys())
    assert answer.status == (400 if by_key else 403), answer.body


async def test_a_new_room_has_its_levels_from_the_layer(alice: Person) -> None:
    for low in TOO_LOW:
        state = [rules("unrestricted"), {"type": POWER, "state_key": "", "content": {"users": {alice.id: 100}, **low}}]
        if "events" in low and POWER not in low["events"]:
            assert (await refused(alice.create_room(initial_state=state, room_version="11"))).status == 403, low
            continue
        levels = await alice.state(await alice.create_room(initial_state=state, room_version="11"), POWER)
        assert (levels["state_default"], levels["invite"], levels["users_default"]) == (100, 50, 0), low
        assert levels["events"][POWER] == 100


async def test_what_came_from_elsewhere_gives_a_guest_no_power(
    ministry: Server, alice: Person, bob: Person, gaston: Person
) -> None:
    """Another server's levels cannot be refused: what a guest does by them is, and nobody is kept by them."""
    room = await alice.create_room(initial_state=[rules("unrestricted")], invite=[bob.id, gaston.id], room_version="11")
    for person in (bob, gaston):
        await person.join(room)
    levels = await alice.state(room, POWER)
    low = {**levels, "state_default": 0, "invite": 0, "events": {"m.room.topic": 0, "m.call.member": 0}}
    live = await ministry.node.rooms.require(room)
    await ministry.node.rooms.submit(live, [Draft(POWER, alice.id, low, "")])
    for kind, content in (("m.room.topic", {"topic": "x"}), ("m.room.name", {"name": "x"}), (POWER, low), ("example.own", {})):
        for key in ("", "x"):
            assert (await refused(gaston.set_state(room, kind, content, key))).status == 403, kind
    await gaston.set_state(room, "m.call.member", {}, f"_{gaston.id}_DEVICE")
    await gaston.say(room, "and I may speak")
    assert (await refused(alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "12"}))).status == 403
    await alice.set_state(room, POWER, {**low, "ban": 60})
    assert (await refused(alice.set_state(room, POWER, {**low, "ban": 10}))).status == 403
    await alice.leave(room)
    assert (await bob.state(room, POWER))["users"] == {alice.id: 100, bob.id: 100}


async def test_levels_and_rules_that_change_at_once(ministry: Server, alice: Person) -> None:
    """Each would be allowed by what the other one replaces."""
    second = await alice.another_device()
    for number in range(20):
        room = await alice.create_room(room_version="11")
        low = {**await alice.state(room, POWER), "state_default": 0}
        both = (alice.set_state(room, POWER, low), change(second, room, rule="unrestricted"))
        await asyncio.gather(*(both if number % 2 else reversed(both)), return_exceptions=True)
        rule, levels = (await rules_of(alice, room))["rule"], await alice.state(room, POWER)
        assert rule == "restricted" or levels["state_default"] == 100, number


@pytest.mark.parametrize(
    ("is_direct", "preset", "rule", "status"),
    [
        (False, "private_chat", "restricted", 200),
        (False, "private_chat", "unrestricted", 200),
        (False, "private_chat", "direct", 403),
        (False, "public_chat", "restricted", 200),
        (False, "public_chat", "unrestricted", 403),
        (True, "private_chat", "direct", 403),
        (True, "private_chat", "restricted", 200),
    ],
)
async def test_rules_that_another_server_has_emptied(
    ministry: Server, alice: Person, gaston: Person, is_direct: bool, preset: str, rule: str, status: int
) -> None:
    """They are the strictest ones until they are set again, and they are not set to what the room was not."""
    room = await alice.create_room(is_direct=is_direct, preset=preset, room_version="11")
    was = await rules_of(alice, room)
    await ministry.node.rooms.submit(await ministry.node.rooms.require(room), [Draft(RULES, alice.id, {}, "")])
    assert (await refused(alice.invite(room, gaston))).status == 403
    assert (await refused(alice.set_state(room, RULES, {}))).status == 403
    try:
        await alice.set_state(room, RULES, {**was, "rule": rule})
        answer = 200
    except Refused as refusal:
        answer = refusal.status
    assert answer == status


async def test_redacting_does_not_change_what_setting_could_not(alice: Person, bob: Person) -> None:
    """All rules that a forum and a direct conversation have, at the third door for state."""
    forum = await alice.create_room(preset="public_chat", visibility="public", topic="Sujet")
    direct = await alice.create_room(is_direct=True, invite=[bob.id], preset="trusted_private_chat")
    tried = set()
    for room in (forum, direct):
        for event in await alice.call("GET", f"/rooms/{segment(room)}/state"):
            if event["type"] in ("m.room.member", "m.room.topic"):
                continue
            assert (await refused(alice.redact(room, event["event_id"]))).status == 403, event["type"]
            tried.add(event["type"])
    assert {RULES, "m.room.retention", "m.room.power_levels", "m.room.join_rules", "m.room.encryption"} <= tried
    assert await rules_of(alice, direct) == {"rule": "direct", "visibility": "private"}
    topic = await alice.set_state(forum, "m.room.topic", {"topic": "Autre sujet"})
    await alice.redact(forum, topic)
    assert await alice.state(forum, "m.room.topic") == {}


async def test_a_guest_comes_in_by_invitation_only(alice: Person, gaston: Person) -> None:
    room = await alice.create_room(initial_state=[rules("unrestricted")], room_version="11")
    await alice.set_state(room, "m.room.join_rules", {"join_rule": "public"})
    assert (await refused(gaston.join(room))).status == 403
    await alice.invite(room, gaston)
    await gaston.join(room)
    await gaston.leave(room)
    assert (await refused(gaston.join(room))).status == 403, "a link does not bring a guest back"


async def test_inviting_a_stranger_by_address(ministry: Server, alice: Person) -> None:
    room = await alice.create_room()
    body = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": "partner@gmail.example"}
    path = f"/rooms/{segment(room)}/invite"
    error = await refused(alice.call("POST", path, body))
    assert error.status == 403 and "open it first" in error.body["error"]
    await alice.call("POST", path, {**body, "address": "colleague@culture.example"})
    assert (await refused(alice.call("POST", path, {**body, "address": "a@gmail.example@culture.example"}))).status == 400
    await change(alice, room, rule="unrestricted")
    await alice.call("POST", path, body)
    assert await agency(ministry).is_invited("partner@gmail.example")


async def test_opening_to_guests_and_closing_again(alice: Person, bob: Person, gaston: Person) -> None:
    room = await alice.create_room(room_version="11", invite=[bob.id])
    await bob.join(room)
    await alice.say(room, "before")
    base = f"/_chappe/client/v1/rooms/{segment(room)}/guest_access"
    assert (await refused(bob.call("POST", f"{base}/open", {}))).status == 403
    await alice.call("POST", f"{base}/open", {})
    assert (await rules_of(alice, room))["rule"] == "unrestricted"
    await alice.invite(room, gaston)
    await gaston.join(room)
    for number in range(3):
        await alice.say(room, f"seen {number}")
    assert (await refused(change(alice, room, rule="restricted"))).status == 403, "not while guests are in it"
    assert (await refused(bob.call("POST", f"{base}/close", {}))).status == 403
    report = (await alice.call("POST", f"{base}/close", {}))["removed"]
    assert [(entry["user_id"], entry["messages"]) for entry in report] == [(gaston.id, 3)] and report[0]["since_ts"] > 0
    assert await membership(alice, room, gaston) == "leave" and (await rules_of(alice, room))["rule"] == "restricted"
    assert (await refused(alice.invite(room, gaston))).status == 403
    assert (await refused(alice.call("POST", f"{base}/close", {}))).status == 403, "it is closed"
    assert (await refused(gaston.call("POST", f"{base}/open", {}))).status == 403


# ------------------------------------------------------------------------------------------------- the last administrator


async def test_the_next_in_power_takes_over(ministry: Server, alice: Person, bob: Person, gaston: Person) -> None:
    carol = await account(ministry, "carol")
    room = await alice.create_room(
        initial_state=[rules("unrestricted")], invite=[bob.id, carol.id, gaston.id], room_version="11"
    )
    for person in (bob, carol, gaston):
        await person.join(room)
    levels = await alice.state(room, "m.room.power_levels")
    await alice.set_state(room, "m.room.power_levels", {**levels, "users": {**levels["users"], bob.id: 50, carol.id: 10}})
    await alice.leave(room)
    users = (await bob.state(room, "m.room.power_levels"))["users"]
    assert (users[bob.id], users[carol.id], users.get(gaston.id, 0)) == (100, 10, 0)
    await carol.leave(room)
    assert (await bob.state(room, "m.room.power_levels"))["users"] == users, "somebody stays who may"


async def test_where_nobody_has_power_everybody_gets_it_but_guests(alice: Person, bob: Person, gaston: Person) -> None:
    closed = await alice.create_room(invite=[bob.id], room_version="11")
    await bob.join(closed)
    await alice.leave(closed)
    assert (await bob.state(closed, "m.room.power_levels"))["users_default"] == 100
    opened = await alice.create_room(initial_state=[rules("unrestricted")], invite=[bob.id, gaston.id], room_version="11")
    for person in (bob, gaston):
        await person.join(opened)
    await alice.set_state(opened, "m.room.member", {"membership": "leave"}, alice.id)  # by the other door
    levels = await bob.state(opened, "m.room.power_levels")
    assert levels["users"][bob.id] == 100 and levels["users_default"] == 0 and levels["users"].get(gaston.id, 0) == 0
    alone = await alice.create_room()
    await alice.leave(alone)


async def test_in_version_12_the_creator_hands_over_too(alice: Person, bob: Person) -> None:
    room = await alice.create_room(invite=[bob.id], room_version="12")
    await bob.join(room)
    await alice.leave(room)
    assert (await bob.state(room, "m.room.power_levels"))["users_default"] == 100
