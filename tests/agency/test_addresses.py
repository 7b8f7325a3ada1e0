"""What is checked is what is used: every door that takes an e-mail address × what somebody may write for one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from typer.testing import CliRunner

from chappe.agency.organisations import Organisation
from chappe.cli import app
from chappe.homeserver.accounts.single_sign_on.providers import rewrite
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import RULES, account, agency, code_of
from tests.browser import Browser
from tests.neighbours import Mailbox
from tests.support import PASSWORD, Person, Refused, Server, segment

V3, IDENTITY = "/_matrix/client/v3", "/_matrix/identity/v2"
GOOD = {
    "jean.dupont@culture.example": "jean.dupont@culture.example",
    "Jean.O'Neil+lists_1@Mail.Culture.Example": "jean.o'neil+lists_1@mail.culture.example",
    "mairie@xn--vreux-9ua.example": "mairie@xn--vreux-9ua.example",
}
ATTACKS = [
    # of 2019: one text, two addresses
    "evil@evil.example@culture.example",
    "evil@evil.example <x@culture.example>",
    "<evil@evil.example>x@culture.example",
    "evil@evil.example,x@culture.example",
    "evil@evil.example;x@culture.example",
    "evil@evil.example x@culture.example",
    '"evil@evil.example"@culture.example',
    '"x y"@culture.example',
    "x@culture.example(evil@evil.example)",
    "(c)x@culture.example",
    "x@culture.example\r\nBcc: evil@evil.example",
    "x@culture.example\nRCPT TO:<evil@evil.example>",
    "x\0@culture.example",
    "x@culture.example\0evil.example",
    "x@culture.example\u2028",
    "x@culture.example\t",
    "x\x7f@culture.example",
    "@a,@b:x@culture.example",
    # "Splitting the Email Atom", 2024: encoded words, routes, unicode, punycode
    "=?utf-8?q?evil=40evil.example=3e=00?=prefet@culture.example",
    "=?utf-8?q?evil=40evil.example=2c?=x@culture.example",
    "=?utf-8?q?evil=40evil.example=0d=0abcc=3ax=40evil.example?=@culture.example",
    "=?utf-7?q?&AGUAdgBpAGw-?=@culture.example",
    "=?x?q?=41=42?=evil@culture.example",
    "x=?@culture.example",
    "evil%evil.example@culture.example",
    "evil!x@culture.example",
    "evil.example!x@culture.example",
    "evil(culture.example@evil.example",
    "é@culture.example",
    "x@cult\u00fcre.example",
    "x@culture\uff0eexample",
    "x\uff20culture.example",
    "\u0445@culture.example",
    "x@\u0441ulture.example",
    "x\u202e@culture.example",
    "x@xn--a.example",
    "x@xn--0049.example",
    "x@xn--culture-.example",
    "x@[127.0.0.1]",
    "x@127.0.0.1",
    "x@[IPv6:::1]",
    # no address at all
    "-oQ/tmp@culture.example",
    ".x@culture.example",
    "x..y@culture.example",
    "x@culture..example",
    "x@-culture.example",
    "x@culture",
    "x@",
    "@culture.example",
    "a" * 65 + "@culture.example",
    "x@" + "a." * 130 + "example",
    "",
    "x{{y}}@culture.example",
]


class Doors:
    """Each takes an address from somebody, and tells (status, errcode) of what it answered."""

    def __init__(self, server: Server, agent: Person, admin: Person, identity_token: str, room: str) -> None:
        self.server, self.agent, self.admin, self.room = server, agent, admin, room
        self._identity = Person(server, {"user_id": agent.id, "device_id": "", "access_token": identity_token})
        self._attempt = 0

    def all(self) -> dict[str, Callable[[str], Awaitable[tuple[int, str | None]]]]:
        return {name: getattr(self, name) for name in dir(self) if name.startswith("door_")}

    async def _call(self, person: Person, method: str, path: str, body: Any = None) -> tuple[int, str | None]:
        try:
            await person.call(method, path, body)
        except Refused as refusal:
            return refusal.status, refusal.errcode
        return 200, None

    async def _page(self, path: str, form: str, address: str) -> tuple[int, str | None]:
        browser = await Browser(self.server).sign_in(self.agent.id, PASSWORD)
        await browser.open(path)
        await browser.submit(form, email=address)
        is_refused = "This is not an e-mail address" in browser.page or "U+0000 is not allowed" in browser.page
        return browser.status, "M_INVALID_PARAM" if is_refused else None

    def _asks(self, address: str) -> dict[str, Any]:
        self._attempt += 1
        return {"client_secret": f"s{self._attempt}", "email": address, "send_attempt": 1}

    async def door_registration(self, address: str) -> Any:
        return await self._call(self.agent, "POST", "/register/email/requestToken", self._asks(address))

    async def door_password(self, address: str) -> Any:
        return await self._call(self.agent, "POST", "/account/password/email/requestToken", self._asks(address))

    async def door_threepid(self, address: str) -> Any:
        return await self._call(self.agent, "POST", "/account/3pid/email/requestToken", self._asks(address))

    async def door_removal(self, address: str) -> Any:
        return await self._call(self.agent, "POST", "/account/3pid/delete", {"medium": "email", "address": address})

    async def door_invitation(self, address: str) -> Any:
        body = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": address}
        return await self._call(self.agent, "POST", f"/rooms/{segment(self.room)}/invite", body)

    async def door_new_room(self, address: str) -> Any:
        invite = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": address}
        return await self._call(self.agent, "POST", "/createRoom", {"invite_3pid": [invite]})

    async def door_pusher(self, address: str) -> Any:
        body = {
            "kind": "email",
            "app_id": "m.email",
            "pushkey": address or "x",
            "app_display_name": "m",
            "device_display_name": "m",
            "lang": "fr",
            "data": {},
        }
        return await self._call(self.agent, "POST", "/pushers/set", body)

    async def door_identity_validation(self, address: str) -> Any:
        return await self._call(self._identity, "POST", f"{IDENTITY}/validate/email/requestToken", self._asks(address))

    async def door_identity_invitation(self, address: str) -> Any:
        body = {"medium": "email", "address": address, "room_id": self.room, "sender": self.agent.id}
        return await self._call(self._identity, "POST", f"{IDENTITY}/store-invite", body)

    async def door_sponsor(self, address: str) -> Any:
        body = {"room_id": self.room, "address": address, "purpose": "Audit"}
        return await self._call(self.agent, "POST", "/_chappe/client/v1/guests", body)

    async def door_administration(self, address: str) -> Any:
        path = f"/_synapse/admin/v2/users/{segment(self.agent.id)}"
        headers = {"Chappe-Second-Factor": await code_of(self.server, self.admin)}
        body = {"threepids": [{"medium": "email", "address": address}]}
        status, raw, _ = await self.server.raw("PUT", path, body, self.admin.token, headers)
        return status, json.loads(raw).get("errcode")

    async def door_organisation(self, address: str) -> Any:
        try:
            await agency(self.server).organisations.add(
                Organisation("one", "One", "localhost", False, [address if "@" in address else f"{address}@"])
            )
        except BadRequest as error:
            return error.status, error.errcode
        return 200, None

    async def door_info(self, address: str) -> Any:
        query = urlencode({"medium": "email", "address": address or " "})
        return await self._call(self.agent, "GET", f"/_matrix/identity/api/v1/info?{query}")

    async def door_page_registration(self, address: str) -> Any:
        return await self._page("/register", "/register", address)

    async def door_page_password(self, address: str) -> Any:
        return await self._page("/forgot-password", "/forgot-password", address)

    async def door_page_account(self, address: str) -> Any:
        return await self._page("/account", "/account/addresses", address)

    async def door_import(self, address: str) -> Any:
        """From a directory or a provider of identities: the account comes without it."""
        return (200, None) if rewrite(address, []) else (400, "M_INVALID_PARAM")


@pytest.fixture
async def doors(ministry: Server) -> Doors:
    agent, admin = await account(ministry, "alice"), await account(ministry, "root")
    await ministry.node.accounts.change(admin.id, is_admin=True)
    await ministry.node.bind_threepid(UserId(agent.id), "email", "alice@culture.example", 1)
    rule = {"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}
    room = await agent.create_room(name="Projet", initial_state=[rule])
    openid = await agent.call("POST", f"/user/{quote(agent.id)}/openid/request_token", {})
    _, raw, _ = await ministry.raw("POST", f"{IDENTITY}/account/register", openid)
    return Doors(ministry, agent, admin, json.loads(raw)["token"], room)


async def test_no_door_takes_what_is_no_address(doors: Doors, mailbox: Mailbox) -> None:
    wrong = []
    for name, door in doors.all().items():
        for attack in ATTACKS:
            answered = await door(attack)
            if answered != (400, "M_INVALID_PARAM"):
                wrong.append((name, attack, answered))
    assert wrong == [], wrong
    database = doors.server.node.database
    for table in ("outgoing_mail", "validation_sessions", "third_party_invites", "guest_invitations"):
        assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    assert mailbox.mails == []


async def test_signing_in_by_what_is_no_address_is_a_wrong_name(doors: Doors) -> None:
    for attack in ATTACKS:
        identifier = {"type": "m.id.thirdparty", "medium": "email", "address": attack}
        body = {"type": "m.login.password", "identifier": identifier, "password": PASSWORD}
        status, raw, _ = await doors.server.raw("POST", f"{V3}/login", body)
        assert (status, json.loads(raw)["errcode"]) == (403, "M_FORBIDDEN"), attack


@pytest.mark.parametrize(("written", "kept"), GOOD.items())
def test_what_is_an_address(written: str, kept: str) -> None:
    assert parse_email(written) == kept


@pytest.mark.parametrize("attack", ATTACKS[-12:])
def test_the_command_line_looks_first(attack: str, tmp_path: Any) -> None:
    arguments = ["admin", "user", "add", "x", "--password", PASSWORD, f"--email={attack}", "--data", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, BadRequest), result.output
