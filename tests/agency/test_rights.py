"""All acts that undo × in whose right it was done × who tries; whose a guest and a room are."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.console.rights import BY_TWO, UNDOES
from chappe.agency.console.scope import Actor
from chappe.config import AccountValidity, Antivirus
from chappe.homeserver.accounts.endings import THE_WHOLE, in_right_of
from chappe.homeserver.accounts.store import User
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import RULES, a_ministry, account, agree, code_of
from tests.agency.test_console import ALL, CONSOLE, CULTURE, act, admin, anne, invited_guest, node_of, root, sam, second, view
from tests.agency.test_console import of as of_culture
from tests.agency.test_critical_acts import ask
from tests.agency.test_retention import upload
from tests.neighbours import Mailbox
from tests.support import Clock, Person, Server, refused, segment

__all__ = ["admin", "anne", "root", "sam", "second"]
HOUR_MS = 3_600_000
SANTE = f"{CONSOLE}/organisations/sante"

# Actions that undo nothing that somebody else may have done in a right of their own. A new one is put into `UNDOES`, or here.
UNDO_NOTHING = {
    "lock",
    "sign_out",
    "remove_device",
    "move",
    "reset_second_factor",
    "deactivate",
    "restore_keys",
    "end_guest",
    "remind_awaited",
    "withdraw_awaited",
    "give_guest",
    "add_function_account",
    "set_holders",
    "grant",
    "revoke",
    "appoint",
    "give_room",
    "unlist",
    "block",
    "quarantine_file",
    "export_person",
    "archive_room",
    "hold_person",
    "hold_room",
    "announce",
    "set_organisation",
    "remove_organisation",
    "close_report",  # everybody's but about oneself
}


@dataclass
class Scene:
    server: Server
    anne: Person
    guest: Person
    room: str
    file: tuple[str, str]

    @property
    def node(self) -> AgencyServer:
        return node_of(self.server)

    async def value(self, statement: str, *arguments: Any) -> Any:
        return await self.node.database.fetchval(statement, *arguments)


@pytest_asyncio.fixture
async def ministry(new_server: Callable[..., Awaitable[Server]], mailbox: Mailbox) -> Server:
    """Accounts end there, and files are scanned."""
    return await a_ministry(
        new_server, mailbox, account_validity=AccountValidity(90, [28, 7, 1], 120), antivirus=Antivirus("clamd://127.0.0.1:9")
    )


@pytest_asyncio.fixture
async def scene(ministry: Server, admin: Person, second: Person, sam: Person, root: Person, anne: Person) -> Scene:
    await node_of(ministry).scope.grant(Actor(root.id, "sante"), UserId(sam.id))
    server_name, media_id = (await upload(anne)).removeprefix("mxc://").split("/")
    guest = await invited_guest(ministry, anne)
    return Scene(ministry, anne, guest, await anne.create_room(name="Salon"), (server_name, media_id))


@dataclass(frozen=True)
class Undoing:
    """`do`: in a right; `stands`: whether it is done; `arguments` of the act that undoes it."""

    do: Callable[[Scene, str | None], Awaitable[Any]]
    stands: Callable[[Scene], Awaitable[bool]]
    arguments: Callable[[Scene], Awaitable[dict[str, Any]]]


def of(name: str) -> Callable[[Scene], Awaitable[dict[str, Any]]]:
    async def arguments(s: Scene) -> dict[str, Any]:
        return {"user_id": (s.guest if name == "guest" else s.anne).id}

    return arguments


async def user(s: Scene, who: Person) -> User:
    found = await s.node.accounts.store.find_user(who.id)
    assert found is not None
    return found


async def lock(s: Scene, whose: str | None) -> None:
    await s.node.accounts.set_state(s.anne.id, locked=True, by=whose)


async def is_locked(s: Scene) -> bool:
    return (await user(s, s.anne)).locked


async def end(s: Scene, whose: str | None) -> None:
    await s.node.deactivate_account(UserId(s.anne.id), False, in_right_of(whose))


async def has_ended(s: Scene) -> bool:
    return (await user(s, s.anne)).deactivated


async def block(s: Scene, whose: str | None) -> None:
    await s.node.administration.block(s.room, "@x:localhost", True, whose)


async def is_blocked(s: Scene) -> bool:
    return await s.node.administration.blocked_by(s.room) is not None


async def in_room(s: Scene) -> dict[str, Any]:
    return {"room_id": s.room}


async def quarantine(s: Scene, whose: str | None) -> None:
    await s.node.media.quarantine([s.file], "@x:localhost", whose)


async def is_quarantined(s: Scene) -> bool:
    return bool(await s.value("SELECT quarantined_by IS NOT NULL FROM media WHERE media_id = $1", s.file[1]))


async def of_file(s: Scene) -> dict[str, Any]:
    return {"server_name": s.file[0], "media_id": s.file[1]}


async def hold(s: Scene, whose: str | None) -> None:
    await s.node.holds.place(s.anne.id, "Tribunal judiciaire", "4711", "@x:localhost", whose)


async def is_held(s: Scene) -> bool:
    return await s.node.holds.is_held(s.anne.id)


async def of_hold(s: Scene) -> dict[str, Any]:
    return {"hold": await s.value("SELECT max(id) FROM legal_holds"), "reason": "Order of 3 March"}


async def new_in_quarantine(s: Scene, whose: str | None) -> None:
    """A file of its own, which the antivirus has stopped as well."""
    server_name, media_id = (await upload(s.anne)).removeprefix("mxc://").split("/")
    s.file = (server_name, media_id)
    await quarantine(s, whose)
    await s.node.database.execute(
        """INSERT INTO scan_results (server_name, media_id, fingerprint, signatures, reason, info, scanned_ts)
           VALUES ($1, $2, '', '', 'MCS_MEDIA_NOT_CLEAN', 'Threat found: x', 1)""",
        server_name,
        media_id,
    )


async def is_stopped(s: Scene) -> bool:
    return bool(await s.value("SELECT released_by IS NULL FROM scan_results WHERE media_id = $1", s.file[1]))


async def end_guest(s: Scene, whose: str | None) -> None:
    await s.node.sponsors.set_end(UserId(s.guest.id), 1, whose or THE_WHOLE)


async def guest_has_ended(s: Scene) -> bool:
    end = (await user(s, s.guest)).expires_ts
    return end is not None and end <= s.node.now_ms()


async def bring_near(s: Scene, whose: str | None) -> None:
    assert s.node.validity is not None
    await s.node.validity.set_end(s.anne.id, s.node.now_ms() + HOUR_MS, None, whose or THE_WHOLE)


async def ends_soon(s: Scene) -> bool:
    end = (await user(s, s.anne)).expires_ts
    return end is not None and end < s.node.now_ms() + 2 * HOUR_MS


async def lock_another(s: Scene, whose: str | None) -> None:
    """Whoever is erased is nobody's any more."""
    s.anne = await of_culture(s.server, f"anne{await s.value('SELECT count(*) FROM users')}")
    await lock(s, whose)


