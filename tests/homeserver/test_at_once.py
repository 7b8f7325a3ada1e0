"""Asked for at once, there is no more than when it is asked for one after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.config import DelayedEventsConfig, Listener
from chappe.homeserver.accounts import rendezvous
from chappe.homeserver.rooms.snapshot import Snapshot
from tests.support import Person, Refused, Server, segment

NewServer = Callable[..., Awaitable[Server]]
DEHYDRATED = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"
DELAYED = "/_matrix/client/v1/delayed_events"
MEETING = "/_matrix/client/v1/rendezvous"


async def test_delayed_events_asked_for_at_once(new_server: NewServer) -> None:
    server = await new_server(delayed_events=DelayedEventsConfig(max_scheduled=5))
    alice = await server.person()
    room = segment(await alice.create_room())
    body = {"delay_ms": 3_600_000, "content": {}}
    asked = [alice.call("PUT", f"/rooms/{room}/delayed_event/x.y/{txn}", body) for txn in range(25)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    no = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(no) == 20 and {answer.errcode for answer in no} == {"M_LIMIT_EXCEEDED"}, no
    assert len((await alice.call("GET", DELAYED))["delayed_events"]) == 5


async def test_the_same_delayed_event_asked_for_at_once(new_server: NewServer) -> None:
    server = await new_server(delayed_events=DelayedEventsConfig(max_scheduled=1))
    alice = await server.person()
    path = f"/rooms/{segment(await alice.create_room())}/delayed_event/x.y/t"
    asked = [alice.call("PUT", path, {"delay_ms": 3_600_000, "content": {}}) for _ in range(10)]
    assert len({answer["delay_id"] for answer in await asyncio.gather(*asked)}) == 1


async def test_what_is_written_while_a_room_is_read_anew(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has written too: what was read of the room before this one's own commit is read again."""
    alice = await server.person()
    room = await alice.create_room()
    node = server.node
    number = (await node.rooms.require(room)).nid
    read, execute = Snapshot.read, node.writer._execute
    is_written, may_write, is_read, may_go_on = (asyncio.Event() for _ in range(4))

    async def waits_to_write(*arguments: Any) -> Any:
        is_written.set()
        await may_write.wait()
        return await execute(*arguments)

    async def waits_when_read(*arguments: Any) -> Any:
        snapshot = await read(*arguments)
        is_read.set()
        await may_go_on.wait()
        return snapshot

    monkeypatch.setattr(node.writer, "_execute", waits_to_write)
    monkeypatch.setattr(Snapshot, "read", waits_when_read)
    saying = asyncio.create_task(alice.say(room, "at once"))
    await is_written.wait()
    node.rooms.live.read_anew(number)
    reading = asyncio.create_task(node.rooms.require(room))
    await is_read.wait()
    may_write.set()
    said = await saying
    may_go_on.set()
    assert (await reading).tail[-1].event_id == said


def dehydrated(person: Person, device: str) -> dict[str, Any]:
    keys = {"user_id": person.id, "device_id": device, "algorithms": [], "keys": {f"ed25519:{device}": "k"}, "signatures": {}}
    return {
        "device_id": device,
        "device_data": {"algorithm": "m.dehydration.v2"},
        "device_keys": keys,
        "one_time_keys": {f"signed_curve25519:{device}": {"key": "x", "signatures": {}}},
    }


async def test_devices_are_kept_one_after_the_other(new_server: NewServer) -> None:
    """By two processes as well: of all that were asked for, one stays, and it is the one that is named."""
    first = await new_server()
    alice, bob = await first.person(), await first.person()
    second = Person(await new_server(url=first.url), alice.session)
    asked = [who.call("PUT", DEHYDRATED, dehydrated(alice, f"KEPT{n}")) for n in range(6) for who in (alice, second)]
    await asyncio.gather(*asked)
    kept = (await alice.call("GET", DEHYDRATED))["device_id"]
    found = await bob.call("POST", "/keys/query", {"device_keys": {alice.id: []}})
    assert set(found["device_keys"].get(alice.id, {})) == {kept}
    assert {d["device_id"] for d in (await alice.call("GET", "/devices"))["devices"]} == {alice.device, kept}


async def meet(server: Server, address: str) -> tuple[int, str]:
    """(status, id) of a meeting for a QR code, asked for from an address."""
    status, raw, _ = await server.raw("POST", MEETING, {"data": "x"}, headers={"X-Forwarded-For": address})
    return status, json.loads(raw).get("id", "")


async def test_one_network_prepares_so_many_sign_ins_by_qr_code(new_server: NewServer) -> None:
    server = await new_server(listeners=[Listener(port=0, behind_proxy=True)])
    most = rendezvous.PER_NETWORK
    answers = await asyncio.gather(*(meet(server, f"2001:db8::{n:x}") for n in range(most + 10)))
    assert [status for status, _ in answers].count(200) == most
    assert {status for status, _ in answers} == {200, 429}
    assert (await meet(server, "2001:db8:0:1::1"))[0] == 200 and (await meet(server, "198.51.100.7"))[0] == 200


async def test_whoever_has_many_networks_keeps_nobody_from_signing_in(new_server: NewServer) -> None:
    """Where all places are taken, the oldest of the largest crowd is given to whoever comes."""
    server = await new_server(listeners=[Listener(port=0, behind_proxy=True)])
    honest = [await meet(server, address) for address in ("198.51.100.7", "2001:db8:ffff::1")]
    for address in ("203.0.113.1", "2001:db8:0:1::1"):
        await meet(server, address)
    await server.node.database.execute(  # each of these came from a network of its own
        """INSERT INTO rendezvous (id, content_type, data, changed_ts, expires_ts, network, crowd)
           SELECT 'crowd ' || n, 'text/plain', '', changed_ts, expires_ts, 'network ' || n, crowd
             FROM rendezvous, generate_series(1, $1) n WHERE network = '2001:db8:0:1::/64'""",
        rendezvous.AT_MOST,
    )
    crowd = "SELECT count(*) FROM rendezvous WHERE id LIKE 'crowd %'"
    before = await server.node.database.fetchval(crowd)
    for address in ("198.51.100.8", "2001:db8:ffff::1", "2001:db8:0:2::1"):
        honest.append(await meet(server, address))
    assert {status for status, _ in honest} == {200}
    for _, meeting in honest:
        assert (await server.raw("GET", f"{MEETING}/{meeting}"))[0] == 200
    assert await server.node.database.fetchval("SELECT count(*) FROM rendezvous") == rendezvous.AT_MOST
    assert before - await server.node.database.fetchval(crowd) >= 3
