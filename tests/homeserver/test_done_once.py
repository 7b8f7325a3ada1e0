"""Acknowledged is done, once: whatever dies, aborts or races between the answer and the end of the work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from obstore.exceptions import BaseError

from chappe.homeserver.accounts.endings import THE_WHOLE
from chappe.homeserver.modules.critical_acts.requests import CriticalRequests
from chappe.homeserver.modules.delayed_events.delayed_events import DelayedEvent
from tests.support import Person, Server, segment

MSC4140 = "/_matrix/client/unstable/org.matrix.msc4140"

# ------------------------------------------------------------------------------------------------- a name, in all rooms


async def test_a_name_is_carried_into_rooms_by_whoever_is_left(
    new_server: Callable[..., Awaitable[Server]], new_database: Callable[[], Awaitable[str]]
) -> None:
    url = await new_database()
    first = await new_server(url=url)
    alice = await first.person("alice")
    rooms = [await alice.create_room() for _ in range(6)]
    first.node.set_profile_field._begin = lambda user_id: None  # type: ignore[method-assign]  # it dies after its answer
    for name in ("Alice", "Alice Martin"):
        await alice.call("PUT", f"/profile/{segment(alice.id)}/displayname", {"displayname": name})
    await first.node.stop()
    second = await new_server(url=url)
    await second.node.set_profile_field.wait()
    reader = Person(second, alice.session)
    for room in rooms:
        member = await reader.call("GET", f"/rooms/{segment(room)}/state/m.room.member/{segment(alice.id)}")
        assert member["displayname"] == "Alice Martin"
    assert await second.node.accounts.store.profile_carries() == []


async def test_a_change_while_another_is_carried_is_not_lost(server: Server, alice: Person) -> None:
    rooms = [await alice.create_room() for _ in range(3)]
    for number in range(12):
        await alice.call("PUT", f"/profile/{segment(alice.id)}/displayname", {"displayname": f"name {number}"})
    await server.node.set_profile_field.wait()
    for room in rooms:
        member = await alice.call("GET", f"/rooms/{segment(room)}/state/m.room.member/{segment(alice.id)}")
        assert member["displayname"] == "name 11"


# ------------------------------------------------------------------------------------------------------- delayed events


async def _due(person: Person, room: str, is_state: bool, number: int) -> DelayedEvent:
    """A delayed event whose time has come, as the sender has read it."""
    kind = "state/x.call/" if is_state else "send/m.room.message/"
    path = f"/rooms/{segment(room)}/{kind}d{number}"
    body = {"msgtype": "m.text", "body": f"delayed {number}"}
    delay = {"org.matrix.msc4140.delay": 3_600_000}
    delay_id = (await person.call("PUT", path, body, **delay))["delay_id"]
    delayed = person.server.node.delayed_events
    await person.server.node.database.execute("UPDATE delayed_events SET send_at = 1 WHERE delay_id = $1", delay_id)
    return await delayed.find(delay_id, None)


async def _sent(person: Person, room: str) -> list[str]:
    await person.server.node.clock.catch_up()
    return [e["content"]["body"] for e in (await person.messages(room, limit=100))["chunk"] if "body" in e["content"]]


@pytest.mark.parametrize("is_state", [False, True])
@pytest.mark.parametrize("action", ["cancel", "restart"])
async def test_what_was_answered_while_the_sender_was_at_work_holds(alice: Person, action: str, is_state: bool) -> None:
    room = await alice.create_room()
    alice.server.node.delayed_event_sender._delayed.due = _nothing_due  # type: ignore[method-assign]
    try:
        row = await _due(alice, room, is_state, 1)
        await alice.call("POST", f"{MSC4140}/delayed_events/{row.delay_id}", {"action": action})
        await alice.server.node.send_delayed_event.send_due(row)
        assert await _sent(alice, room) == []
        late = await _due(alice, room, is_state, 2)
        assert await alice.server.node.delayed_events.claim(late.delay_id, is_due=True)
        status, raw, _ = await alice.server.raw("POST", f"{MSC4140}/delayed_events/{late.delay_id}", {"action": action})
        assert status != 200, (raw, "it is being sent: nobody is told that it is not")
    finally:
        del alice.server.node.delayed_event_sender._delayed.due


async def _nothing_due() -> tuple[list[DelayedEvent], None]:
    return [], None


@pytest.mark.parametrize("is_state", [False, True])
async def test_two_nodes_send_once_and_so_does_one_that_died(
    new_server: Callable[..., Awaitable[Server]], new_database: Callable[[], Awaitable[str]], is_state: bool
) -> None:
    url = await new_database()
    nodes = [await new_server(url=url) for _ in range(2)]
    for one in nodes:
        one.node.delayed_event_sender._delayed.due = _nothing_due  # type: ignore[method-assign]
    alice = await nodes[0].person("alice")
    room = await alice.create_room()
    await nodes[1].node.clock.catch_up()
    rows = [await _due(alice, room, is_state, n) for n in range(4)]
    await asyncio.gather(*(one.node.send_delayed_event.send_due(row) for row in rows for one in nodes))
    told = [f"delayed {n}" for n in range(4)]
    assert sorted(await _sent(alice, room)) == told
    # sent, and dead before it was written down: another one takes over after a while
    last = await _due(alice, room, is_state, 4)
    sender = nodes[0].node.send_delayed_event
    assert await nodes[0].node.delayed_events.claim(last.delay_id, is_due=True)
    await sender._send(last, alice.id, {"body": "delayed 4"})  # type: ignore[arg-type]
    await nodes[0].node.database.execute("UPDATE delayed_events SET claimed_ts = 1 WHERE finalised_ts IS NULL")
    await nodes[1].node.clock.catch_up()
    await alice.set_state(room, "x.call", {"other": True}, "d4")  # the state is another one by now
    await nodes[1].node.clock.catch_up()
    await nodes[1].node.send_delayed_event.send_due(last)
    assert sorted(await _sent(alice, room)) == [*told, "delayed 4"]
    done = await nodes[0].node.delayed_events.find(last.delay_id, None)
    assert done.outcome == "send" and done.event_id is not None


# ------------------------------------------------------------------------------------------------------------ to-device


async def test_a_repeated_request_gets_the_messages_that_an_aborted_one_was_reading(
    server: Server, alice: Person, bob: Person
) -> None:
    await alice.sync()
    lock = await asyncpg.connect(server.url)
    try:
        await bob.call("PUT", "/sendToDevice/m.test/t1", {"messages": {alice.id: {alice.device: {"key": "for alice"}}}})
        to_device = server.node.to_device
        async with lock.transaction():
            await lock.execute("LOCK TABLE to_device")  # the database is slow
            aborted = asyncio.create_task(to_device.receive(alice.id, alice.device, 0, is_news=True))
            await _until_waiting(lock, 1)
            again = asyncio.create_task(to_device.receive(alice.id, alice.device, 0, is_news=False))
            await _until_waiting(lock, 2)
        assert len((await aborted).messages) == len((await again).messages) == 1
    finally:
        await lock.close()


async def _until_waiting(connection: asyncpg.Connection, wanted: int) -> None:
    for _ in range(500):
        waiting = await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'to_device'::regclass"
        )
        if waiting >= wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the inbox was taken to be empty before it was read")


async def test_an_empty_inbox_is_not_read_again_until_something_comes(server: Server, alice: Person) -> None:
    await alice.sync()
    await alice.sync()
    before = server.node.database.statements
    await server.node.to_device.receive(alice.id, alice.device, 0, is_news=False)
    assert server.node.database.statements == before


# --------------------------------------------------------------------------------------------------------- one-time keys


async def test_a_key_that_was_given_out_is_not_given_out_again(alice: Person, bob: Person) -> None:
    def keys(*numbers: int, content: str = "k") -> dict[str, Any]:
        return {"one_time_keys": {f"signed_curve25519:{n}": {"key": f"{content}{n}"} for n in numbers}}

    async def claim() -> dict[str, Any]:
        wanted = {"one_time_keys": {alice.id: {alice.device: "signed_curve25519"}}}
        answer = await bob.call("POST", "/keys/claim", wanted)
        return dict(answer["one_time_keys"].get(alice.id, {}).get(alice.device, {}))

    await alice.call("POST", "/keys/upload", keys(1))
    assert list(await claim()) == ["signed_curve25519:1"]
    counts = await alice.call("POST", "/keys/upload", keys(1, 2))  # the first answer was lost: as it must
    assert counts["one_time_key_counts"]["signed_curve25519"] == 1
    assert list(await claim()) == ["signed_curve25519:2"]
    assert await claim() == {}
    await alice.call("POST", "/keys/upload", keys(1, content="another"))  # a device that began anew
    assert (await claim())["signed_curve25519:1"] == {"key": "another1"}


async def test_a_key_that_is_claimed_while_it_is_uploaded_again_is_not_given_out_again(server: Server, alice: Person) -> None:
    keys = {"one_time_keys": {"signed_curve25519:1": {"key": "k1"}}}
    await alice.call("POST", "/keys/upload", keys)
    claim = await asyncpg.connect(server.url)
    try:
        async with claim.transaction():  # as `claim_one_time_keys`, not yet committed
            await claim.execute(
                """WITH taken AS (DELETE FROM one_time_keys WHERE user_id = $1 RETURNING *)
                   INSERT INTO claimed_keys (user_id, device_id, algorithm, key_id, hash)
                   SELECT user_id, device_id, algorithm, key_id, sha256(key) FROM taken""",
                alice.id,
            )
            store = server.node.keys._store
            again = asyncio.create_task(
                store.add_one_time_keys(alice.id, alice.device, [("signed_curve25519", "1", b'{"key":"k1"}')])
            )
            await _until_blocked(claim)
        await again
    finally:
        await claim.close()
    counts, _ = await store.counts(alice.id, alice.device)
    assert counts == {}


async def _until_blocked(connection: asyncpg.Connection) -> None:
    """Until somebody waits for what this transaction holds."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    for _ in range(500):
        if await connection.fetchval(sql):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the upload did not wait for the claim")


