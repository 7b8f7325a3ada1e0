"""An invitation in another's name needs their server's signature, or a proof of the invited address that is kept with it."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from chappe.homeserver.outbound.federation.client import PeerRefused
from chappe.matrix.events import content_hash, signed_form
from chappe.matrix.room_versions import ROOM_VERSIONS
from chappe.matrix.signing import SigningKey, sign_json
from tests.federation.conftest import Peer
from tests.federation.test_hostile import Forger
from tests.federation.test_rooms import agree, enter
from tests.support import Person, Refused, segment, until

PROOF = "a proof"
UNPROVEN: list[Any] = [
    None,
    True,
    0,
    "",
    "x",
    [],
    ["signed"],
    {},
    {"a": 1},
    {"signed": None},
    {"signed": "x"},
    {"signed": []},
    {"signed": {}},
    {"signed": {"mxid": "TARGET", "token": "unknown"}},
    {"signed": {"mxid": "TARGET", "token": "issued", "signatures": {}}},
]


async def a_closed_room(peer: Peer, version: str) -> tuple[Person, Person, str, Forger]:
    """Alice's, where only she may invite. The forger writes events in her name, and has the key of mallory's server."""
    here, evil = await peer(), await peer()
    alice, mallory = await here.person("alice"), await evil.person("mallory")
    room = await alice.create_room(preset="private_chat", room_version=version)
    named = {} if ROOM_VERSIONS[version].privileged_creators else {"users": {alice.id: 100}}
    await alice.set_state(room, "m.room.power_levels", {"invite": 50, **named})
    await invited_in(alice, mallory, room)
    await agree(room, here, evil)
    return alice, mallory, room, Forger(evil, await evil.node.rooms.require(room), alice, here)


async def invited_in(alice: Person, mallory: Person, room: str) -> None:
    await alice.invite(room, mallory)

    async def invited() -> bool:
        return room in (await mallory.sync()).get("rooms", {}).get("invite", {})

    await until(invited)
    await enter(mallory, room, alice.server)


def invitation(forger: Forger, target: str, extra: dict[str, Any], hash_is_right: bool) -> dict[str, Any]:
    """In alice's name, signed by mallory's server alone."""
    name, version = forger.evil.config.server_name, forger.room.version
    chosen = {} if version.event_ids_are_hashes else {"event_id": f"${secrets.token_hex(8)}:{name}"}
    content = {"membership": "invite", **extra}
    pdu = forger.event(content, seals=False, type="m.room.member", state_key=target, **chosen)
    pdu["hashes"] = {"sha256": content_hash(pdu) if hash_is_right else "AAAA"}
    key = forger.evil.node.domains.signing_key(name)
    pdu["signatures"] = {name: {key.key_id: key.sign(signed_form(pdu, version))}}
    return pdu


def filled_in(shape: Any, target: str) -> Any:
    if type(shape) is not dict or type(shape.get("signed")) is not dict or "mxid" not in shape["signed"]:
        return shape
    return {**shape, "signed": {**shape["signed"], "mxid": target}}


@pytest.mark.parametrize("version", list(ROOM_VERSIONS))
async def test_nobody_invites_in_anothers_name(peer: Peer, version: str) -> None:
    alice, mallory, room, forger = await a_closed_room(peer, version)
    seed, name = SigningKey(secrets.token_bytes(32), "0"), forger.evil.config.server_name
    await alice.set_state(room, "m.room.third_party_invite", {"display_name": "b", "public_key": seed.public}, "issued")
    await agree(room, forger.target, forger.evil)
    with pytest.raises(Refused):
        await mallory.invite(room, alice)
    live, came_in = await forger.target.node.rooms.require(room), []
    for number, shape in enumerate(["absent", *UNPROVEN, PROOF]):
        for hash_is_right in (True, False):
            target = f"@accomplice-{number}-{hash_is_right}:{name}".lower()
            extra = {} if shape == "absent" else {"third_party_invite": filled_in(shape, target)}
            if shape == PROOF:
                signed = sign_json({"mxid": target, "token": "issued"}, name, seed)
                extra = {"third_party_invite": {"display_name": "b", "signed": signed}}
            await forger.send(invitation(forger, target, extra, hash_is_right))
            await forger.target.node.pdu_queues.settled()
            if live.membership(target) == "invite":
                came_in.append((shape, hash_is_right))
    keeps_the_proof = ROOM_VERSIONS[version].updated_redaction_rules
    assert came_in == ([(PROOF, True), (PROOF, False)] if keeps_the_proof else [(PROOF, True)])


async def test_who_was_removed_does_not_invite_oneself_back(peer: Peer) -> None:
    alice, mallory, room, forger = await a_closed_room(peer, "11")
    await alice.act("kick", room, mallory)

    async def gone() -> bool:
        return forger.room.membership(mallory.id) == "leave"

    await until(gone)
    await forger.send(invitation(forger, mallory.id, {"third_party_invite": "x"}, hash_is_right=False))
    await forger.target.node.pdu_queues.settled()
    assert (await forger.target.node.rooms.require(room)).membership(mallory.id) == "leave"
    own, to = forger.evil.config.server_name, forger.target.config.server_name
    path = f"/_matrix/federation/v1/make_join/{segment(room)}/{segment(mallory.id)}"
    with pytest.raises(PeerRefused) as refused:
        await forger.evil.node.federation_client.get(own, to, path, {"ver": ["11"]})
    assert refused.value.peer_status == 403
