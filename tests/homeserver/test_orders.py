"""Messages that ask for an answer: what escalates goes to those who have not given one, by the server, which reads none of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.neighbours import Gateway, Mailbox, plain
from tests.process import ServedProcess
from tests.support import Person, Server, segment, until

from .test_push import LOCAL, a_room_of, gathered, pusher

NewServer = Callable[..., Awaitable[Server]]
SEALED = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "…", "session_id": "s", "device_id": "d", "sender_key": "k"}
UNSTABLE = "/_matrix/client/unstable/org.matrix.msc4140"


def about(order: str, **more: str) -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": "m.reference", "event_id": order, **more}}


def urgent(*people: Person, **more: Any) -> dict[str, Any]:
    return {"org.chappe.urgent": {"users": [each.id for each in people], **more}}


async def seal(person: Person, room: str, **beside: Any) -> str:
    return await person.send(room, "m.room.encrypted", {**SEALED, **beside})


async def later(person: Person, room: str, txn: str, delay: int, **beside: Any) -> str:
    path = f"{UNSTABLE}/rooms/{segment(room)}/delayed_event/m.room.encrypted/{txn}"
    answer = await person.call("PUT", path, {"delay_ms": delay, "content": {**SEALED, **beside}})
    return str(answer["delay_id"])


async def over(person: Person, delay_id: str) -> dict[str, Any]:
    """How a delayed event ended."""

    async def ended() -> dict[str, Any] | None:
        found = await person.call("GET", f"{UNSTABLE}/delayed_events?status=finalised&delay_id={delay_id}")
        return next(iter(found["finalised"]), None)

    return dict(await until(ended))


async def asked(person: Person, room: str, event_id: str) -> list[str]:
    event = await person.call("GET", f"/rooms/{segment(room)}/event/{segment(event_id)}")
    return list(event["content"]["org.chappe.urgent"]["users"])


async def test_what_escalates_goes_to_those_who_have_not_answered(server: Server) -> None:
    alice, bob, carol = [await server.person() for _ in range(3)]
    room = await a_room_of(alice, bob, carol)
    order = await seal(alice, room, **urgent(bob, carol))
    await seal(bob, room, **about(order))
    reminder = await later(alice, room, "1", 50, **urgent(bob, carol), **about(order))
    ended = await over(alice, reminder)
    assert ended["outcome"] == "send" and await asked(alice, room, ended["event_id"]) == [carol.id]
    await seal(carol, room, **about(order))
    ended = await over(alice, await later(alice, room, "2", 50, **urgent(bob, carol), **about(order)))
    assert ended["outcome"] == "cancel" and "event_id" not in ended and "error" not in ended


async def test_an_answer_that_is_taken_back_is_none(server: Server) -> None:
    alice, bob = await server.person(), await server.person()
    room = await a_room_of(alice, bob)
    order = await seal(alice, room, **urgent(bob))
    answer = await seal(bob, room, **about(order))
    await bob.call("PUT", f"/rooms/{segment(room)}/redact/{segment(answer)}/1", {})
    ended = await over(alice, await later(alice, room, "1", 50, **urgent(bob), **about(order)))
    assert ended["outcome"] == "send"


@pytest.mark.parametrize("how", ["lifted", "redacted", "edited"])
async def test_nobody_is_reminded_of_what_was_taken_back(server: Server, how: str) -> None:
    alice, bob = await server.person(), await server.person()
    room = await a_room_of(alice, bob)
    order, other = await seal(alice, room, **urgent(bob)), await seal(alice, room, **urgent(bob))
    if how == "lifted":
        await seal(alice, room, **about(order, key="org.chappe.order.lifted"))
    elif how == "edited":
        await seal(alice, room, **{"m.relates_to": {"rel_type": "m.replace", "event_id": order}})
    else:
        await alice.call("PUT", f"/rooms/{segment(room)}/redact/{segment(order)}/1", {})
    assert (await over(alice, await later(alice, room, "1", 50, **urgent(bob), **about(order))))["outcome"] == "cancel"
    assert (await over(alice, await later(alice, room, "2", 50, **urgent(bob), **about(other))))["outcome"] == "send"


async def test_who_edits_the_order_of_another_neither_answers_it_nor_takes_it_back(server: Server) -> None:
    alice, bob = await server.person(), await server.person()
    room = await a_room_of(alice, bob)
    order = await seal(alice, room, **urgent(bob))
    await seal(bob, room, **{"m.relates_to": {"rel_type": "m.replace", "event_id": order}})
    ended = await over(alice, await later(alice, room, "1", 50, **urgent(bob), **about(order)))
    assert ended["outcome"] == "send" and await asked(alice, room, ended["event_id"]) == [bob.id]


async def test_somebody_else_is_asked_only_while_anybody_has_not_answered(server: Server) -> None:
    alice, bob, carol = [await server.person() for _ in range(3)]
    room = await a_room_of(alice, bob, carol)
    order = await seal(alice, room, **urgent(bob))
    ended = await over(alice, await later(alice, room, "1", 50, **urgent(carol), **about(order)))
    assert await asked(alice, room, ended["event_id"]) == [carol.id]
    await seal(bob, room, **about(order))
    assert (await over(alice, await later(alice, room, "2", 50, **urgent(carol), **about(order))))["outcome"] == "cancel"


async def test_what_refers_to_no_order_of_its_sender_is_sent_as_it_is(server: Server) -> None:
    alice, bob = await server.person(), await server.person()
    room = await a_room_of(alice, bob)
    foreign = await seal(bob, room, **urgent(alice))
    await seal(bob, room, **about(foreign))
    for number, beside in enumerate([about(foreign), about("$nothing"), {}, {"m.relates_to": 1}]):
        ended = await over(alice, await later(alice, room, str(number), 50, **urgent(bob), **beside))
        assert ended["outcome"] == "send" and await asked(alice, room, ended["event_id"]) == [bob.id]


async def test_it_rings_through_silence_for_those_who_have_not_answered(new_server: NewServer, gateway: Gateway) -> None:
    server = await new_server(push=LOCAL)
    alice, bob, carol = [await server.person(name) for name in ("alice", "bob", "carol")]
    room = await a_room_of(alice, bob, carol)
    for person in (bob, carol):
        await person.call("POST", "/pushers/set", pusher(gateway, person.id))
        await person.call("PUT", "/_chappe/client/v1/status", {"state": "busy", "silent": True})
    order = await seal(alice, room, **urgent(bob, carol))
    await seal(bob, room, **about(order))
    again = await seal(alice, room, **urgent(bob, carol), **about(order))
    await gathered(server)
    await until(lambda: gateway.events(carol.id) == [order, again])
    assert again not in gateway.events(bob.id)


async def with_mail(new_server: NewServer, mailbox: Mailbox) -> tuple[Server, Person, Person, Person, str]:
    server = await new_server(email=mailbox.settings(), public_url="http://127.0.0.1:8008")
    alice, bob, carol = [await server.person(name) for name in ("alice", "bob", "carol")]
    room = await a_room_of(alice, bob, carol, name="Cellule de crise")
    for person, name in ((bob, "bob"), (carol, "carol")):
        await server.node.bind_threepid(person.id, "email", f"{name}@example.org", 1)  # type: ignore[arg-type]
    mailbox.mails.clear()
    return server, alice, bob, carol, room


async def test_who_has_not_answered_gets_a_mail_that_says_nothing_of_the_order(new_server: NewServer, mailbox: Mailbox) -> None:
    """Once of each order, and in nobody's interest too often; whoever has no pusher as well."""
    server, alice, bob, carol, room = await with_mail(new_server, mailbox)
    order = await seal(alice, room, **urgent(bob, carol))
    await seal(bob, room, **about(order))
    for number in ("1", "2"):
        await over(alice, await later(alice, room, number, 50, **urgent(bob, carol, mail=True), **about(order)))
    await gathered(server)
    sent = await mailbox.next("carol@example.org")
    assert sent["Subject"] == "Un message attend votre réponse – Chappe"
    text = plain(sent)
    assert f"/#/room/{segment(room)}/{segment(order)}" in text and "alice" not in text and "Cellule" not in text
    assert mailbox.mails == [], "bob has answered, and carol was told"
    for _ in range(12):
        other = await seal(alice, room, **urgent(bob))
        await seal(alice, room, **urgent(bob, mail=True), **about(other))
        await gathered(server)
    await until(lambda: len(mailbox.mails) == 10)
    assert {mail["To"] for mail in mailbox.mails} == {"bob@example.org"}


