"""The web client in a real Chromium against a real server: plays of several people, every screen looked at with axe-core."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from chappe.agency.app import AgencyServer
from chappe.agency.console.scope import Actor
from chappe.agency.organisations import Organisation, Organisations
from chappe.config import (
    AccountValidity,
    Agency,
    Antivirus,
    Brand,
    Classification,
    IdentityProvider,
    Listener,
    Passwords,
    ReadGuard,
    Registration,
)
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.api.web.web_client import BUILT
from chappe.matrix.identifiers import UserId
from tests.agency.antivirus import CLAMD, ClamAV
from tests.agency.conftest import age, code_of
from tests.clients.node import node
from tests.clients.test_matrix_js_sdk import NODE_HOME, install_js, run_js
from tests.neighbours import Mailbox, link_in
from tests.process import free_port
from tests.support import Person, Server

HERE = Path(__file__).parent
CHROMIUM, FIREFOX = shutil.which("chromium"), shutil.which("firefox-esr")
WEBKIT = next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), None) if shutil.which("Xvfb") else None

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("web"),  # one browser after the other: two cores are few
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (tests/install_components.sh)"),
    pytest.mark.skipif(not (BUILT / "index.html").is_file(), reason="needs the built web client (make web)"),
]


NewServer = Callable[..., Awaitable[Server]]


@pytest.fixture(autouse=True)
async def components(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHROMIUM is not None
    monkeypatch.setenv("CHROMIUM", CHROMIUM)
    await install_js()


async def act(play: str, *arguments: str) -> None:
    pictures = os.environ.get("CHAPPE_PICTURES", "")
    output = await run_js(str(NODE_HOME / "bin" / "node"), f"{play}.mjs", *arguments, pictures, cwd=HERE)
    print(output)
    assert "PLAY THE END" in output


@pytest.mark.parametrize(
    "play",
    [
        "two_people",
        "rooms",
        "threads",
        "files",
        "list",
        "hands",
        "settings",
        "phone",
        "first_load",
        "trust",
        "second_device",
        "search",
        "quiet",
        "contents",
        "landing",
        "messages",
        "saved",
        "status",
        "history",
        "order",
        "playbook",
        "new_sign_in",
        "tour",
    ],
)
async def test_a_play(new_server: NewServer, play: str) -> None:
    server = await new_server()
    await act(play, server.base, "")


async def test_recovery(new_server: NewServer) -> None:
    """By a name and not by figures: a passkey belongs to one."""
    own = free_port()
    base = f"http://localhost:{own}"
    await new_server(listeners=[Listener(port=own)], public_url=base)
    await act("recovery", base, "")


@pytest.mark.skipif(FIREFOX is None, reason="needs Firefox (tests/install_components.sh)")
async def test_what_a_day_needs_in_firefox(new_server: NewServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert FIREFOX is not None
    monkeypatch.setenv("FIREFOX", FIREFOX)
    server = await new_server()
    await act("core", server.base, "")


@pytest.mark.skipif(WEBKIT is None or "CHAPPE_WEBKIT" not in os.environ, reason="not steady yet: CHAPPE_WEBKIT=1 runs it")
async def test_what_a_day_needs_in_webkit(new_server: NewServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine of Safari, which is that of every browser on an iPhone."""
    monkeypatch.setenv("WEBKIT", str(WEBKIT))
    server = await new_server()
    await act("core", server.base, "")


async def test_a_ministry(new_server: NewServer) -> None:
    """With the public-sector layer, and the read guard, as an operator switches them on."""
    server = await new_server(agency=Agency(True, ["externe.example"]), read_guard=ReadGuard(True))
    await act("agency", server.base, "")


async def test_a_console(new_server: NewServer) -> None:
    """An organisation of a ministry, and who administers it."""
    mailbox = Mailbox().start()
    server = await new_server(agency=Agency(True, ["externe.example"]), read_guard=ReadGuard(True))
    await Organisations(server.node.database).add(Organisation("culture", "Culture", "localhost", False, ["culture.example"]))
    control = await serve_control(server, mailbox)
    try:
        await act("console", server.base, f"http://127.0.0.1:{control.addresses[0][1]}")
    finally:
        await control.cleanup()
        mailbox.stop()


