"""A server that signs under a second name of its own: refused where it asks, and where others bring its people in."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import quote

import pytest

from chappe.config import Agency, Federation
from chappe.homeserver.api.federation.keys_server import KeysServer
from chappe.homeserver.rooms.create_event import Draft, pdu_of
from chappe.matrix.events import event_id_of, seal
from chappe.matrix.request_auth import authorization
from chappe.matrix.signing import sign_json
from tests.federation.conftest import Peer
from tests.federation.test_hostile import Forger
from tests.federation.test_rooms import agree, enter
from tests.process import free_port
from tests.support import Refused, Server, segment

HOST = "127.0.0.1"


def capitals(name: str) -> str:
    """Another name that leads to the same place."""
    return name.replace("localhost", "LOCALHOST")


def dotted(name: str) -> str:
    return name.replace("localhost", "localhost.")


@pytest.fixture
def signs_as(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a server publish its keys under any name that it is asked for."""
    real = KeysServer.document

    def also(server: Server, *names: str) -> None:
        own = server.config.server_name
        key = server.node.domains.signing_key(own)

        async def document(self: KeysServer, server_name: str) -> dict[str, Any]:
            if server_name != own:
                return await real(self, server_name)
            name = names[0]
            keys = {"server_name": name, "valid_until_ts": server.node.now_ms() + 86_400_000, "old_verify_keys": {}}
            return sign_json({**keys, "verify_keys": {key.key_id: {"key": key.public}}}, name, key)

        monkeypatch.setattr(KeysServer, "document", document)

    return also


async def ask(evil: Server, here: Server, name: str, path: str) -> tuple[int, dict[str, Any]]:
    key = evil.node.domains.signing_key(evil.config.server_name)
    header = authorization("GET", path, name, here.config.server_name, key, None)
    status, raw, _ = await here.raw("GET", path, headers={"Authorization": header})
    return status, json.loads(raw)


@pytest.mark.parametrize("second", [capitals, dotted])
async def test_guests_under_a_second_name(peer: Peer, signs_as: Any, second: Any) -> None:
    port = free_port()
    agency = Agency(enabled=True, guest_domains=[f"localhost:{port}"])
    allowed = Federation(mode="listed", allowed=["localhost", "localhost."], allow_private_addresses=True)
    here, evil = await peer(host=HOST, agency=agency, federation=allowed), await peer(port=port)
    alice = await here.person("alice")
    forum = await alice.create_room(preset="public_chat", visibility="public", name="Forum")
    first = evil.config.server_name
    other = second(first)
    for name in (first, other):
        if name == other:
            signs_as(evil, other)
        mallory = quote(f"@mallory:{name}", safe="")
        versions = "ver=10&ver=11&ver=12"
        expected = (401, "M_UNAUTHORIZED") if name == other else None
        for path, as_guests in (
            (f"/_matrix/federation/v1/make_join/{segment(forum)}/{mallory}?{versions}", 403),
            (f"/_matrix/federation/v1/query/profile?user_id={quote(alice.id)}", 404),
            (f"/_matrix/federation/v1/user/devices/{segment(alice.id)}", 404),
            ("/_matrix/federation/v1/publicRooms", 200),
        ):
            status, answer = await ask(evil, here, name, path)
            assert (status, answer.get("errcode")) == expected if expected else status == as_guests, (name, path)
            assert not answer.get("chunk")


async def test_a_neighbour_brings_in_a_second_name(peer: Peer, signs_as: Any) -> None:
    """Whoever is of a server that nobody talks to does not come into the room here, whichever server sends their event."""
    here, evil = await peer(host=HOST), await peer()
    alice, mallory = await here.person("alice"), await evil.person("mallory")
    room = await alice.create_room(preset="public_chat", room_version="11")
    await enter(mallory, room, here)
    await agree(room, here, evil)
    name = evil.config.server_name
    other = capitals(name)
    live = await evil.node.rooms.require(room)
    twin = f"@mallory:{other}"
    pdu = pdu_of(live, Draft("m.room.member", twin, {"membership": "join"}, twin), evil.node.now_ms(), secrets.token_hex(8))
    seal(pdu, live.version, other, evil.node.domains.signing_key(name))
    event_id = event_id_of(pdu, live.version)
    signs_as(evil, other)
    forger = Forger(evil, live, mallory, here)
    assert await forger.send(pdu) == {event_id: {}}, "it is an event: others may build on it"
    target = await here.node.rooms.require(room)
    assert target.get(("m.room.member", twin)) is None and twin not in target.joined
    known = await here.node.database.fetchval("SELECT status FROM events WHERE event_id = $1", event_id)
    assert known == 3, "soft-failed"
    said = forger.event({"msgtype": "m.text", "body": "after"})
    assert await forger.send(said) == {forger.id_of(said): {}}, "the room goes on"


async def test_who_of_here_names_a_second_name(peer: Peer, signs_as: Any) -> None:
    here, evil = await peer(host=HOST), await peer()
    alice = await here.person("alice")
    room = await alice.create_room(preset="public_chat", room_version="11")
    name = capitals(evil.config.server_name)
    signs_as(evil, name)
    mallory = f"@mallory:{name}"
    for attempt in (
        lambda: alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": mallory}),
        lambda: alice.create_room(invite=[mallory]),
        lambda: alice.call("GET", f"/profile/{segment(mallory)}"),
        lambda: alice.call("POST", "/publicRooms", {}, server=name),
        lambda: alice.call("GET", f"/directory/room/{segment(f'#forum:{name}')}"),
    ):
        with pytest.raises(Refused) as caught:
            await attempt()
        assert (caught.value.status, caught.value.errcode) == (400, "M_INVALID_PARAM")
    keys = await alice.call("POST", "/keys/query", {"device_keys": {mallory: []}})
    assert not keys["device_keys"].get(mallory) and list(keys["failures"]) == [name]
    rows = await here.node.database.fetch("SELECT 1 FROM server_keys WHERE server_name = $1", name)
    assert rows == [], "nobody was asked"