async def is_not_erased(s: Scene) -> bool:
    return not await s.value("SELECT erased FROM users WHERE user_id = $1", s.anne.id)


TABLE: dict[str, Undoing] = {
    "erase": Undoing(lock_another, is_not_erased, of("anne")),
    "unlock": Undoing(lock, is_locked, of("anne")),
    "reactivate": Undoing(end, has_ended, of("anne")),
    "unblock": Undoing(block, is_blocked, in_room),
    "unquarantine_file": Undoing(quarantine, is_quarantined, of_file),
    "lift_hold": Undoing(hold, is_held, of_hold),
    "release_file": Undoing(new_in_quarantine, is_stopped, of_file),
    "delete_file": Undoing(new_in_quarantine, is_quarantined, of_file),
    "renew_guest": Undoing(end_guest, guest_has_ended, of("guest")),
    "renew": Undoing(bring_near, ends_soon, of("anne")),
}


async def test_every_act_says_whether_it_undoes(ministry: Server) -> None:
    assert TABLE.keys() == UNDOES.keys()
    assert node_of(ministry).actions.all.keys() == UNDOES.keys() | UNDO_NOTHING and not UNDOES.keys() & UNDO_NOTHING


@pytest.mark.parametrize("name", TABLE)
async def test_it_is_undone_in_the_right_in_which_it_was_done_or_above(
    scene: Scene, admin: Person, second: Person, sam: Person, root: Person, name: str
) -> None:
    undoing, other_root = TABLE[name], await account(scene.server, "roberta")
    await scene.node.accounts.change(other_root.id, is_admin=True)
    for whose in ("culture", "sante", None):
        await undoing.do(scene, whose)
        for who, at in ((sam, SANTE), (admin, CULTURE), (root, ALL)):
            if not await undoing.stands(scene):
                await undoing.do(scene, whose)
            may = who is root or (who is admin and whose == "culture")
            arguments, code = await undoing.arguments(scene), await code_of(scene.server, who)
            case = (name, whose, who.id)
            if not may:
                assert (await refused(act(who, name, at, **arguments, code=code))).status in (403, 404), case
                assert (await refused(act(who, name, at, **arguments))).status in (403, 404), case
                assert await undoing.stands(scene), case
            elif name in BY_TWO and whose is None:
                waits = await act(who, name, at, **arguments, code=code)
                assert waits["done"] is False and await undoing.stands(scene), case
                assert (await agree(scene.server, other_root, f"{at}/requests/{waits['request']}"))["done"], case
                assert not await undoing.stands(scene), case
            else:
                assert (await act(who, name, at, **arguments, code=code))["done"], case
                assert not await undoing.stands(scene), case


