"""The link of an invitation's mail leads to an account, without a second mail; and says what has become of the invitation."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from chappe.homeserver.modules.third_party_invites.links import PROVES_FOR_MS, InvitationLinks
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import account, membership
from tests.agency.test_sponsors import ADDRESS, PATH, arrive, invite, open_room
from tests.browser import Browser
from tests.neighbours import Mailbox, link_in, plain
from tests.support import PASSWORD, Clock, Person, Server, refused, segment

DAY_MS = 86_400_000
AGENT = "lucie.petit@culture.example"
AWAITED = "/_chappe/client/v1/rooms/{}/awaited"
WITHDRAWN = "This invitation is no longer valid"


async def invited(server: Server, mailbox: Mailbox, alice: Person, **more: Any) -> tuple[str, str]:
    """The room, and the path of the link."""
    room = await open_room(alice)
    await invite(alice, room, **more)
    return room, await link_path(mailbox)


async def link_path(mailbox: Mailbox, address: str = ADDRESS) -> str:
    parts = urlsplit(link_in(await mailbox.next(address)))
    assert parts.path == "/invitation"
    return f"{parts.path}?{parts.query}"


def links_of(server: Server) -> InvitationLinks:
    invites: ThirdPartyInvites = server.node.third_party_invites
    return invites._links


async def come(server: Server, path: str, **headers: str) -> Browser:
    browser = await Browser(server, **headers).open(path)
    return await browser.submit("/invitation")


async def test_a_guest_comes_by_the_link_alone(ministry: Server, mailbox: Mailbox, alice: Person) -> None:
    ends = ministry.node.now_ms() + 30 * DAY_MS
    room = await open_room(alice)
    await invite(alice, room, ends_ts=ends)
    letter = await mailbox.next(ADDRESS)
    assert "Audit" in plain(letter) and "until" not in plain(letter) and "Votre accès est ouvert jusqu" in plain(letter)
    path = urlsplit(link_in(letter))
    browser = await Browser(ministry).open(f"{path.path}?{path.query}")
    for said in ("Audit", "Projet", "alice", ADDRESS, "Access until"):
        assert said in browser.page
    await browser.open(f"{path.path}?{path.query}")
    assert "Create my account" in browser.page, "who opens the link has used nothing up"
    await browser.submit("/invitation")
    assert ADDRESS in browser.page and "Audit" in browser.page and 'name="email"' not in browser.page
    await browser.submit("/register", password=PASSWORD)
    assert browser.query == {"address": ADDRESS, "enter": "1"}, "the client goes on by itself"
    assert mailbox.mails == [], "the link was proof enough"
    (guest,) = (await alice.call("GET", PATH))["guests"]
    assert (guest["purpose"], guest["ends_ts"]) == ("Audit", ends)
    assert (await alice.state(room, "m.room.member", guest["user_id"]))["membership"] == "invite"
    await browser.open(f"{path.path}?{path.query}")
    assert browser.heading == "You have an account already", "a used link leads to where one signs in"


async def test_an_agent_too(ministry: Server, mailbox: Mailbox, alice: Person) -> None:
    room = await alice.create_room(name="Cabinet")
    body = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": AGENT}
    await alice.call("POST", f"/rooms/{segment(room)}/invite", body)
    browser = await come(ministry, await link_path(mailbox, AGENT))
    await browser.submit("/register", password=PASSWORD)
    lucie = UserId("@lucie.petit-culture.example:localhost")
    assert (await ministry.node.profiles.of(lucie))["displayname"] == "Lucie Petit [Culture]"
    assert (await alice.state(room, "m.room.member", lucie))["membership"] == "invite"


async def test_whose_account_is_on_another_server_is_led_there(ministry: Server, mailbox: Mailbox, alice: Person) -> None:
    room = await alice.create_room(name="Cabinet")
    body = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": "x@interieur.example"}
    await alice.call("POST", f"/rooms/{segment(room)}/invite", body)
    browser = await Browser(ministry).open(await link_path(mailbox, "x@interieur.example"))
    assert browser.heading == "Your account is elsewhere"
    assert 'href="https://interieur.example/?address=x%40interieur.example"' in browser.page


@pytest.mark.parametrize("change", ["", "x", "%C3%A9", "a.b", "none", "{}"])
async def test_links_of_others(ministry: Server, mailbox: Mailbox, alice: Person, change: str) -> None:
    _, path = await invited(ministry, mailbox, alice)
    wrong = {"none": "/invitation", "{}": "/invitation?link=e30.e30"}.get(change, f"{path[:-2]}{change}")
    browser = await Browser(ministry).open(wrong)
    assert (browser.status, browser.heading) == (404, "This link is not right")
    other = InvitationLinks(b"of another installation", ministry.node.now_ms).make("token", ADDRESS)
    browser = await Browser(ministry).open(f"/invitation?link={other}")
    assert (browser.status, browser.heading) == (404, "This link is not right")


async def test_a_withdrawn_invitation(ministry: Server, mailbox: Mailbox, alice: Person, bob: Person) -> None:
    room, path = await invited(ministry, mailbox, alice)
    await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": bob.id})
    await bob.join(room)
    awaited = AWAITED.format(segment(room))
    (entry,) = (await bob.call("GET", awaited))["awaited"]
    assert entry["invited_by"] == alice.id and entry["address"] == ADDRESS and entry["purpose"] == "Audit"
    event = f"/rooms/{segment(room)}/state/m.room.third_party_invite/{segment(entry['token'])}"
    await alice.call("PUT", f"/rooms/{segment(room)}/state/m.room.power_levels", await levels(alice, room, invite=50))
    assert (await refused(bob.call("PUT", event, {}))).status == 403
    open_page = await Browser(ministry).open(path)
    assert open_page.status == 200, "who may not withdraw it has not"
    await alice.call("PUT", event, {})
    browser = await Browser(ministry).open(path)
    assert (browser.status, browser.heading) == (410, WITHDRAWN)
    assert (await alice.call("GET", awaited))["awaited"] == [] and (await alice.call("GET", PATH))["invited"] == []
    await open_page.submit("/invitation")
    assert open_page.heading == WITHDRAWN, "the page was open still"
    assert (await refused(alice.call("POST", f"{awaited}/{entry['token']}/send_again", {}))).status == 404


async def levels(person: Person, room: str, **change: int) -> dict[str, Any]:
    return {**await person.state(room, "m.room.power_levels"), **change}


async def test_whose_sponsor_has_gone(ministry: Server, mailbox: Mailbox, alice: Person, bob: Person) -> None:
    _, path = await invited(ministry, mailbox, alice)
    await ministry.node.accounts.set_state(alice.id, locked=True)
    assert (await Browser(ministry).open(path)).heading == WITHDRAWN
    await ministry.node.accounts.set_state(alice.id, locked=False)
    assert (await Browser(ministry).open(path)).status == 200
    await ministry.node.deactivate_account(UserId(alice.id), False)
    assert (await Browser(ministry).open(path)).heading == WITHDRAWN


async def test_one_that_has_ended_and_a_link_that_is_old(ministry: Server, mailbox: Mailbox, alice: Person) -> None:
    now = ministry.node.now_ms()
    links_of(ministry)._now_ms = Clock(now - PROVES_FOR_MS - 1)
    _, path = await invited(ministry, mailbox, alice, ends_ts=now + 40 * DAY_MS)
    links_of(ministry)._now_ms = Clock(now)
    browser = await Browser(ministry).open(path)
    assert "more than a month old" in browser.page
    browser = await browser.submit("/register")
    assert browser.heading == "Check your mail"
    assert "/verify-email" in link_in(await mailbox.next(ADDRESS))
    await ministry.node.database.execute("UPDATE guest_invitations SET ends_ts = 1")
    browser = await Browser(ministry).open(path)
    assert (browser.status, browser.heading) == (410, "This invitation is over") and "alice" in browser.page


async def test_the_mail_is_sent_again(ministry: Server, mailbox: Mailbox, alice: Person) -> None:
    room, _ = await invited(ministry, mailbox, alice)
    awaited = AWAITED.format(segment(room))
    (entry,) = (await alice.call("GET", awaited))["awaited"]
    await alice.call("POST", f"{awaited}/{entry['token']}/send_again", {})
    letter = await mailbox.next(ADDRESS)
    assert "Audit" in plain(letter)
    browser = await come(ministry, f"/invitation?{urlsplit(link_in(letter)).query}")
    await browser.submit("/register", password=PASSWORD)
    guest = (await alice.call("GET", PATH))["guests"][0]["user_id"]
    outsider = await account(ministry, "outsider")
    for who in (outsider, None):
        if who is not None:
            assert (await refused(who.call("GET", awaited))).status == 403
            assert (await refused(who.call("POST", f"{awaited}/{entry['token']}/send_again", {}))).status == 403
    assert (await alice.call("GET", awaited))["awaited"] == []
    assert (await alice.state(room, "m.room.member", guest))["membership"] == "invite"


async def test_guests_are_not_told_addresses(ministry: Server, mailbox: Mailbox, alice: Person, gaston: Person) -> None:
    room, _ = await invited(ministry, mailbox, alice)
    await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": gaston.id})
    assert await membership(alice, room, gaston) == "invite"
    await gaston.join(room)
    (entry,) = (await gaston.call("GET", AWAITED.format(segment(room))))["awaited"]
    assert ADDRESS not in str(entry) and "Audit" not in str(entry)
    assert (
        await refused(gaston.call("POST", f"{AWAITED.format(segment(room))}/{entry['token']}/send_again", {}))
    ).status == 403


async def test_the_card_of_a_guest(ministry: Server, mailbox: Mailbox, alice: Person, bob: Person, gaston: Person) -> None:
    room = await open_room(alice)
    for who in (bob, gaston):
        await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": who.id})
        await who.join(room)
    await invite(alice, room)
    guest = await arrive(ministry, "late")
    card = f"{PATH}/{segment(guest.id)}"
    assert (await refused(bob.call("GET", card))).status == 404, "they have not met yet"
    await guest.join(room)
    assert (await bob.call("GET", card)) == {
        "sponsor": alice.id,
        "purpose": "Audit",
        "ends_ts": (await alice.call("GET", PATH))["guests"][0]["ends_ts"],
        "addresses": [ADDRESS],
    }
    for who, whom in ((gaston, guest), (guest, guest), (bob, alice)):
        assert (await refused(who.call("GET", f"{PATH}/{segment(whom.id)}"))).status == 404


async def test_the_first_page_leads_on_as_well(ministry: Server, mailbox: Mailbox, alice: Person) -> None:
    """Who has no account and gives the address where one signs in is one press away from one; nothing is said of the address."""
    browser = Browser(ministry)
    pages = []
    for address in (AGENT, "alice@culture.example"):
        await browser.open(f"/login?login_hint={address}")
        assert "First time?" in browser.page
        token = browser.page.split('name="form_token" value="')[1].split('"')[0]
        await browser.open("/register?next=%2Faccount", {"form_token": token, "login": address, "password": ""})
        assert browser.heading == "Check your mail"
        pages.append(browser.page.replace(address, "…"))
    assert len(set(map(without_tokens, pages))) == 1
    assert "/verify-email" in link_in(await mailbox.next(AGENT))


def without_tokens(page: str) -> str:
    return "".join(part.partition('"')[2] for part in page.replace('nonce="', 'value="').split('value="'))


async def test_what_the_domain_decides_is_said_at_once(ministry: Server, mailbox: Mailbox) -> None:
    browser = Browser(ministry)
    for address, said in (
        ("x@interieur.example", "The accounts of Intérieur are on interieur.example"),
        ("nonsense", "This is not an e-mail address"),
    ):
        await browser.open("/register")
        await browser.submit("/register", email=address)
        assert said in browser.page and browser.status == 400 and f'value="{address}"' in browser.page


async def test_who_may_have_no_account_is_told_before_a_password(ministry: Server, mailbox: Mailbox) -> None:
    browser = await Browser(ministry).open("/register")
    await browser.submit("/register", email="someone@else.example")
    assert browser.heading == "Check your mail", "whether somebody was invited is said to their mailbox alone"
    parts = urlsplit(link_in(await mailbox.next("someone@else.example")))
    await browser.open(f"{parts.path}?{parts.query}")
    await browser.submit("/verify-email")
    assert browser.status == 403 and "once an agent has invited you" in browser.page and "password" not in browser.page
