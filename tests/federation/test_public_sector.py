"""A ministry's rules where others federate with it: guests of another server, and what was erased."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path

import pytest

from chappe.agency.access_rules import FORUM_RETENTION_MS
from chappe.agency.app import AgencyServer
from chappe.agency.organisations import Organisation
from chappe.agency.records.room_archive import RoomArchive
from chappe.config import Agency, Classification
from tests.federation.conftest import Peer
from tests.federation.test_rooms import enter, hears, members
from tests.federation.test_standing_invitations import invites
from tests.process import free_port
from tests.support import Person, Server, bodies, refused, segment, until

RULES = "im.vector.room.access_rules"
GUESTS = "127.0.0.1"  # a server of guests is known by its host: it is another one than that of agents


class Scene:
    alice: Person  # of the ministry
    bob: Person  # an agent of another server
    gaston: Person  # a guest of a third


@pytest.fixture
async def scene(peer: Peer) -> Scene:
    port, s = free_port(), Scene()
    agency = Agency(enabled=True, guest_domains=[f"{GUESTS}:{port}"])
    s.alice = await (await peer(agency=agency)).person("alice")
    s.bob = await (await peer()).person("bob")
    s.gaston = await (await peer(host=GUESTS, port=port)).person("gaston")
    return s


def opened() -> list[dict[str, object]]:
    return [{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]


async def test_guests_of_another_server_come_in_where_they_may(scene: Scene) -> None:
    alice, gaston, here = scene.alice, scene.gaston, scene.alice.server
    forum = await alice.create_room(preset="public_chat", visibility="public")
    assert (await refused(enter(gaston, forum, here))).status == 403
    await enter(scene.bob, forum, here)
    private = await alice.create_room(name="Cabinet")
    assert (await refused(alice.invite(private, gaston))).errcode == "M_FORBIDDEN"
    assert (await refused(alice.create_room(name="Cabinet", invite=[gaston.id]))).errcode == "M_FORBIDDEN"
    project = await alice.create_room(name="Projet", initial_state=opened())
    assert (await refused(enter(gaston, project, here))).status == 403, "not without an invitation"
    await alice.invite(project, gaston)
    await enter(gaston, project, here)
    await gaston.say(project, "here I am")
    await hears(alice, project, "here I am")
    assert (await refused(gaston.invite(project, scene.bob))).errcode == "M_FORBIDDEN"
    removed = await alice.call("POST", f"/_chappe/client/v1/rooms/{segment(project)}/guest_access/close", {})
    assert [guest["user_id"] for guest in removed["removed"]] == [gaston.id]

    async def has_left() -> bool:
        return project not in (await gaston.call("GET", "/joined_rooms"))["joined_rooms"]

    await until(has_left)
    assert (await refused(enter(gaston, project, here))).status == 403


async def test_others_never_get_what_was_erased(scene: Scene) -> None:
    """Who comes in later reads the room's history here: hashes and chains are whole, what was said is not there."""
    alice, here = scene.alice, scene.alice.server
    forum = await alice.create_room(preset="public_chat", visibility="public")
    for n in range(30):
        await alice.say(forum, f"old {n}")
    await asyncio.sleep(0.01)
    last = await alice.say(forum, "last")
    assert isinstance(here.node, AgencyServer) and here.node.retention is not None
    sent = (await alice.call("GET", f"/rooms/{segment(forum)}/event/{segment(last)}"))["origin_server_ts"]
    here.node.retention._now_ms = lambda: sent + FORUM_RETENTION_MS
    assert await here.node.retention.erase_old_messages() == 30
    await enter(scene.bob, forum, here)
    await alice.say(forum, "welcome")
    await hears(scene.bob, forum, "welcome")
    page = await scene.bob.messages(forum, limit=100)
    read = bodies(page["chunk"])
    while page.get("end"):
        page = await scene.bob.messages(forum, limit=100, from_=page["end"])
        read += bodies(page["chunk"])
    assert read == ["welcome", "last"]
    await scene.bob.say(forum, "thank you")
    await hears(alice, forum, "thank you")