@pytest.mark.parametrize("name", ["unlock", "unblock", "unquarantine_file", "reactivate", "renew_guest", "renew"])
@pytest.mark.parametrize("first", ["culture", None])
async def test_doing_it_once_more_lowers_no_right(
    scene: Scene, admin: Person, root: Person, name: str, first: str | None
) -> None:
    """The installation's stays its own when an organisation does the same; an organisation's becomes the installation's."""
    undoing = TABLE[name]
    for whose in (first, None if first is not None else "culture"):
        await undoing.do(scene, whose)
    arguments = await undoing.arguments(scene)
    assert (await refused(act(admin, name, **arguments, code=await code_of(scene.server, admin)))).status == 403
    assert await undoing.stands(scene)


async def test_the_console_keeps_in_whose_right_it_acts(scene: Scene, admin: Person, root: Person) -> None:
    """What `TABLE` writes, its acts write."""
    s = scene
    order = {"authority": "Tribunal judiciaire", "reference": "4711"}
    for name, arguments, statement in (
        ("lock", {"user_id": s.anne.id}, "SELECT locked_by FROM users WHERE user_id = '@anne:localhost'"),
        ("block", {"room_id": s.room}, "SELECT whose FROM blocked_rooms"),
        ("quarantine_file", await of_file(s), "SELECT quarantined_whose FROM media WHERE quarantined_by IS NOT NULL"),
        ("hold_person", {"user_id": s.anne.id, **order}, "SELECT whose FROM legal_holds ORDER BY id DESC LIMIT 1"),
        ("hold_room", {"room_id": s.room, **order}, "SELECT whose FROM legal_holds ORDER BY id DESC LIMIT 1"),
        (
            "end_guest",
            {"user_id": s.guest.id},
            "SELECT nullif(expires_by, 'all') FROM users WHERE kind IS NULL AND expires_by IS NOT NULL",
        ),
        (
            "renew",
            {"user_id": s.anne.id, "ends_ts": s.node.now_ms() + HOUR_MS},
            "SELECT nullif(expires_by, 'all') FROM users WHERE user_id = '@anne:localhost'",
        ),
        ("deactivate", {"user_id": s.anne.id}, "SELECT whose FROM former_accounts"),
    ):
        assert (await act(admin, name, **arguments, code=await code_of(s.server, admin)))["done"]
        assert await s.value(statement) == "culture", name
        if name != "deactivate":
            assert (await act(root, name, ALL, **arguments, code=await code_of(s.server, root)))["done"]
            assert await s.value(statement) is None, name


async def test_a_suspension_is_lifted_in_its_right_or_above(scene: Scene) -> None:
    accounts = scene.node.accounts
    rights = (None, "culture", "sante")  # None: the installation's
    for first, other in itertools.product(rights, rights):
        is_lifted = other in (None, first)
        await accounts.set_state(scene.anne.id, suspended=False)
        await accounts.set_state(scene.anne.id, suspended=True, by=first)
        if other is not None:
            await accounts.set_state(scene.anne.id, suspended=True, by=other)
        await accounts.set_state(scene.anne.id, suspended=False, by=other)
        assert (await user(scene, scene.anne)).suspended is not is_lifted, (first, other)


async def suspend(s: Scene, whose: str | None) -> None:
    await s.node.accounts.set_state(s.anne.id, suspended=True, by=whose)


@pytest.mark.parametrize("do", [lock, suspend, end, bring_near])
@pytest.mark.parametrize("whose", ["culture", "sante", None])
async def test_nobody_is_erased_whom_another_right_holds_back(
    scene: Scene, admin: Person, root: Person, do: Callable[[Scene, str | None], Awaitable[None]], whose: str | None
) -> None:
    """Who is gone cannot be brought back by whoever could."""
    await do(scene, whose)
    if whose != "culture":
        code = await code_of(scene.server, admin)
        assert (await refused(act(admin, "erase", user_id=scene.anne.id, code=code))).status == 403
        assert await is_not_erased(scene)
    who, at = (admin, CULTURE) if whose == "culture" else (root, ALL)
    await act(who, "erase", at, user_id=scene.anne.id, code=await code_of(scene.server, who))
    assert not await is_not_erased(scene)


