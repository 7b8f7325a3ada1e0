"""While an authority asks for it nothing is deleted: not by time, not by redaction, not by erasure."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.access_rules import FORUM_RETENTION_MS
from chappe.agency.app import AgencyServer
from chappe.agency.legal_holds import LegalHolds
from chappe.agency.retention import Retention
from chappe.homeserver.accounts.endings import THE_WHOLE
from chappe.homeserver.actions import purge_history
from chappe.matrix.errors import BadRequest, MatrixError, NotFound
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import code_of
from tests.agency.test_critical_acts import administrator, ask
from tests.agency.test_retention import DAY, download, forum, retention, until_old, upload
from tests.agency.test_rules_api import sealed, tell
from tests.support import Clock, Person, Server, bodies, segment

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
        ("@nobody:localhost", JUDGE, ORDER),
        ("!none:localhost", JUDGE, ORDER),
        ("alice", JUDGE, ORDER),
        ("@alice:localhost", " ", ORDER),
        ("@alice:localhost", JUDGE, ""),
        ("@alice:localhost", JUDGE, "x" * 301),
    ],
)
async def test_holds_that_are_none(holds: LegalHolds, alice: Person, target: str, authority: str, reference: str) -> None:
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
    assert await retention.erase_old_messages() == 2
    assert "in the held room" not in bodies((await alice.messages(room))["chunk"])
    assert await download(alice, file) == 404


async def test_a_held_account_ends_but_is_not_erased(ministry: Server, holds: LegalHolds, alice: Person) -> None:
    file = await upload(alice)
    await holds.place(alice.id, JUDGE, ORDER, BY)
    server_name, media_id = file.removeprefix("mxc://").split("/")
    assert await ministry.node.media.delete([(server_name, media_id)], right=THE_WHOLE) == []
    await ministry.node.deactivate_account(UserId(alice.id), False)
    with pytest.raises(MatrixError):
        await ministry.node.profiles.of(alice.id)


HOLDS = {"the room": True, "who has sent it": True, "who has uploaded it": True, "another room": False, "lifted": False}
NAMED = ("in a message", "as a thumbnail", "by an encrypted message", "by a message redacted since", "as the room's picture")
ERASERS = ("erasure", "deletion", "retention elsewhere")


async def name(how: str, alice: Person, bob: Person, room: str, file: str) -> str:
    """A file of Bob's is named in a room, by Alice where she can. Returns the event."""
    if how == "by an encrypted message":
        event = await sealed(bob, room)
        await tell(bob, room, event, [file])
        return event
    if how == "as the room's picture":
        return await alice.set_state(room, "m.room.avatar", {"url": file})
    where = {"url": "mxc://other/file", "info": {"thumbnail_url": file}} if how == "as a thumbnail" else {"url": file}
    return await alice.send(room, "m.room.message", {"msgtype": "m.file", "body": "contract.pdf", **where})


async def erase(how: str, ministry: Server, retention: Retention, bob: Person, elsewhere: str, file: str) -> None:
    assert isinstance(ministry.node, AgencyServer)
    if how == "erasure":
        await ministry.node.erasure(UserId(bob.id))
    elif how == "deletion":
        server_name, media_id = file.removeprefix("mxc://").split("/")
        await ministry.node.media.delete([(server_name, media_id)], right=THE_WHOLE)
    else:
        assert isinstance(retention._now_ms, Clock)
        retention._now_ms.now = int(time.time() * 1000) + 2 * DAY
        await retention.erase_old_messages()


