"""Who is not found by name: the red list, guests of other rooms, people whose account has ended."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from chappe.agency.red_list import TYPE
from chappe.homeserver.modules.user_directory.user_directory import UserDirectory
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import GUESTS, RULES, account
from tests.federation.test_third_party_invites import IDENTITY, at_identity_service
from tests.support import Person, Server, segment


async def found(searcher: Person, term: str) -> set[str]:
    answer = await searcher.call("POST", "/user_directory/search", {"search_term": term})
    return {entry["user_id"] for entry in answer["results"]}


async def hide(person: Person, content: Any) -> None:
    await person.call("PUT", f"/user/{segment(person.id)}/account_data/{TYPE}", content)


async def test_whoever_is_on_the_red_list_is_not_found(alice: Person, bob: Person) -> None:
    assert await found(alice, "bob") == {bob.id}
    await hide(bob, {"hide_profile": True})
    assert await found(alice, "bob") == set()
    await alice.create_room(invite=[bob.id])
    assert await found(alice, "bob") == set(), "nor by those who share a room"
    await hide(bob, {"hide_profile": False})
    assert await found(alice, "bob") == {bob.id}


@pytest.mark.parametrize("content", [{}, {"hide_profile": "yes"}, {"hide_profile": 1}, {"other": True}])
async def test_what_is_no_wish_hides_nobody(alice: Person, bob: Person, content: Any) -> None:
    await hide(bob, content)
    assert await found(alice, "bob") == {bob.id}


async def test_neither_do_other_servers_find_them(ministry: Server, alice: Person, bob: Person) -> None:
    directory = UserDirectory(ministry.node.database, ministry.node.rooms)
    assert (await directory.for_server("localhost", "@x:elsewhere.example", "bob", 10))[0] != []
    await hide(bob, {"hide_profile": True})
    assert await directory.for_server("localhost", "@x:elsewhere.example", "bob", 10) == ([], False)


async def test_guests_are_found_by_those_who_share_a_room(ministry: Server, alice: Person, bob: Person) -> None:
    guest = await account(ministry, "gustave", GUESTS)
    assert await found(alice, "gustave") == set()
    opened = [{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]
    room = await alice.create_room(initial_state=opened, invite=[guest.id])
    await guest.join(room)
    assert await found(alice, "gustave") == {guest.id}
    assert await found(bob, "gustave") == set()


async def test_accounts_that_have_ended_are_not_found(ministry: Server, alice: Person, bob: Person) -> None:
    await ministry.node.accounts.set_state(bob.id, expires_ts=1)
    assert await found(alice, "bob") == set()


async def test_guests_find_nobody_by_name_nor_by_address(ministry: Server, alice: Person, bob: Person) -> None:
    guest = await account(ministry, "gustave", GUESTS)
    await ministry.node.bind_threepid(UserId(alice.id), "email", "alice@culture.example", 1)

    async def known(searcher: Person) -> Any:
        me = await at_identity_service(ministry, searcher)
        details = await me.call("GET", f"{IDENTITY}/hash_details")
        text = f"alice@culture.example email {details['lookup_pepper']}".encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
        body = {"addresses": [digest], "algorithm": "sha256", "pepper": details["lookup_pepper"]}
        return list((await me.call("POST", f"{IDENTITY}/lookup", body))["mappings"].values())

    assert await found(guest, "alice") == set() and await known(guest) == []
    assert await found(bob, "alice") == {alice.id} and await known(bob) == [alice.id]
