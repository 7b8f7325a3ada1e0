"""Two servers over real TLS: keys, signed requests, boundaries, and every way to fail at the door."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chappe.config import Federation
from chappe.homeserver.outbound.federation.client import FederationClient, PeerRefused, PeerUnreachable
from chappe.homeserver.outbound.federation.dns import srv
from chappe.homeserver.outbound.federation.keyring import JUST_ASKED, is_good_document
from chappe.homeserver.outbound.federation.probe import probe
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.request_auth import authorization
from chappe.matrix.signing import SigningKey, sign_json, verify_json
from tests.federation.conftest import Peer
from tests.support import Server, segment

OPEN = Federation(mode="open", allow_private_addresses=True)
PROFILE = "/_matrix/federation/v1/query/profile"


async def ask(asker: Server, asked: Server, path: str, **query: Any) -> Any:
    return await asker.node.federation_client.get(asker.config.server_name, asked.config.server_name, path, query or None)


async def forged(server: Server, header: str | None, path: str, method: str = "GET", body: Any = None) -> tuple[int, str]:
    status, raw, _ = await server.raw(method, path, body, headers={"Authorization": header} if header else {})
    return status, json.loads(raw)["errcode"]


async def test_keys_are_published_signed_and_found(peer: Peer) -> None:
    here, there = await peer(), await peer()
    name = there.config.server_name
    document = await here.node.federation_client.get_unsigned(name, "/_matrix/key/v2/server")
    assert is_good_document(document, name) and document["old_verify_keys"] == {}
    status, raw, _ = await there.raw("GET", "/_matrix/key/v2/server", headers={"Host": name})
    assert (status, raw) == (200, canonical_json(document)), "readers verify the bytes as they came"
    (key_id,) = document["verify_keys"]
    assert await here.node.keyring.for_request(name, key_id) == there.node.domains.signing_key(name).public
    with pytest.raises(MatrixError) as refused:
        await here.node.keyring.for_request(name, "ed25519:none")
    assert refused.value.status == 401
    assert await here.node.federation_client.get_unsigned(name, "/_matrix/federation/v1/version") == {
        "server": {"name": "Chappe", "version": "0.1.0"}
    }


async def test_profiles_and_aliases_are_told_to_servers_that_sign(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice = await there.person("alice")
    await alice.call("PUT", f"/profile/{segment(alice.id)}/displayname", {"displayname": "Alice & Cie, 100 %"})
    room = await alice.create_room(room_alias_name="hall")
    assert (await ask(here, there, PROFILE, user_id=alice.id))["displayname"] == "Alice & Cie, 100 %"
    assert await ask(here, there, PROFILE, user_id=alice.id, field="avatar_url") == {}
    found = await ask(here, there, "/_matrix/federation/v1/query/directory", room_alias=f"#hall:{there.config.server_name}")
    assert found == {"room_id": room, "servers": [there.config.server_name]}
    for path, query, errcode in (
        (PROFILE, {"user_id": f"@nobody:{there.config.server_name}"}, "M_NOT_FOUND"),
        (PROFILE, {"user_id": "@a:elsewhere.org"}, "M_INVALID_PARAM"),
        (PROFILE, {}, "M_MISSING_PARAM"),
        ("/_matrix/federation/v1/query/directory", {"room_alias": "#no:elsewhere.org"}, "M_NOT_FOUND"),
    ):
        with pytest.raises(PeerRefused) as refused:
            await ask(here, there, path, **query)
        assert refused.value.errcode == errcode


async def test_requests_that_are_not_rightly_signed(peer: Peer) -> None:
    here, there = await peer(), await peer()
    mine, yours = here.config.server_name, there.config.server_name
    alice = await there.person("alice")
    uri = f"{PROFILE}?user_id={segment(alice.id)}"
    key = here.node.domains.signing_key(mine)
    good = authorization("GET", uri, mine, yours, key, None)
    status, _, _ = await there.raw("GET", uri, headers={"Authorization": good})
    assert status == 200
    other = SigningKey(b"x" * 32, key.key_id.removeprefix("ed25519:"))
    for header in (
        None,
        authorization("GET", uri, mine, yours, other, None),  # by another key
        authorization("GET", uri + "&x", mine, yours, key, None),  # for another address
        authorization("POST", uri, mine, yours, key, None),
        authorization("GET", uri, mine, "other.example", key, None),  # for another server
        authorization("GET", uri, mine, yours, SigningKey(b"y" * 32, "unknown"), None),
        authorization("GET", uri, "unreachable.invalid", yours, key, None),
    ):
        assert await forged(there, header, uri) == (401, "M_UNAUTHORIZED"), header
    assert await forged(there, good, uri, "GET", {"more": 1}) == (401, "M_UNAUTHORIZED")
    assert await forged(there, good, uri, "GET", b"[1]") == (400, "M_BAD_JSON")


@pytest.mark.parametrize("names", [("other.example",), ("127.0.0.1",)])
async def test_a_certificate_for_another_name_is_not_taken(peer: Peer, names: tuple[str, ...]) -> None:
    here, there = await peer(), await peer(*names)
    with pytest.raises(PeerUnreachable) as failed:
        await here.node.federation_client.get_unsigned(there.config.server_name, "/_matrix/federation/v1/version")
    assert "certificate is not good for localhost" in failed.value.message


async def test_an_authority_that_nobody_named_is_not_trusted(peer: Peer) -> None:
    here, there = await peer(), await peer()
    node = here.node
    client = FederationClient(node.domains, OPEN, node.boundaries, node.breaker, srv, node.now_ms, extra_ca_file=None)
    client.discovery = here.node.federation_client.discovery
    with pytest.raises(PeerUnreachable) as failed:
        await client.get_unsigned(there.config.server_name, "/_matrix/federation/v1/version")
    await client.close()
    assert "certificate" in failed.value.message


async def test_where_a_domain_says_to_be(peer: Peer) -> None:
    plain, delegated = await peer(), await peer(federation=Federation(delegate_to={"localhost": "fed.example:444"}))
    name = plain.config.server_name
    status, raw, _ = await plain.raw("GET", "/.well-known/matrix/server", headers={"Host": "evil.example"})
    assert (status, json.loads(raw)) == (200, {"m.server": name}), "a name that is not ours is not repeated"
    await plain.node.domains.add("city.example")
    _, raw, _ = await plain.raw("GET", "/.well-known/matrix/server", headers={"Host": "city.example"})
    assert json.loads(raw) == {"m.server": "city.example:443"}
    _, raw, _ = await plain.raw("GET", "/.well-known/matrix/server", headers={"Host": name})
    assert json.loads(raw) == {"m.server": name}
    await delegated.node.domains.add("localhost")
    _, raw, _ = await delegated.raw("GET", "/.well-known/matrix/server", headers={"Host": "localhost"})
    assert json.loads(raw) == {"m.server": "fed.example:444"}


async def test_nobody_listens(peer: Peer) -> None:
    here = await peer()
    for name, why in (("localhost:1", "no connection to localhost, port 1"), ("[::1]:1", "no connection to ::1, port 1")):
        with pytest.raises(PeerUnreachable) as failed:
            await here.node.federation_client.get_unsigned(name, "/")
        assert why in failed.value.message


async def test_private_addresses_are_not_reached_unless_allowed(peer: Peer) -> None:
    here, there = await peer(federation=Federation(mode="open")), await peer()
    port = there.config.server_name.rpartition(":")[2]
    for name in (there.config.server_name, f"127.0.0.1:{port}", f"[::ffff:127.0.0.1]:{port}"):
        with pytest.raises(PeerUnreachable):
            await here.node.federation_client.get_unsigned(name, "/_matrix/federation/v1/version")


@pytest.mark.parametrize(
    ("mode", "allowed", "passes"),
    [("listed", [], False), ("listed", ["local*"], True), ("listed", ["*.gouv.fr"], False), ("closed", ["*"], False)],
)
async def test_boundaries_hold_both_ways(peer: Peer, mode: Any, allowed: list[str], passes: bool) -> None:
    bounded = await peer(federation=Federation(mode=mode, allowed=allowed, allow_private_addresses=True))
    other = await peer()
    alice, bob = await bounded.person("alice"), await other.person("bob")
    if passes:
        assert await ask(other, bounded, PROFILE, user_id=alice.id) and await ask(bounded, other, PROFILE, user_id=bob.id)
        return
    with pytest.raises(PeerRefused) as refused:
        await ask(other, bounded, PROFILE, user_id=alice.id)
    assert (refused.value.peer_status, refused.value.errcode) == (403, "M_FORBIDDEN")
    with pytest.raises(Forbidden):
        await ask(bounded, other, PROFILE, user_id=bob.id)


async def test_a_rotated_key_signs_on_and_the_old_one_stays_good_for_what_it_signed(peer: Peer) -> None:
    here, there = await peer(), await peer()
    name, alice = there.config.server_name, await here.person("alice")
    old = there.node.domains.signing_key(name)
    await ask(there, here, PROFILE, user_id=alice.id)
    now = there.node.now_ms()
    await there.node.domains.rotate_key(name, now)
    new = there.node.domains.signing_key(name)
    assert new.key_id != old.key_id
    keyring, now_ms = here.node.keyring, here.node.keyring._now_ms
    keyring._now_ms = lambda: now_ms() + JUST_ASKED  # a server that has just said its keys is not asked again
    await ask(there, here, PROFILE, user_id=alice.id)  # the unknown key is asked for
    assert await keyring.for_event(name, old.key_id, now - 1000, True) == old.public
    assert await keyring.for_event(name, old.key_id, now + 3_600_000, True) is None
    assert await keyring.for_event(name, old.key_id, now + 3_600_000, False) == old.public  # room versions before 5
    assert await keyring.for_event(name, new.key_id, now + 8 * 86_400_000, True) is None  # never valid beyond a week
    with pytest.raises(MatrixError):
        await keyring.for_request(name, old.key_id)
    # a server asks for its own old keys, too
    assert await there.node.keyring.for_event(name, old.key_id, now - 1000, True) == old.public


async def test_a_notary_answers_for_a_server_that_is_down(peer: Peer) -> None:
    notary, gone = await peer(), await peer()
    name = gone.config.server_name
    key = gone.node.domains.signing_key(name)
    status, raw, _ = await notary.raw("GET", f"/_matrix/key/v2/query/{segment(name)}")
    (document,) = json.loads(raw)["server_keys"]
    (notary_key,) = document["signatures"][notary.config.server_name]
    public = notary.node.domains.signing_key(notary.config.server_name).public
    assert status == 200 and is_good_document(document, name)
    assert verify_json(document, notary.config.server_name, notary_key, public)
    await gone.stop()
    settings = Federation(mode="open", allow_private_addresses=True, notaries=[notary.config.server_name])
    late = await peer(federation=settings)
    assert await late.node.keyring.for_request(name, key.key_id) == key.public
    unknown = await notary.raw("POST", "/_matrix/key/v2/query", {"server_keys": {"localhost:1": {}, name: {}}})
    assert [d["server_name"] for d in json.loads(unknown[1])["server_keys"]] == [name]
    for body in (
        {},
        {"server_keys": []},
        {"server_keys": {"a b": {}}},
        {"server_keys": {"a.org": []}},
        {"server_keys": {"a.org": {"k": {"minimum_valid_until_ts": "x"}}}},
    ):
        assert (await notary.raw("POST", "/_matrix/key/v2/query", body))[0] == 400


async def test_nobody_is_asked_again_and_again_for_keys_that_are_not_there(peer: Peer) -> None:
    here = await peer()
    asked: list[str] = []
    original = here.node.federation_client.get_unsigned

    async def counting(destination: str, path: str, seconds: float = 15) -> Any:
        asked.append(destination)
        return await original(destination, path, seconds)

    here.node.federation_client.get_unsigned = counting  # type: ignore[method-assign]
    for _ in range(5):
        with pytest.raises(MatrixError):
            await here.node.keyring.for_request("localhost:1", "ed25519:a")
    assert asked == ["localhost:1"]


async def said(here: Server, name: str) -> list[tuple[bool, str]]:
    node = here.node
    steps = await probe(name, node.domains.default, node.boundaries, node.federation_client, node.keyring)
    return [(step.is_good, step.text) for step in steps]


async def test_an_operator_is_told_why_a_server_cannot_be_reached(peer: Peer) -> None:
    here, there = await peer(), await peer()
    name = there.config.server_name
    good = await said(here, name)
    assert [ok for ok, _ in good] == [True] * 5 and "It believes what" in good[-1][1] and "Chappe 0.1.0" in good[2][1]
    bounded = await peer(federation=Federation(mode="listed", allowed=["other.example"], allow_private_addresses=True))
    assert "federation.allowed" in (await said(bounded, name))[-1][1]
    (*_, last) = await said(here, bounded.config.server_name)
    assert not last[0] and "does not talk to" in last[1]
    (*_, last) = await said(here, "localhost:1")
    assert not last[0] and "no connection to localhost, port 1" in last[1]
    deaf = await peer(extra_ca_file=None)  # trusts nobody's certificates: it cannot fetch our keys
    (*_, last) = await said(here, deaf.config.server_name)
    assert not last[0] and "can it reach" in last[1]


KEY = SigningKey(bytes(32), "k")
DOCUMENT: dict[str, Any] = {
    "server_name": "a.org",
    "valid_until_ts": 5,
    "verify_keys": {"ed25519:k": {"key": KEY.public}},
    "old_verify_keys": {},
}


@pytest.mark.parametrize(
    "change",
    [
        {"server_name": "b.org"},
        {"valid_until_ts": "5"},
        {"valid_until_ts": -1},
        {"valid_until_ts": True},
        {"verify_keys": {}},
        {"verify_keys": []},
        {"verify_keys": {"ed25519:k": {}}},
        {"verify_keys": {"ed25519:k": {"key": 5}}},
        {"old_verify_keys": {"ed25519:o": {"key": "x"}}},
        {"old_verify_keys": 5},
        {"signatures": 5},
        {"signatures": {"a.org": 5}},
        {"signatures": {}},
        {"signatures": {"a.org": {"ed25519:k": "AAAA"}}},
        {"verify_keys": {f"ed25519:{n}": {"key": "x"} for n in range(99)}},
    ],
)
def test_documents_of_keys_that_are_not_believed(change: dict[str, Any]) -> None:
    good = sign_json(DOCUMENT, "a.org", KEY)
    assert is_good_document(good, "a.org")
    assert not is_good_document({**good, **change}, "a.org")