@pytest.mark.parametrize("eraser", ERASERS)
@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("hold", HOLDS)
async def test_what_a_hold_keeps_of_files(
    ministry: Server, holds: LegalHolds, retention: Retention, alice: Person, bob: Person, hold: str, named: str, eraser: str
) -> None:
    """A file is kept with the room or the person whose words name it, whoever has uploaded it, and whatever deletes it."""
    room, other = [await alice.create_room(name=n, invite=[bob.id]) for n in ("Marché", "Autre")]
    elsewhere = await bob.create_room(name="Ailleurs")
    await bob.set_state(elsewhere, "m.room.retention", {"max_lifetime": DAY})
    await bob.join(room)
    file = await upload(bob)
    await bob.send(elsewhere, "m.room.message", {"msgtype": "m.file", "body": "contract.pdf", "url": file})
    event = await name(named, alice, bob, room, file)
    sender = bob if named == "by an encrypted message" else alice
    held = {"the room": room, "who has sent it": sender.id, "who has uploaded it": bob.id, "another room": other}.get(
        hold, room
    )
    number = await holds.place(held, JUDGE, ORDER, BY)
    if named == "by a message redacted since":
        await alice.redact(room, event)
    if hold == "lifted":
        await holds.lift(number, "over", BY)
    await erase(eraser, ministry, retention, bob, elsewhere, file)
    if HOLDS[hold]:
        assert await download(alice, file) == 200
        await holds.lift(number, "over", BY)
        if eraser == "erasure":
            assert isinstance(ministry.node, AgencyServer)
            await ministry.node.erasure.after_holds()
        else:
            await erase("deletion", ministry, retention, bob, elsewhere, file)
    assert await download(alice, file) == 404, "nothing holds it any more"


PURGED = {
    "the room": False,
    "who has said it": False,
    "who has said something else": False,
    "another room": True,
    "lifted": True,
}


@pytest.mark.parametrize("hold", PURGED)
async def test_a_history_is_purged_where_nothing_is_held(
    ministry: Server, holds: LegalHolds, alice: Person, bob: Person, hold: str
) -> None:
    """As a room is deleted: refused, so that what is left does not show who is held."""
    root = await administrator(ministry, "root")
    room, other = [await alice.create_room(name=n, invite=[bob.id]) for n in ("Marché", "Autre")]
    await bob.join(room)
    await alice.say(room, "the envelope")
    last = await bob.say(room, "of something else")
    target = {"the room": room, "who has said it": alice.id, "who has said something else": bob.id, "another room": other}
    number = await holds.place(target.get(hold, room), JUDGE, ORDER, BY)
    if hold == "lifted":
        await holds.lift(number, "over", BY)
    status, answer = await purge(ministry, root, room, last)
    assert (status, answer.get("errcode")) == ((200, None) if PURGED[hold] else (403, "M_FORBIDDEN"))
    assert ("the envelope" in bodies((await alice.messages(room))["chunk"])) is not PURGED[hold]


async def test_a_hold_that_comes_while_a_history_is_purged(
    ministry: Server, holds: LegalHolds, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest stays, and what has gone is seen to be gone."""
    root = await administrator(ministry, "root")
    room = await alice.create_room(name="Marché")
    texts = [f"envelope {n}" for n in range(4)]
    last = [await alice.say(room, text) for text in texts][-1]
    monkeypatch.setattr(purge_history, "AT_ONCE", 1)
    purges, asked = ministry.node.room_purges, 0
    may_purge: Callable[[str], Awaitable[None]] = purges.may_purge

    async def placed_meanwhile(room_id: str) -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            await holds.place(alice.id, JUDGE, ORDER, BY)
        await may_purge(room_id)

    purges.may_purge = placed_meanwhile  # type: ignore[method-assign]
    assert (await purge(ministry, root, room, last))[0] == 403
    assert bodies((await alice.messages(room))["chunk"])[::-1] == texts[2:]


async def purge(server: Server, root: Person, room: str, upto: str) -> tuple[int, dict[str, Any]]:
    path = f"/_synapse/admin/v1/purge_history/{segment(room)}/{segment(upto)}"
    return await ask(root, "POST", path, {"delete_local_events": True}, await code_of(server, root))


async def test_each_hold_that_ends_lets_go(ministry: Server, holds: LegalHolds, alice: Person, bob: Person) -> None:
    """Somebody was to be erased while two holds kept a file: the second one that is lifted lets it go."""
    assert isinstance(ministry.node, AgencyServer)
    room = await alice.create_room(name="Marché", invite=[bob.id])
    await bob.join(room)
    file = await upload(bob)
    await alice.send(room, "m.room.message", {"msgtype": "m.file", "body": "contract.pdf", "url": file})
    of_bob, of_room = [await holds.place(target, JUDGE, ORDER, BY) for target in (bob.id, room)]
    await ministry.node.erasure(UserId(bob.id))
    await holds.lift(of_bob, "over", BY)
    await ministry.node.erasure.after_holds()
    assert await download(alice, file) == 200
    await holds.lift(of_room, "over", BY)
    await ministry.node.erasure.after_holds()
    assert await download(alice, file) == 404
