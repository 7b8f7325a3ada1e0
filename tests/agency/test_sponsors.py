"""Guests have a sponsor, a purpose and an end; and become agents once their organisation is one."""

from __future__ import annotations

from typing import Any

import pytest

from chappe.agency.app import AgencyServer
from chappe.agency.organisations import Organisation
from chappe.agency.sponsors import DAY_MS, Sponsors
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import GUESTS, RULES, account, agency, membership
from tests.neighbours import Mailbox, plain
from tests.support import Clock, Person, Refused, Server, refused, segment, until

PATH = "/_chappe/client/v1/guests"
ADDRESS = "gaston@lagaffe.example"


def sponsors_of(server: Server) -> Sponsors:
    assert isinstance(server.node, AgencyServer)
    return server.node.sponsors


async def open_room(agent: Person) -> str:
    return await agent.create_room(
        name="Projet", initial_state=[{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]
    )


async def invite(agent: Person, room: str, address: str = ADDRESS, **more: Any) -> None:
    await agent.call("POST", PATH, {"room_id": room, "address": address, "purpose": "Audit", **more})


async def arrive(server: Server, name: str = "gaston", address: str = ADDRESS) -> Person:
    guest = await account(server, name, GUESTS)
    await server.node.bind_threepid(UserId(guest.id), "email", address, 1)
    return guest


async def mine(agent: Person) -> list[dict[str, Any]]:
    return list((await agent.call("GET", PATH))["guests"])


async def test_an_agent_invites_a_guest(ministry: Server, mailbox: Mailbox, alice: Person) -> None:
    room = await open_room(alice)
    ends = ministry.node.now_ms() + 30 * DAY_MS
    await invite(alice, room, purpose="  Audit of\nthe site ", ends_ts=ends)
    assert (await alice.call("GET", PATH))["invited"] == [{"address": ADDRESS, "purpose": "Audit of the site", "ends_ts": ends}]
    assert "Projet" in plain(await mailbox.next(ADDRESS))
    guest = await arrive(ministry)
    assert await membership(alice, room, guest) == "invite"
    answer = await alice.call("GET", PATH)
    (entry,) = answer["guests"]
    assert answer["invited"] == [] and entry.pop("created_ts") <= ministry.node.now_ms()
    assert entry == {"user_id": guest.id, "purpose": "Audit of the site", "ends_ts": ends, "has_ended": False}
    await guest.join(room)


async def test_a_guest_who_was_invited_in_the_usual_way_has_a_sponsor_too(ministry: Server, bob: Person) -> None:
    room = await open_room(bob)
    body = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": ADDRESS}
    await bob.call("POST", f"/rooms/{segment(room)}/invite", body)
    guest = await arrive(ministry)
    (entry,) = await mine(bob)
    assert entry["user_id"] == guest.id and entry["purpose"] == ""
    assert abs(entry["ends_ts"] - ministry.node.now_ms() - 180 * DAY_MS) < 60_000


async def test_the_account_ends_and_is_renewed(ministry: Server, alice: Person) -> None:
    room = await open_room(alice)
    await invite(alice, room)
    guest = await arrive(ministry)
    await guest.join(room)
    await alice.call("PUT", f"{PATH}/{segment(guest.id)}", {"ends_ts": 5})
    ended = await refused(guest.call("GET", "/joined_rooms"))
    assert (ended.status, ended.errcode) == (403, "ORG_MATRIX_EXPIRED_ACCOUNT")
    (entry,) = await mine(alice)
    assert entry["has_ended"] is True and abs(entry["ends_ts"] - ministry.node.now_ms()) < 60_000, "it ended today"
    await sponsors_of(ministry).tend_guests()
    assert len(await mine(alice)) == 1, "who was ended is not gone"
    renewed = await alice.call("POST", f"{PATH}/{segment(guest.id)}/renew", {})
    assert renewed["ends_ts"] > ministry.node.now_ms() + 179 * DAY_MS
    assert await guest.call("GET", "/joined_rooms") == {"joined_rooms": [room]}, "nothing is lost"
    changed = await alice.call("PUT", f"{PATH}/{segment(guest.id)}", {"purpose": "Follow-up"})
    assert changed["purpose"] == "Follow-up" and changed["ends_ts"] == renewed["ends_ts"]


async def test_only_the_sponsor_or_an_administrator(ministry: Server, alice: Person, bob: Person) -> None:
    await invite(alice, await open_room(alice))
    guest = await arrive(ministry)
    path = f"{PATH}/{segment(guest.id)}"
    for other in (bob, guest):
        for call in (other.call("PUT", path, {"ends_ts": 5}), other.call("POST", path + "/renew", {})):
            assert (await refused(call)).errcode == "M_FORBIDDEN"
    assert await mine(bob) == []
    await ministry.node.accounts.change(bob.id, is_admin=True)
    await bob.call("POST", path + "/renew", {})


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": ""},
        {"purpose": "  \n "},
        {"purpose": "x" * 501},
        {"purpose": 5},
        {"purpose": None},
        {"ends_ts": "soon"},
        {"ends_ts": 1 << 60},
        {"address": "a@b@c"},
        {"address": "nobody"},
        {"room_id": "nowhere"},
        {"room_id": "!no:localhost"},
    ],
)
async def test_bad_invitations(alice: Person, change: dict[str, Any]) -> None:
    room = await open_room(alice)
    body = {"room_id": room, "address": ADDRESS, "purpose": "Audit", **change}
    assert (await refused(alice.call("POST", PATH, body))).status in (400, 403, 404)
    assert (await alice.call("GET", PATH))["invited"] == []


