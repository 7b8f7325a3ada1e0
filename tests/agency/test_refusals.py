"""What the French State's servers (Tchap) refuse, with status and code, whoever asks: a person with a client, or a
bridge that acts as one of its own.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.organisations import Organisation
from chappe.config import Agency, Registration
from tests.agency.conftest import GUESTS, RULES, account, agency
from tests.neighbours import Mailbox
from tests.support import Person, Server, refused, segment

RETENTION, ENCRYPTION, DAY = "m.room.retention", "m.room.encryption", 86_400_000
MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}


def state(event_type: str, **content: Any) -> dict[str, Any]:
    return {"type": event_type, "state_key": "", "content": content}


@pytest_asyncio.fixture
async def ministry(new_server: Callable[..., Awaitable[Server]], mailbox: Mailbox, tmp_path: Path) -> Server:
    service = tmp_path / "bridge.json"
    service.write_text(
        json.dumps(
            {
                "id": "bridge",
                "url": None,
                "as_token": "of the bridge",
                "hs_token": "x",
                "sender_localpart": "bridge",
                "namespaces": {"users": [{"exclusive": True, "regex": "@bridge_.*"}], "aliases": [], "rooms": []},
                "rate_limited": False,
            }
        )
    )
    server = await new_server(
        agency=Agency(enabled=True, guest_domains=[GUESTS]),
        email=mailbox.settings(),
        registration=Registration(email_required=True),
        application_services=[str(service)],
    )
    await server.node.domains.add(GUESTS)
    for one in (
        Organisation("culture", "Culture", "localhost", False, ["culture.example"]),
        Organisation("guests", "Externe", GUESTS, True, ["*"]),
    ):
        await agency(server).organisations.add(one)
    return server


class Ghost(Person):
    """A user of a bridge: what it does, the bridge asks for."""

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        return await super().call(method, path, body, **{**query, "user_id": self.id})


@pytest_asyncio.fixture(params=["a person", "a bridge"])
async def actor(request: pytest.FixtureRequest, ministry: Server) -> Person:
    if request.param == "a person":
        return await account(ministry, "alice")
    body = {"type": "m.login.application_service", "username": "bridge_ann", "inhibit_login": True}
    status, raw, _ = await ministry.raw("POST", "/_matrix/client/v3/register", body, "of the bridge")
    assert status == 200, raw
    return Ghost(ministry, {"user_id": "@bridge_ann:localhost", "access_token": "of the bridge", "device_id": "x"})


@pytest.mark.parametrize(
    "options, status, errcode",
    [
        ({"initial_state": [state(RULES, rule="anything")]}, 400, "M_UNKNOWN"),
        ({"initial_state": [state(RULES, rule="direct")]}, 400, "M_UNKNOWN"),
        ({"is_direct": True, "initial_state": [state(RULES, rule="restricted")]}, 400, "M_UNKNOWN"),
        ({"is_direct": True, "preset": "public_chat"}, 400, "M_UNKNOWN"),
        ({"preset": "public_chat", "initial_state": [state(RULES, rule="unrestricted")]}, 400, "M_UNKNOWN"),
        ({"initial_state": [state(RULES, rule="restricted", visibility="sometimes")]}, 400, "M_UNKNOWN"),
        ({"power_level_content_override": {"invite": 0}}, 400, "M_UNKNOWN"),
        ({"power_level_content_override": {"state_default": 50}}, 400, "M_UNKNOWN"),
        ({"preset": "public_chat", "initial_state": [state(ENCRYPTION, **MEGOLM)]}, 403, "M_FORBIDDEN"),
        ({"preset": "public_chat", "initial_state": [state(RETENTION, max_lifetime=91 * DAY)]}, 403, "M_FORBIDDEN"),
        ({"preset": "public_chat", "initial_state": [state(RETENTION)]}, 403, "M_FORBIDDEN"),
        ({"is_direct": True, "name": "A name"}, 403, "M_FORBIDDEN"),
        ({"is_direct": True, "topic": "A topic"}, 403, "M_FORBIDDEN"),
        ({"is_direct": True, "invite": ["@b:localhost", "@c:localhost"]}, 403, "M_FORBIDDEN"),
        ({"invite": [f"@gaston:{GUESTS}"]}, 403, "M_FORBIDDEN"),
        (
            {"initial_state": [state(RULES, rule="unrestricted")], "power_level_content_override": {"users_default": 50}},
            403,
            "M_FORBIDDEN",
        ),
    ],
)
async def test_rooms_that_are_not_made(actor: Person, options: dict[str, Any], status: int, errcode: str) -> None:
    no = await refused(actor.create_room(**options))
    assert (no.status, no.errcode) == (status, errcode), no.body


async def test_what_a_private_room_does_not_become(ministry: Server, actor: Person) -> None:
    gaston = await account(ministry, "gaston", GUESTS)
    room = await actor.create_room(name="R")
    now = await actor.state(room, RULES)
    listed = f"/directory/list/room/{segment(room)}"
    for wanted in (
        actor.set_state(room, RULES, {**now, "rule": "direct"}),
        actor.set_state(room, RULES, {**now, "rule": "anything"}),
        actor.set_state(room, RULES, {}),
        actor.set_state(room, RULES, {**now, "visibility": "public"}),
        actor.set_state(room, RULES, {**now, "force_unencrypted_at_creation": True}),
        actor.invite(room, gaston),
        gaston.join(room),
    ):
        no = await refused(wanted)
        assert (no.status, no.errcode) == (403, "M_FORBIDDEN"), no.body
    await actor.set_state(room, RULES, {**now, "rule": "unrestricted"})
    levels = await actor.state(room, "m.room.power_levels")
    for wanted in (
        actor.call("PUT", listed, {"visibility": "public"}),
        actor.set_state(room, "m.room.power_levels", {**levels, "users_default": 1}),
        actor.set_state(room, "m.room.power_levels", {**levels, "users": {**levels.get("users", {}), gaston.id: 1}}),
        gaston.join(room),
    ):
        no = await refused(wanted)
        assert (no.status, no.errcode) == (403, "M_FORBIDDEN"), no.body
    await actor.invite(room, gaston)
    await gaston.join(room)
    no = await refused(actor.set_state(room, RULES, {**now, "rule": "restricted"}))
    assert (no.status, no.errcode) == (403, "M_FORBIDDEN"), "with guests in it, it is closed by its own route"


async def test_what_a_forum_does_not_become(ministry: Server, actor: Person) -> None:
    room = await actor.create_room(preset="public_chat", visibility="public", name="Forum")
    now = await actor.state(room, RULES)
    for event_type, content in (
        (RULES, {**now, "rule": "unrestricted"}),
        (RULES, {**now, "visibility": "private"}),
        (RULES, {"rule": "restricted", "visibility": "private"}),
        (ENCRYPTION, MEGOLM),
        (RETENTION, {}),
        (RETENTION, {"max_lifetime": 91 * DAY}),
    ):
        no = await refused(actor.set_state(room, event_type, content))
        assert (no.status, no.errcode) == (403, "M_FORBIDDEN"), (event_type, content)
    no = await refused(actor.set_state(room, RETENTION, {"max_lifetime": "long"}))
    assert (no.status, no.errcode) == (400, "M_BAD_JSON")
    await actor.set_state(room, RETENTION, {"max_lifetime": 30 * DAY})


async def test_what_a_direct_conversation_does_not_become(ministry: Server, actor: Person) -> None:
    bob, carol = await account(ministry, "bob"), await account(ministry, "carol")
    room = await actor.create_room(is_direct=True, invite=[bob.id])
    await bob.join(room)
    now = await actor.state(room, RULES)
    by_address = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": "dora@culture.example"}
    for wanted in (
        actor.set_state(room, RULES, {**now, "rule": "restricted"}),
        actor.set_state(room, "m.room.join_rules", {"join_rule": "public"}),
        actor.set_state(room, "m.room.name", {"name": "x"}),
        actor.set_state(room, "m.room.topic", {"topic": "x"}),
        actor.set_state(room, "m.room.avatar", {"url": "mxc://localhost/x"}),
        actor.invite(room, carol),
        actor.call("POST", f"/rooms/{segment(room)}/invite", by_address),
        carol.join(room),
    ):
        no = await refused(wanted)
        assert (no.status, no.errcode) == (403, "M_FORBIDDEN"), no.body


async def test_invitations_by_address(actor: Person) -> None:
    room = await actor.create_room(name="R")
    path = f"/rooms/{segment(room)}/invite"
    base = {"id_server": "localhost", "id_access_token": "x"}
    for medium, address, status in (
        ("msisdn", "33612345678", 400),
        ("email", "x@gmail.example", 403),
        ("email", "a@b@culture.example", 400),
        ("email", "<a@gmail.example>,anne@culture.example", 400),
        ("email", "anne@culture.example\x00@gmail.example", 400),
    ):
        no = await refused(actor.call("POST", path, {**base, "medium": medium, "address": address}))
        assert no.status in (status, 403), (address, no.body)
    await actor.call("POST", path, {**base, "medium": "email", "address": "anne@culture.example"})


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/createRoom", {}),
        ("POST", "/createRoom", {"is_direct": True}),
        ("POST", "/createRoom", {"creation_content": {"type": "m.space"}}),
        ("POST", "/createRoom", {"preset": "public_chat"}),
        ("PUT", f"/profile/@gaston:{GUESTS}/displayname", {"displayname": "Le ministre [Culture]"}),
    ],
)
async def test_what_guests_do_not_do(ministry: Server, method: str, path: str, body: dict[str, Any]) -> None:
    gaston = await account(ministry, "gaston", GUESTS)
    no = await refused(gaston.call(method, path, body))
    assert (no.status, no.errcode) == (403, "M_FORBIDDEN"), no.body
    assert (await gaston.call("POST", "/user_directory/search", {"search_term": "a"}))["results"] == []
