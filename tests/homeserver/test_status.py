"""What people choose to be until a time: it ends by itself, is seen by every client, and holds back what would ring."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.config import PresenceConfig
from chappe.homeserver.modules.presence.status import FIELD
from tests.neighbours import Gateway
from tests.support import Person, Server, refused, segment, until

from .test_push import LOCAL, a_room_of, gathered, pusher

NewServer = Callable[..., Awaitable[Server]]
STATUS = "/_chappe/client/v1/status"
HOUR = 3_600_000


def now() -> int:
    return int(time.time() * 1000)


async def choose(person: Person, state: str, **more: Any) -> None:
    await person.call("PUT", STATUS, {"state": state, **more})


async def seen(reader: Person, person: Person) -> dict[str, Any]:
    content: dict[str, Any] = await reader.call("GET", f"/presence/{segment(person.id)}/status")
    content.pop("last_active_ago", None)
    content.pop("currently_active", None)
    return content


async def in_sync(reader: Person, person: Person, **query: Any) -> dict[str, Any] | None:
    events = (await reader.sync(**query)).get("presence", {}).get("events", [])
    return next((e["content"] for e in events if e["sender"] == person.id), None)


async def test_a_status_is_seen_by_every_client_and_ends_by_itself(server: Server, alice: Person, bob: Person) -> None:
    server.node.notifier.presence_after = 0.02
    await a_room_of(alice, bob)
    await bob.sync()
    end = now() + 1_500
    await choose(bob, "meeting", text=" Salle 2 ", until=end, status_msg="En réunion jusqu’à 15 h, salle 2")
    said = {"state": "meeting", "text": "Salle 2", "until": end}
    assert await seen(alice, bob) == {"presence": "online", "status_msg": "En réunion jusqu’à 15 h, salle 2", FIELD: said}
    assert await bob.call("GET", STATUS) == {"enabled": True, "silent": False, **said}
    assert ((await in_sync(alice, bob, set_presence="offline")) or {})[FIELD] == said
    waiting = asyncio.create_task(alice.sync(timeout=20_000, set_presence="offline"))

    async def has_ended() -> bool:
        await server.node.presence.end_statuses()
        return waiting.done()

    await until(has_ended)  # nobody who chose it is there to end it
    [event] = (await waiting)["presence"]["events"]
    assert event["sender"] == bob.id and FIELD not in event["content"] and "status_msg" not in event["content"]
    assert now() >= end
    assert await bob.call("GET", STATUS) == {
        "enabled": True,
        "state": "available",
        "text": None,
        "until": None,
        "silent": False,
    }


async def test_what_is_over_is_shown_to_nobody_even_before_it_is_ended(server: Server, alice: Person, bob: Person) -> None:
    await a_room_of(alice, bob)
    await choose(bob, "busy", until=now() + 300, status_msg="Occupé", silent=True)
    assert await server.node.presence.is_silent(bob.id)

    async def is_over() -> bool:
        return await seen(alice, bob) == {"presence": "offline"}

    await until(is_over)
    assert not await server.node.presence.is_silent(bob.id)


async def test_a_client_that_says_who_is_idle_ends_no_status(alice: Person, bob: Person) -> None:
    await a_room_of(alice, bob)
    await choose(bob, "busy", text="Note", status_msg="Occupé : note")
    path = f"/presence/{segment(bob.id)}/status"
    await bob.call("PUT", path, {"presence": "unavailable"})
    assert (await seen(alice, bob))[FIELD]["state"] == "busy"
    await bob.call("PUT", path, {"presence": "online", "status_msg": "Autre chose"})
    assert await seen(alice, bob) == {"presence": "online", "status_msg": "Autre chose"}


async def test_away_is_unavailable_and_hidden_is_offline_to_all_but_oneself(server: Server, alice: Person, bob: Person) -> None:
    await a_room_of(alice, bob)
    await bob.sync()
    await choose(bob, "away", status_msg="Absence")
    assert (await seen(alice, bob))["presence"] == "unavailable"
    await choose(bob, "hidden", text="Personne ne lit", status_msg="Personne ne lit")
    commits = server.node.writer.commits
    for _ in range(3):
        await bob.sync()
    assert server.node.writer.commits == commits, "that he is here moves nothing that others see"
    assert await seen(alice, bob) == {"presence": "offline"}
    assert await in_sync(await alice.another_device(), bob) is None, "who hides is not even listed"
    own = await in_sync(await bob.another_device(), bob)
    assert own is not None and own[FIELD]["state"] == "hidden"
    await choose(bob, "available")
    assert await seen(alice, bob) == {"presence": "online"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "dancing"},
        {"state": "busy", "text": "x" * 81},
        {"state": "busy", "text": "a\0b"},
        {"state": "busy", "text": "a\nb"},
        {"state": "busy", "status_msg": "a\0b"},
        {"state": "busy", "status_msg": "x" * 501},
        {"state": "busy", "until": 1},
        {"state": "busy", "until": 1 << 43},  # far beyond a year
        {"state": "busy", "until": 1 << 70},
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_refused(alice: Person, wrong: dict[str, Any]) -> None:
    await choose(alice, "busy", text="avant")
    answer = await refused(alice.call("PUT", STATUS, wrong))
    assert answer.status == 400 and answer.errcode in ("M_INVALID_PARAM", "M_BAD_JSON")
    assert (await alice.call("GET", STATUS))["text"] == "avant"


async def test_where_presence_is_off_there_is_no_status(new_server: NewServer) -> None:
    server = await new_server(presence=PresenceConfig(disabled_domains=["localhost"]))
    alice = await server.person()
    assert await alice.call("GET", STATUS) == {"enabled": False}
    answer = await refused(alice.call("PUT", STATUS, {"state": "busy"}))
    assert (answer.status, answer.errcode) == (403, "M_FORBIDDEN")


async def test_nothing_rings_for_whoever_has_chosen_that_until_it_ends(new_server: NewServer, gateway: Gateway) -> None:
    server = await new_server(push=LOCAL)
    alice, bob, carol = [await server.person(name) for name in ("alice", "bob", "carol")]
    room = await a_room_of(alice, bob, carol)
    for person in (bob, carol):
        await person.call("POST", "/pushers/set", pusher(gateway, person.id))
    await choose(bob, "busy", silent=True, until=now() + HOUR)
    event = await alice.say(room, "bob: urgent", **{"m.mentions": {"user_ids": [bob.id]}})
    await gathered(server)
    await until(lambda: gateway.events(carol.id) == [event])
    await until(lambda: [n for n in gateway.got if n["devices"][0]["pushkey"] == bob.id])  # the number, without a sound
    assert gateway.events(bob.id) == []
    await choose(bob, "busy", until=now() + HOUR)  # still busy, and it may ring
    heard = await alice.say(room, "encore")
    await until(lambda: gateway.events(bob.id) == [heard])


async def test_what_asks_for_an_answer_rings_for_those_who_are_asked_whatever_is_quiet(
    new_server: NewServer, gateway: Gateway
) -> None:
    server = await new_server(push=LOCAL)
    alice, bob, carol, dan = [await server.person(name) for name in ("alice", "bob", "carol", "dan")]
    room = await a_room_of(alice, bob, carol, dan)
    night = {"start": "00:00", "end": "00:00", "timezone": "UTC", "allow_highlights": False}
    for person in (bob, carol):
        await person.call("POST", "/pushers/set", pusher(gateway, person.id))
        await person.call("PUT", f"/user/{person.id}/account_data/org.chappe.quiet_hours", night)
        await choose(person, "busy", silent=True)
    await bob.call("PUT", f"/pushrules/global/room/{segment(room)}", {"actions": []})
    sealed = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "…", "session_id": "s", "device_id": "d", "sender_key": "k"}
    path = f"/rooms/{segment(room)}/send/m.room.encrypted"
    # who may not notify everybody rouses nobody, and neither does nonsense
    await dan.call("PUT", f"{path}/a", {**sealed, "org.chappe.urgent": {"users": [bob.id, carol.id]}})
    for number, nonsense in enumerate([1, [], {"users": bob.id}, {"users": {bob.id: 1}}, {"users": [[bob.id], None]}, {}]):
        await alice.call("PUT", f"{path}/n{number}", {**sealed, "org.chappe.urgent": nonsense})
    sent = await alice.call("PUT", f"{path}/b", {**sealed, "org.chappe.urgent": {"users": [bob.id, "@nobody:x"]}})
    await gathered(server)
    await until(lambda: gateway.events(bob.id) == [sent["event_id"]])
    assert gateway.events(carol.id) == [], "she is not asked"
