"""Accounts that end unless their holder confirms the address: with real mail, and time that passes when it is told to."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.agency.account_validity import DAY_MS, AccountValidity
from chappe.agency.app import AgencyServer
from chappe.config import AccountValidity as Settings
from chappe.matrix.identifiers import UserId
from tests.neighbours import Mailbox, link_in, plain
from tests.support import Clock, Person, Refused, Server, refused

NewServer = Callable[..., Awaitable[Server]]
PATH = "/_synapse/client/email_account_validity"


class Scene:
    server: Server
    mailbox: Mailbox
    clock: Clock
    anne: Person
    root: Person
    validity: AccountValidity

    async def pass_days(self, days: float) -> None:
        self.clock.now += int(days * DAY_MS)
        await self.validity.enforce_periods()

    async def end_of(self, person: Person) -> int | None:
        user = await self.server.node.accounts.store.find_user(person.id)
        assert user is not None
        return user.expires_ts


async def start(new_server: NewServer, mailbox: Mailbox, **settings: Any) -> Scene:
    s = Scene()
    s.mailbox = mailbox
    s.server = await new_server(
        email=mailbox.settings(), account_validity=Settings(90, [28, 7, 1], 120, **settings), public_url="http://localhost"
    )
    assert isinstance(s.server.node, AgencyServer) and s.server.node.validity is not None
    s.validity = s.server.node.validity
    s.clock = Clock(s.server.node.now_ms())
    s.validity._now_ms = s.clock
    s.anne, s.root = await s.server.person("anne"), await s.server.person("root")
    await s.server.node.accounts.change(s.root.id, is_admin=True)
    for person in (s.anne, s.root):
        address = f"{person.id[1:].split(':')[0]}@culture.example"
        await s.server.node.bind_threepid(UserId(person.id), "email", address, 1)
    return s


@pytest.fixture
async def scene(new_server: NewServer, mailbox: Mailbox) -> Scene:
    return await start(new_server, mailbox)


async def test_from_the_first_day_to_the_last(scene: Scene) -> None:
    nobody = await scene.server.person("nobody")
    await scene.pass_days(0)
    end = await scene.end_of(scene.anne)
    assert end == scene.clock.now + 90 * DAY_MS
    assert await scene.end_of(scene.root) is None, "administrators do not end"
    assert await scene.end_of(nobody) is None, "nor whoever cannot be written to"
    for days, expected in ((61.9, 0), (0.2, 1), (1, 0), (20, 1), (0.5, 0), (5.5, 1), (0.5, 0)):
        await scene.pass_days(days)
        await scene.pass_days(0)  # looking twice writes once
        mails = [await scene.mailbox.next("anne@culture.example") for _ in range(expected)]
        assert all(re.search("se termine (dans|demain)", plain(mail)) for mail in mails), days
    assert scene.mailbox.mails == []
    await scene.pass_days(119)
    assert not (await scene.server.node.accounts.store.find_user(scene.anne.id)).deactivated  # type: ignore[union-attr]
    await scene.pass_days(3)
    assert (await scene.server.node.accounts.store.find_user(scene.anne.id)).deactivated  # type: ignore[union-attr]
    error = await refused(scene.anne.call("GET", "/account/whoami"))
    assert error.status == 401


async def expire(scene: Scene, person: Person) -> None:
    await scene.root.call("POST", f"{PATH}/admin", {"user_id": person.id, "expiration_ts": 1})


async def test_an_expired_account_is_renewed_from_the_mail(scene: Scene) -> None:
    await expire(scene, scene.anne)
    for asked in (scene.anne.call("GET", "/sync"), scene.anne.call("GET", "/account/whoami"), scene.anne.create_room()):
        error = await refused(asked)
        assert (error.status, error.errcode) == (403, "ORG_MATRIX_EXPIRED_ACCOUNT")
    await scene.anne.call("POST", f"{PATH}/send_mail", {})
    link = link_in(await scene.mailbox.next("anne@culture.example"))
    token = re.search(r"token=([A-Za-z]{32})$", link)
    assert token is not None
    route = f"{PATH}/renew?token={token[1]}"
    status, page, _ = await scene.server.raw("GET", route)
    assert status == 200 and "Votre compte est confirmé".encode() in page
    await scene.anne.call("GET", "/account/whoami")
    until = await scene.end_of(scene.anne)
    assert until == scene.clock.now + 90 * DAY_MS
    scene.clock.now += 1000
    status, page, _ = await scene.server.raw("GET", route, headers={"Accept-Language": "en"})
    assert status == 200 and b"was confirmed before" in page and await scene.end_of(scene.anne) == until
    status, page, _ = await scene.server.raw("GET", f"{PATH}/renew?token={'x' * 32}")
    assert status == 400
    status, _, _ = await scene.server.raw("GET", f"{PATH}/renew")
    assert status == 400


async def test_the_old_name_of_the_route_and_an_account_that_does_not_end(scene: Scene) -> None:
    error = await refused(scene.root.call("POST", f"{PATH}/send_mail", {}))
    assert error.status == 400
    await expire(scene, scene.anne)
    await scene.anne.call("POST", "/_matrix/client/unstable/account_validity/send_mail", {})
    assert await scene.mailbox.next("anne@culture.example")
    error = await refused(
        Person(scene.server, {**scene.anne.session, "access_token": "x"}).call("POST", f"{PATH}/send_mail", {})
    )
    assert error.status == 401


async def test_a_code_renews_only_its_own_account(new_server: NewServer, mailbox: Mailbox) -> None:
    scene = await start(new_server, mailbox, send_links=False)
    eve = await scene.server.person("eve")
    await expire(scene, scene.anne)
    await scene.anne.call("POST", f"{PATH}/send_mail", {})
    code = re.search(r"\b(\d{8})\b", plain(await scene.mailbox.next("anne@culture.example")))
    assert code is not None
    for person in (None, eve):
        status, _, _ = await scene.server.raw("GET", f"{PATH}/renew?token={code[1]}", token=person.token if person else None)
        assert status == 400
    status, _, _ = await scene.server.raw("GET", f"{PATH}/renew?token={code[1]}", token=scene.anne.token)
    assert status == 200
    await scene.anne.call("GET", "/account/whoami")


async def test_what_administrators_set(scene: Scene) -> None:
    body = {"user_id": scene.anne.id, "expiration_ts": scene.clock.now + DAY_MS, "enable_renewal_emails": False}
    assert await scene.root.call("POST", f"{PATH}/admin", body) == {"expiration_ts": scene.clock.now + DAY_MS}
    await scene.pass_days(0.5)
    assert scene.mailbox.mails == []
    answer = await scene.root.call("POST", f"{PATH}/admin", {"user_id": scene.anne.id})
    assert answer == {"expiration_ts": scene.clock.now + 90 * DAY_MS}
    error = await refused(scene.anne.call("POST", f"{PATH}/admin", body))
    assert (error.status, error.errcode) == (403, "M_FORBIDDEN")
    for wrong, status in (
        ({}, 400),
        ({"user_id": "x"}, 400),
        ({"user_id": "@no:localhost"}, 404),
        ({**body, "expiration_ts": -1}, 400),
        ({**body, "expiration_ts": "1"}, 400),
    ):
        assert (await refused(scene.root.call("POST", f"{PATH}/admin", wrong))).status == status


async def test_some_are_left_alone(new_server: NewServer, mailbox: Mailbox) -> None:
    scene = await start(new_server, mailbox, excluded=["@anne"])
    await scene.pass_days(0)
    assert await scene.end_of(scene.anne) is None


async def test_off_by_default(new_server: NewServer) -> None:
    server = await new_server()
    assert isinstance(server.node, AgencyServer) and server.node.validity is None
    alice = await server.person("alice")
    with pytest.raises(Refused) as caught:
        await alice.call("POST", f"{PATH}/send_mail", {})
    assert caught.value.status == 404 and json.dumps(caught.value.body)


async def test_guests_are_renewed_by_their_sponsor(new_server: NewServer, mailbox: Mailbox) -> None:
    s = await start(new_server, mailbox)
    await s.server.node.database.execute("INSERT INTO guests VALUES ($1, $2, '', 5, 1)", s.anne.id, s.root.id)
    await s.pass_days(0)
    assert await s.end_of(s.anne) is None
    await s.server.node.accounts.set_state(s.anne.id, expires_ts=s.clock.now + DAY_MS)
    told = await refused(s.anne.call("POST", PATH + "/send_mail", {}))
    assert told.status == 400 and "invited you" in told.body["error"]