async def test_into_rooms_that_are_open_only_and_by_agents_only(ministry: Server, alice: Person, gaston: Person) -> None:
    closed = await alice.create_room(name="Cabinet")
    assert (await refused(invite(alice, closed))).errcode == "M_FORBIDDEN"
    opened = await open_room(alice)
    await alice.call("POST", f"/rooms/{segment(opened)}/invite", {"user_id": gaston.id})
    await gaston.join(opened)
    assert (await refused(invite(gaston, opened))).errcode == "M_FORBIDDEN"
    assert (await alice.call("GET", PATH))["invited"] == []


async def test_nobodys_guests(alice: Person, bob: Person) -> None:
    for who, status in ((bob.id, 404), ("@nobody:nowhere.example", 404), ("nobody", 400)):
        for method, path in (("PUT", ""), ("POST", "/renew"), ("POST", "/take_over")):
            assert (await refused(alice.call(method, f"{PATH}/{segment(who)}{path}", {}))).status == status


async def test_a_guest_whose_sponsor_has_gone(ministry: Server, alice: Person, bob: Person) -> None:
    room = await open_room(alice)
    await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": bob.id})
    await bob.join(room)
    await invite(alice, room)
    guest = await arrive(ministry)
    path = f"{PATH}/{segment(guest.id)}/take_over"
    assert (await refused(bob.call("POST", path, {}))).status == 404, "not in a room with them yet"
    await guest.join(room)
    assert (await refused(bob.call("POST", path, {}))).status == 403, "the sponsor is there"
    await ministry.node.deactivate_account(UserId(alice.id), False)
    assert (await refused(guest.call("POST", path, {}))).status == 403
    await bob.call("POST", path, {})
    assert [entry["user_id"] for entry in await mine(bob)] == [guest.id]


async def test_the_sponsor_is_reminded(ministry: Server, mailbox: Mailbox, alice: Person) -> None:
    sponsors = sponsors_of(ministry)
    await ministry.node.bind_threepid(UserId(alice.id), "email", "alice@culture.example", 1)
    await invite(alice, await open_room(alice))
    await mailbox.next(ADDRESS)
    guest = await arrive(ministry)
    now = ministry.node.now_ms()
    for days, is_written in ((100, False), (167, True), (168, False), (178, True), (179, False)):
        sponsors._now_ms = lambda days=days: now + days * DAY_MS  # type: ignore[misc]
        await sponsors.tend_guests()
        await sponsors.tend_guests()
        if is_written:
            letter = plain(await mailbox.next("alice@culture.example"))
            assert f"gaston ({ADDRESS})" in letter and guest.id not in letter and "Audit" in letter

    async def all_sent() -> bool:
        return not await ministry.node.database.fetchval("SELECT EXISTS (SELECT 1 FROM outgoing_mail)")

    await until(all_sent)
    assert mailbox.mails == [], "each reminder once"


async def test_a_guest_becomes_an_agent_where_they_are(ministry: Server, alice: Person) -> None:
    room = await open_room(alice)
    await invite(alice, room)
    guest = await arrive(ministry)
    await guest.join(room)
    before = await guest.say(room, "as a guest")
    with pytest.raises(Refused):
        await guest.create_room(name="Mine")
    await agency(ministry).organisations.add(Organisation("lagaffe", "La Gaffe", "localhost", False, ["lagaffe.example"]))
    await sponsors_of(ministry).tend_guests()
    await ministry.node.set_profile_field.wait()
    profile = await guest.call("GET", f"/profile/{segment(guest.id)}")
    assert profile["displayname"] == "Gaston [La Gaffe]"
    assert (await alice.state(room, "m.room.member", guest.id))["displayname"] == "Gaston [La Gaffe]"
    await guest.create_room(name="Mine")
    assert (await guest.call("GET", f"/rooms/{segment(room)}/event/{segment(before)}"))["content"]["body"] == "as a guest"
    closed = await alice.create_room(name="Cabinet", invite=[guest.id])
    await guest.join(closed)
    user = await ministry.node.accounts.store.find_user(guest.id)
    assert user is not None and not user.expires_ts, "the end is gone too"
    assert await mine(alice) == []
    agency(ministry).guests.no_longer = set()  # as another process begins
    await sponsors_of(ministry).refresh()
    await guest.create_room(name="Another")


async def test_who_ended_long_ago_is_deactivated(ministry: Server, alice: Person) -> None:
    room = await open_room(alice)
    await invite(alice, room)
    guest = await arrive(ministry)
    sponsors = sponsors_of(ministry)
    sponsors._now_ms = Clock(sponsors._now_ms() + (180 + 89) * DAY_MS)
    await sponsors.tend_guests()
    assert len(await mine(alice)) == 1, "it can still be renewed"
    sponsors._now_ms = Clock(sponsors._now_ms() + 2 * DAY_MS)
    await sponsors.tend_guests()
    assert await mine(alice) == []
    user = await ministry.node.accounts.store.find_user(guest.id)
    assert user is not None and user.deactivated
    await invite(alice, room, purpose="Once more")
    await arrive(ministry, "gaston2")
    assert [g["purpose"] for g in await mine(alice)] == ["Once more"], "and can be invited again"
