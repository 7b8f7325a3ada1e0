"""Guests who have not come yet, in the console: who sees them, reminds them, withdraws what waits for them."""

from __future__ import annotations

from tests.agency.test_console import CULTURE, act, admin, anne, root, sam, second
from tests.agency.test_sponsors import ADDRESS, arrive, invite, open_room
from tests.neighbours import Mailbox, link_in
from tests.support import Person, Server, refused, segment

__all__ = ["admin", "anne", "root", "sam", "second"]  # fixtures
SANTE = CULTURE.replace("culture", "sante")


async def awaited(person: Person, at: str = CULTURE, **query: str) -> list[str]:
    return [one["address"] for one in (await person.call("GET", f"{at}/awaited", **query))["items"]]


async def test_who_is_awaited_is_seen_until_they_come(
    ministry: Server, mailbox: Mailbox, admin: Person, anne: Person, root: Person
) -> None:
    await invite(anne, await open_room(anne))
    (one,) = (await admin.call("GET", f"{CULTURE}/awaited"))["items"]
    assert (one["address"], one["sponsor"], one["purpose"], one["rooms"]) == (ADDRESS, anne.id, "Audit", 1)
    assert await awaited(admin, search="AUDIT") == [ADDRESS] and await awaited(admin, search="nobody") == []
    assert await awaited(root, SANTE) == [], "another organisation's"
    assert (await refused(anne.call("GET", f"{CULTURE}/awaited"))).status == 403
    await arrive(ministry)
    assert await awaited(admin) == []


async def invite_as_specified(person: Person, room: str, address: str = ADDRESS) -> None:
    """As other clients do: without a purpose or an end."""
    body = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": address}
    await person.call("POST", f"/rooms/{segment(room)}/invite", body)


async def test_who_was_invited_by_another_client_is_awaited_too(
    ministry: Server, mailbox: Mailbox, admin: Person, anne: Person, sam: Person, root: Person
) -> None:
    """Their inviters answer for them once they come, and see them before; agents who have no account yet are no guests."""
    room = await open_room(anne)
    await invite_as_specified(anne, room)
    await invite_as_specified(anne, room, "new@sante.example")
    (one,) = (await admin.call("GET", f"{CULTURE}/awaited"))["items"]
    assert (one["address"], one["sponsor"], one["purpose"], one["ends_ts"], one["rooms"]) == (ADDRESS, anne.id, None, None, 1)
    assert await awaited(admin, search="gaston") == [ADDRESS] and await awaited(root, SANTE) == []
    await mailbox.next(ADDRESS)
    assert (await act(admin, "remind_awaited", address=ADDRESS))["sent"] == 1
    assert "/invitation" in link_in(await mailbox.next(ADDRESS))
    assert (await refused(act(admin, "withdraw_awaited", address="new@sante.example"))).status == 404
    await act(admin, "withdraw_awaited", address=ADDRESS)
    assert await awaited(admin) == []


async def test_each_inviter_is_shown_and_all_of_an_organisation_withdrawn(
    ministry: Server, mailbox: Mailbox, admin: Person, anne: Person, sam: Person, root: Person
) -> None:
    await invite(anne, await open_room(anne))
    await invite_as_specified(admin, await open_room(admin))
    await invite_as_specified(sam, await open_room(sam))
    assert await awaited(admin) == [ADDRESS] * 2 and await awaited(root, SANTE) == [ADDRESS]
    assert (await act(admin, "remind_awaited", address=ADDRESS))["sent"] == 2
    await act(admin, "withdraw_awaited", address=ADDRESS)
    assert await awaited(admin) == [] and await awaited(root, SANTE) == [ADDRESS], "another organisation's stays"


async def test_who_is_awaited_is_reminded_by_mail(ministry: Server, mailbox: Mailbox, admin: Person, anne: Person) -> None:
    await invite(anne, await open_room(anne))
    await mailbox.next(ADDRESS)
    assert (await act(admin, "remind_awaited", address=ADDRESS))["sent"] == 1
    assert "/invitation" in link_in(await mailbox.next(ADDRESS))
    logged = (await admin.call("GET", f"{CULTURE}/audit", action="remind_awaited"))["items"]
    assert logged[0]["detail"]["address"] == ADDRESS


async def test_what_is_withdrawn_invites_nobody(ministry: Server, mailbox: Mailbox, admin: Person, anne: Person) -> None:
    room = await open_room(anne)
    await invite(anne, room)
    await act(admin, "withdraw_awaited", address=ADDRESS)
    assert await awaited(admin) == []
    assert (await refused(act(admin, "remind_awaited", address=ADDRESS))).status == 404
    guest = await arrive(ministry)
    assert (await refused(guest.join(room))).status == 403
