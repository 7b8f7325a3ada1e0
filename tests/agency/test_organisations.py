"""Whose addresses are whose, and what becomes of who proves one."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chappe.agency.names import display_name, label_of, localpart_of_address
from chappe.agency.organisations import Organisation, Rules, candidates, parse_pattern
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import GUESTS, RULES, account, agency
from tests.browser import Browser
from tests.neighbours import Mailbox, link_in
from tests.process import ServedProcess
from tests.support import PASSWORD, Person, Server, refused, segment

V1 = "/_matrix/identity/api/v1"


@pytest.mark.parametrize(
    "address, name",
    [
        ("john.doe@x.example", "John Doe"),
        ("jean-pierre.martin@x.example", "Jean-Pierre Martin"),
        ("USER@x.example", "User"),
        ("anne_marie.o.brien@x.example", "Anne Marie O Brien"),
        ("..@x.example", ""),
        ("d'arc@x.example", "D'arc"),
    ],
)
def test_names_by_address(address: str, name: str) -> None:
    assert display_name(address, "Culture") == (f"{name} [Culture]" if name else "[Culture]")


def test_names_that_a_provider_vouches_for_hold_no_other_organisation() -> None:
    assert display_name("a@x.example", "Culture", "  Anne   Roy ") == "Anne Roy [Culture]"
    assert display_name("a@x.example", "Culture", "Anne [Élysée]") == "Anne Élysée [Culture]"
    assert display_name("anne.roy@x.example", "Culture", "[]") == "Anne Roy [Culture]"
    assert label_of("Anne Roy [Culture]") == "Culture" and label_of("Anne") is None


def test_user_names_by_address() -> None:
    assert localpart_of_address("john.doe@example.com") == "john.doe-example.com"
    assert localpart_of_address("O'Neil+tag@Example.com") == "oneiltag-example.com"


def test_the_closest_pattern_first() -> None:
    assert candidates("a@b.culture.example") == [
        "a@b.culture.example",
        "b.culture.example",
        "*.culture.example",
        "*.example",
        "*",
    ]
    for good in ("culture.example", "*.culture.example", "*", "Anne@Culture.example"):
        assert parse_pattern(good) == good.lower()
    for bad in ("", "culture", "*culture.example", "a@b@culture.example", "cul ture.example", "**", ".example", "-.example"):
        with pytest.raises(BadRequest):
            parse_pattern(bad)


async def test_the_registry(ministry: Server) -> None:
    registry = agency(ministry).organisations
    for address, name in (
        ("a@culture.example", "culture"),
        ("a@sub.deep.culture.example", "culture"),
        ("a@interieur.example", "elsewhere"),
        ("a@notculture.example", "guests"),
        ("a@CULTURE.example", "culture"),
    ):
        found = await registry.of_address(address)
        assert found is not None and found.name == name, address
    assert not await registry.add(
        Organisation("culture", "Culture et médias", "localhost", False, ["culture.example", "vip@gmail.example"])
    )
    assert (await registry.of_address("a@sub.culture.example")).name == "guests", "it counts at once"
    assert (await registry.of_address("vip@gmail.example")).label == "Culture et médias"
    for bad in (
        Organisation("Bad name", "x", "localhost", False),
        Organisation("x", "", "localhost", False),
        Organisation("x", "a[b]", "localhost", False),
        Organisation("x", "X", "no server", False),
        Organisation("x", "X", "localhost", False, ["culture.example"]),
        Organisation("x", "X", "localhost", False, ["bad"]),
    ):
        with pytest.raises(BadRequest):
            await registry.add(bad)
    await registry.remove("elsewhere")
    with pytest.raises(NotFound):
        await registry.remove("elsewhere")
    assert [one.name for one in await registry.all()] == ["culture", "guests"]


async def info(server: Server, route: str, address: str, medium: str = "email") -> tuple[int, Any]:
    status, raw, _ = await server.raw("GET", f"{V1}/{route}?medium={medium}&address={segment(address)}")
    return status, json.loads(raw)


async def test_which_server_is_whose(ministry: Server, alice: Person) -> None:
    assert await info(ministry, "info", "new@culture.example") == (200, {"hs": "localhost"})
    assert await info(ministry, "info", "x@gmail.example") == (200, {"hs": GUESTS})
    await ministry.node.bind_threepid(alice.id, "email", "alice@interieur.example", 1)  # type: ignore[arg-type]
    moved = {"hs": "localhost", "new_hs": "interieur.example"}
    assert await info(ministry, "info", "alice@interieur.example") == (200, moved)
    assert (await info(ministry, "internal-info", "x@gmail.example"))[0] == 401, "for servers"
    for address, medium in (("x", "email"), ("", "email"), ("a@b.example", "msisdn"), ("a@b@culture.example", "email")):
        assert (await info(ministry, "info", address, medium))[0] == 400
    await agency(ministry).organisations.remove("guests")
    assert (await info(ministry, "info", "x@gmail.example"))[0] == 404


@pytest.mark.parametrize(
    "address",
    [
        "fs0c131y@protonmail.com@presidence@culture.example",
        "a@gmail.example@culture.example",
        "a@gmail.example,b@culture.example",
        '"a@gmail.example"@culture.example',
        "a@gmail.example <b@culture.example>",
        "<a@gmail.example>b@culture.example",
        "a@culture.example\n@gmail.example",
        "a@culture.example\x00",
        "a@culture.example.",
        "a@ culture.example",
        "@culture.example",
        "a@[127.0.0.1]",
        "a@culture.example>",
        "a;b@culture.example@x",
        "a@cúlture.example",
        "(a)b@culture.example",
        "a@culture..example",
    ],
)
async def test_no_trick_makes_somebody_of_an_address(ministry: Server, address: str) -> None:
    """The flaw of April 2019, and its relatives: what is not one address, exactly, is none."""
    assert (await info(ministry, "info", address))[0] == 400
    with pytest.raises(BadRequest):
        await agency(ministry).organisations.of_address(address)
    body = {"client_secret": "s", "email": address, "send_attempt": 1}
    status, raw, _ = await ministry.raw("POST", "/_matrix/client/v3/register/email/requestToken", body)
    assert status == 400, raw


async def sign_up(server: Server, mailbox: Mailbox, address: str, **more: Any) -> tuple[int, Any]:
    body = {"client_secret": "secret", "email": address, "send_attempt": 1}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/register/email/requestToken", body)
    if status != 200:
        return status, json.loads(raw)
    link = link_in(await mailbox.next(address))
    await (await Browser(server).open(link)).submit("/verify-email")
    assert parse_qs(urlsplit(link).query)["sid"] == [json.loads(raw)["sid"]]
    creds = {"sid": json.loads(raw)["sid"], "client_secret": "secret"}
    auth = {"type": "m.login.email.identity", "threepid_creds": creds}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/register", {"password": PASSWORD, "auth": auth, **more})
    answer = json.loads(raw)
    if status == 401 and "session" in answer:
        auth["session"] = answer["session"]
        status, raw, _ = await server.raw("POST", "/_matrix/client/v3/register", {"password": PASSWORD, "auth": auth, **more})
    return status, json.loads(raw)


async def test_an_official_signs_up(ministry: Server, mailbox: Mailbox) -> None:
    status, session = await sign_up(ministry, mailbox, "Anne-Lise.Roy@Culture.example".lower(), username="president")
    assert status == 200 and session["user_id"] == "@anne-lise.roy-culture.example:localhost", session
    anne = Person(ministry, session)
    profile = f"/profile/{segment(anne.id)}"
    assert (await anne.call("GET", profile))["displayname"] == "Anne-Lise Roy [Culture]"
    for change in (
        anne.call("PUT", f"{profile}/displayname", {"displayname": "Le Président [Élysée]"}),
        anne.call("DELETE", f"{profile}/displayname"),
    ):
        assert (await refused(change)).errcode == "M_FORBIDDEN"
    capabilities = (await anne.call("GET", "/capabilities"))["capabilities"]
    assert capabilities["m.set_displayname"] == {"enabled": False} and capabilities["m.set_avatar_url"]["enabled"]
    assert capabilities["m.profile_fields"] == {"enabled": True, "disallowed": ["displayname"]}
    await anne.call("PUT", f"{profile}/avatar_url", {"avatar_url": "mxc://localhost/picture"})
    status, answer = await sign_up(ministry, mailbox, "x@interieur.example")
    assert status == 403 and "interieur.example" in answer["error"]
    status, answer = await sign_up(ministry, mailbox, "x@gmail.example")
    assert status == 403


async def test_two_of_one_name(ministry: Server, mailbox: Mailbox) -> None:
    await account(ministry, "a.b-culture.example")
    status, session = await sign_up(ministry, mailbox, "a.b@culture.example")
    assert status == 200 and session["user_id"] == "@a.b-culture.example2:localhost"


async def test_from_the_command_line(tmp_path: Any) -> None:
    server = await ServedProcess(tmp_path / "data").start()
    try:
        add = ("admin", "organisation", "add", "culture", "--address", "culture.example", "--address", "*.culture.example")
        code, said = await server.run(*add)
        assert code == 0 and "Culture has been added: culture.example, *.culture.example → localhost" in said
        assert "changed" in (await server.run(*add, "--label", "Ministère de la culture"))[1]
        assert "Ministère de la culture, on localhost" in (await server.run("admin", "organisation", "list"))[1]
        told = (await server.run("admin", "organisation", "test", "anne.roy@culture.example"))[1]
        assert "@anne.roy-culture.example:localhost, Anne Roy [Ministère de la culture]" in told
        assert "nobody can sign up" in (await server.run("admin", "organisation", "test", "a@other.example"))[1]
        code, said = await server.run("admin", "organisation", "test", "a@b@culture.example")
        assert code == 1 and "not an e-mail address" in said
        assert (await server.run("admin", "organisation", "remove", "culture"))[0] == 0
        code, said = await server.run("admin", "organisation", "remove", "culture")
        assert code == 1 and "no organisation" in said
    finally:
        await server.stop()


async def test_what_an_organisation_lets_its_people_do(ministry: Server, alice: Person, gaston: Person) -> None:
    await ministry.node.bind_threepid(UserId(alice.id), "email", "alice@culture.example", 1)
    open_room = {"initial_state": [{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]}
    room = await alice.create_room(name="Ouverte", **open_room)
    closed = await alice.create_room(name="Fermée")
    strict = Rules(guests=False, forums=False)
    await agency(ministry).organisations.add(
        Organisation("culture", "Culture", "localhost", False, ["culture.example"], "#000091", strict)
    )
    by_address = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": "x@gmail.example"}
    for wanted in (
        alice.create_room(preset="public_chat", name="Forum"),
        alice.create_room(visibility="public", name="Forum"),
        alice.create_room(name="Ouverte", **open_room),
        alice.set_state(closed, RULES, {"rule": "unrestricted"}),
        alice.invite(room, gaston),
        alice.call("POST", f"/rooms/{segment(room)}/invite", by_address),
    ):
        no = await refused(wanted)
        assert (no.status, no.errcode) == (403, "M_FORBIDDEN") and "Culture" in no.body["error"]
    assert (await alice.call("GET", "/_chappe/client/v1/rules"))["me"]["colour"] == "#000091"
    for bad in (
        Organisation("x", "X", "localhost", False, [], "red"),
        Organisation("x", "X", "localhost", False, [], None, Rules(guest_days=-1)),
    ):
        with pytest.raises(BadRequest):
            await agency(ministry).organisations.add(bad)


async def test_how_long_guests_of_an_organisation_stay(ministry: Server, alice: Person) -> None:
    await ministry.node.bind_threepid(UserId(alice.id), "email", "alice@culture.example", 1)
    await agency(ministry).organisations.add(
        Organisation("culture", "Culture", "localhost", False, ["culture.example"], None, Rules(guest_days=10))
    )
    room = await alice.create_room(
        name="Ouverte", initial_state=[{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]
    )
    day, now = 86_400_000, ministry.node.now_ms()
    body = {"room_id": room, "address": "g@gmail.example", "purpose": "Audit", "ends_ts": now + 11 * day}
    assert "10 days" in (await refused(alice.call("POST", "/_chappe/client/v1/guests", body))).body["error"]
    await alice.call("POST", "/_chappe/client/v1/guests", {**body, "ends_ts": now + 9 * day})


async def test_where_an_address_is_at_home_is_told_before_anybody_signs_in(ministry: Server) -> None:
    async def told(address: str) -> tuple[int, Any]:
        status, raw, _ = await ministry.raw("GET", f"/_chappe/client/v1/organisation?address={segment(address)}")
        return status, json.loads(raw)

    status, here = await told("new@culture.example")
    assert status == 200 and (here["where"], here["server_name"], here["name"]) == ("here", "localhost", "Culture")
    assert (await told("x@gmail.example"))[1]["server_name"] == GUESTS, "hosted here as well: nobody is sent away"
    assert (await told("x@interieur.example"))[1] == {"where": "elsewhere", "url": "https://interieur.example"}
    await agency(ministry).organisations.remove("guests")
    assert (await told("x@gmail.example"))[0] == 404
