"""Guests who have not come yet, in the console: who sees them, reminds them, withdraws what waits for them."""

from __future__ import annotations

from tests.agency.test_console import CULTURE, act, admin, anne, root, sam, second
from tests.agency.test_sponsors import ADDRESS, arrive, invite, open_room
from tests.neighbours import Mailbox, link_in
from tests.support import Person, Server, refused

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
