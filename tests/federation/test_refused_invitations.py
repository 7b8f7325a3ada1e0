"""A join that the room's rules refuse leaves the invitation to be asked about: it does not become a good one by failing once."""

from __future__ import annotations

import json

from chappe.config import Agency
from chappe.matrix.identifiers import UserId
from tests.federation.certificates import Authority
from tests.federation.conftest import Peer
from tests.federation.foreign import VERSION, Foreign, pdus_of
from tests.federation.test_public_sector import GUESTS
from tests.process import free_port
from tests.support import PASSWORD, Person, segment


async def test_a_guest_whom_nobody_of_the_room_has_invited_stays_out(peer: Peer, authority: Authority) -> None:
    port = free_port()
    home = f"{GUESTS}:{port}"
    guests = await peer(host=GUESTS, port=port, agency=Agency(enabled=True, guest_domains=[home]))
    partner, evil = await peer(), Foreign()
    runner = await evil.start(authority)
    owner = await partner.person("owner")
    forum = await owner.create_room(preset="public_chat", room_version=VERSION.id)
    guest = UserId(f"@gaston:{home}")
    await guests.node.accounts.register(guest, PASSWORD)
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": guest}, "password": PASSWORD}
    gaston = Person(guests, json.loads((await guests.raw("POST", "/_matrix/client/v3/login", login))[1]))
    room = await partner.node.rooms.require(forum)
    await evil.lures(guests, guest, room, await pdus_of(partner, room))
    for server in (partner.config.server_name, evil.name, partner.config.server_name):
        path = f"/_matrix/client/v3/join/{segment(forum)}?server_name={server}"
        assert (await guests.raw("POST", path, {}, gaston.token))[0] == 403
    assert room.membership(guest) == "leave"
    await runner.cleanup()
