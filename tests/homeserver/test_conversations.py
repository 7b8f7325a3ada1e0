"""Who may come in and who may write: upgrades, invitations by address, ignoring, blocking, notices, guests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.matrix.identifiers import UserId
from tests.support import Person, Server, bodies, joined, refused, segment

NewServer = Callable[..., Awaitable[Server]]


async def account_data(person: Person, kind: str, content: Any) -> None:
    await person.call("PUT", f"/user/{segment(person.id)}/account_data/{kind}", content)


# ------------------------------------------------------------------------------------------------------------ upgrades


@pytest.mark.parametrize(("old_version", "new_version"), [("10", "12"), ("12", "11"), ("6", "10"), ("12", "12")])
async def test_a_room_is_replaced(alice: Person, bob: Person, carol: Person, old_version: str, new_version: str) -> None:
    name = alice.id[1:].split(":")[0]
    old = await alice.create_room(
        room_version=old_version,
        name="Salon",
        topic="t",
        room_alias_name=f"up-{name}-{old_version}-{new_version}",
        invite=[bob.id],
        initial_state=[{"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}],
        visibility="private",
        creation_content={"type": "m.space"},
    )
    await bob.join(old)
    await alice.act("ban", old, carol, "reasons")
    await alice.call("PUT", f"/directory/list/room/{segment(old)}", {"visibility": "public"})
    await bob.call("PUT", f"/user/{segment(bob.id)}/rooms/{segment(old)}/tags/m.favourite", {"order": 0.5})
    await account_data(bob, "m.direct", {alice.id: [old]})
    await bob.call("PUT", f"/pushrules/global/room/{segment(old)}", {"actions": []})
    levels = await alice.state(old, "m.room.power_levels")
    levels["users"] = {**levels.get("users", {}), bob.id: 50}
    await alice.set_state(old, "m.room.power_levels", levels)
    new = (await alice.call("POST", f"/rooms/{segment(old)}/upgrade", {"new_version": new_version}))["replacement_room"]
    create = await alice.state(new, "m.room.create")
    assert (create["room_version"], create["predecessor"]["room_id"], create["type"]) == (new_version, old, "m.space")
    assert (await alice.state(old, "m.room.tombstone"))["replacement_room"] == new
    assert (await alice.state(new, "m.room.name"), await alice.state(new, "m.room.topic")) == (
        {"name": "Salon"},
        await alice.state(old, "m.room.topic"),
    )
    assert await alice.state(new, "m.room.encryption") == {"algorithm": "m.megolm.v1.aes-sha2"}
    assert (await alice.state(new, "m.room.member", carol.id))["membership"] == "ban"
    alias = (await alice.state(new, "m.room.canonical_alias"))["alias"]
    assert (await bob.call("GET", f"/directory/room/{segment(alias)}"))["room_id"] == new
    assert await bob.call("GET", f"/directory/list/room/{segment(new)}") == {"visibility": "public"}
    assert await bob.call("GET", f"/directory/list/room/{segment(old)}") == {"visibility": "private"}
    now = await alice.state(new, "m.room.power_levels")
    assert now["users"][bob.id] == 50
    assert (alice.id in now["users"]) is (new_version != "12")
    if new_version == "12":
        assert now["events"]["m.room.tombstone"] == 150
    old_levels = await alice.state(old, "m.room.power_levels")
    assert old_levels["events_default"] == 50 and old_levels["invite"] == 50
    assert (await alice.state(new, "m.room.member", bob.id))["membership"] == "invite"  # the old room was by invitation
    await bob.join(new)
    assert (await bob.call("GET", f"/user/{segment(bob.id)}/rooms/{segment(new)}/tags"))["tags"] == {
        "m.favourite": {"order": 0.5}
    }
    assert (await bob.call("GET", f"/user/{segment(bob.id)}/account_data/m.direct"))[alice.id] == [old, new]
    assert (await bob.call("GET", f"/pushrules/global/room/{segment(new)}"))["actions"] == []
    await alice.say(new, "here")


@pytest.mark.parametrize("says", ["nothing", "another room"])
async def test_a_room_that_only_says_that_it_replaces_another(alice: Person, bob: Person, says: str) -> None:
    """Mallory names the room in which Alice and Bob talk as what was before his: for nobody's client it becomes that."""
    mallory = alice
    old = await bob.create_room(invite=[alice.id])
    await alice.join(old)
    await account_data(bob, "m.direct", {alice.id: [old]})
    await bob.call("PUT", f"/user/{segment(bob.id)}/rooms/{segment(old)}/tags/m.favourite", {"order": 0.5})
    if says == "another room":
        await bob.set_state(old, "m.room.tombstone", {"body": "moved", "replacement_room": "!elsewhere:example.org"})
    before = {"room_id": old, "event_id": "$whatever"}
    new = await mallory.create_room(invite=[bob.id], creation_content={"predecessor": before})
    await bob.join(new)
    assert (await bob.call("GET", f"/user/{segment(bob.id)}/account_data/m.direct")) == {alice.id: [old]}
    assert (await bob.call("GET", f"/user/{segment(bob.id)}/rooms/{segment(new)}/tags"))["tags"] == {}


