"""What clients are told of the rules; and which files an encrypted message holds."""

from __future__ import annotations

from typing import Any

import pytest

from chappe.agency.app import AgencyServer
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import GUESTS
from tests.agency.test_retention import download, until_old, upload
from tests.support import Clock, Person, Server, refused, segment


async def test_the_rules(ministry: Server, alice: Person, gaston: Person) -> None:
    await ministry.node.bind_threepid(UserId(alice.id), "email", "alice@culture.example", 1)
    rules = await alice.call("GET", "/_chappe/client/v1/rules")
    assert (
        rules["guest_servers"] == [GUESTS]
        and rules["guest_labels"] == ["Externe"]
        and rules["guest_days"] == 180
        and rules["antivirus"] is False
    )
    assert rules["me"] == {"is_guest": False, "organisation": "culture", "may_have_guests": True, "may_make_forums": True}
    assert (await gaston.call("GET", "/_chappe/client/v1/rules"))["me"]["is_guest"] is True


async def sealed(person: Person, room: str) -> str:
    return await person.send(room, "m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "…"})


async def tell(person: Person, room: str, event: str, files: Any) -> None:
    path = f"/_chappe/client/v1/rooms/{segment(room)}/files/{segment(event)}"
    await person.call("PUT", path, {"files": files})


async def test_files_of_encrypted_messages_go_with_them(ministry: Server, alice: Person, bob: Person) -> None:
    assert isinstance(ministry.node, AgencyServer) and ministry.node.retention is not None
    retention = ministry.node.retention
    retention._now_ms = Clock(0)
    room = await alice.create_room(name="R", invite=[bob.id])
    await bob.join(room)
    await alice.set_state(room, "m.room.retention", {"max_lifetime": 86_400_000})
    file, others = await upload(alice), await upload(bob)
    event = await sealed(alice, room)
    await tell(alice, room, event, [file, others])
    await tell(alice, room, event, [file])
    last = await sealed(bob, room)
    assert await until_old(retention, bob, room, last, 86_400_001) >= 1
    assert await download(alice, file) == 404
    assert await download(bob, others) == 200, "what somebody else has uploaded is not hers to delete"


@pytest.mark.parametrize("files", [["http://x/y"], ["mxc://a"], [7], "mxc://a/b", ["mxc://a/b"] * 21])
async def test_what_are_no_files(alice: Person, files: Any) -> None:
    room = await alice.create_room(name="R")
    event = await sealed(alice, room)
    assert (await refused(tell(alice, room, event, files))).status == 400


async def test_not_yours_not_there(ministry: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room(name="R", invite=[bob.id])
    await bob.join(room)
    event = await sealed(alice, room)
    assert (await refused(tell(bob, room, event, []))).status == 403
    assert (await refused(tell(alice, room, "$none", []))).status == 404
    assert (await refused(tell(alice, "!none:localhost", event, []))).status in (403, 404)
    assert (await refused(tell(alice, room, await alice.set_state(room, "m.room.topic", {"topic": "x"}), []))).status == 404


async def test_a_message_of_another_servers_clock_goes_too(ministry: Server, alice: Person) -> None:
    """A time in the future does not make it last: it goes when it has been here for so long."""
    assert isinstance(ministry.node, AgencyServer) and ministry.node.retention is not None
    retention = ministry.node.retention
    room = await alice.create_room(preset="public_chat", name="Forum")
    event = await alice.say(room, "from the future")
    await ministry.node.database.execute("UPDATE events SET ts = ts + 1000 * 86400000::bigint WHERE event_id = $1", event)
    await alice.say(room, "now")
    clock = retention._now_ms = Clock(ministry.node.now_ms() + 1)
    assert await retention.erase_old_messages() == 0
    clock.now += 90 * 86_400_000
    assert await retention.erase_old_messages() == 2