async def test_no_mail_for_what_is_no_order_or_by_somebody_who_may_not(new_server: NewServer, mailbox: Mailbox) -> None:
    server, alice, bob, carol, room = await with_mail(new_server, mailbox)
    await seal(alice, room, **urgent(carol, mail=True))  # it escalates nothing
    theirs = await seal(bob, room, **urgent(carol))
    await seal(bob, room, **urgent(carol, mail=True), **about(theirs))  # he may not notify the room
    await seal(alice, room, **urgent(carol, mail=True), **about(theirs))
    order = await seal(alice, room, **urgent(carol))
    for nonsense in ("yes", 1, {}, None):
        await seal(alice, room, **urgent(carol, mail=nonsense), **about(order))
    await carol.call("PUT", f"/user/{carol.id}/account_data/m.ignored_user_list", {"ignored_users": {alice.id: {}}})
    await seal(alice, room, **urgent(carol, mail=True), **about(order))
    await gathered(server)
    assert await server.node.database.fetchval("SELECT count(*) FROM order_letters") == 0
    await carol.call("PUT", f"/user/{carol.id}/account_data/m.ignored_user_list", {"ignored_users": {}})
    await seal(alice, room, **urgent(carol, mail=True), **about(order))
    await mailbox.next("carol@example.org")


async def test_the_mail_speaks_as_the_persons_program_does(new_server: NewServer, mailbox: Mailbox, gateway: Gateway) -> None:
    server, alice, _, carol, room = await with_mail(new_server, mailbox)
    mail = {**pusher(gateway, "carol@example.org"), "kind": "email", "app_id": "m.email", "lang": "en", "data": {}}
    await carol.call("POST", "/pushers/set", mail)
    order = await seal(alice, room, **urgent(carol))
    await seal(alice, room, **urgent(carol, mail=True), **about(order))
    assert (await mailbox.next("carol@example.org"))["Subject"] == "A message awaits your answer – Chappe"


async def test_what_was_left_with_the_server_outlives_a_kill(tmp_path: Path) -> None:
    """It falls due while no server runs, and goes at the start to those who have not answered."""
    server = await ServedProcess(tmp_path, "--dev").start()
    try:
        alice, bob, carol = [await server.person(name) for name in ("alice", "bob", "carol")]
        room = await a_room_of(alice, bob, carol)
        order = await seal(alice, room, **urgent(bob, carol))
        await seal(bob, room, **about(order))
        reminder = await later(alice, room, "1", 2_000, **urgent(bob, carol), **about(order))
        await server.kill()
        await server.start()
        ended = await over(alice, reminder)
        assert ended["outcome"] == "send" and await asked(alice, room, ended["event_id"]) == [carol.id]
    finally:
        await server.stop()
