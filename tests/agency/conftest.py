"""A ministry: its server with the public-sector layer on, a domain for guests beside its own, and somebody of each."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.organisations import Organisation
from chappe.config import Agency, Registration
from chappe.homeserver.accounts.fresh_proof import SIGNED_IN, FreshProof
from chappe.homeserver.accounts.second_factors import totp
from chappe.matrix.identifiers import UserId
from tests.neighbours import Mailbox
from tests.support import PASSWORD, Person, Server, segment

GUESTS = "externe.example"
RULES = "im.vector.room.access_rules"


@pytest_asyncio.fixture
async def ministry(new_server: Callable[..., Awaitable[Server]], mailbox: Mailbox) -> Server:
    return await a_ministry(new_server, mailbox)


async def a_ministry(new_server: Callable[..., Awaitable[Server]], mailbox: Mailbox, **settings: Any) -> Server:
    """`localhost`, home of Culture; whoever is of no organisation is a guest, by invitation."""
    server = await new_server(
        agency=Agency(enabled=True, guest_domains=[GUESTS]),
        email=mailbox.settings(),
        registration=Registration(email_required=True),
        **settings,
    )
    await server.node.domains.add(GUESTS)
    for one in (
        Organisation("culture", "Culture", "localhost", False, ["culture.example", "*.culture.example"]),
        Organisation("elsewhere", "Intérieur", "interieur.example", False, ["interieur.example"]),
        Organisation("guests", "Externe", GUESTS, True, ["*"]),
    ):
        await agency(server).organisations.add(one)
    return server


def agency(server: Server) -> Any:
    assert isinstance(server.node, AgencyServer) and server.node.agency is not None
    return server.node.agency


async def account(server: Server, name: str, domain: str = "localhost") -> Person:
    """As the command line makes it."""
    await server.node.accounts.register(UserId(f"@{name}:{domain}"), PASSWORD)
    user = {"type": "m.id.user", "user": f"@{name}:{domain}"}
    body = {"type": "m.login.password", "identifier": user, "password": PASSWORD}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", body)
    assert status == 200, raw
    return Person(server, json.loads(raw))


@pytest_asyncio.fixture
async def alice(ministry: Server) -> Person:
    return await account(ministry, "alice")


@pytest_asyncio.fixture
async def bob(ministry: Server) -> Person:
    return await account(ministry, "bob")


@pytest_asyncio.fixture
async def gaston(ministry: Server) -> Person:
    """A guest."""
    return await account(ministry, "gaston", GUESTS)


async def age(server: Server, person: Person) -> None:
    """Rights and second factor are from long ago."""
    for statement in (
        "UPDATE users SET admin_since_ts = 1 WHERE user_id = $1 AND is_admin",
        "UPDATE administrators SET granted_ts = 1 WHERE user_id = $1",
        "UPDATE totp_secrets SET confirmed_ts = 1 WHERE user_id = $1",
    ):
        await server.node.database.execute(statement, person.id)


async def enrol(server: Server, person: Person) -> None:
    """Sets one-time codes up."""
    factors = server.node.second_factors
    text, _ = await factors.begin_totp(FreshProof(person.id, SIGNED_IN), "Chappe")
    assert await factors.confirm_totp(
        FreshProof(person.id, SIGNED_IN), totp(base64.b32decode(text), int(time.time()) // 30 - 1)
    )


async def code_of(server: Server, person: Person) -> str:
    """A code that counts now, however many have served; sets codes up for who has none."""
    if not (await server.node.second_factors.of(person.id)).totp:
        await enrol(server, person)
    row = await server.node.database.fetchrow(
        "UPDATE totp_secrets SET last_step = 0 WHERE user_id = $1 RETURNING secret", person.id
    )
    assert row is not None
    return totp(row["secret"], int(time.time()) // 30)


async def agree(server: Server, approver: Person, path: str) -> Any:
    """As an administrator of long standing."""
    code = await code_of(server, approver)
    await age(server, approver)
    return await approver.call("POST", path, {"approve": True, "code": code})


async def rules_of(person: Person, room: str) -> dict[str, Any]:
    return await person.state(room, RULES)  # type: ignore[no-any-return]


async def membership(person: Person, room: str, who: Person) -> str:
    answer = await person.call("GET", f"/rooms/{segment(room)}/members")
    return next((e["content"]["membership"] for e in answer["chunk"] if e["state_key"] == who.id), "leave")  # type: ignore[no-any-return]
