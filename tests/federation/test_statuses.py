"""A status, and an order, of somebody elsewhere: seen here while it lasts, harmless whatever their server says."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chappe.homeserver.modules.presence.status import FIELD
from tests.federation.conftest import Peer
from tests.homeserver.test_orders import about, asked, later, over, urgent
from tests.homeserver.test_push import LOCAL, gathered, pusher
from tests.neighbours import Gateway, Mailbox, plain
from tests.support import Person, segment, until


async def seen(reader: Person, person: Person) -> dict[str, Any]:
    content: dict[str, Any] = await reader.call("GET", f"/presence/{segment(person.id)}/status")
    return content


async def test_a_status_crosses_and_ends_there_too(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room()
    await alice.invite(room, bob)
    await bob.join(room)
    end = int(time.time() * 1000) + 3_600_000
    body = {"state": "busy", "text": "Cellule", "until": end, "silent": True, "status_msg": "Occupé jusqu’à 15 h · Cellule"}
    await bob.call("PUT", "/_chappe/client/v1/status", body)

    async def is_there() -> bool:
        return FIELD in await seen(alice, bob)

    await until(is_there)
    content = await seen(alice, bob)
    assert content[FIELD] == {"state": "busy", "text": "Cellule", "until": end}
    assert content["status_msg"] == "Occupé jusqu’à 15 h · Cellule"
    await bob.call("PUT", "/_chappe/client/v1/status", {"state": "available"})

    async def is_gone() -> bool:
        content = await seen(alice, bob)
        return FIELD not in content and "status_msg" not in content

    await until(is_gone)


@pytest.mark.parametrize(
    "said",
    [
        1,
        [],
        {},
        {"state": {}},
        {"state": "hidden"},
        {"state": "busy", "until": "never"},
        {"state": "busy", "until": 1 << 80},
        {"state": "busy", "until": -1},
    ],
    ids=str,
)
async def test_nonsense_of_another_server_is_no_status(peer: Peer, said: Any) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room()
    await alice.invite(room, bob)
    await bob.join(room)
    await here.node.presence.set_remote(bob.id, {"presence": "online", "status_msg": "présent", FIELD: said})
    content = await seen(alice, bob)
    assert (content["presence"], content["status_msg"]) == ("online", "présent") and FIELD not in content


async def test_words_from_elsewhere_are_one_line_and_short(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room()
    await alice.invite(room, bob)
    await bob.join(room)
    said = {"state": "away", "text": "\0a\nb\ud800" + "x" * 9_000}
    await here.node.presence.set_remote(bob.id, {"presence": "online", FIELD: said})
    text = (await seen(alice, bob))[FIELD]["text"]
    assert text.startswith("a b") and len(text) <= 80


async def test_an_order_from_elsewhere_rings_here_whatever_is_quiet(peer: Peer, gateway: Gateway) -> None:
    """And is a message that anybody reads; a member of that server who may not notify the room rouses nobody."""
    here, there = await peer(push=LOCAL), await peer()
    alice, chief, eve = await here.person("alice"), await there.person("chief"), await there.person("eve")
    room = await chief.create_room()
    for person in (alice, eve):
        await chief.invite(room, person)
        await person.join(room)
    await alice.call("POST", "/pushers/set", pusher(gateway, alice.id))
    await alice.call("PUT", "/_chappe/client/v1/status", {"state": "busy", "silent": True})
    order = {"text": "Évacuer", "to": [alice.id], "due": None}
    urgent = {"org.chappe.urgent": {"users": [alice.id]}, "org.chappe.order": order}
    await eve.say(room, "Ordre à confirmer : rien", **urgent)
    sent = await chief.say(room, "Ordre à confirmer : évacuer", **urgent)

    async def is_there() -> bool:
        chunk = (await alice.messages(room))["chunk"]
        return "Ordre à confirmer : évacuer" in [each["content"].get("body") for each in chunk]

    await until(is_there)
    await gathered(here)
    await until(lambda: gateway.events(alice.id) == [sent])


async def test_each_server_escalates_to_its_own_people(peer: Peer, mailbox: Mailbox) -> None:
    """The giver's server holds what is to come, and knows who has answered elsewhere; the mails are those of the receiver's."""
    here, there = await peer(email=mailbox.settings(), public_url="http://127.0.0.1:8008"), await peer()
    alice, bob, chief = await here.person("alice"), await here.person("bob"), await there.person("chief")
    room = await chief.create_room()
    for person in (alice, bob):
        await chief.invite(room, person)
    for person, name in ((alice, "alice"), (bob, "bob")):
        await person.join(room)
        await here.node.bind_threepid(person.id, "email", f"{name}@example.org", 1)  # type: ignore[arg-type]
    mailbox.mails.clear()
    order = await chief.say(room, "Évacuer", **urgent(alice, bob))
    await until(lambda: sees(bob, room, order))
    answer = await bob.say(room, "J’exécute", **about(order))
    await until(lambda: sees(chief, room, answer))
    ended = await over(chief, await later(chief, room, "1", 50, **urgent(alice, bob, mail=True), **about(order)))
    assert await asked(chief, room, ended["event_id"]) == [alice.id]
    sent = await mailbox.next("alice@example.org")
    assert "Évacuer" not in plain(sent) and mailbox.mails == []


async def sees(person: Person, room: str, event_id: str) -> bool:
    return event_id in [each["event_id"] for each in (await person.messages(room))["chunk"]]