async def test_upgrades_that_are_refused(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    path = f"/rooms/{segment(room)}/upgrade"
    assert (await refused(bob.call("POST", path, {"new_version": "12"}))).errcode == "M_FORBIDDEN"
    assert (await refused(alice.call("POST", path, {"new_version": "99"}))).errcode == "M_UNSUPPORTED_ROOM_VERSION"
    assert (await refused(alice.call("POST", path, {}))).errcode == "M_MISSING_PARAM"
    assert (await refused(alice.call("POST", path, {"new_version": "12", "additional_creators": ["x"]}))).status == 400
    assert (await refused(bob.call("POST", "/rooms/!none/upgrade", {"new_version": "12"}))).status == 403
    await refused(alice.state(room, "m.room.tombstone"))
    new = (await alice.call("POST", path, {"new_version": "12", "additional_creators": [bob.id]}))["replacement_room"]
    assert (await alice.state(new, "m.room.create"))["additional_creators"] == [bob.id]


# --------------------------------------------------------------------------------------------- invitations by address


async def test_inviting_by_address(server: Server, alice: Person, bob: Person) -> None:
    node = server.node
    known, unknown = f"{bob.id[1:].split(':')[0]}@culture.example", f"later-{bob.device}@Culture.example"
    await node.bind_threepid(UserId(bob.id), "email", known, 1)
    by_address = {"id_server": "localhost", "id_access_token": "x", "medium": "email"}
    room = await alice.create_room(invite_3pid=[{**by_address, "address": known.upper()}])
    assert (await alice.state(room, "m.room.member", bob.id))["membership"] == "invite"
    path = f"/rooms/{segment(room)}/invite"
    await alice.call("POST", path, {**by_address, "address": unknown})
    state = await alice.call("GET", f"/rooms/{segment(room)}/state")
    (waiting,) = [e for e in state if e["type"] == "m.room.third_party_invite"]
    assert waiting["content"]["display_name"] == "l...@c..."
    valid = "/_matrix/identity/v2/pubkey/ephemeral/isvalid"
    assert await alice.call("GET", valid, public_key=waiting["content"]["public_key"]) == {"valid": True}
    carol = await server.person()
    await node.bind_threepid(UserId(carol.id), "email", unknown, 2)
    member = await alice.state(room, "m.room.member", carol.id)
    assert (member["membership"], member["third_party_invite"]["signed"]["mxid"]) == ("invite", carol.id)
    assert await alice.call("GET", valid, public_key=waiting["content"]["public_key"]) == {"valid": False}
    await carol.join(room)
    for body, errcode in (
        ({**by_address, "id_server": "elsewhere.example", "address": "a@b.example"}, "M_THREEPID_DENIED"),
        ({**by_address, "medium": "msisdn", "address": "33123"}, "M_THREEPID_MEDIUM_NOT_SUPPORTED"),
        ({**by_address, "address": "nonsense"}, "M_INVALID_PARAM"),
        ({**by_address, "address": "a@b.example@c.example"}, "M_INVALID_PARAM"),
        ({"medium": "email"}, "M_MISSING_PARAM"),
    ):
        assert (await refused(alice.call("POST", path, body))).errcode == errcode
    rooms = await alice.call("GET", "/joined_rooms")
    bad = {"invite_3pid": [{**by_address, "address": "nonsense"}]}
    assert (await refused(alice.call("POST", "/createRoom", bad))).errcode == "M_INVALID_PARAM"
    assert await alice.call("GET", "/joined_rooms") == rooms  # nothing is left of a room that was refused


# --------------------------------------------------------------------------------------------------- whom one wants


async def test_ignored_people_are_not_heard(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    before = await bob.say(room, "before")
    await alice.sync()
    await account_data(alice, "m.ignored_user_list", {"ignored_users": {bob.id: {}}})
    await bob.say(room, "ignored")
    await bob.send(room, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": before, "key": "x"}})
    await bob.call("PUT", f"/profile/{segment(bob.id)}/displayname", {"displayname": "Still here"})
    for _ in range(50):
        section = joined(await alice.sync(), room)
        if section and section["timeline"]["events"]:
            break
        await asyncio.sleep(0.02)
    assert [e["type"] for e in section["timeline"]["events"]] == ["m.room.member"]  # state is everybody's
    assert (await alice.call("GET", "/sync"))["rooms"]["join"][room]["unread_notifications"]["notification_count"] == 0
    assert bodies((await alice.messages(room))["chunk"]) == []
    assert (await refused(alice.call("GET", f"/rooms/{segment(room)}/event/{segment(before)}"))).errcode == "M_NOT_FOUND"
    other = await bob.create_room(invite=[alice.id])
    assert other not in (await alice.call("GET", "/sync"))["rooms"].get("invite", {})
    await account_data(alice, "m.ignored_user_list", {"ignored_users": {}})
    assert bodies((await alice.messages(room))["chunk"]) == ["ignored", "before"]
    assert other in (await alice.call("GET", "/sync"))["rooms"]["invite"]


async def test_invitations_that_are_not_wanted(alice: Person, bob: Person) -> None:
    earlier = await alice.create_room(invite=[bob.id])
    room = await alice.create_room()
    await account_data(bob, "m.invite_permission_config", {"default_action": "block"})
    invite = ("POST", f"/rooms/{segment(room)}/invite", {"user_id": bob.id})
    member = ("PUT", f"/rooms/{segment(room)}/state/m.room.member/{segment(bob.id)}", {"membership": "invite"})
    for call in (invite, member, ("POST", "/createRoom", {"invite": [bob.id]})):
        answer = await refused(alice.call(*call))
        assert (answer.status, answer.errcode) == (403, "M_INVITE_BLOCKED"), call
    assert earlier not in (await bob.call("GET", "/sync")).get("rooms", {}).get("invite", {})
    await account_data(bob, "m.invite_permission_config", {})
    rules = "org.matrix.msc4155.invite_permission_config"
    for config, blocked in (
        ({"blocked_users": ["@*:localhost"]}, True),
        ({"blocked_users": ["@*:localhost"], "allowed_users": [alice.id]}, False),
        ({"blocked_servers": ["local*"]}, True),
        ({"enabled": False, "blocked_servers": ["*"]}, False),
        ({"allowed_servers": ["localhost"], "blocked_servers": ["*"]}, False),
    ):
        await account_data(bob, rules, config)
        if blocked:
            assert (await refused(alice.call(*invite))).errcode == "M_INVITE_BLOCKED", config
        else:
            await alice.call(*invite)
            await alice.act("kick", room, bob)
    await account_data(bob, rules, {"ignored_users": [alice.id]})
    await alice.call(*invite)  # made, and not shown
    assert room not in (await bob.call("GET", "/sync")).get("rooms", {}).get("invite", {})


# -------------------------------------------------------------------------------------------------------- membership


async def test_knocking_and_restricted_rooms(alice: Person, bob: Person, carol: Person) -> None:
    space = await alice.create_room(preset="public_chat", creation_content={"type": "m.space"})
    rule = {"join_rule": "knock_restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
    room = await alice.create_room(initial_state=[{"type": "m.room.join_rules", "content": rule}])
    await bob.join(space)
    await bob.join(room)
    assert (await alice.state(room, "m.room.member", bob.id))["join_authorised_via_users_server"] == alice.id
    assert (await refused(carol.join(room))).status == 403
    await carol.call("POST", f"/knock/{segment(room)}", {"reason": "please"})
    assert "knock_state" in (await carol.call("GET", "/sync"))["rooms"]["knock"][room]
    assert (await alice.state(room, "m.room.member", carol.id))["reason"] == "please"
    await alice.invite(room, carol)
    await carol.join(room)
    await carol.leave(room)
    await carol.call("POST", f"/knock/{segment(room)}", {})
    await carol.leave(room)  # takes the knock back
    assert room not in (await carol.call("GET", "/sync")).get("rooms", {}).get("knock", {})


async def test_guests_leave_when_they_are_not_welcome_any_more(server: Server, alice: Person) -> None:
    room = await alice.create_room(
        preset="private_chat", initial_state=[{"type": "m.room.join_rules", "content": {"join_rule": "public"}}]
    )
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/register?kind=guest", {})
    import json

    guest = Person(server, json.loads(raw))
    await guest.join(room)
    await alice.set_state(room, "m.room.guest_access", {"guest_access": "forbidden"})
    assert (await alice.state(room, "m.room.member", guest.id))["membership"] == "leave"


async def test_an_invitation_while_joining(alice: Person, bob: Person) -> None:
    """Both at once: whichever comes first, Bob is in the room and everybody knows it."""
    for _ in range(5):
        room = await alice.create_room(preset="public_chat")
        await alice.sync()
        await bob.sync()
        results = await asyncio.gather(alice.invite(room, bob), bob.join(room), return_exceptions=True)
        assert not isinstance(results[1], Exception)
        assert (await alice.state(room, "m.room.member", bob.id))["membership"] == "join"
        assert joined(await bob.sync(), room) is not None
        assert room in (await bob.call("GET", "/joined_rooms"))["joined_rooms"]


async def test_a_leave_during_a_sync(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.sync()
    waiting = asyncio.create_task(bob.sync(timeout=20_000))
    await asyncio.sleep(0.05)
    await asyncio.gather(alice.say(room, "last words"), bob.leave(room))
    answers = [await waiting, await bob.sync(timeout=500)]
    left = [a["rooms"]["leave"][room] for a in answers if room in a.get("rooms", {}).get("leave", {})]
    assert len(left) == 1 and left[0]["timeline"]["events"][-1]["content"].get("membership") == "leave"


async def test_a_state_change_between_two_pages(alice: Person, bob: Person) -> None:
    """Pages of history neither lose nor repeat anything while the room goes on."""
    room = await alice.create_room(preset="public_chat")
    events = [await alice.say(room, f"{n}") for n in range(10)]
    await bob.join(room)
    first = await bob.messages(room, limit=5)
    await alice.set_state(room, "m.room.history_visibility", {"history_visibility": "joined"})
    await alice.set_state(room, "m.room.name", {"name": "x"})
    rest = await bob.messages(room, limit=100, from_=first["end"])
    seen = [e["event_id"] for e in first["chunk"] + rest["chunk"]]
    assert len(seen) == len(set(seen)) and set(events) <= set(seen)


async def test_setting_ones_own_membership_as_state(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.set_state(room, "m.room.member", {"membership": "join"}, bob.id)
    await bob.set_state(room, "m.room.member", {"membership": "join", "displayname": "Here only"}, bob.id)
    assert (await alice.state(room, "m.room.member", bob.id))["displayname"] == "Here only"
    assert (
        await refused(bob.set_state(room, "m.room.member", {"membership": "join"}, "nonsense"))
    ).errcode == "M_INVALID_PARAM"
    await bob.set_state(room, "m.room.member", {"membership": "leave"}, bob.id)
    assert (await refused(bob.say(room, "x"))).errcode == "M_FORBIDDEN"


# ----------------------------------------------------------------------------------------------- notices and reports


async def test_server_notices(server: Server, alice: Person) -> None:
    notices = server.node.server_notices
    event = await notices.send(UserId(alice.id), "Maintenance ce soir", "mailto:help@example.org")
    synced = (await alice.call("GET", "/sync"))["rooms"]
    (room,) = synced["join"]
    assert "invite" not in synced, "what the service says needs no acceptance"
    assert "m.server_notice" in (await alice.call("GET", f"/user/{segment(alice.id)}/rooms/{segment(room)}/tags"))["tags"]
    got = await alice.call("GET", f"/rooms/{segment(room)}/event/{segment(event)}")
    assert (got["content"]["msgtype"], got["content"]["body"]) == ("m.server_notice", "Maintenance ce soir")
    assert (await refused(alice.say(room, "answer"))).errcode == "M_FORBIDDEN"
    await alice.leave(room)
    await notices.send(UserId(alice.id), "Encore")
    assert list((await alice.call("GET", "/sync"))["rooms"]["join"]) == [room]  # one room, for ever
    await alice.leave(room)
    await server.node.membership.invite(UserId("@notices:localhost"), room, UserId(alice.id), {})
    answer = await refused(alice.leave(room))
    assert (answer.status, answer.errcode) == (403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM")
    assert (
        await refused(alice.set_state(room, "m.room.member", {"membership": "leave"}, alice.id))
    ).errcode == "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM"
    body = {"username": "notices", "password": "x", "auth": {"type": "m.login.dummy"}}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/register", body)
    assert status == 400 and b"M_EXCLUSIVE" in raw


async def test_notices_by_invitation(new_server: NewServer) -> None:
    """As the specification's servers should have it: invited, and free to leave once they have come in."""
    server = await new_server(
        server_notices_by_invitation=True, server_notices_account="_server", server_notices_name="Alertes"
    )
    alice, notices = await server.person("alice"), server.node.server_notices
    event = await notices.send(UserId(alice.id), "Maintenance ce soir")
    (room, shown), *_ = (await alice.call("GET", "/sync"))["rooms"]["invite"].items()
    assert {e["sender"] for e in shown["invite_state"]["events"]} == {"@_server:localhost"}
    assert (await alice.call("GET", "/profile/@_server:localhost"))["displayname"] == "Alertes"
    answer = await refused(alice.leave(room))
    assert (answer.status, answer.errcode) == (403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM")
    await alice.join(room)
    assert (await alice.call("GET", f"/rooms/{segment(room)}/event/{segment(event)}"))["content"][
        "body"
    ] == "Maintenance ce soir"
    await alice.leave(room)
    await notices.send(UserId(alice.id), "Encore")
    assert list((await alice.call("GET", "/sync"))["rooms"]["invite"]) == [room]
    for name, errcode in (("_server", "M_INVALID_USERNAME"), ("notices", "M_EXCLUSIVE")):
        body = {"username": name, "password": "x", "auth": {"type": "m.login.dummy"}}
        status, raw, _ = await server.raw("POST", "/_matrix/client/v3/register", body)
        assert (status, json.loads(raw)["errcode"]) == (400, errcode)


async def test_notices_under_another_name_come_in_a_room_of_their_own(new_server: NewServer) -> None:
    """Who was not in the room that there is could not write there."""
    server = await new_server()
    alice = await server.person("alice")
    await server.node.server_notices.send(UserId(alice.id), "avant")
    renamed = await new_server(server.url, server_notices_account="information")
    alice.server = renamed
    event = await renamed.node.server_notices.send(UserId(alice.id), "après")
    rooms = (await alice.call("GET", "/sync"))["rooms"]["join"]
    assert len(rooms) == 2
    (room,) = (name for name, shown in rooms.items() if event in [e["event_id"] for e in shown["timeline"]["events"]])
    await renamed.node.server_notices.send(UserId(alice.id), "et encore")
    assert [e["content"]["body"] for e in (await alice.messages(room, limit=2))["chunk"]] == ["et encore", "après"]
    body = {"username": "information", "password": "x", "auth": {"type": "m.login.dummy"}}
    status, raw, _ = await renamed.raw("POST", "/_matrix/client/v3/register", body)
    assert status == 400 and b"M_EXCLUSIVE" in raw


async def test_reports(server: Server, alice: Person, bob: Person, carol: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    event = await alice.say(room, "rude")
    path = f"/rooms/{segment(room)}/report"
    await bob.call("POST", f"{path}/{segment(event)}", {"reason": "rude", "score": -50})
    await bob.call("POST", path, {"reason": "a bad place"})
    await bob.call("POST", f"/users/{segment(alice.id)}/report", {"reason": "a bad person"})
    await carol.call("POST", "/users/%40nobody%3Alocalhost/report", {})
    kept = [(r.reporter, r.room_id, r.event_id, r.user_id, r.reason) for r in await server.node.reports.latest(4)]
    assert kept == [
        (carol.id, None, None, "@nobody:localhost", None),
        (bob.id, None, None, alice.id, "a bad person"),
        (bob.id, room, None, None, "a bad place"),
        (bob.id, room, event, alice.id, "rude"),
    ]
    for call in (
        carol.call("POST", f"{path}/{segment(event)}", {}),
        bob.call("POST", f"{path}/$unknown", {}),
        bob.call("POST", "/rooms/!no/report", {}),
    ):
        assert (await refused(call)).errcode == "M_NOT_FOUND"
    assert (await refused(bob.call("POST", f"{path}/{segment(event)}", {"score": 5}))).status == 400


async def test_moderation_lists_polls_and_beacons_are_ordinary_events(alice: Person, bob: Person) -> None:
    """The server has no part in them but to keep and show them unchanged."""
    room = await alice.create_room(preset="public_chat", creation_content={"type": "m.policy"})
    await bob.join(room)
    rule = {"entity": "@spam:*", "reason": "spam", "recommendation": "m.ban"}
    await alice.set_state(room, "m.policy.rule.user", rule, "rule1")
    assert await bob.state(room, "m.policy.rule.user", "rule1") == rule
    poll = await alice.send(
        room, "m.poll.start", {"m.text": [{"body": "?"}], "m.poll": {"question": {"m.text": [{"body": "?"}]}, "answers": []}}
    )
    vote = await bob.send(
        room, "m.poll.response", {"m.selections": ["a"], "m.relates_to": {"rel_type": "m.reference", "event_id": poll}}
    )
    await alice.send(
        room, "m.poll.end", {"m.relates_to": {"rel_type": "m.reference", "event_id": poll}, "m.text": [{"body": "end"}]}
    )
    page = await bob.call(
        "GET", f"/_matrix/client/v1/rooms/{segment(room)}/relations/{segment(poll)}/m.reference/m.poll.response"
    )
    assert [e["event_id"] for e in page["chunk"]] == [vote]
    await alice.set_state(room, "m.room.pinned_events", {"pinned": [poll]})
    location = {"msgtype": "m.location", "body": "geo", "geo_uri": "geo:48.85,2.35", "m.location": {"uri": "geo:48.85,2.35"}}
    voice = {
        "msgtype": "m.audio",
        "body": "v",
        "url": "mxc://x/y",
        "org.matrix.msc3245.voice": {},
        "info": {"xyz.amorgan.blurhash": "LEHV6nWB2yk8"},
    }
    for content in (location, voice):
        event = await alice.send(room, "m.room.message", content)
        assert (await bob.call("GET", f"/rooms/{segment(room)}/event/{segment(event)}"))["content"] == content
