"""One event, by every door that takes the id of one: what is no event to somebody is the same as one that never was."""

from __future__ import annotations

import json
from typing import Any

from chappe.homeserver.database.group_writer import Write
from chappe.homeserver.rooms.fragments import RedactionRow
from chappe.homeserver.rooms.room_event import ERASED
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.redaction import redact
from tests.federation.conftest import Peer
from tests.federation.test_hostile import Forger
from tests.federation.test_readers import FEDERATION, ask
from tests.federation.test_rooms import agree, enter
from tests.readers import V1, V3
from tests.support import Person, segment

THREADS = "/_matrix/client/unstable/io.element.msc4306"
R, E = "{room}", "{event}"
# by door: (method, path, body, the answer for a message of somebody else that is there, and for what is none)
DOORS: dict[str, tuple[str, str, Any, int, int]] = {
    "event": ("GET", f"{V3}/rooms/{R}/event/{E}", None, 200, 404),
    "context": ("GET", f"{V3}/rooms/{R}/context/{E}", None, 200, 404),
    "relations": ("GET", f"{V1}/rooms/{R}/relations/{E}", None, 200, 404),
    "relations of a kind": ("GET", f"{V1}/rooms/{R}/relations/{E}/m.thread", None, 200, 404),
    "old events": ("GET", f"{V3}/events/{E}", None, 200, 404),
    "redaction": ("PUT", f"{V3}/rooms/{R}/redact/{E}/{E}", {}, 403, 404),
    "redaction with what relates": ("PUT", f"{V3}/rooms/{R}/redact/{E}/x{E}", {"with_rel_types": ["*"]}, 403, 404),
    "report": ("POST", f"{V3}/rooms/{R}/report/{E}", {}, 200, 404),
    "fully read": ("POST", f"{V3}/rooms/{R}/read_markers", {"m.fully_read": E}, 200, 400),
    "receipt of the marker": ("POST", f"{V3}/rooms/{R}/receipt/m.fully_read/{E}", {}, 200, 400),
    "receipt": ("POST", f"{V3}/rooms/{R}/receipt/m.read/{E}", {}, 200, 200),  # told to nobody: see below
    "private receipt": ("POST", f"{V3}/rooms/{R}/receipt/m.read.private/{E}", {}, 200, 200),
    "receipt by markers": ("POST", f"{V3}/rooms/{R}/read_markers", {"m.read": E}, 200, 200),
    "receipt in a thread": ("POST", f"{V3}/rooms/{R}/receipt/m.read/{E}", {"thread_id": E}, 200, 200),
    "thread": ("PUT", f"{THREADS}/rooms/{R}/thread/{E}/subscription", {}, 200, 404),
    "thread by an event": ("PUT", f"{THREADS}/rooms/{R}/thread/{E}/subscription", {"automatic": E}, 400, 404),  # in no thread
}


async def answers(person: Person, room: str, event: str) -> dict[str, int]:
    found = {}
    for door, (method, path, body, _, _) in DOORS.items():
        path = path.replace(R, segment(room)).replace(E, segment(event))
        filled = json.loads(json.dumps(body).replace(E, event)) if body is not None else None
        found[door] = (await person.server.raw(method, path, filled, person.token))[0]
    return found


async def receipts_for(person: Person, event: str) -> int:
    sql = "SELECT count(*) FROM receipts WHERE user_id = $1 AND event_id = $2"
    return int(await person.server.node.database.fetchval(sql, person.id, event))