@pytest.mark.skipif(CLAMD is None, reason="needs ClamAV (tests/install_components.sh)")
async def test_a_ministry_with_its_guests(new_server: NewServer, tmp_path: Path) -> None:
    """Every rule on: sign-up by address with real mail, guests of a domain of their own, ClamAV, classification, the console."""
    mailbox, own, folder = Mailbox().start(), free_port(), tmp_path / "clamav"
    folder.mkdir()
    clamav, base = ClamAV(folder), f"http://localhost:{own}"
    try:
        await clamav.start()
        restricted = Classification(
            "restricted", {"fr": "Diffusion restreinte", "en": "Restricted"}, retention_days=30, file_types=["application/pdf"]
        )
        server = await new_server(
            listeners=[Listener(port=own)],
            public_url=base,
            email=mailbox.settings(),
            registration=Registration(email_required=True),
            antivirus=Antivirus(clamav.url),
            agency=Agency(enabled=True, guest_domains=["externe.localhost"], classifications=[restricted]),
            account_validity=AccountValidity(period_days=365),
            read_guard=ReadGuard(True, searches_per_hour=30),
        )
        await server.node.domains.add("externe.localhost")
        organisations = Organisations(server.node.database)
        for one in (
            Organisation("culture", "Culture", "localhost", False, ["culture.example"]),
            Organisation("sante", "Santé", "localhost", False, ["sante.example"]),
            Organisation("externe", "Externe", "externe.localhost", True, ["*"]),
        ):
            await organisations.add(one)
        control = await serve_control(server, mailbox)
        try:
            await act("ministry", base, f"http://127.0.0.1:{control.addresses[0][1]}")
        finally:
            await control.cleanup()
    finally:
        await clamav.stop()
        mailbox.stop()


async def test_getting_in(new_server: NewServer) -> None:
    """A brand, mail, an identity provider, another organisation's server; `control` is what an administrator would do."""
    mailbox, own, theirs = Mailbox().start(), free_port(), free_port()
    base = f"http://localhost:{own}"
    callback = f"{base}/login/oidc/proconnect"
    elsewhere = await new_server()
    brand = Brand(
        name="Messagerie de l'État",
        colour="#000091",
        welcome="La messagerie de vos services",
        email_domains=["etat.test"],
        links={"help": "https://aide.example"},
        features={"forums": False},
    )
    provider = IdentityProvider(
        id="proconnect",
        name="ProConnect",
        issuer=f"http://127.0.0.1:{theirs}",
        client_id="chappe",
        client_secret="secret of chappe",
        display_name="{given_name} {usual_name}",
        title_claim="job",
        service_claim="organizational_unit",
        telephone_claim="phone_number",
    )
    server = await new_server(
        listeners=[Listener(port=own)],
        public_url=base,
        identity_providers=[provider],
        email=mailbox.settings(),
        brands={"localhost": brand},
        organisations_elsewhere={"ville.test": elsewhere.base},
        registration=Registration(email_required=True),
    )
    control = await serve_control(server, mailbox)
    try:
        async with node("provider.mjs", str(theirs), f"{callback}/callback", f"{callback}/backchannel-logout"):
            await act("getting_in", base, f"http://127.0.0.1:{control.addresses[0][1]}")
    finally:
        await control.cleanup()
        mailbox.stop()


async def test_the_pages_of_the_server(new_server: NewServer) -> None:
    """Each of them, in every appearance, with a brand and mail."""
    mailbox, own = Mailbox().start(), free_port()
    server = await new_server(
        listeners=[Listener(port=own)],
        public_url=f"http://localhost:{own}",
        email=mailbox.settings(),
        brands={"localhost": Brand(name="Messagerie de l’État", colour="#000091", links={"help": "https://aide.example"})},
        registration=Registration(email_required=True),
        passwords=Passwords(minimum_length=12, memory_kib=8, passes=1),
    )
    control = await serve_control(server, mailbox)
    try:
        await act("pages", f"http://localhost:{own}", f"http://127.0.0.1:{control.addresses[0][1]}")
    finally:
        await control.cleanup()
        mailbox.stop()


async def serve_control(server: Server, mailbox: Mailbox) -> web.AppRunner:
    async def mail(request: web.Request) -> web.Response:
        return web.Response(text=link_in(await mailbox.next(request.match_info["value"])))

    async def code(request: web.Request) -> web.Response:
        """Of the second factor of an administrator of long standing."""
        session = {"user_id": f"@{request.match_info['value']}:localhost", "device_id": "", "access_token": ""}
        administrator = Person(server, session)
        given = await code_of(server, administrator)
        await age(server, administrator)
        return web.Response(text=given)

    async def state(request: web.Request) -> web.Response:
        name, wanted = request.match_info["value"].split()
        user, accounts = UserId(f"@{name}:localhost"), server.node.accounts
        if wanted.startswith("administers-"):
            assert isinstance(server.node, AgencyServer)
            await server.node.scope.grant(Actor("@root:localhost", wanted.partition("-")[2]), user)
        elif wanted.startswith("of-"):
            await server.node.bind_threepid(user, "email", f"{name}@{wanted.partition('-')[2]}.example", 1)
        elif wanted == "root":
            await accounts.change(user, is_admin=True)
        elif wanted == "out":
            await server.node.account_states.enter(user, AccountState.SIGNED_OUT_EVERYWHERE)
        else:
            expires = {"expired": 1, "open": 0}.get(wanted)
            suspended = wanted == "suspended"
            await accounts.set_state(user, locked=wanted == "locked", suspended=suspended, expires_ts=expires)
        return web.Response(text="done")

    application = web.Application()
    application.router.add_get("/mail/{value}", mail)
    application.router.add_get("/state/{value}", state)
    application.router.add_get("/code/{value}", code)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner
