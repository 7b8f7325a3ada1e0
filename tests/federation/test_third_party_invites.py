"""Invited by an address that somebody of another server holds."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chappe.config import Limit, Limits
from chappe.homeserver.outbound.federation.client import PeerRefused
from chappe.matrix.signing import SigningKey, sign_json
from tests.federation.conftest import Peer
from tests.federation.test_everything_else import neighbour, synapse_or_none
from tests.federation.test_rooms import hears
from tests.neighbours import Mailbox, link_in
from tests.support import Person, Refused, Server, segment, until

__all__ = ["neighbour", "synapse_or_none"]
IDENTITY = "/_matrix/identity/v2"
ONBIND = "/_matrix/federation/v1/3pid/onbind"


async def invite(alice: Person, room: str, address: str) -> dict[str, Any]:
    """The event that announces an invitation by address."""
    own = alice.id.split(":", 1)[1]
    body = {"id_server": own, "id_access_token": "x", "medium": "email", "address": address}
    await alice.call("POST", f"/rooms/{segment(room)}/invite", body)
    state = await alice.call("GET", f"/rooms/{segment(room)}/state")
    return next(e for e in state if e["type"] == "m.room.third_party_invite")  # type: ignore[no-any-return]


async def at_identity_service(server: Server, person: Person) -> Person:
    """The person of another server, as the identity service of this one knows them."""
    openid = await person.call("POST", f"/user/{segment(person.id)}/openid/request_token", {})
    anybody = Person(server, {"user_id": person.id, "device_id": "", "access_token": ""})
    token = (await anybody.call("POST", f"{IDENTITY}/account/register", openid))["token"]
    return Person(server, {"user_id": person.id, "device_id": "", "access_token": token})


async def test_who_proves_the_address_elsewhere_is_invited(peer: Peer, neighbour: Any, mailbox: Mailbox) -> None:
    here = await peer(email=mailbox.settings())
    alice, bob = await here.person("alice"), await neighbour.person("bob-by-address")
    room = await alice.create_room(name="Round table")
    await invite(alice, room, "bob@elsewhere.example")
    await mailbox.next("bob@elsewhere.example")
    me = await at_identity_service(here, bob)
    body = {"client_secret": "s", "email": "bob@elsewhere.example", "send_attempt": 1}
    proof = {"client_secret": "s", "sid": (await me.call("POST", f"{IDENTITY}/validate/email/requestToken", body))["sid"]}
    link = parse_qs(urlsplit(link_in(await mailbox.next("bob@elsewhere.example"))).query)
    await me.call("POST", f"{IDENTITY}/validate/email/submitToken", {**proof, "token": link["token"][0]})
    bound = await me.call("POST", f"{IDENTITY}/3pid/bind", {**proof, "mxid": bob.id})
    assert bound["mxid"] == bob.id

    async def invited() -> bool:
        return room in (await bob.sync()).get("rooms", {}).get("invite", {})

    await until(invited)
    await bob.join(room)
    await bob.say(room, "found by my address")
    await hears(alice, room, "found by my address")
    member = await alice.state(room, "m.room.member", bob.id)
    assert "third_party_invite" not in member  # it was in the invitation
    assert await here.node.database.fetchval("SELECT count(*) FROM third_party_invites") == 0


async def test_tokens_of_others_are_not_believed(peer: Peer) -> None:
    here, there = await peer(), await peer()
    bob, eve = await there.person("bob"), await here.person("eve")
    anybody = Person(here, {"user_id": "", "device_id": "", "access_token": ""})
    for name, token in ((there.config.server_name, "invented"), (there.config.server_name, eve.token), ("not a name", "x")):
        with pytest.raises(Refused) as refused:
            await anybody.call("POST", f"{IDENTITY}/account/register", {"access_token": token, "matrix_server_name": name})
        assert refused.value.status in (400, 401)
    openid = await bob.call("POST", f"/user/{segment(bob.id)}/openid/request_token", {})
    with pytest.raises(Refused):  # bob's token, in the name of another server
        await anybody.call("POST", f"{IDENTITY}/account/register", {**openid, "matrix_server_name": here.config.server_name})


async def exchange(there: Server, here: Server, room: str, event: dict[str, Any]) -> Any:
    path = f"/_matrix/federation/v1/exchange_third_party_invite/{segment(room)}"
    own, to = there.config.server_name, here.config.server_name
    return await there.node.federation_client.request(own, to, "PUT", path, content=event)


async def test_only_a_good_proof_invites(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    announced = await invite(alice, room, "bob@elsewhere.example")
    token = announced["state_key"]
    seed = await here.node.database.fetchval("SELECT seed FROM third_party_invites WHERE token = $1", token)
    own, body = here.config.server_name, {"mxid": bob.id, "token": token}

    def event(signed: Any, **changes: Any) -> dict[str, Any]:
        content = {"membership": "invite", "third_party_invite": {"display_name": "b...", "signed": signed}}
        member = {"type": "m.room.member", "room_id": room, "sender": alice.id, "state_key": bob.id, "content": content}
        return {**member, **changes}

    good = sign_json(body, own, SigningKey(seed, "0"))
    forged = sign_json(body, own, SigningKey(b"x" * 32, "0"))
    stale = sign_json({**body, "token": "never"}, own, SigningKey(seed, "0"))
    for wrong, status in (
        (event(forged), 403),
        (event(stale), 403),
        (event(body), 403),
        (event("signed"), 400),
        (event(None), 400),
        (event(good, state_key=alice.id), 403),
        (event(good, sender=bob.id), 403),
        (event(good, sender="nobody"), 400),
        (event(good, sender=f"@gone:{own}"), 403),
        (event(good, type="m.room.message"), 400),
        (event(good, room_id="!x"), 400),
        (event(good, content={"membership": "join"}), 400),
        (event(good, content="text"), 400),
        (event({**good, "mxid": alice.id}), 400),
        ({}, 400),
    ):
        with pytest.raises(PeerRefused) as refused:
            await exchange(there, here, room, wrong)
        assert refused.value.peer_status == status, wrong
    assert await exchange(there, here, room, event(good)) == {}
    assert (await alice.state(room, "m.room.member", bob.id))["membership"] == "invite"
    assert room in (await bob.sync())["rooms"]["invite"]


async def test_what_identity_services_say_is_not_believed_either(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    token = (await invite(alice, room, "bob@elsewhere.example"))["state_key"]
    forged = sign_json({"mxid": bob.id, "token": token}, "x", SigningKey(b"x" * 32, "0"))
    bound = {"medium": "email", "address": "b@x.example", "mxid": bob.id}
    entry = {**bound, "room_id": room, "sender": alice.id, "signed": forged}
    invites = [entry, None, 1, {}, {**entry, "room_id": 1}, {**entry, "sender": "x"}, {**entry, "signed": {}}]
    anybody = Person(there, {"user_id": "", "device_id": "", "access_token": ""})
    assert await anybody.call("PUT", ONBIND, {**bound, "invites": invites}) == {}
    with pytest.raises(Refused):
        await alice.state(room, "m.room.member", bob.id)
    for wrong in ({**bound, "invites": {}}, bound, {**bound, "mxid": 1, "invites": []}, {**bound, "mxid": "x", "invites": []}):
        with pytest.raises(Refused) as refused:
            await anybody.call("PUT", ONBIND, wrong)
        assert refused.value.status == 400
    with pytest.raises(Refused) as refused:
        await anybody.call("PUT", ONBIND, {**bound, "mxid": alice.id, "invites": []})
    assert refused.value.status == 403


async def test_a_server_looks_up_no_more_by_having_more_people(peer: Peer) -> None:
    limits = Limits(lookup=Limit(1e-6, 6), lookup_from=Limit(1e-6, 8))
    here = await peer(rate_limits_enabled=True, limits=limits)
    others = [await peer(), await peer()]  # two ports of one machine

    async def status(person: Person) -> int:
        pepper = (await person.call("GET", f"{IDENTITY}/hash_details"))["lookup_pepper"]
        body = {"addresses": ["a", "b", "c"], "algorithm": "sha256", "pepper": pepper}
        return (await person.server.raw("POST", f"{IDENTITY}/lookup", body, person.token))[0]

    theirs = [await at_identity_service(here, await other.person()) for other in others for _ in range(2)]
    assert [await status(person) for person in theirs] == [200, 200, 429, 429]
    mine = await at_identity_service(here, await here.person())
    assert [await status(mine) for _ in range(3)] == [200, 200, 429]