def refusals(door_answers: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Where a door does not answer as for an event that never was: (its answer, that one)."""
    return {door: (got, DOORS[door][4]) for door, got in door_answers.items() if got != DOORS[door][4]}


async def erase(person: Person, room: str, event: str) -> None:
    """As retention does: no reader is shown it any more."""
    node = person.server.node
    live = await node.rooms.require(room)
    raw = await node.database.fetchval("SELECT json FROM events WHERE event_id = $1", event)
    write = Write()
    write.touch_room(live.nid, "events")
    left = canonical_json(redact(json.loads(raw), live.version))
    write.add(RedactionRow(event_id=event, redacted_by=ERASED, json=left))
    await node.rooms._writer.submit(write)
    node.rooms.live.read_anew(live.nid)


async def status_of(person: Person, event: str) -> int | None:
    row = await person.server.node.database.fetchrow("SELECT status FROM events WHERE event_id = $1", event)
    return None if row is None else int(row["status"])


async def a_scene(peer: Peer, with_late: bool = True) -> tuple[Person, Person, Person, str, dict[str, str], Forger]:
    """(alice, who moderates; bob, who reads; mallory; the room; events that are none to bob, by kind; mallory's pen)."""
    here, evil = await peer(), await peer()
    mallory, alice, bob, ignored = (
        await evil.person("mallory"),
        await here.person("alice"),
        await here.person("bob"),
        await here.person("ignored"),
    )
    joined_only = {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}
    room = await mallory.create_room(preset="public_chat", room_version="11", initial_state=[joined_only])
    first = await mallory.set_state(room, "m.room.power_levels", {"users": {mallory.id: 100, alice.id: 50}, "ban": 51})
    await mallory.set_state(room, "m.room.power_levels", {"users": {mallory.id: 50, alice.id: 100}})
    await enter(alice, room, evil)
    await agree(room, here, evil)
    forger = Forger(evil, await evil.node.rooms.require(room), mallory, here)
    none = {"cited only": first, "before one came": await alice.say(room, "before bob came")}
    for person in (bob, ignored):
        await person.join(room)
    await agree(room, here, evil)
    refused = forger.event({"membership": "join"}, type="m.room.member", state_key=alice.id)
    refused_text = forger.event({"msgtype": "m.text", "body": "on no ground"}, auth_events=[])
    await forger.send(refused, refused_text)
    none |= {"rejected state": forger.id_of(refused), "rejected": forger.id_of(refused_text)}
    none["erased"] = await alice.say(room, "its time is over")
    await erase(alice, room, none["erased"])
    none["of somebody ignored"] = await ignored.say(room, "ignored")
    await bob.call("PUT", f"/user/{segment(bob.id)}/account_data/m.ignored_user_list", {"ignored_users": {ignored.id: {}}})
    other = await bob.create_room()
    none["of another room"] = await bob.say(other, "elsewhere")
    none["unknown"] = "$" + "A" * 43
    if not with_late:
        return alice, bob, mallory, room, none, forger
    late = forger.event({"msgtype": "m.text", "body": "after all"})
    await alice.act("kick", room, mallory)
    await forger.send(late)
    none["soft-failed"] = forger.id_of(late)
    return alice, bob, mallory, room, none, forger


async def test_what_is_none_to_somebody_is_none_by_every_door(peer: Peer) -> None:
    alice, bob, _, room, none, _ = await a_scene(peer)
    statuses = {kind: await status_of(alice, event) for kind, event in none.items()}
    assert statuses == {
        "cited only": 1,
        "before one came": 0,
        "rejected state": 2,
        "rejected": 2,
        "erased": 0,
        "of somebody ignored": 0,
        "of another room": 0,
        "unknown": None,
        "soft-failed": 3,
    }
    for kind, event in none.items():
        got = await answers(bob, room, event)
        if kind == "of another room":  # that door names no room
            assert got.pop("old events") == 200
        assert refusals(got) == {}, kind
        assert await receipts_for(bob, event) == 0, kind
    root = await alice.say(room, "root")
    await alice.say(room, "reply", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
    assert await answers(bob, room, root) == {door: there for door, (_, _, _, there, _) in DOORS.items()}, "the control"
    assert await receipts_for(bob, root) > 0
    await alice.redact(room, root)
    got = await answers(bob, room, root)
    assert {door: got[door] for door in ("event", "context", "relations", "report", "receipt")} == dict.fromkeys(
        ("event", "context", "relations", "report", "receipt"), 200
    )
    assert (await bob.call("GET", f"/rooms/{segment(room)}/event/{segment(root)}"))["content"] == {}


async def test_whoever_is_suspended_learns_no_more_of_what_is_hidden(peer: Peer) -> None:
    """They may redact what is their own, of what is somebody else's they are told that they may not; of the rest, that it is not there."""
    alice, bob, _, room, none, _ = await a_scene(peer)
    theirs, own = await alice.say(room, "hers"), await bob.say(room, "his")
    await bob.server.node.accounts.set_state(bob.id, suspended=True)
    path = f"{V3}/rooms/{segment(room)}/redact"
    for kind, event in none.items():
        status, raw, _ = await bob.server.raw("PUT", f"{path}/{segment(event)}/{segment(kind)}", {}, bob.token)
        assert (status, json.loads(raw)["errcode"]) == (404, "M_NOT_FOUND"), kind
    assert (await bob.server.raw("PUT", f"{path}/{segment(theirs)}/a", {}, bob.token))[0] == 403
    assert (await bob.server.raw("PUT", f"{path}/{segment(own)}/b", {}, bob.token))[0] == 200


async def test_what_the_rules_refused_is_served_to_no_server(peer: Peer) -> None:
    alice, _, _, room, none, forger = await a_scene(peer, with_late=False)
    r, good = segment(room), await alice.say(room, "what is shown to them")
    for path, query in (
        (f"event/{segment(good)}", {}),
        (f"state/{r}", {"event_id": good}),
        (f"state_ids/{r}", {"event_id": good}),
        (f"event_auth/{r}/{segment(good)}", {}),
    ):
        assert await ask(forger.evil, forger.target, f"{FEDERATION}/{path}", **query) is not None, path
    shown = await ask(forger.evil, forger.target, f"{FEDERATION}/backfill/{r}", v=good, limit="10")
    assert shown is not None and shown["pdus"]
    for kind in ("rejected", "rejected state", "unknown", "of another room"):
        event = none[kind]
        asked = {
            "event": await ask(forger.evil, forger.target, f"{FEDERATION}/event/{segment(event)}"),
            "state": await ask(forger.evil, forger.target, f"{FEDERATION}/state/{r}", event_id=event),
            "state ids": await ask(forger.evil, forger.target, f"{FEDERATION}/state_ids/{r}", event_id=event),
            "auth": await ask(forger.evil, forger.target, f"{FEDERATION}/event_auth/{r}/{segment(event)}"),
        }
        assert asked == dict.fromkeys(asked), kind
        back = await ask(forger.evil, forger.target, f"{FEDERATION}/backfill/{r}", v=event, limit="10")
        assert back is None or back["pdus"] == [], kind
        gap = {"latest_events": [event], "earliest_events": [], "limit": 10}
        found = await ask(forger.evil, forger.target, f"{FEDERATION}/get_missing_events/{r}", gap)
        assert found is None or found["events"] == [], kind
