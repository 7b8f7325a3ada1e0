"""What brings an ended account back: who ended it × what is proven; and what stays as it was."""

from __future__ import annotations

import contextlib
import time

import pytest

from chappe.homeserver.accounts.endings import (
    THE_CALENDAR,
    THE_INSTALLATION,
    THE_WHOLE,
    THEMSELVES,
    Ending,
    in_right_of,
    on_its_day,
)
from chappe.homeserver.accounts.single_sign_on.providers import ProvenIdentity
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import GUESTS, RULES, code_of
from tests.agency.test_console import ALL, act, admin, anne, invited_guest, node_of, root, second
from tests.support import PASSWORD, Clock, Person, Server, refused, segment

__all__ = ["admin", "anne", "root", "second"]
HOUR_MS = 3_600_000
ADDRESS = "anne@culture.example"


def proven(address: str = ADDRESS, subject: str = "anne") -> ProvenIdentity:
    return ProvenIdentity("oidc", subject, address, "Anne Roy", None, None, True, True)


@pytest.mark.parametrize(
    "by, address, comes",
    [
        (THEMSELVES, ADDRESS, True),
        (THEMSELVES, "anne.other@culture.example", True),
        (THE_CALENDAR, ADDRESS, True),
        (THE_CALENDAR, "anne.other@culture.example", False),
        (in_right_of("culture"), ADDRESS, False),
        (in_right_of("sante"), ADDRESS, False),
        (THE_INSTALLATION, ADDRESS, False),
    ],
)
async def test_who_comes_back_alone(ministry: Server, anne: Person, by: Ending, address: str, comes: bool) -> None:
    node = ministry.node
    assert (await node.sign_in_upstream(proven(), "localhost")).user_id == anne.id
    await node.deactivate_account(UserId(anne.id), False, by)
    if comes:
        assert (await node.sign_in_upstream(proven(address), "localhost")).user_id == anne.id
    else:
        with pytest.raises(Forbidden):
            await node.sign_in_upstream(proven(address), "localhost")


async def test_an_account_that_has_ended_by_itself_is_ended_by_the_installation(ministry: Server, anne: Person) -> None:
    await ministry.node.sign_in_upstream(proven(), "localhost")
    for by in (THEMSELVES, THE_INSTALLATION):
        await ministry.node.deactivate_account(UserId(anne.id), False, by)
    with pytest.raises(Forbidden):
        await ministry.node.sign_in_upstream(proven(), "localhost")


async def _state(server: Server, who: Person) -> tuple[bool, bool, int | None, bool]:
    found = await server.node.accounts.store.find_user(who.id)
    assert found is not None
    return found.locked, found.suspended, found.expires_ts, found.deactivated


async def test_coming_back_lifts_nothing_else(ministry: Server, admin: Person, second: Person, anne: Person) -> None:
    """Neither by an organisation's administrator, who ends the account and brings it back, nor alone."""
    ends = int(time.time() * 1000) + HOUR_MS
    await ministry.node.sign_in_upstream(proven(), "localhost")
    await ministry.node.accounts.set_state(anne.id, locked=True, suspended=True, expires_ts=ends)
    for name in ("deactivate", "reactivate"):
        assert (await act(admin, name, user_id=anne.id, code=await code_of(ministry, admin)))["done"]
    assert await _state(ministry, anne) == (True, True, ends, False)
    await ministry.node.accounts.set_state(anne.id, locked=False, suspended=False)
    await ministry.node.deactivate_account(UserId(anne.id), False, THEMSELVES)
    await ministry.node.sign_in_upstream(proven(), "localhost")
    assert await _state(ministry, anne) == (False, False, ends, False)


async def test_who_is_suspended_and_leaves_does_not_come_back(ministry: Server, anne: Person) -> None:
    await ministry.node.sign_in_upstream(proven(), "localhost")
    await ministry.node.accounts.set_state(anne.id, suspended=True)
    asked = await refused(anne.call("POST", "/account/deactivate", {}))
    auth = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": anne.id},
        "password": PASSWORD,
        "session": asked.body["session"],
    }
    await anne.call("POST", "/account/deactivate", {"auth": auth})
    with pytest.raises(Forbidden):
        await ministry.node.sign_in_upstream(proven(), "localhost")
    assert await _state(ministry, anne) == (False, True, None, True)


async def test_an_end_by_the_calendar_still_is_one(ministry: Server, anne: Person) -> None:
    """Whoever comes back renews the account by the address; it does not end for good at once."""
    node = ministry.node
    await node.sign_in_upstream(proven(), "localhost")
    await node.accounts.set_state(anne.id, expires_ts=1)
    await node.deactivate_account(UserId(anne.id), False, THE_CALENDAR)
    before = node.now_ms()
    await node.sign_in_upstream(proven(), "localhost")
    ends = (await _state(ministry, anne))[2]
    assert ends is not None and before <= ends <= node.now_ms()


async def _guest_of_a_provider(ministry: Server, sponsor: Person) -> tuple[Person, ProvenIdentity]:
    guest, seen = await invited_guest(ministry, sponsor), proven("gaston@lagaffe.example", "gaston")
    assert (await ministry.node.sign_in_upstream(seen, GUESTS)).user_id == guest.id
    return guest, seen


