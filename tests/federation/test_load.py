"""What other servers send at its limit does not hold the event loop: transactions that are signed, and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
import pytest_asyncio

from chappe.homeserver.api.federation.transactions import MOST_EDUS, MOST_PDUS
from chappe.homeserver.load.parsing import MAX_VALUES
from chappe.homeserver.load.watchdog import TOO_LONG_SECONDS
from chappe.homeserver.modules.end_to_end_encryption.remote_devices import MOST_DEVICES
from chappe.matrix.events import seal
from tests.federation.conftest import Peer
from tests.federation.foreign import VERSION, Foreign, Hall
from tests.homeserver.test_load import held, steady
from tests.support import Person, Server, segment

__all__ = ["steady"]
pytestmark = pytest.mark.usefixtures("steady")


async def entered(person: Person, hall: Hall) -> None:
    hall.lets_in(person.id)
    await person.call("POST", f"/join/{segment(hall.room_id)}", {}, via=hall.of.name)


async def test_a_room_of_thousands_that_is_entered_does_not(peer: Peer, foreign: Foreign) -> None:
    here = await peer()
    alice, halls = await here.person(), [Hall(foreign, 15_000) for _ in range(2)]
    ready = []
    for hall in halls:
        hall.lets_in(alice.id)
        assert len(foreign.answers["/send_join/"]) > 8 << 20
        ready.append((hall, dict(foreign.answers)))

    async def enter() -> None:
        hall, foreign.answers = ready.pop()
        await alice.call("POST", f"/join/{segment(hall.room_id)}", {}, via=foreign.name)

    assert await held(here, enter, len(halls)) < TOO_LONG_SECONDS


def a_list_of_devices(of: str) -> bytes:
    """Of an answer as large as it may be, and of many values."""
    device = {"user_id": of, "algorithms": ["x"] * 100, "keys": {f"ed25519:{n}": "k" * 43 for n in range(60)}, "signatures": {}}
    devices = [{"device_id": f"D{n}", "keys": {**device, "device_id": f"D{n}"}} for n in range(MOST_DEVICES)]
    return orjson.dumps({"user_id": of, "stream_id": 1, "devices": devices})


def a_list_of_rooms(of: str) -> bytes:
    room = {
        "topic": "x" * 100,
        "world_readable": False,
        "guest_can_join": False,
        "num_joined_members": 3,
        "join_rule": "public",
    }
    return orjson.dumps({"chunk": [{**room, "room_id": f"!{n}:{of}"} for n in range(12_000)], "total_room_count_estimate": 1})


async def test_a_large_answer_does_not(entered_room: tuple[Server, Person, str], foreign: Foreign) -> None:
    here, alice, _ = entered_room
    people = [f"@somebody-{n}:{foreign.name}" for n in range(3)]
    foreign.answers |= {f"/user/devices/{user}": a_list_of_devices(user) for user in people}
    foreign.answers["/publicRooms"] = a_list_of_rooms(foreign.name)
    foreign.answers["/query/profile"] = orjson.dumps({"displayname": "x", "org.example": [{}] * 40_000})
    assert all(len(answer) > 1 << 20 for part, answer in foreign.answers.items() if "/user/" in part or "public" in part)

    async def devices() -> None:
        user = people.pop()
        answer = await alice.call("POST", "/keys/query", {"device_keys": {user: []}})
        assert len(answer["device_keys"][user]) == MOST_DEVICES

    async def rooms() -> None:
        assert (await alice.call("POST", "/publicRooms", {}, server=foreign.name))["chunk"]

    async def profile() -> None:
        assert (await alice.call("GET", f"/profile/@somebody-9:{foreign.name}"))["displayname"] == "x"

    for ask in (devices, rooms, profile):
        assert await held(here, ask) < TOO_LONG_SECONDS, ask.__name__


def messages(hall: Hall, size: int) -> list[dict[str, Any]]:
    """As many as a transaction may have, each as large as an event may be, of many values."""
    found = []
    sender, own = hall.owner, [hall.ground[0], hall.ground[1], hall.owner_id]
    for _ in range(MOST_PDUS):
        content = {"msgtype": "m.text", "body": "x" * (size - 8000), "n": [{"a": n} for n in range(400)]}
        pdu = hall.event("m.room.message", sender, content, own)
        hall.last = seal(pdu, VERSION, hall.of.name, hall.of.key)
        found.append(pdu)
    return found


async def test_a_transaction_of_events_does_not(peer: Peer, foreign: Foreign) -> None:
    here = await peer()
    alice, hall = await here.person(), Hall(foreign, 20)
    await entered(alice, hall)
    [hall.last] = (await here.node.rooms.require(hall.room_id)).ahead.forward_extremities
    send = foreign.sends(here, [{"pdus": messages(hall, 60_000)} for _ in range(3)])

    async def act() -> None:
        assert all(result == {} for result in (await send()).values())

    assert await held(here, act) < TOO_LONG_SECONDS


async def test_a_flood_of_state_does_not(peer: Peer, foreign: Foreign) -> None:
    """Each on the same old ground, beside all others, many of the same key."""
    here = await peer()
    alice, hall = await here.person(), Hall(foreign, 200)
    await entered(alice, hall)
    [ground] = (await here.node.rooms.require(hall.room_id)).ahead.forward_extremities
    own, floods = [hall.ground[0], hall.ground[1], hall.owner_id], []
    for flood in range(3):
        pdus = []
        for number in range(MOST_PDUS):
            hall.last = ground
            content = {"n": number, "filling": ["x" * 1000] * 50}
            pdus.append(hall.event("test.flood", hall.owner, content, own, state_key=f"{flood}{number % 25}"))
            seal(pdus[-1], VERSION, foreign.name, foreign.key)
        floods.append({"pdus": pdus})
    send = foreign.sends(here, floods)

    async def act() -> None:
        assert all(result == {} for result in (await send()).values())

    assert await held(here, act) < TOO_LONG_SECONDS


READ = {"event_ids": ["$" + "e" * 43], "data": {"ts": 1}}
EDUS: dict[str, tuple[str, Callable[[str, str, str, int], Any]]] = {
    # its type, and what it says: of a server `of` that says so `many` things of a room and of a person
    "receipts": ("m.receipt", lambda of, room, _, many: {room: {"m.read": {f"@somebody-{n}:{of}": READ for n in range(many)}}}),
    "receipts of many rooms": (
        "m.receipt",
        lambda of, _, __, many: {f"!{n}:{of}": {"m.read": {f"@somebody-1:{of}": READ}} for n in range(many)},
    ),
    "presence": (
        "m.presence",
        lambda of, _, __, many: {
            "push": [{"user_id": f"@somebody-{n}:{of}", "presence": "online", "last_active_ago": 1} for n in range(many)]
        },
    ),
    "typing": (
        "m.typing",
        lambda of, room, _, many: {"room_id": room, "user_id": f"@somebody-1:{of}", "typing": True, "filling": ["x"] * many},
    ),
    "device lists": (
        "m.device_list_update",
        lambda of, _, __, many: {
            "user_id": f"@somebody-1:{of}",
            "device_id": "D",
            "stream_id": 5,
            "prev_id": list(range(many)),
        },
    ),
    "keys": (
        "m.signing_key_update",
        lambda of, _, __, many: {
            "user_id": f"@somebody-1:{of}",
            "master_key": {"keys": {f"ed25519:{n}": "x" * 43 for n in range(many)}},
        },
    ),
    "messages to devices": (
        "m.direct_to_device",
        lambda of, _, person, many: {
            "sender": f"@somebody-1:{of}",
            "type": "m.x",
            "messages": {person: {"*": {"n": 1}, **{f"D{n}": {} for n in range(many)}}},
        },
    ),
    "messages to people": (
        "m.direct_to_device",
        lambda of, _, person, many: {
            "sender": f"@somebody-1:{of}",
            "type": "m.x",
            "messages": {person: {"*": {}}, **{f"@{n}{person[1:]}": {"*": {}} for n in range(many)}},
        },
    ),
    "unknown": ("m.unknown", lambda _, __, ___, many: {"a": [{}] * many}),
}


@pytest_asyncio.fixture
async def entered_room(peer: Peer, foreign: Foreign) -> tuple[Server, Person, str]:
    here = await peer()
    alice, hall = await here.person(), Hall(foreign, 20)
    await entered(alice, hall)
    return here, alice, hall.room_id


@pytest.mark.parametrize("kind", EDUS)
async def test_a_transaction_of_edus_does_not(entered_room: tuple[Server, Person, str], foreign: Foreign, kind: str) -> None:
    here, alice, room = entered_room
    name, says = EDUS[kind]

    def transaction(many: int) -> dict[str, Any]:
        content = says(foreign.name, room, alice.id, many)
        return {"edus": [{"edu_type": name, "content": {**content, "message_id": f"{many} {n}"}} for n in range(MOST_EDUS)]}

    many = int(MAX_VALUES / (values(transaction(500)) / 500)) - 10
    sent = [transaction(many - n) for n in range(3)]
    assert MAX_VALUES * 0.8 < values(sent[0]) < MAX_VALUES
    assert await held(here, foreign.sends(here, sent)) < TOO_LONG_SECONDS


def values(content: object) -> int:
    """As `load/parsing.py` counts them."""
    raw = orjson.dumps(content)
    return raw.count(b",") + raw.count(b"{") + raw.count(b"[")