async def test_the_archive_of_a_room_of_others(peer: Peer, tmp_path: Path) -> None:
    """It says who was in the room and what it was called when this server came in, though no message here says so."""
    here, there = await peer(agency=Agency(enabled=True)), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await bob.create_room(preset="public_chat", name="Before", topic="What it is about")
    await enter(alice, room, there)
    await bob.set_state(room, "m.room.name", {"name": "Afterwards"})

    async def is_renamed() -> bool:
        return bool(await alice.state(room, "m.room.name") == {"name": "Afterwards"})

    await until(is_renamed)  # and nobody has read what was before, which would fetch it
    assert isinstance(here.node, AgencyServer)
    node, path = here.node, tmp_path / "room.zip"
    archive = RoomArchive(node.database, node.rooms, node.completing, node.media, node.domains, node.holds, None, node.now_ms)
    await archive.write(room, path)
    with zipfile.ZipFile(path) as bag:
        events, before = (
            [json.loads(line)["event"] for line in bag.read(f"data/{name}").splitlines()]
            for name in ("events.jsonl", "state.jsonl")
        )
    names = [event["content"]["name"] for event in (*before, *events) if event["type"] == "m.room.name"]
    assert names == ["Before", "Afterwards"]
    kinds = {event["type"] for event in before}
    assert {"m.room.create", "m.room.power_levels", "m.room.join_rules", "m.room.topic", "m.room.member"} <= kinds
    assert bob.id in {event.get("state_key") for event in before}
    assert not {json.dumps(event) for event in before} & {json.dumps(event) for event in events}, "each of them once"


async def test_a_guest_who_has_become_an_agent_is_one_everywhere(peer: Peer) -> None:
    """The server of the guests says so of its own people, and only of them."""
    port = free_port()
    home = f"{GUESTS}:{port}"
    ministry = await peer(agency=Agency(enabled=True, guest_domains=[home]))
    guests = await peer(host=GUESTS, port=port, agency=Agency(enabled=True, guest_domains=[home]))
    alice, gaston = await ministry.person("alice"), await guests.person("gaston")
    room = await alice.create_room(name="Cabinet")
    assert (await refused(alice.invite(room, gaston))).errcode == "M_FORBIDDEN"
    assert isinstance(guests.node, AgencyServer) and guests.node.agency is not None
    assert isinstance(ministry.node, AgencyServer) and ministry.node.agency is not None
    guests.node.agency.guests.no_longer |= {gaston.id, alice.id}
    await ministry.node.guest_homes.ask_homes()
    assert not ministry.node.agency.guests.is_guest(gaston.id)
    assert ministry.node.agency.guests.agents_of == {home: frozenset((gaston.id,))}
    await alice.invite(room, gaston)
    await enter(gaston, room, ministry)
    await guests.stop()
    await ministry.node.guest_homes.ask_homes()
    assert not ministry.node.agency.guests.is_guest(gaston.id), "a server that does not answer is believed what it said last"


async def test_markings_hold_across_servers(peer: Peer) -> None:
    levels = [Classification("restricted", organisations=["culture"], calls=False)]
    ministry = await peer(agency=Agency(enabled=True, classifications=levels))
    elsewhere, friend = await peer(), await peer()
    alice, eve, bob = await ministry.person("alice"), await elsewhere.person("eve"), await friend.person("bob")
    assert isinstance(ministry.node, AgencyServer) and ministry.node.agency is not None
    await ministry.node.agency.organisations.add(
        Organisation("culture", "Culture", bob.id.partition(":")[2], False, ["culture.example"])
    )
    room = await alice.create_room(name="Note")
    marked = {"level": "restricted"}
    no = await refused(alice.set_state(room, "chappe.classification", marked))
    assert no.status == 403, "alice herself is of no organisation that may be in it"
    await ministry.node.database.execute("INSERT INTO organisation_people VALUES ($1, 'culture', 1)", alice.id)
    await alice.set_state(room, "chappe.classification", marked)
    assert (await refused(alice.invite(room, eve))).errcode == "M_FORBIDDEN"
    await alice.set_state(room, "m.room.join_rules", {"join_rule": "knock"})
    assert (await refused(enter(eve, room, ministry))).status == 403
    await alice.invite(room, bob)
    await enter(bob, room, ministry)
    await bob.say(room, "read")
    await hears(alice, room, "read")


