"""Memberships without a room: invitations and knocks where nobody of this server is. They are pushed, and their end is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.federation.conftest import Peer
from tests.federation.test_rooms import members
from tests.homeserver.reference_client import SLIDING
from tests.homeserver.test_push import LOCAL, pusher
from tests.neighbours import Gateway
from tests.support import Person, Server, segment, until

MEMBER = "m.room.member"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    running = await Gateway().start()
    yield running
    await running.stop()


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


async def ended(device: Person, slider: Slider, room: str, by: str, mode: str = "state", form: str = "client") -> None:
    """Both syncs tell who ended it, once. A new connection hears of it where others did, and never of a room like any other."""
    query = {"use_state_after": "true"} if mode == "state_after" else {}
    query |= {"filter": json.dumps({"event_format": form})} if form != "client" else {}

    async def left() -> Any:
        return (await device.sync(**query)).get("rooms", {}).get("leave", {}).get(room)

    section = await until(left)
    told = [*section[mode]["events"], *section["timeline"]["events"]]
    assert {(e["type"], e["state_key"], e["sender"], e["content"]["membership"]) for e in told} == {
        (MEMBER, device.id, by, "leave")
    }
    answer = await slider.ask()
    assert answer["lists"]["all"]["count"] == 1
    result = answer["rooms"][room]
    for events in (result["required_state"], result["timeline"]):
        assert [(e["type"], e["sender"], e["content"]["membership"]) for e in events] == [(MEMBER, by, "leave")]
    assert room not in (await slider.ask())["rooms"]
    fresh = (await Slider(device).ask())["rooms"].get(room)
    assert fresh is None if by == device.id else fresh["required_state"][0]["content"]["membership"] == "leave"
    assert "rooms" not in await device.sync(**query)
    assert room not in str((await device.call("GET", "/sync")).get("rooms", {}))


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
    await untold.tell()
    assert await database.fetchval(waiting) == 0, "not at once"
    await database.execute("UPDATE untold_leaves SET next_try_ts = 0")
    await untold.tell()
    assert await database.fetchval(waiting) == 1
    again = Server(config, data, url)
    await again.start()
    try:
        back = Person(again, alice.session)
        assert (await members(back, room))[bob.id] == "invite"
        await there.node.federation_sender.retry(here.config.server_name)
        await database.execute("UPDATE untold_leaves SET next_try_ts = 0")
        await untold.tell()
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
    await there.node.elsewhere.untold.keep(bob.id, live.number, [here.config.server_name], {})
    await there.node.database.execute("UPDATE untold_leaves SET next_try_ts = 0")
    await there.node.elsewhere.untold.tell()
    assert (await members(alice, room))[bob.id] == "invite"
    assert await there.node.database.fetchval("SELECT count(*) FROM untold_leaves") == 0
