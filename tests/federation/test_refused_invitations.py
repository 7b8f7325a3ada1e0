"""A join that the room's rules refuse leaves the invitation to be asked about: it does not become a good one by failing once."""

from __future__ import annotations

import json

import orjson

from chappe.config import Agency
from chappe.homeserver.matrix.events import seal
from chappe.homeserver.matrix.identifiers import UserId
from chappe.homeserver.matrix.request_auth import authorization
from tests.federation.certificates import Authority
from tests.federation.conftest import Peer
from tests.federation.foreign import VERSION, Foreign
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
    ids = {key: event.event_id for key, event in (await partner.node.rooms.require(forum)).state.items()}
    rows = await partner.node.database.fetch(
        "SELECT json FROM events WHERE event_id = ANY($1::text[])", list(ids.values())
    )
    ground = [ids["m.room.create", ""], ids["m.room.power_levels", ""], ids["m.room.join_rules", ""]]
    forged = {
        "type": "m.room.member", "room_id": forum, "sender": f"@m:{evil.name}", "state_key": guest,
        "content": {"membership": "invite"}, "origin_server_ts": 1, "depth": 50, "prev_events": [ground[2]],
        "auth_events": ground,
    }  # fmt: skip
    event_id = seal(forged, VERSION, evil.name, evil.key)
    body = {"event": forged, "room_version": VERSION.id, "invite_room_state": []}
    path = f"/_matrix/federation/v2/invite/{segment(forum)}/{segment(event_id)}"
    header = {"Authorization": authorization("PUT", path, evil.name, home, evil.key, body)}
    assert (await guests.raw("PUT", path, orjson.dumps(body), headers=header))[0] == 200
    join = {
        "type": "m.room.member", "room_id": forum, "sender": guest, "state_key": guest,
        "content": {"membership": "join"}, "origin_server_ts": 1, "depth": 51, "prev_events": [event_id],
        "auth_events": [*ground, event_id],
    }  # fmt: skip
    evil.answers["/make_join/"] = orjson.dumps({"room_version": VERSION.id, "event": join})
    state = [orjson.loads(row["json"]) for row in rows]
    evil.answers["/send_join/"] = orjson.dumps({"state": state, "auth_chain": [forged], "origin": evil.name})
    for server in (partner.config.server_name, evil.name, partner.config.server_name):
        path = f"/_matrix/client/v3/join/{segment(forum)}?server_name={server}"
        assert (await guests.raw("POST", path, {}, gaston.token))[0] == 403
    assert (await partner.node.rooms.require(forum)).membership(guest) == "leave"
    await runner.cleanup()