@pytest.mark.parametrize("by", [THEMSELVES, THE_CALENDAR], ids=["themselves", "the calendar"])
async def test_a_guest_comes_back_by_a_new_invitation_only(
    ministry: Server, root: Person, anne: Person, second: Person, by: Ending
) -> None:
    node = node_of(ministry)
    guest, seen = await _guest_of_a_provider(ministry, anne)
    await node.deactivate_account(UserId(guest.id), False, by)
    with pytest.raises(Forbidden):
        await node.sign_in_upstream(seen, GUESTS)
    assert (await refused(act(root, "reactivate", ALL, user_id=guest.id, code=await code_of(ministry, root)))).status == 403
    path, header = (f"/_synapse/admin/v2/users/{segment(guest.id)}", {"chappe-second-factor": await code_of(ministry, root)})
    status, _, _ = await ministry.raw("PUT", path, {"deactivated": False}, root.token, headers=header)
    assert status == 403 and (await _state(ministry, guest))[3]
    room = await second.create_room(
        name="Projet", initial_state=[{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]
    )
    ends = node.now_ms() + 24 * HOUR_MS
    body = {"room_id": room, "address": "gaston@lagaffe.example", "purpose": "Once more", "ends_ts": ends}
    await second.call("POST", "/_chappe/client/v1/guests", body)
    assert (await node.sign_in_upstream(seen, GUESTS)).user_id == guest.id
    row = await node.database.fetchrow("SELECT sponsor, ends_ts FROM guests WHERE user_id = $1", guest.id)
    assert row is not None and (row["sponsor"], row["ends_ts"]) == (second.id, ends)
    assert await _state(ministry, guest) == (False, False, ends, False)


@pytest.mark.parametrize("then", ["the calendar", "themselves"])
@pytest.mark.parametrize("whose", ["culture", THE_WHOLE])
async def test_a_new_invitation_puts_off_no_end_that_an_administrator_has_said(
    ministry: Server, anne: Person, second: Person, then: str, whose: str
) -> None:
    """Whether the account was ended when that had been long ago, or its guest left before."""
    node = node_of(ministry)
    sponsors = node.sponsors
    guest, seen = await _guest_of_a_provider(ministry, anne)
    await sponsors.set_end(UserId(guest.id), 1, whose)
    if then == "themselves":
        await node.deactivate_account(UserId(guest.id), False, THEMSELVES)
    else:
        sponsors._now_ms = Clock(node.now_ms() + 1000 * 24 * HOUR_MS)
        await sponsors.tend_guests()
        sponsors._now_ms = node.now_ms
    assert (await _state(ministry, guest))[3]
    room = await second.create_room(
        name="Projet", initial_state=[{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]
    )
    body = {"room_id": room, "address": "gaston@lagaffe.example", "purpose": "Once more"}
    await second.call("POST", "/_chappe/client/v1/guests", body)
    if then == "the calendar":
        with pytest.raises(Forbidden):
            await node.sign_in_upstream(seen, GUESTS)
    else:
        with contextlib.suppress(MatrixError):
            await node.sign_in_upstream(seen, GUESTS)
    row = await node.database.fetchrow("SELECT expires_ts, expires_by FROM users WHERE user_id = $1", guest.id)
    assert row is not None and row["expires_by"] == whose and row["expires_ts"] <= node.now_ms()


async def test_a_guest_who_comes_back_stays_until_the_day_that_was_said(ministry: Server, anne: Person, second: Person) -> None:
    """Or until that of the new invitation, if it is nearer: never beyond either."""
    node = node_of(ministry)
    sponsors = node.sponsors
    room = await second.create_room(
        name="Projet", initial_state=[{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]
    )
    guest, seen = await _guest_of_a_provider(ministry, anne)
    day = node.now_ms() + 5 * HOUR_MS
    await sponsors.set_end(UserId(guest.id), day, "culture")
    for invited_until, ends in ((day + HOUR_MS, day), (day - HOUR_MS, day - HOUR_MS)):
        await node.deactivate_account(UserId(guest.id), False, THEMSELVES)
        body = {"room_id": room, "address": "gaston@lagaffe.example", "purpose": "Once more", "ends_ts": invited_until}
        await second.call("POST", "/_chappe/client/v1/guests", body)
        assert (await node.sign_in_upstream(seen, GUESTS)).user_id == guest.id
        row = await node.database.fetchrow(
            "SELECT g.ends_ts, u.expires_ts, u.expires_by FROM guests g JOIN users u USING (user_id) WHERE user_id = $1",
            guest.id,
        )
        assert row is not None and tuple(row) == (ends, ends, "culture")


async def test_who_has_said_the_day_ends_the_account() -> None:
    """By the calendar it ends where nobody has said its day."""
    for said_by, ending in ((None, THE_CALENDAR), ("culture", in_right_of("culture")), (THE_WHOLE, THE_INSTALLATION)):
        assert on_its_day(said_by) == ending
