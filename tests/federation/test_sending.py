"""Sending to servers that do not answer: nothing is lost, nothing is hurried, and people can see why."""

from __future__ import annotations

import asyncio

import pytest

from chappe.config import Federation
from chappe.homeserver.outbound.federation.destinations import describe, destination_states, forget_failures
from tests.federation.conftest import Peer
from tests.federation.partition import heal, split
from tests.federation.test_history import everything
from tests.federation.test_rooms import agree, enter, hears
from tests.support import Refused, segment, until


async def test_the_state_of_a_server_that_does_not_answer(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    await alice.say(room, "first")
    await hears(bob, room, "first")
    name = there.config.server_name

    async def is_ok() -> bool:
        states = await destination_states(here.node.database)
        return [(s.server_name, s.events, s.failing_since) for s in states] == [(name, 0, None)]

    await until(is_ok)
    with split([here], [there]):
        for n in range(3):
            await alice.say(room, f"unheard {n}")

        async def fails() -> bool:
            return any(s.failures for s in await destination_states(here.node.database))

        await until(fails)
        (state,) = await destination_states(here.node.database)
        text = describe(state, here.node.now_ms())
        assert text.startswith(f"no   {name}: ") and "the wire is cut" in text and state.events >= 1
        assert state.retry_ts > here.node.now_ms()
    assert await forget_failures(here.node.database, name)
    assert not await forget_failures(here.node.database, "unknown.example")
    await heal(here, there)
    await hears(bob, room, "unheard 2")
    assert await everything(bob, room) == ["first", "unheard 0", "unheard 1", "unheard 2"]
    await until(is_ok)


async def test_after_a_long_absence_the_latest_event_tells_the_rest(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    await agree(room, here, there)
    with split([here], [there]):
        for n in range(30):
            await alice.say(room, f"unheard {n}")

        async def queued() -> bool:
            return bool(await here.node.database.fetchval("SELECT count(*) = 30 FROM federation_queue"))

        await until(queued)

        async def fails() -> bool:
            return any(s.failures for s in await destination_states(here.node.database))

        await until(fails)
        await here.node.database.execute("UPDATE destinations SET failing_since = 0")
    await heal(here, there)
    await hears(bob, room, "unheard 29")

    async def all_of_it() -> bool:
        return await everything(bob, room) == [f"unheard {n}" for n in range(30)]

    await until(all_of_it)


async def test_what_waits_outlives_the_process(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    await agree(room, here, there)
    with split([here], [there]):
        await alice.say(room, "written before the end")

        async def queued() -> bool:
            return bool(await here.node.database.fetchval("SELECT count(*) = 1 FROM federation_queue"))

        await until(queued)
        await here.stop()
    here.node = type(here.node)(here.config, here.data, here.url)
    await here.start()
    await here.node.federation_sender.retry(there.config.server_name)
    await hears(bob, room, "written before the end")


async def test_a_server_that_talks_to_nobody_follows_nothing(peer: Peer) -> None:
    alone = await peer(federation=Federation(mode="listed"))
    alice = await alone.person("alice")
    room = await alice.create_room(preset="public_chat")
    await alice.say(room, "to myself")
    assert await alone.node.database.fetchval("SELECT count(*) FROM federation_progress") == 0
    with pytest.raises(Refused) as refused:
        await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": "@bob:elsewhere.example"})
    assert (refused.value.status, refused.value.errcode) == (403, "M_FORBIDDEN")


async def test_trying_again_leaves_one_task_for_a_server_and_stopping_none(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    name, sender = there.config.server_name, here.node.federation_sender

    def tasks() -> int:
        return sum(task.get_name() == f"to {name}" and not task.done() for task in asyncio.all_tasks())

    async def one() -> bool:
        return tasks() == 1

    with split([here], [there]):
        await alice.say(room, "unheard")
        await until(one)
        for _ in range(3):
            await sender.retry(name)
            await asyncio.sleep(0)  # the next one comes while the one before is ending
        await until(one)  # a task that was cancelled ends when it has let its connection go; a lost one never does
    await here.stop()
    assert tasks() == 0


async def test_administration_tools_see_other_servers(peer: Peer) -> None:
    """Ketesa's pages of destinations."""
    here, there, third = await peer(), await peer(), await peer()
    admin, bob, carol = await here.person("alice"), await there.person("bob"), await third.person("carol")
    await here.node.accounts.change(admin.id, is_admin=True)
    room, of_two = await admin.create_room(preset="public_chat"), await admin.create_room(preset="public_chat")
    await enter(bob, room, here)
    await enter(carol, of_two, here)
    for person, where in ((bob, room), (carol, of_two)):
        await admin.say(where, "first")
        await hears(person, where, "first")
    name, base = there.config.server_name, "/_synapse/admin/v1/federation/destinations"
    path = f"{base}/{segment(name)}"
    listed = await admin.call("GET", base)
    names = [one["destination"] for one in listed["destinations"]]
    assert listed["total"] == 2 and names == sorted((name, third.config.server_name))
    assert listed["destinations"][names.index(name)] == (one := await admin.call("GET", path))
    assert (one["failure_ts"], one["retry_last_ts"], one["retry_interval"]) == (None, 0, 0)
    assert (await admin.call("GET", base, destination="other"))["destinations"] == []
    assert await admin.call("GET", f"{path}/rooms") == {"rooms": [{"room_id": room}], "total": 1}
    assert await admin.call("GET", f"{base}/other.example/rooms") == {"rooms": [], "total": 0}
    for unknown in (f"{base}/other.example", f"{base}/not%20a%20name"):
        with pytest.raises(Refused) as refused:
            await admin.call("GET", unknown)
        assert refused.value.status in (400, 404)
    with pytest.raises(Refused) as refused:
        await admin.call("POST", f"{path}/reset_connection", {})
    assert refused.value.status == 400, "it answers"
    with split([here], [there]):
        await admin.say(room, "unheard")

        async def fails() -> bool:
            return (await admin.call("GET", path))["failure_ts"] is not None

        await until(fails)
        for way in "fb":
            first, second = (await admin.call("GET", base, order_by="failure_ts", dir=way))["destinations"]
            assert first["destination"] == name and first["last_error"] and second["failure_ts"] is None
            assert first["retry_interval"] >= 2_000 and first["retry_last_ts"] >= first["failure_ts"]
    await admin.call("POST", f"{path}/reset_connection", {})
    await heal(here, there)
    await hears(bob, room, "unheard")
