"""A room is purged: nothing of it is left, in the database or in memory, whoever died meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.agency.tables import ALL
from tests.support import Person, Refused, Server, segment

V1, V2 = "/_synapse/admin/v1", "/_synapse/admin/v2"


@pytest.fixture
async def admin(server: Server) -> Person:
    person = await server.person()
    await server.node.accounts.change(person.id, is_admin=True)
    return person


async def rows_of(server: Server, number: int, room: str, events: list[str], numbers: list[int]) -> dict[str, int]:
    """By table: how many rows are of a room, or of one of its events."""
    found = {}
    for table in ALL:
        count = 0
        if table.room:
            of = number if table.room == "room_nid" else room
            count += await server.node.database.fetchval(f"SELECT count(*) FROM {table.name} WHERE {table.of_room}", of)
        if table.event:
            cited: list[Any] = events if table.cites == "event_id" else numbers
            count += await server.node.database.fetchval(
                f"SELECT count(*) FROM {table.name} WHERE {table.event} = ANY($1)", cited
            )
        if count:
            found[table.name] = count
    return found


class Furnished:
    """A room with something of everything that people leave in one."""

    def __init__(self, server: Server, alice: Person) -> None:
        self.server, self.alice = server, alice

    async def fill(self, bob: Person) -> Furnished:
        alice = self.alice
        self.room = await alice.create_room(
            name="Grande salle", visibility="public", room_alias_name=f"grande-{alice.device.lower()}"
        )
        here = f"/rooms/{segment(self.room)}"
        await alice.invite(self.room, bob)
        await bob.join(self.room)
        root = await alice.say(self.room, "Bonjour")
        for n in range(40):
            relation = {"rel_type": "m.thread", "event_id": root}
            await bob.say(self.room, f"mot {n}", **({"m.relates_to": relation} if n % 2 else {}))
        await bob.say(self.room, "Alice ?", **{"m.mentions": {"user_ids": [alice.id]}})
        await bob.call("POST", f"{here}/receipt/m.read/{segment(root)}", {})
        await bob.call("PUT", f"/user/{bob.id}{here}/tags/u.work", {})
        await bob.call("PUT", f"/user/{bob.id}{here}/account_data/org.notes", {"a": 1})
        database = self.server.node.database
        self.number = await database.fetchval("SELECT room_nid FROM rooms WHERE room_id = $1", self.room)
        rows = await database.fetch("SELECT nid, event_id FROM events WHERE room_nid = $1", self.number)
        self.events, self.numbers = [r["event_id"] for r in rows], [r["nid"] for r in rows]
        await database.execute("INSERT INTO encrypted_files VALUES ('localhost', 'file', $1)", root)
        return self

    async def left(self, server: Server | None = None) -> dict[str, int]:
        return await rows_of(server or self.server, self.number, self.room, self.events, self.numbers)


async def complete(admin: Person, delete_id: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            told: dict[str, Any] = await admin.call("GET", f"{V2}/rooms/delete_status/{delete_id}")
            if told["status"] in ("complete", "failed"):
                return told
            await admin.server.node.delete_room.resume()


async def test_nothing_is_left(server: Server, admin: Person, alice: Person, bob: Person) -> None:
    salon = await Furnished(server, alice).fill(bob)
    before = await salon.left()
    assert {"events", "memberships", "relations", "threads", "account_data", "receipts", "encrypted_files"} <= set(before)
    other = await alice.create_room(name="Autre")
    path = f"{V2}/rooms/{segment(salon.room)}"
    delete_id = (await admin.call("DELETE", path, {"purge": True}))["delete_id"]
    told = await admin.call("GET", f"{V2}/rooms/delete_status/{delete_id}")
    assert told["status"] in ("purging", "complete") and told["purged"] == (told["status"] == "complete")
    told = await complete(admin, delete_id)
    assert told["status"] == "complete" and told["purged"]
    assert set(told["shutdown_room"]["kicked_users"]) == {alice.id, bob.id}
    assert await salon.left() == {}
    assert (await admin.call("GET", f"{path}/delete_status"))["results"] == [told]
    with pytest.raises(Refused) as refusal:
        await admin.call("GET", f"{V1}/rooms/{segment(salon.room)}")
    assert refusal.value.status == 404
    assert await server.node.rooms.live.find(salon.room) is None
    with pytest.raises(Refused):
        await alice.call("GET", f"/rooms/{segment(salon.room)}/messages?dir=b")
    joined = (await alice.call("GET", "/sync"))["rooms"]["join"]
    assert set(joined) == {other}
    assert await alice.say(other, "La suite")


async def test_the_older_call_answers_when_it_is_done(server: Server, admin: Person, alice: Person, bob: Person) -> None:
    salon = await Furnished(server, alice).fill(bob)
    answer = await admin.call("DELETE", f"{V1}/rooms/{segment(salon.room)}", {})
    assert answer["purged"] and await salon.left() == {}


async def test_a_room_is_closed_and_kept(server: Server, admin: Person, alice: Person, bob: Person) -> None:
    salon = await Furnished(server, alice).fill(bob)
    delete_id = (await admin.call("DELETE", f"{V2}/rooms/{segment(salon.room)}", {"purge": False}))["delete_id"]
    told = await complete(admin, delete_id)
    assert (told["status"], told["purged"]) == ("complete", False)
    assert (await salon.left())["events"] >= len(salon.events)


async def test_another_process_goes_on_where_one_died(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server()
    admin, alice, bob = [await server.person() for _ in range(3)]
    await server.node.accounts.change(admin.id, is_admin=True)
    salon = await Furnished(server, alice).fill(bob)
    purges, asked, stuck = server.node.room_purges, 0, asyncio.Event()
    may_purge: Callable[[str], Awaitable[None]] = purges.may_purge
    purges.batch = 10

    async def dies(room_id: str) -> None:
        nonlocal asked
        asked += 1
        await may_purge(room_id)
        if asked == 4:
            stuck.set()
            await asyncio.Event().wait()

    purges.may_purge = dies  # type: ignore[method-assign]
    delete_id = (await admin.call("DELETE", f"{V2}/rooms/{segment(salon.room)}", {}))["delete_id"]
    work = asyncio.create_task(server.node.delete_room.resume())
    await stuck.wait()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert 0 < (await salon.left())["events"] < len(salon.events)
    assert (await admin.call("GET", f"{V2}/rooms/delete_status/{delete_id}"))["status"] == "purging"
    with pytest.raises(Refused):
        await bob.call("POST", f"/join/{segment(salon.room)}", {})
    await server.node.leases.release()
    other = await Server(server.config, server.data, server.url).start()
    try:
        told = await complete(Person(other, admin.session), delete_id)
        assert told["status"] == "complete" and await salon.left(other) == {}
        assert await other.node.rooms.live.find(salon.room) is None
    finally:
        await other.stop()


async def test_what_the_law_keeps_is_not_purged(server: Server, admin: Person, alice: Person, bob: Person) -> None:
    salon = await Furnished(server, alice).fill(bob)
    for target in (salon.room, bob.id):
        hold = await server.node.holds.place(target, "Tribunal", "24/1", admin.id)
        for version in (V1, V2):
            with pytest.raises(Refused) as refusal:
                await admin.call("DELETE", f"{version}/rooms/{segment(salon.room)}", {})
            assert refusal.value.errcode == "M_FORBIDDEN" and "law" in refusal.value.body["error"]
        await server.node.holds.lift(hold, "Fini", admin.id)
    assert alice.id in await server.node.administration.people_of(salon.room)