async def by_their_administrator(s: Scene, admin: Person, root: Person) -> None:
    await act(admin, "erase", user_id=s.anne.id, code=await code_of(s.server, admin))


async def by_root(s: Scene, admin: Person, root: Person) -> None:
    await act(root, "erase", ALL, user_id=s.anne.id, code=await code_of(s.server, root))


async def as_it_is_old(s: Scene, admin: Person, root: Person) -> None:
    """Anybody sets that in a room of their own."""
    room = await s.anne.create_room(name="Ailleurs")
    await s.anne.set_state(room, "m.room.retention", {"max_lifetime": 24 * HOUR_MS})
    url = f"mxc://{s.file[0]}/{s.file[1]}"
    await s.anne.send(room, "m.room.message", {"msgtype": "m.file", "body": "plan.pdf", "url": url})
    assert s.node.retention is not None
    s.node.retention._now_ms = Clock(s.node.now_ms() + 48 * HOUR_MS)
    assert await s.node.retention.erase_old_messages() > 0


# Who deletes a file × in whose right it is in quarantine ("": it is not): those that go.
DELETES = {by_their_administrator: {"", "culture"}, as_it_is_old: {""}, by_root: {"", "culture", "sante", None}}


@pytest.mark.parametrize("deletes", DELETES)
@pytest.mark.parametrize("whose", ["", "culture", "sante", None])
async def test_a_file_in_quarantine_is_deleted_in_its_right_or_above(
    scene: Scene, admin: Person, root: Person, deletes: Callable[..., Awaitable[None]], whose: str | None
) -> None:
    """Whatever deletes it: it may have to be shown to somebody."""
    if whose != "":
        await quarantine(scene, whose)
    await deletes(scene, admin, root)
    goes = whose in DELETES[deletes]
    assert await is_there(scene) is not goes
    if not goes and deletes is not as_it_is_old:
        await scene.node.erasure.after_holds()
        assert await is_there(scene)
        await scene.node.media.quarantine([scene.file], None)
        await scene.node.erasure.after_holds()
        assert not await is_there(scene), "what was kept of somebody who was erased goes once it is given free"


async def is_there(s: Scene) -> bool:
    return bool(await s.value("SELECT EXISTS (SELECT 1 FROM media WHERE media_id = $1)", s.file[1]))


async def test_nobody_closes_a_report_about_themselves(
    ministry: Server, admin: Person, second: Person, root: Person, anne: Person
) -> None:
    room = await anne.create_room(name="Salon", invite=[admin.id, root.id])
    for person in (admin, root):
        await person.join(room)
        event = await person.say(room, "an insult")
        await anne.call("POST", f"/rooms/{room}/report/{event}", {"reason": "insult"})
    about_admin, about_root = [
        row["report_id"] for row in await ministry.node.database.fetch("SELECT * FROM reports ORDER BY 1")
    ]
    assert (await refused(act(admin, "close_report", report=about_admin))).status == 403
    no = await refused(root.call("DELETE", f"/_synapse/admin/v1/event_reports/{about_root}"))
    assert no.status == 403 and "about you" in no.body["error"]
    await act(second, "close_report", report=about_admin)
    await act(admin, "close_report", report=about_root)


# ------------------------------------------------------------------------------------------------------------- guests


async def test_whose_end_is_said_by_another_rule_is_not_renewed_past_it(scene: Scene, admin: Person, root: Person) -> None:
    """A guest stays as long as the rules for guests let them; posts do not end."""
    post = await scene.node.functions.add("culture", "permanence", "Permanence")
    sql = "SELECT array_agg((user_id, expires_ts, expires_by)::text ORDER BY user_id) FROM users WHERE user_id IN ($1, $2)"
    before = await scene.value(sql, scene.guest.id, post)
    for user_id in (scene.guest.id, post):
        for ends_ts in (4_102_444_800_000, None, 1):
            code = await code_of(scene.server, admin)
            no = await refused(act(admin, "renew", user_id=user_id, ends_ts=ends_ts, code=code))
            assert (no.status, no.errcode) == (400, "M_INVALID_PARAM")
        body = {"user_id": user_id, "expiration_ts": 4_102_444_800_000}
        code = await code_of(scene.server, root)
        status, answer = await ask(root, "POST", "/_synapse/client/email_account_validity/admin", body, code)
        assert (status, answer["errcode"]) == (400, "M_INVALID_PARAM")
    assert await scene.value(sql, scene.guest.id, post) == before


