"""Memberships without a room: invitations and knocks. They are told by both syncs on every device, pushed, listed and counted,
and so is their end; whether somebody of this server is in the room or nobody is, and whether its servers are alive.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.federation.conftest import Peer
from tests.federation.test_rooms import members
from tests.homeserver.reference_client import SLIDING
from tests.homeserver.test_push import LOCAL, pusher
from tests.homeserver.test_services_and_people import Listening, made_by, registration
from tests.neighbours import Gateway
from tests.process import free_port
from tests.support import Person, Server, segment, until

MEMBER = "m.room.member"


class Slider:
    """A device with sliding sync, as mobile clients ask: their own member event and the names."""

    def __init__(self, person: Person) -> None:
        self.person, self.pos, self.name = person, "", f"c{id(self)}"

    async def ask(self) -> dict[str, Any]:
        required = [[MEMBER, "$ME"], ["m.room.name", ""]]
        lists = {"all": {"ranges": [[0, 19]], "timeline_limit": 1, "required_state": required}}
        query = {"pos": self.pos} if self.pos else {}
        answer = await self.person.call("POST", SLIDING, {"lists": lists, "conn_id": self.name[-16:]}, **query)
        self.pos = answer["pos"]
        return answer  # type: ignore[no-any-return]


async def invitation(alice: Person, *devices: Person) -> tuple[str, list[Slider]]:
    """Bob is invited, and each of his devices knows it by both syncs."""
    room = await alice.create_room(name="Cabinet")
    await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": devices[0].id})
    sliders = [Slider(device) for device in devices]
    for device, slider in zip(devices, sliders, strict=True):
        assert room in (await device.sync())["rooms"]["invite"]
        assert "invite_state" in (await slider.ask())["rooms"][room]
    return room, sliders


async def ended(
    device: Person, slider: Slider, room: str, by: str, mode: str = "state", form: str = "client", membership: str = "leave"
) -> None:
    """Both syncs tell who ended it, once. A new connection hears of it where others did, and never of a room like any other."""
    query = {"use_state_after": "true"} if mode == "state_after" else {}
    query |= {"filter": json.dumps({"event_format": form})} if form != "client" else {}

    async def left() -> Any:
        return (await device.sync(timeout=10_000, **query)).get("rooms", {}).get("leave", {}).get(room)

    section = await until(left)
    told = [*section[mode]["events"], *section["timeline"]["events"]]
    assert {(e["type"], e["state_key"], e["sender"], e["content"]["membership"]) for e in told} == {
        (MEMBER, device.id, by, membership)
    }
    answer = await slider.ask()
    assert answer["lists"]["all"]["count"] == 1
    result = answer["rooms"][room]
    for events in (result["required_state"], result["timeline"]):
        assert [(e["type"], e["sender"], e["content"]["membership"]) for e in events] == [(MEMBER, by, membership)]
    assert "notification_count" not in result or result["notification_count"] == result["highlight_count"] == 0
    assert room not in (await slider.ask())["rooms"]
    fresh = (await Slider(device).ask())["rooms"].get(room)
    assert fresh is None if by == device.id else fresh["required_state"][0]["content"]["membership"] == membership
    assert "rooms" not in await device.sync(**query)
    assert room not in str((await device.call("GET", "/sync")).get("rooms", {}))
    assert room not in str(await device.call("GET", "/notifications"))
    assert room not in (await device.call("GET", "/joined_rooms"))["joined_rooms"]


# by how it ends: who ends it, and what is then told of them
ENDS = {"kick": "leave", "ban": "ban", "leave": "leave", "leave, its server dead": "leave"}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", ["invite", "knock"])
@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_told_on_every_device_from_its_beginning_to_its_end(peer: Peer, where: str, kind: str, end: str) -> None:
    there = await peer()
    here = there if where == "here" else await peer()
    if where == "here" and end.endswith("dead"):
        pytest.skip("the room is of this very server")
    alice, bob = await here.person("alice"), await there.person("bob")
    phone = await bob.another_device()
    rule = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    room = await alice.create_room(name="Cabinet", initial_state=[rule])
    sliders = [Slider(bob), Slider(phone)]
    for device, slider in zip((bob, phone), sliders, strict=True):
        await device.sync()
        await slider.ask()
    if kind == "invite":
        await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": bob.id})
    else:
        await phone.call("POST", f"/knock/{segment(room)}", {"reason": "please"}, via=here.config.server_name)
    for device, slider in zip((bob, phone), sliders, strict=True):
        for shown in (await device.sync(timeout=10_000), await device.call("GET", "/sync")):
            state = {(e["type"], e["state_key"]): e for e in shown["rooms"][kind][room][f"{kind}_state"]["events"]}
            assert state["m.room.name", ""]["content"]["name"] == "Cabinet" and ("m.room.create", "") in state
            assert state[MEMBER, bob.id]["content"]["membership"] == kind
        for answer in (await slider.ask(), await Slider(device).ask()):
            assert f"{kind}_state" in answer["rooms"][room]
        listed = (await device.call("GET", "/notifications"))["notifications"]
        assert [(n["room_id"], n["read"]) for n in listed] == ([(room, False)] if kind == "invite" else [])
    if end in ("kick", "ban"):
        await alice.act(end, room, bob)
    else:
        if end.endswith("dead"):
            await here.node.stop()
        await phone.leave(room)
    by = alice.id if end in ("kick", "ban") else bob.id
    for device, slider in zip((bob, phone), sliders, strict=True):
        await ended(device, slider, room, by, membership=ENDS[end])


@pytest.mark.parametrize(("mode", "form"), [("state", "client"), ("state_after", "client"), ("state", "federation")])
async def test_an_invitation_that_is_withdrawn(peer: Peer, mode: str, form: str) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room, [slider] = await invitation(alice, bob)
    await alice.act("kick", room, bob, "a mistake")
    await ended(bob, slider, room, alice.id, mode, form)
    await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": bob.id})  # and again
    assert room in (await bob.sync())["rooms"]["invite"]
    assert "invite_state" in (await slider.ask())["rooms"][room]
    await bob.join(room)
    assert (await bob.state(room, "m.room.name"))["name"] == "Cabinet"


async def test_an_invitation_that_a_colleague_withdraws(peer: Peer) -> None:
    """That server could sign as the inviter: whoever of it speaks is as good."""
    here, there = await peer(), await peer()
    alice, carol, bob = await here.person("alice"), await here.person("carol"), await there.person("bob")
    room, [slider] = await invitation(alice, bob)
    await alice.invite(room, carol)
    await carol.join(room)
    levels = await alice.state(room, "m.room.power_levels")
    await alice.set_state(room, "m.room.power_levels", {**levels, "users": {**levels.get("users", {}), carol.id: 50}})
    await carol.act("kick", room, bob, "a colleague's mistake")
    await ended(bob, slider, room, carol.id)


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("forgets", [True, False])
async def test_an_invitation_that_is_declined_on_another_device(peer: Peer, alive: bool, forgets: bool) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    phone = await bob.another_device()
    room, sliders = await invitation(alice, bob, phone)
    if not alive:
        await here.node.stop()
    await phone.leave(room)
    if forgets:
        await phone.call("POST", f"/rooms/{segment(room)}/forget", {})
    await ended(bob, sliders[0], room, bob.id)


async def test_an_invitation_is_pushed(peer: Peer, gateway: Gateway) -> None:
    here, there = await peer(), await peer(push=LOCAL)
    alice, bob = await here.person("alice"), await there.person("bob")
    await bob.call("POST", "/pushers/set", pusher(gateway, "phone"))
    room = await alice.create_room(name="Cabinet")
    await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": bob.id})
    await until(lambda: len(gateway.events()) == 1)
    pushed = next(n for n in gateway.got if n.get("event_id"))
    assert pushed["room_id"] == room and pushed["sender"] == alice.id and pushed["room_name"] == "Cabinet"
    assert pushed["type"] == MEMBER and pushed["user_is_target"] and pushed["content"]["membership"] == "invite"
    assert pushed["counts"] == {"unread": 1}
    await alice.act("kick", room, bob)
    await until(lambda: gateway.got[-1]["counts"] == {"unread": 0})
    assert len(gateway.events()) == 1, "its end rings nowhere, but the number on the icon falls"


async def test_a_refusal_is_told_once_the_inviters_server_is_back(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(name="Cabinet")
    await alice.invite(room, bob)
    assert room in (await bob.sync())["rooms"]["invite"]
    config, data, url = here.config, here.data, here.url
    await here.stop()
    await bob.leave(room)
    assert room in (await bob.sync())["rooms"]["leave"], "for whoever declines it is done"
    waiting = "SELECT attempts FROM untold_leaves"
    database, untold = there.node.database, there.node.elsewhere.untold
    await untold.tell_servers()
    assert await database.fetchval(waiting) == 0, "not at once"
    await database.execute("UPDATE untold_leaves SET next_try_ts = 0")
    await untold.tell_servers()
    assert await database.fetchval(waiting) == 1
    again = Server(config, data, url)
    await again.start()
    try:
        back = Person(again, alice.session)
        assert (await members(back, room))[bob.id] == "invite"
        await there.node.federation_sender.retry(here.config.server_name)
        await database.execute("UPDATE untold_leaves SET next_try_ts = 0")
        await untold.tell_servers()
        assert (await members(back, room))[bob.id] == "leave"
        assert await database.fetchval("SELECT count(*) FROM untold_leaves") == 0
        await back.invite(room, bob)
        assert room in (await bob.sync())["rooms"]["invite"]
    finally:
        await again.stop()


async def test_who_was_invited_again_meanwhile_has_not_refused(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(name="Cabinet")
    await alice.invite(room, bob)
    live = await there.node.rooms.live.find_any(room)
    assert live is not None
    await there.node.elsewhere.untold.keep_leave(bob.id, live.nid, [here.config.server_name], {})
    await there.node.database.execute("UPDATE untold_leaves SET next_try_ts = 0")
    await there.node.elsewhere.untold.tell_servers()
    assert (await members(alice, room))[bob.id] == "invite"
    assert await there.node.database.fetchval("SELECT count(*) FROM untold_leaves") == 0


async def test_a_bridge_hears_of_invitations_from_elsewhere(peer: Peer, tmp_path: Path) -> None:
    """Of the users of its namespace, with what they are shown of the room; and of their end."""
    service, port = Listening(), free_port()
    runner = await service.start(port)
    try:
        url = f"http://127.0.0.1:{port}"
        users = [{"regex": "@bridge_.*", "exclusive": True}]
        bridge = registration(tmp_path, "bridge", url=url, namespaces={"users": users})
        here, there = await peer(), await peer(application_services=[bridge])
        ghost = await made_by(there, "bridge", "bridge_ghost")
        alice = await here.person("alice")
        room = await alice.create_room(name="Cabinet", invite=[ghost], is_direct=True)
        [invited] = await until(lambda: service.members(ghost))
        assert (invited["room_id"], invited["sender"]) == (room, alice.id)
        assert invited["content"]["membership"] == "invite" and invited["content"]["is_direct"]
        shown = {e["type"] for e in invited["unsigned"]["invite_room_state"]}
        assert {"m.room.create", "m.room.join_rules", "m.room.name", MEMBER} <= shown
        await alice.call("POST", f"/rooms/{segment(room)}/kick", {"user_id": ghost})
        _, gone = await until(lambda: len(service.members(ghost)) == 2 and service.members(ghost))
        assert gone["content"]["membership"] == "leave" and gone["sender"] == alice.id
        await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": ghost})
        await until(lambda: len(service.members(ghost)) == 3)
        path = f"/_matrix/client/v3/join/{segment(room)}?user_id={segment(ghost)}"
        status, raw, _ = await there.raw("POST", path, {}, "bridge")
        assert status == 200, raw
        await until(lambda: [e["content"]["membership"] for e in service.members(ghost)][3:] == ["join"])
        await alice.say(room, "hello")
        await until(lambda: "hello" in service.texts())
    finally:
        await runner.cleanup()