# --------------------------------------------------------------------------------------------- what is read, then written


async def test_the_same_critical_act_is_asked_for_once(server: Server) -> None:
    requests = CriticalRequests(server.node.database, server.node.now_ms)
    asked = await asyncio.gather(
        *(requests.ask("ministry", "purge", {"room": "!r:localhost"}, "@a:localhost", "console") for _ in range(20))
    )
    assert len({number for number, _ in asked}) == 1
    assert sum(is_new for _, is_new in asked) == 1


async def test_a_file_is_listed_until_its_bytes_are_gone(server: Server, alice: Person) -> None:
    """Whoever dies, or finds the store away, in between: the file can be deleted again."""
    status, raw, _ = await server.raw("POST", "/_matrix/media/v3/upload", b"secret", alice.token)
    assert status == 200
    media_id = json.loads(raw)["content_uri"].rsplit("/", 1)[1]
    stored = [path for path in (server.data / "media").rglob("*") if path.is_file() and path.read_bytes() == b"secret"]
    assert len(stored) == 1
    folder = stored[0].parent
    folder.rename(folder.with_name("away"))
    folder.write_bytes(b"")  # no folder: the store answers with an error
    media = server.node.media
    with pytest.raises(BaseError):
        await media.delete([("localhost", media_id)], right=THE_WHOLE)
    folder.unlink()
    folder.with_name("away").rename(folder)
    assert await media.delete([("localhost", media_id)], right=THE_WHOLE) == [media_id]
    assert not stored[0].exists()
