"""What is old in a forum is really gone: from every way of reading, from search, from the disk; and the room is whole."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from chappe.agency.access_rules import FORUM_RETENTION_MS
from chappe.agency.app import AgencyServer
from chappe.agency.retention import Retention
from chappe.homeserver.rooms.stretches import BLOCK
from chappe.matrix.events import event_id_of
from chappe.matrix.room_versions import ROOM_VERSIONS
from tests.agency.conftest import a_ministry, account
from tests.neighbours import Mailbox
from tests.support import Clock, Person, Refused, Server, bodies, segment

DAY, HOUR = 86_400_000, 3_600_000


@pytest_asyncio.fixture
async def retention(ministry: Server) -> Retention:
    assert isinstance(ministry.node, AgencyServer) and ministry.node.retention is not None
    ministry.node.retention._now_ms = Clock(0)
    return ministry.node.retention


async def until_old(retention: Retention, person: Person, room: str, event: str, lifetime: int) -> int:
    """Lets the time come at which everything before an event is too old. Returns how much was erased."""
    found = await person.call("GET", f"/rooms/{segment(room)}/event/{segment(event)}")
    clock = retention._now_ms
    assert isinstance(clock, Clock)
    clock.now = found["origin_server_ts"] + lifetime
    return await retention.erase_old_messages()


async def forum(person: Person, **options: Any) -> str:
    return await person.create_room(preset="public_chat", visibility="public", name="Forum", **options)


async def upload(person: Person) -> str:
    status, raw, _ = await person.server.raw("POST", "/_matrix/media/v3/upload", b"the plan", person.token)
    assert status == 200
    return str(json.loads(raw)["content_uri"])


async def download(person: Person, uri: str) -> int:
    path = f"/_matrix/client/v1/media/download/{uri.removeprefix('mxc://')}"
    return int((await person.server.raw("GET", path, None, person.token))[0])


@pytest.mark.parametrize("version", ["6", "10", "11", "12"])
async def test_what_is_old_is_gone(retention: Retention, alice: Person, bob: Person, version: str) -> None:
    server = alice.server
    room = await forum(alice, room_version=version)
    await bob.join(room)
    root = await alice.say(room, "old secret")
    reply = {"rel_type": "m.thread", "event_id": root}
    await bob.say(room, "old answer", **{"m.relates_to": reply})
    await bob.send(room, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": root, "key": "👍"}})
    edit = {"rel_type": "m.replace", "event_id": root}
    await alice.say(room, "* old edit", **{"m.new_content": {"msgtype": "m.text", "body": "old edit"}, "m.relates_to": edit})
    gone = await alice.say(room, "old redacted")
    await alice.redact(room, gone, "old reason")
    await asyncio.sleep(0.01)
    new = await bob.say(room, "new")

    assert await until_old(retention, alice, room, new, FORUM_RETENTION_MS) == 6
    assert await retention.erase_old_messages() == 0

    for person in (alice, bob):
        page = await person.messages(room, limit=100)
        assert bodies(page["chunk"]) == ["new"] and "old " not in json.dumps(page)
        assert [e["event_id"] for e in page["chunk"] if e.get("state_key") is None] == [new]
        timeline = await person.sync()
        assert "old " not in json.dumps(timeline)
        with pytest.raises(Refused) as refusal:
            await person.call("GET", f"/rooms/{segment(room)}/event/{segment(root)}")
        assert refusal.value.errcode == "M_NOT_FOUND"
        context = await person.call("GET", f"/rooms/{segment(room)}/context/{segment(new)}")
        assert "old " not in json.dumps(context)
    found = await alice.call("POST", "/search", {"search_categories": {"room_events": {"search_term": "old"}}})
    assert found["search_categories"]["room_events"]["count"] == 0
    relations = f"/_matrix/client/v1/rooms/{segment(room)}/relations/{segment(root)}"
    with pytest.raises(Refused):
        await alice.call("GET", relations)
    rows = await server.node.database.fetch("SELECT event_id, json FROM events")
    assert all(b"old " not in row["json"] for row in rows), "nor on the disk"
    for row in rows:
        assert event_id_of(orjson.loads(row["json"]), ROOM_VERSIONS[version]) == row["event_id"]


async def test_the_room_goes_on(retention: Retention, alice: Person, bob: Person) -> None:
    room = await forum(alice)
    for n in range(250):  # more than one commit
        await alice.say(room, f"old {n}")
    await asyncio.sleep(0.01)
    last = await alice.say(room, "last")
    assert await until_old(retention, alice, room, last, FORUM_RETENTION_MS) == 250
    await bob.join(room)
    await alice.set_state(room, "m.room.topic", {"topic": "Afterwards"})
    await bob.say(room, "hello")
    alice.since = None
    timeline = (await alice.sync())["rooms"]["join"][room]["timeline"]["events"]
    assert bodies(timeline) == ["last", "hello"]
    assert (await bob.state(room, "m.room.topic"))["topic"] == "Afterwards"
    assert (await alice.call("GET", f"/rooms/{segment(room)}/joined_members"))["joined"].keys() == {alice.id, bob.id}
    page = await alice.messages(room, dir="f", limit=20)
    seen = bodies(page["chunk"])
    while page.get("end"):
        page = await alice.messages(room, dir="f", limit=20, from_=page["end"])
        seen += bodies(page["chunk"])
    assert seen == ["last", "hello"]


async def test_files_go_with_their_messages(retention: Retention, alice: Person, bob: Person) -> None:
    room = await forum(alice)
    await bob.join(room)
    plan, thumbnail, forwarded = await upload(alice), await upload(alice), await upload(bob)
    content = {"msgtype": "m.file", "body": "plan.pdf", "url": plan, "info": {"thumbnail_url": thumbnail}}
    await alice.send(room, "m.room.message", content)
    await alice.send(room, "m.room.message", {"msgtype": "m.file", "body": "bob's", "url": forwarded})
    await alice.send(room, "m.room.message", {"msgtype": "m.file", "body": "strange", "url": "mxc://nothing"})
    await asyncio.sleep(0.01)
    last = await alice.say(room, "last")
    await until_old(retention, alice, room, last, FORUM_RETENTION_MS)
    assert (await download(alice, plan), await download(alice, thumbnail)) == (404, 404)
    assert await download(alice, forwarded) == 200, "bob's own file, which alice passed on"


async def test_only_where_a_room_says_so(retention: Retention, alice: Person) -> None:
    private = await alice.create_room(name="Cabinet")
    said = await alice.say(private, "kept")
    for wrong in ("1", -1):
        with pytest.raises(Refused):
            await alice.set_state(private, "m.room.retention", {"max_lifetime": wrong})
    for content in ({}, {"max_lifetime": 0}, {"min_lifetime": 1}):
        await alice.set_state(private, "m.room.retention", content)
        last = await alice.say(private, "kept too")
        assert await until_old(retention, alice, private, last, FORUM_RETENTION_MS) == 0
    await alice.set_state(private, "m.room.retention", {"max_lifetime": 5})
    last = await alice.say(private, "last")
    assert await until_old(retention, alice, private, last, DAY - 60_000) == 0, "less than a day is a day"
    assert await until_old(retention, alice, private, last, DAY + 1) == 5
    with pytest.raises(Refused):
        await alice.call("GET", f"/rooms/{segment(private)}/event/{segment(said)}")


async def test_a_shorter_time_counts_from_now_on(retention: Retention, alice: Person) -> None:
    room = await forum(alice)
    await alice.say(room, "old")
    await asyncio.sleep(0.01)
    last = await alice.say(room, "last")
    assert await until_old(retention, alice, room, last, 2 * DAY) == 0
    await alice.set_state(room, "m.room.retention", {"max_lifetime": 2 * DAY})
    assert await until_old(retention, alice, room, last, 2 * DAY) == 1


LATER = FORUM_RETENTION_MS
BEARS = {  # by the time that a bridge's message bears: how long before now (ms)
    "long ago": 20 * 365 * DAY,
    "a moment too old": LATER + 1000,
    "yesterday": DAY,
    "to come": -2 * LATER,
}


@pytest.mark.parametrize("looked", ["never", "before", "before a hold was lifted"])
@pytest.mark.parametrize("bears", BEARS)
async def test_the_time_that_a_message_bears_is_evidence_of_itself_alone(
    new_server: Callable[..., Awaitable[Server]], mailbox: Mailbox, tmp_path: Path, bears: str, looked: str
) -> None:
    """Whatever a bridge writes on its messages: what others have said goes when it has been here so long, and then it all goes."""
    registration = tmp_path / "sms.yaml"
    namespaces = {"users": [{"regex": "@sms_.*", "exclusive": True}]}
    about = {"id": "sms", "url": None, "as_token": "as", "hs_token": "hs", "sender_localpart": "smsbot"}
    registration.write_text(json.dumps({**about, "namespaces": namespaces}))
    server = await a_ministry(new_server, mailbox, application_services=[str(registration)])
    assert isinstance(server.node, AgencyServer) and server.node.retention is not None
    retention, clock = server.node.retention, Clock(int(time.time() * 1000))
    retention._now_ms = clock
    alice = await account(server, "alice")
    ghost = {"type": "m.login.application_service", "username": "sms_1"}
    assert (await server.raw("POST", "/_matrix/client/v3/register", ghost, "as"))[0] == 200
    room = await forum(alice)
    await alice.say(room, "of today")
    if looked != "never":
        assert await retention.erase_old_messages() == 0
    if looked == "before a hold was lifted":
        hold = await server.node.holds.place(room, "Tribunal", "1", "@root:localhost")
        await retention.erase_old_messages()
        await server.node.holds.lift(hold, "over", "@root:localhost")
    who, said = segment("@sms_1:localhost"), {"msgtype": "m.text", "body": "an SMS"}
    path = f"/_matrix/client/v3/rooms/{segment(room)}"
    assert (await server.raw("POST", f"{path}/join?user_id={who}", {}, "as"))[0] == 200
    ts = int(time.time() * 1000) - BEARS[bears]
    sent = await server.raw("PUT", f"{path}/send/m.room.message/t?user_id={who}&ts={ts}", said, "as")
    assert sent[0] == 200
    await alice.say(room, "said after it")

    clock.now = int(time.time() * 1000)
    await retention.erase_old_messages()
    left = bodies((await alice.messages(room, limit=100))["chunk"])
    assert [body for body in left if body != "an SMS"] == ["said after it", "of today"]
    if bears in ("yesterday", "to come"):
        assert "an SMS" in left
    if looked == "never" and bears in ("long ago", "a moment too old"):
        assert "an SMS" not in left, "it says itself that it is old"

    clock.now += 2 * HOUR
    await retention.erase_old_messages()
    clock.now += LATER - 3 * HOUR
    await retention.erase_old_messages()
    assert "said after it" in bodies((await alice.messages(room, limit=100))["chunk"]), "an hour is missing"
    clock.now += 3 * HOUR
    await retention.erase_old_messages()
    assert bodies((await alice.messages(room, limit=100))["chunk"]) == [], "whatever time it bears"


async def test_what_lies_in_a_gap_came_no_earlier_than_what_follows_it(retention: Retention, alice: Person) -> None:
    """What was read of other servers' past, and says that it is still to come."""
    node, clock = alice.server.node, retention._now_ms
    assert isinstance(clock, Clock)
    start = clock.now = int(time.time() * 1000)
    room = await forum(alice)
    await alice.say(room, "before it")
    await retention.erase_old_messages()
    clock.now = start + 10 * DAY
    ids = [await alice.say(room, text) for text in ("in the gap", "after it")]
    await retention.erase_old_messages()
    live, database = await node.rooms.require(room), node.database
    await database.execute("UPDATE events SET ts = $2 WHERE event_id = ANY ($1::text[])", ids, start + 20 * 365 * DAY)
    cut = await database.fetchval("SELECT position FROM events WHERE event_id = $1", ids[1])
    await database.execute("INSERT INTO stretches (room_nid, number, cut, ordinal) VALUES ($1, 1, $2, 0)", live.nid, cut)
    await database.execute("UPDATE events SET position = $2 WHERE event_id = $1", ids[0], -BLOCK - 1)
    await database.execute("UPDATE rooms SET federated = true WHERE room_nid = $1", live.nid)
    node.rooms.live.read_anew(live.nid)
    for days, left in ((5, ["after it", "in the gap"]), (11, [])):
        clock.now = start + LATER + days * DAY
        await retention.erase_old_messages()
        assert bodies((await alice.messages(room, limit=100))["chunk"]) == left


async def test_a_clock_that_is_put_back_makes_nothing_older(retention: Retention, alice: Person) -> None:
    room = await forum(alice)
    clock = retention._now_ms
    assert isinstance(clock, Clock)
    clock.now = int(time.time() * 1000)
    await alice.say(room, "first")
    await retention.erase_old_messages()
    await alice.say(room, "second")
    clock.now -= 2 * LATER
    await retention.erase_old_messages()
    clock.now += 2 * LATER + 2 * HOUR
    assert await retention.erase_old_messages() == 0
    assert bodies((await alice.messages(room))["chunk"]) == ["second", "first"]
