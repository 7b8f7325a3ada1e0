"""While an authority asks for it nothing is deleted: not by time, not by redaction, not by erasure."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio

from chappe.agency.access_rules import FORUM_RETENTION_MS
from chappe.agency.app import AgencyServer
from chappe.agency.legal_holds import LegalHolds
from chappe.homeserver.matrix.errors import BadRequest, MatrixError, NotFound
from chappe.homeserver.matrix.identifiers import UserId
from tests.agency.test_retention import download, forum, retention, until_old, upload
from tests.support import Person, Server, bodies

__all__ = ["retention"]
JUDGE, ORDER, BY = "Tribunal judiciaire de Paris", "2026/4711", "@root:localhost"


@pytest_asyncio.fixture
async def holds(ministry: Server) -> LegalHolds:
    assert isinstance(ministry.node, AgencyServer)
    return ministry.node.holds


async def test_who_asked_is_recorded(holds: LegalHolds, alice: Person) -> None:
    number = await holds.place(alice.id, f"  {JUDGE} ", ORDER, BY)
    (one,) = await holds.all()
    assert one.pop("placed_ts") > 0
    assert one == {"id": number, "target": alice.id, "authority": JUDGE, "reference": ORDER, "placed_by": BY}
    await holds.lift(number, "Order of 3 March", BY)
    (one,) = await holds.all(alice.id)
    assert (one["lifted_by"], one["lifted_for"]) == (BY, "Order of 3 March")
    with pytest.raises(NotFound):
        await holds.lift(number, "again", BY)


@pytest.mark.parametrize(
    "target, authority, reference",
    [
        ("@nobody:localhost", JUDGE, ORDER), ("!none:localhost", JUDGE, ORDER), ("alice", JUDGE, ORDER),
        ("@alice:localhost", " ", ORDER), ("@alice:localhost", JUDGE, ""), ("@alice:localhost", JUDGE, "x" * 301),
    ],
)  # fmt: skip
async def test_holds_that_are_none(
    holds: LegalHolds, alice: Person, target: str, authority: str, reference: str
) -> None:
    with pytest.raises((BadRequest, NotFound)):
        await holds.place(target, authority, reference, BY)


async def test_what_is_redacted_is_kept_aside(holds: LegalHolds, alice: Person, bob: Person) -> None:
    room = await alice.create_room(name="Marché")
    free = await alice.say(room, "before the order")
    await alice.redact(room, free)
    number = await holds.place(alice.id, JUDGE, ORDER, BY)
    event = await alice.say(room, "the envelope")
    await alice.redact(room, event)
    assert "the envelope" not in bodies((await alice.messages(room))["chunk"])
    (kept,) = await holds.kept_aside(alice.id)
    assert json.loads(kept)["content"]["body"] == "the envelope"
    assert len(await holds.kept_aside(room)) == 1
    await holds.lift(number, "over", BY)
    assert await holds.kept_aside(alice.id) == []


async def test_time_passes_it_by(holds: LegalHolds, retention, alice: Person, bob: Person) -> None:  # type: ignore[no-untyped-def]
    room, other = await forum(alice), await forum(alice)
    await bob.join(other)
    file = await upload(alice)
    content = {"msgtype": "m.file", "body": "plan.txt", "url": file}
    await alice.send(other, "m.room.message", content)
    await alice.say(room, "in the held room")
    await bob.say(other, "of somebody free")
    of_room = await holds.place(room, JUDGE, ORDER, BY)
    of_alice = await holds.place(alice.id, JUDGE, ORDER, BY)
    last = await bob.say(other, "new")
    assert await until_old(retention, bob, other, last, FORUM_RETENTION_MS + 1) == 2
    assert "in the held room" in bodies((await alice.messages(room))["chunk"])
    assert await download(alice, file) == 200
    await holds.lift(of_room, "over", BY)
    await holds.lift(of_alice, "over", BY)
    assert await retention.look() == 2
    assert "in the held room" not in bodies((await alice.messages(room))["chunk"])
    assert await download(alice, file) == 404


async def test_a_held_account_ends_but_is_not_erased(ministry: Server, holds: LegalHolds, alice: Person) -> None:
    file = await upload(alice)
    await holds.place(alice.id, JUDGE, ORDER, BY)
    server_name, media_id = file.removeprefix("mxc://").split("/")
    assert await ministry.node.media.delete([(server_name, media_id)]) == []
    await ministry.node.deactivate_account(UserId(alice.id), False)
    with pytest.raises(MatrixError):
        await ministry.node.accounts.profile(alice.id)