async def test_a_sponsor_puts_off_no_end_that_an_administrator_has_brought_near(
    ministry: Server, admin: Person, root: Person, anne: Person
) -> None:
    guest = await invited_guest(ministry, anne)
    path = f"/_chappe/client/v1/guests/{segment(guest.id)}"
    now = ministry.node.now_ms()
    await act(admin, "renew_guest", user_id=guest.id, ends_ts=now + 48 * HOUR_MS)
    later = {"ends_ts": now + 72 * HOUR_MS}
    for call in (anne.call("POST", path + "/renew", {}), anne.call("PUT", path, later)):
        assert (await refused(call)).status == 403
    await anne.call("PUT", path, {"purpose": "Audit, the end"})
    await anne.call("PUT", path, {"ends_ts": now + 24 * HOUR_MS})
    assert (await refused(anne.call("PUT", path, {"ends_ts": now + 48 * HOUR_MS}))).status == 403
    await act(admin, "renew_guest", user_id=guest.id)
    await anne.call("POST", path + "/renew", {})


async def test_who_has_invited_a_guest_first_answers_for_them(ministry: Server, anne: Person, second: Person) -> None:
    body = {"address": "gaston@lagaffe.example", "purpose": "Audit"}
    for person in (anne, second):
        room = await person.create_room(
            name="Projet", initial_state=[{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]
        )
        await person.call("POST", "/_chappe/client/v1/guests", {**body, "room_id": room})
    sponsor = "SELECT sponsor FROM guest_invitations"
    assert await ministry.node.database.fetchval(sponsor) == anne.id
    await ministry.node.deactivate_account(UserId(anne.id), False)
    await second.call("POST", "/_chappe/client/v1/guests", {**body, "room_id": room})
    assert await ministry.node.database.fetchval(sponsor) == second.id


# ----------------------------------------------------------------------------------------------------------- who has gone


async def test_an_organisation_has_no_power_over_who_has_left_it(
    ministry: Server, admin: Person, root: Person, anne: Person
) -> None:
    node = node_of(ministry)
    await node.deactivate_account(UserId(anne.id), False)
    path, code = f"/_synapse/admin/v2/users/{segment(anne.id)}", await code_of(ministry, root)
    status, raw, _ = await ministry.raw("PUT", path, {"deactivated": False}, root.token, headers={"chappe-second-factor": code})
    assert status == 200, raw
    await node.people.assign(UserId(anne.id), "sante", root.id)
    for name in ("lock", "reset_second_factor", "export_person"):
        assert (await refused(act(admin, name, user_id=anne.id))).status == 404
    # whatever brought the account back, and left the row
    await node.database.execute(
        "INSERT INTO former_accounts VALUES ($1, '{}', '{}', 'culture', $2)", anne.id, node.now_ms() - HOUR_MS
    )
    assert (await refused(act(admin, "lock", user_id=anne.id))).status == 404
    assert await view(admin, "former") == []
    await node.former.prune()
    assert await node.database.fetchval("SELECT count(*) FROM former_accounts") == 0


async def test_a_room_stays_where_it_was_made(
    ministry: Server, admin: Person, second: Person, sam: Person, root: Person, anne: Person
) -> None:
    node = node_of(ministry)
    await node.scope.grant(Actor(root.id, "sante"), UserId(sam.id))
    room = await anne.create_room(name="Cabinet de la Culture", invite=[second.id])
    await second.join(room)

    async def whose() -> list[str]:
        found = []
        for who, at, name in ((admin, CULTURE, "culture"), (sam, SANTE, "sante")):
            if [one["room_id"] for one in await view(who, "rooms", at) if one["room_id"] == room]:
                assert (await act(who, "block", at, room_id=room))["done"]
                assert (await act(who, "unblock", at, room_id=room))["done"]
                found.append(name)
            else:
                assert (await refused(act(who, "archive_room", at, room_id=room))).status == 404
        return found

    assert await whose() == ["culture"]
    await node.people.assign(UserId(anne.id), "sante", root.id)
    assert await whose() == ["culture"], "its maker has moved"
    made_at_sante = await anne.create_room(name="Cabinet de la Santé")
    await node.deactivate_account(UserId(anne.id), False)
    assert await whose() == ["culture"], "its maker has left"
    assert (await act(sam, "block", SANTE, room_id=made_at_sante))["done"]
    given = await refused(act(admin, "give_room", room_id=room, to="sante", code=await code_of(ministry, admin)))
    assert given.status == 403, "Santé has not been asked"
    await act(root, "give_room", ALL, room_id=room, to="sante", code=await code_of(ministry, root))
    assert await whose() == ["sante"]