async def test_the_rules_of_rooms_hold_for_other_servers(peer: Peer) -> None:
    """What the French State's servers refuse in a room, asked over federation: a third person in a direct conversation, a guest in a forum."""
    port = free_port()
    ministry = await peer(agency=Agency(enabled=True, guest_domains=[f"{GUESTS}:{port}"]))
    elsewhere, outside = await peer(), await peer(host=GUESTS, port=port)
    alice, bob, carol = await ministry.person("alice"), await elsewhere.person("bob"), await elsewhere.person("carol")
    gaston = await outside.person("gaston")
    direct = await alice.create_room(is_direct=True, invite=[bob.id])
    await enter(bob, direct, ministry)
    for wanted in (alice.invite(direct, carol), enter(carol, direct, ministry)):
        assert (await refused(wanted)).errcode == "M_FORBIDDEN"
    forum = await alice.create_room(preset="public_chat", visibility="public", name="Forum")
    for wanted in (alice.invite(forum, gaston), enter(gaston, forum, ministry)):
        assert (await refused(wanted)).errcode == "M_FORBIDDEN"
    project = await alice.create_room(name="Projet", initial_state=opened())
    levels = await alice.state(project, "m.room.power_levels")
    powerful = {**levels, "users": {**levels.get("users", {}), gaston.id: 50}}
    assert (await refused(alice.set_state(project, "m.room.power_levels", powerful))).errcode == "M_FORBIDDEN"


async def _guests(peer: Peer) -> Server:
    port = free_port()
    return await peer(host=GUESTS, port=port, agency=Agency(enabled=True, guest_domains=[f"{GUESTS}:{port}"]))


async def _is_invited(who: Person, room: str) -> bool:
    return room in (await who.call("GET", "/sync", timeout=0)).get("rooms", {}).get("invite", {})


async def _has_left(owner: Person, room: str, who: Person) -> None:
    async def look() -> bool:
        return (await members(owner, room))[who.id] == "leave"

    await until(look)


@pytest.mark.parametrize("known", ["to nobody here", "to another guest", "from before"])
async def test_guests_of_here_come_into_rooms_elsewhere_by_invitation(peer: Peer, known: str) -> None:
    """Whatever is known here of the room, and whatever its own rules are."""
    guests, far = await _guests(peer), await peer()
    gaston, gilda, owner = await guests.person("gaston"), await guests.person("gilda"), await far.person("owner")
    knocking = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    forum = await owner.create_room(preset="public_chat", room_alias_name="forum", initial_state=opened())
    hall = await owner.create_room(initial_state=[*opened(), knocking])

    async def comes(who: Person, room: str) -> None:
        await owner.invite(room, who)
        await until(lambda: _is_invited(who, room))
        await enter(who, room, far)

    for room in (forum, hall):
        if known != "to nobody here":
            await comes(gilda if known == "to another guest" else gaston, room)
        if known == "from before":
            await gaston.leave(room)
            await _has_left(owner, room, gaston)
    there = far.config.server_name
    for path, of in (("join", forum), ("join", f"#forum:{there}"), ("knock", hall)):
        answer = await refused(gaston.call("POST", f"/{path}/{segment(of)}", {}, via=there))
        assert answer.status in (403, 404), path
    assert (await gaston.call("GET", "/joined_rooms"))["joined_rooms"] == []
    await comes(gaston, forum)


async def test_an_invitation_that_the_room_does_not_know_opens_it_to_no_guest(peer: Peer) -> None:
    guests, far, evil = await _guests(peer), await peer(), await peer()
    gaston, owner, mallory = await guests.person("gaston"), await far.person("owner"), await evil.person("mallory")
    forum = await owner.create_room(preset="public_chat", initial_state=opened(), room_version="11")
    assert await invites(mallory, gaston, forum) == 200
    assert (await refused(enter(gaston, forum, far))).status in (403, 404), "as the last server says that was asked"
    assert (await gaston.call("GET", "/joined_rooms"))["joined_rooms"] == []
