"""One server under several names: whatever is asked about it, a second name gives it nothing that the first has not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.agency.guests import Guests
from chappe.agency.organisations import Organisation
from chappe.config import Agency, Boundary, Federation
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.rooms.server_acl import ServerAcl
from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.identifiers import ServerName, UserId
from chappe.matrix.reader import Finds, ServerReader
from tests.agency.conftest import GUESTS, RULES, agency
from tests.support import Person, Refused, Server, segment

FIRST = GUESTS
SECOND = {
    "capitals": "EXTERNE.example",
    "a port": "externe.example:8448",
    "a final dot": "externe.example.",
    "all three": "Externe.Example.:8448",
}
PLAIN = ("a port",)  # which is a server of its own to the specification; the others are nobody's name

every_spelling = pytest.mark.parametrize("how", SECOND)


@every_spelling
def test_lists_of_servers(how: str) -> None:
    name = SECOND[how]
    for written in (FIRST, *SECOND.values()):
        guests = Guests(Agency(enabled=True, guest_domains=[written]))
        assert guests.is_guest(f"@mallory:{name}") and guests.is_guest_home(name)
        assert guests.among([f"@mallory:{name}", "@bob:other.example"]) == [f"@mallory:{name}"]
        guests.no_longer.add(f"@mallory:{FIRST}")
        guests.agents_of[FIRST] = frozenset([f"@mallory:{FIRST}"])
        assert guests.is_guest(f"@mallory:{name}"), "it is another person who has become an agent"
    assert not Guests(Agency(guest_domains=[FIRST])).is_guest(f"@mallory:not-{name}")
    assert not ServerAcl({"allow": ["*"], "deny": [FIRST]}).allows(name)
    closed = {"town.example": Boundary("closed"), FIRST: Boundary("open")}
    for settings in (Federation(mode="open", domains=closed), Federation(mode="listed", allowed=["*"], domains=closed)):
        lines = Boundaries(settings)
        assert not lines.allows(name, "town.example") and not lines.may_share_room(name, "town.example")
        assert lines.allows(name) is lines.allows(name, "other.example") is (how in PLAIN)
        if how not in PLAIN:
            with pytest.raises(BadRequest):
                lines.require(name)
        assert lines.allows_keys(name), "its old events can be verified"


@every_spelling
async def test_who_finds_what(ministry: Server, alice: Person, how: str) -> None:
    name, node = ServerName(SECOND[how]), ministry.node
    reader, sight = ServerReader(name), node.rooms.sight
    assert sight.finds(reader) is Finds.SHARED
    assert not await sight.may_search(reader) and list(await sight.known(reader, [alice.id])) == []
    room = await node.rooms.require(await alice.create_room(preset="public_chat", visibility="public"))
    assert not await sight.knows(reader, room) and not await sight.knows_address(reader, room.room_id)
    await alice.set_state(room.room_id, "m.room.server_acl", {"allow": ["*"], "deny": [FIRST]})
    assert not sight.may_take_part(name, room)


@every_spelling
async def test_whom_an_agent_brings_in(ministry: Server, alice: Person, how: str) -> None:
    """By every door: a second name of the guests' server is a guest's, or refused as no name at all."""
    mallory = f"@mallory:{SECOND[how]}"
    room = await alice.create_room(name="Cabinet")
    codes = ("M_FORBIDDEN",) if how in PLAIN else ("M_FORBIDDEN", "M_INVALID_PARAM")
    opened = {"initial_state": [{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]}
    project = await alice.create_room(name="Projet", **opened)
    attempts: list[Callable[[], Awaitable[Any]]] = [
        lambda: alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": mallory}),
        lambda: alice.create_room(name="Cabinet", invite=[mallory]),
        lambda: alice.set_state(room, "m.room.member", {"membership": "invite"}, mallory),
        lambda: alice.set_state(project, "m.room.power_levels", {"users": {alice.id: 100, mallory: 50}}),
    ]
    for attempt in attempts:
        with pytest.raises(Refused) as caught:
            await attempt()
        assert caught.value.errcode in codes, how


@every_spelling
async def test_homes_of_organisations(ministry: Server, how: str) -> None:
    """What an administrator writes becomes the plain name; who is at home there is compared with it as it is."""
    organisations = agency(ministry).organisations
    organisation = Organisation("third", "Troisième", SECOND[how], False, ["third.example"])
    if SECOND[how].lower().count(".example."):
        with pytest.raises(BadRequest):
            await organisations.add(organisation)
        return
    await organisations.add(organisation)
    [added] = [one for one in await organisations.all() if one.name == "third"]
    assert added.home == SECOND[how].lower() and agency(ministry).guests.is_guest_home(added.home)
    await organisations.add(Organisation("third", "Troisième", "third.example", False, ["third.example"]))
    people = ministry.node.people
    address = "a@third.example"
    await people.require_may_prove(UserId("@a:third.example"), address)
    with pytest.raises(Forbidden):
        await people.require_may_prove(
            UserId("@a:" + SECOND[how].replace("externe", "third").replace("EXTERNE", "THIRD")), address
        )


async def test_a_domain_is_known_by_whatever_name_it_is_asked(new_server: Callable[..., Awaitable[Server]]) -> None:
    delegate = {"Town.Example": "matrix.town.example:443", "b.example": "matrix.b.example:443"}
    server = await new_server(server_name="town.example", federation=Federation(delegate_to=delegate))
    await server.node.domains.add("b.example")
    for domain in ("town.example", "b.example"):
        for host in (domain, domain.upper(), f"{domain}:8448", f"{domain}.", f"{domain.title()}.:8448"):
            _, raw, _ = await server.raw("GET", "/.well-known/matrix/server", headers={"Host": host})
            assert raw.decode().count(f"matrix.{domain}:443") == 1, host
