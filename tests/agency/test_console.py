"""The console: who administers an organisation acts within it, and nowhere else; what is critical needs two, or a code."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from unittest.mock import AsyncMock

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.audit_state import AuditState
from chappe.agency.console.scope import Actor
from chappe.agency.organisations import Organisation
from chappe.agency.read_guard import ReadGuard as Guard
from chappe.agency.reading_policy import ReadingPolicy
from chappe.config import ReadGuard
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import GUESTS, RULES, account, age, agency, agree, code_of
from tests.support import Clock, Person, Refused, Server, bodies, refused, segment, until

CONSOLE = "/_chappe/console/v1"
CULTURE, ALL = f"{CONSOLE}/organisations/culture", f"{CONSOLE}/organisations/all"


def node_of(server: Server) -> AgencyServer:
    assert isinstance(server.node, AgencyServer)
    return server.node


async def of(server: Server, name: str, organisation: str = "culture") -> Person:
    person = await account(server, name)
    await server.node.bind_threepid(UserId(person.id), "email", f"{name}@{organisation}.example", 1)
    await server.node.set_profile_field(UserId(person.id), "displayname", f"{name.title()} [{organisation.title()}]")
    return person


@pytest_asyncio.fixture
async def admin(ministry: Server) -> Person:
    """Who administers Culture, and nothing else."""
    await agency(ministry).organisations.add(Organisation("sante", "Santé", "localhost", False, ["sante.example"]))
    admin = await of(ministry, "adele")
    await node_of(ministry).scope.grant(Actor("@root:localhost", "culture"), UserId(admin.id))
    return admin


@pytest_asyncio.fixture
async def second(ministry: Server, admin: Person) -> Person:
    second = await of(ministry, "basile")
    await node_of(ministry).scope.grant(Actor(admin.id, "culture"), UserId(second.id))
    return second


@pytest_asyncio.fixture
async def root(ministry: Server) -> Person:
    root = await account(ministry, "root")
    await ministry.node.accounts.change(root.id, is_admin=True)
    return root


@pytest_asyncio.fixture
async def anne(ministry: Server, admin: Person) -> Person:
    return await of(ministry, "anne")


@pytest_asyncio.fixture
async def sam(ministry: Server, admin: Person) -> Person:
    """Of another organisation of the same server."""
    return await of(ministry, "sam", "sante")


async def invited_guest(server: Server, sponsor: Person) -> Person:
    room = await sponsor.create_room(
        name="Projet", initial_state=[{"type": RULES, "state_key": "", "content": {"rule": "unrestricted"}}]
    )
    body = {"room_id": room, "address": "gaston@lagaffe.example", "purpose": "Audit"}
    await sponsor.call("POST", "/_chappe/client/v1/guests", body)
    guest = await account(server, "gaston", GUESTS)
    await server.node.bind_threepid(UserId(guest.id), "email", "gaston@lagaffe.example", 1)
    return guest


async def act(person: Person, action: str, at: str = CULTURE, **arguments: Any) -> Any:
    return await person.call("POST", f"{at}/actions/{action}", arguments)


async def view(person: Person, name: str, at: str = CULTURE, **query: Any) -> list[Any]:
    return list((await person.call("GET", f"{at}/{name}", **query))["items"])


# ------------------------------------------------------------------------------------------------------------- rights


async def test_what_one_may_administer(ministry: Server, admin: Person, root: Person, anne: Person) -> None:
    culture = {"name": "culture", "label": "Culture"}
    assert await admin.call("GET", f"{CONSOLE}/rights") == {"everywhere": False, "organisations": [culture], "has_codes": False}
    everything = await root.call("GET", f"{CONSOLE}/rights")
    assert everything["everywhere"] and culture in everything["organisations"] and len(everything["organisations"]) == 4
    assert (await anne.call("GET", f"{CONSOLE}/rights"))["organisations"] == []


async def test_nobody_sees_more_than_their_organisation(
    ministry: Server, admin: Person, anne: Person, sam: Person, root: Person
) -> None:
    views, actions = node_of(ministry).views.names, (await admin.call("GET", f"{CULTURE}/actions"))["actions"]
    for who, at in (
        (anne, CULTURE),
        (admin, ALL),
        (admin, f"{CONSOLE}/organisations/sante"),
        (admin, f"{CONSOLE}/organisations/x"),
    ):
        for name in views:
            no = await refused(view(who, name, at))
            assert (no.status, no.errcode) == (403, "M_FORBIDDEN"), (who.id, at, name)
        for one in actions:
            assert (await refused(act(who, one["name"], at, user_id=anne.id))).status == 403
    assert {p["user_id"] for p in await view(admin, "people")} == {admin.id, anne.id}
    assert {p["user_id"] for p in await view(root, "people", ALL)} >= {admin.id, anne.id, sam.id, root.id}


async def test_nobody_acts_beyond_their_organisation(ministry: Server, admin: Person, sam: Person, root: Person) -> None:
    room = await sam.create_room(name="Santé")
    for arguments in ({"user_id": sam.id}, {"user_id": root.id}, {"user_id": "@nobody:localhost"}):
        for name in ("lock", "sign_out", "renew", "deactivate", "erase", "export_person", "reset_second_factor", "reactivate"):
            assert (await refused(act(admin, name, **arguments))).status == 404, (name, arguments)
    for name in ("unlist", "block", "archive_room"):
        assert (await refused(act(admin, name, room_id=room))).status == 404
    assert (await refused(act(admin, "hold_room", room_id=room, authority="a", reference="b"))).status == 404
    assert (await refused(admin.call("GET", f"{CULTURE}/people/{segment(sam.id)}"))).status == 404
    assert (await sam.call("GET", "/account/whoami"))["user_id"] == sam.id


async def test_not_to_oneself_nor_to_who_administers_everything(ministry: Server, admin: Person, root: Person) -> None:
    assert (await refused(act(admin, "lock", user_id=admin.id))).status == 403
    await ministry.node.bind_threepid(UserId(root.id), "email", "root@culture.example", 1)
    assert (await refused(act(admin, "lock", user_id=root.id))).status == 403


async def test_organisation_administrators_are_no_server_administrators(admin: Person, anne: Person) -> None:
    assert (await refused(admin.call("GET", "/_synapse/admin/v2/users"))).status == 403
    assert (await refused(act(admin, "set_organisation", name="x", label="X", home="localhost"))).status == 403


@pytest.mark.parametrize(
    "body, status, errcode",
    [
        ({}, 400, "M_MISSING_PARAM"),
        ({"user_id": 7}, 400, "M_BAD_JSON"),
        ({"user_id": "anne"}, 404, "M_NOT_FOUND"),
        ({"user_id": "@anne:localhost", "code": 123456}, 400, "M_BAD_JSON"),
    ],
)
async def test_requests_that_are_not_right(admin: Person, anne: Person, body: Any, status: int, errcode: str) -> None:
    no = await refused(act(admin, "deactivate", **body))
    assert (no.status, no.errcode) == (status, errcode)
    assert (await refused(act(admin, "unheard-of"))).status == 404
    assert (await refused(view(admin, "unheard-of"))).status == 404


# ------------------------------------------------------------------------------------------------------------- people


async def test_locking_and_unlocking(admin: Person, anne: Person) -> None:
    await act(admin, "lock", user_id=anne.id)
    assert (await refused(anne.call("GET", "/joined_rooms"))).errcode == "M_USER_LOCKED"
    assert [p["locked"] for p in await view(admin, "people", search="ANNE")] == [True]
    await act(admin, "unlock", user_id=anne.id)
    await anne.call("GET", "/joined_rooms")


async def test_what_the_installation_has_locked_is_not_an_organisations_to_unlock(
    ministry: Server, admin: Person, second: Person, root: Person, anne: Person
) -> None:
    async def frozen() -> None:  # as the read guard does
        await ministry.node.accounts.set_state(anne.id, locked=True)

    async def by_the_api() -> None:
        await root.call("PUT", f"/_synapse/admin/v2/users/{segment(anne.id)}", {"locked": True})

    async def by_the_console() -> None:
        await act(root, "lock", ALL, user_id=anne.id)

    for lock in (frozen, by_the_api, by_the_console):
        await lock()
        await act(admin, "lock", user_id=anne.id)  # theirs beside it changes nothing
        no = await refused(act(admin, "unlock", user_id=anne.id))
        assert no.status == 403 and "installation" in no.body["error"], lock.__name__
        person = await admin.call("GET", f"{CULTURE}/people/{segment(anne.id)}")
        assert (person["locked"], person["locked_by"]) == (True, "all")
        await act(root, "unlock", ALL, user_id=anne.id)
        person = await admin.call("GET", f"{CULTURE}/people/{segment(anne.id)}")
        assert (person["locked"], person["locked_by"]) == (False, None)
    await act(admin, "lock", user_id=anne.id)
    assert (await admin.call("GET", f"{CULTURE}/people/{segment(anne.id)}"))["locked_by"] == "culture"
    await act(second, "unlock", user_id=anne.id)
    await act(admin, "lock", user_id=anne.id)
    await frozen()
    assert (await refused(act(second, "unlock", user_id=anne.id))).status == 403


async def test_a_lock_of_the_installation_outlives_the_account(
    ministry: Server, admin: Person, second: Person, root: Person, anne: Person
) -> None:
    """Ending the account and bringing it back lifts no lock that its organisation could not lift."""
    await act(root, "lock", ALL, user_id=anne.id)
    ended = (await act(admin, "deactivate", user_id=anne.id))["request"]
    await agree(ministry, second, f"{CULTURE}/requests/{ended}")
    back = await act(admin, "reactivate", user_id=anne.id)
    await agree(ministry, second, f"{CULTURE}/requests/{back['request']}")
    assert (await refused(act(admin, "unlock", user_id=anne.id))).status == 403
    user = await ministry.node.accounts.store.find_user(anne.id)
    assert user is not None and user.locked and not user.deactivated


async def test_devices(admin: Person, anne: Person) -> None:
    phone = await anne.another_device("PHONE")
    person = await admin.call("GET", f"{CULTURE}/people/{segment(anne.id)}")
    assert {d["device_id"] for d in person["devices"]} >= {"PHONE"}
    assert person["addresses"] == ["anne@culture.example"] and person["organisation"] == "culture"
    await act(admin, "remove_device", user_id=anne.id, device_id="PHONE")
    with pytest.raises(Refused):
        await phone.call("GET", "/account/whoami")
    await anne.call("GET", "/account/whoami")
    assert (await refused(act(admin, "remove_device", user_id=anne.id, device_id="PHONE"))).status == 404
    await act(admin, "sign_out", user_id=anne.id)
    with pytest.raises(Refused):
        await anne.call("GET", "/account/whoami")


async def test_leaving_and_coming_back(ministry: Server, admin: Person, second: Person, anne: Person) -> None:
    request = (await act(admin, "deactivate", user_id=anne.id))["request"]
    await agree(ministry, second, f"{CULTURE}/requests/{request}")
    assert [f["user_id"] for f in await view(admin, "former")] == [anne.id]
    assert await view(admin, "people", search="anne") == []
    await act(admin, "reactivate", user_id=anne.id, code=await code_of(ministry, admin))
    assert [p["display_name"] for p in await view(admin, "people", search="anne")] == ["Anne [Culture]"]


async def test_who_has_probably_left(ministry: Server, admin: Person, anne: Person) -> None:
    await ministry.node.accounts.set_state(anne.id, expires_ts=1)
    assert [p["user_id"] for p in await view(admin, "leavers")] == [anne.id]


async def test_moving_somebody(ministry: Server, admin: Person, anne: Person) -> None:
    code = await code_of(ministry, admin)
    no = await refused(act(admin, "move", user_id=anne.id, to="sante", code=code))
    assert no.status == 403, "Santé has not been asked"
    await node_of(ministry).scope.grant(Actor("@root:localhost", "sante"), UserId(admin.id))
    await act(admin, "move", user_id=anne.id, to="sante", code=await code_of(ministry, admin))
    assert (await refused(act(admin, "lock", user_id=anne.id))).status == 404, "she is another's to administer now"


async def test_guests(ministry: Server, admin: Person, anne: Person, sam: Person) -> None:
    gaston = await invited_guest(ministry, anne)
    (guest,) = await view(admin, "guests")
    assert (guest["user_id"], guest["sponsor"], guest["purpose"]) == (gaston.id, anne.id, "Audit")
    await act(admin, "end_guest", user_id=gaston.id)
    assert (await refused(gaston.call("GET", "/joined_rooms"))).errcode == "ORG_MATRIX_EXPIRED_ACCOUNT"
    await act(admin, "renew_guest", user_id=gaston.id)
    await gaston.call("GET", "/joined_rooms")
    assert (await refused(act(admin, "give_guest", user_id=gaston.id, sponsor=sam.id))).status == 400
    await act(admin, "give_guest", user_id=gaston.id, sponsor=admin.id)
    assert (await view(admin, "guests"))[0]["sponsor"] == admin.id
    assert await view(admin, "people", search="gaston") == []


async def test_function_accounts(ministry: Server, admin: Person, anne: Person) -> None:
    new = {"name": "permanence", "called": "Permanence"}
    assert (await refused(act(admin, "add_function_account", **new, holders=[anne.id]))).status == 400, "critical"
    assert await view(admin, "functions") == []
    made = await act(admin, "add_function_account", **new)
    (one,) = await view(admin, "functions")
    assert (one["user_id"], one["holders"]) == (made["user_id"], [])
    await act(admin, "set_holders", user_id=made["user_id"], holders=[anne.id], code=await code_of(ministry, admin))
    assert (await view(admin, "functions"))[0]["holders"] == [anne.id]
    assert not (await act(admin, "set_holders", user_id=made["user_id"], holders=[admin.id]))["done"], "not alone"
    await act(admin, "set_holders", user_id=made["user_id"], holders=[], code=await code_of(ministry, admin))
    assert (await view(admin, "functions"))[0]["holders"] == []


# -------------------------------------------------------------------------------------------------------------- rooms


async def test_rooms_of_the_organisation(ministry: Server, admin: Person, anne: Person, sam: Person) -> None:
    room = await anne.create_room(name="Budget 2027", invite=[sam.id])
    await sam.join(room)
    await sam.create_room(name="Santé")
    (one,) = await view(admin, "rooms", search="budget")
    assert one["room_id"] == room and one["joined"] == 2 and one["access"] == "restricted" and one["encrypted"]
    assert one["administrators"] == 1 and one["guests"] == 0 and not one["is_forum"]
    assert len(await view(admin, "rooms")) == 1
    await act(admin, "appoint", room_id=room, appointed=sam.id, code=await code_of(ministry, admin))
    assert (await view(admin, "rooms"))[0]["administrators"] == 2
    code = await code_of(ministry, admin)
    assert (await refused(act(admin, "appoint", room_id=room, appointed=admin.id, code=code))).status == 400
    await act(admin, "block", room_id=room)
    assert (await view(admin, "rooms"))[0]["blocked"]
    await act(admin, "unblock", room_id=room)
    assert not (await view(admin, "rooms"))[0]["blocked"]


async def test_files_and_reports(ministry: Server, admin: Person, second: Person, anne: Person, sam: Person) -> None:
    def name(uri: str) -> dict[str, str]:
        server_name, media_id = uri.removeprefix("mxc://").split("/")
        return {"server_name": server_name, "media_id": media_id}

    async def upload(who: Person) -> str:
        _, raw, _ = await ministry.raw("POST", "/_matrix/media/v3/upload", b"file", who.token)
        return str(json.loads(raw)["content_uri"])

    hers, his = await upload(anne), await upload(sam)
    for action in ("quarantine_file", "delete_file"):
        code = await code_of(ministry, admin)
        assert (await refused(act(admin, action, code=code, **name(his)))).status == 404
    await act(admin, "quarantine_file", **name(hers))
    assert [f["media_id"] for f in await view(admin, "files")] == [name(hers)["media_id"]]
    await act(admin, "unquarantine_file", code=await code_of(ministry, admin), **name(hers))
    assert await view(admin, "files") == []
    await act(admin, "delete_file", code=await code_of(ministry, admin), **name(hers))
    room = await anne.create_room(name="R", invite=[sam.id])
    await sam.join(room)
    for who in (anne, sam):
        event = await who.say(room, "rude")
        other = sam if who is anne else anne
        await other.call("POST", f"/rooms/{segment(room)}/report/{segment(event)}", {"reason": f"by {other.id}"})
    (report,) = await view(admin, "reports")
    assert report["reporter"] == anne.id and report["room_name"] == "R"
    await act(admin, "close_report", report=report["report_id"])
    assert await view(admin, "reports") == []
    assert (await refused(act(admin, "close_report", report=report["report_id"]))).status == 404


# --------------------------------------------------------------------------------------------------- what is critical


async def test_a_second_person_agrees(ministry: Server, admin: Person, second: Person, anne: Person) -> None:
    answer = await act(admin, "deactivate", user_id=anne.id)
    assert answer["done"] is False
    await anne.call("GET", "/account/whoami")
    path = f"{CULTURE}/requests/{answer['request']}"
    assert (await refused(admin.call("POST", path, {"approve": True}))).status == 403, "not by who asked"
    assert (await refused(anne.call("POST", path, {"approve": True}))).status == 403
    (waiting,) = await view(second, "requests")
    assert waiting["action"] == "deactivate" and waiting["arguments"] == {"user_id": anne.id}
    notice = (await second.sync())["rooms"]["join"]
    assert len(notice) == 1, "the others are told"
    no = await refused(second.call("POST", path, {"approve": True}))
    assert (no.status, no.errcode) == (403, "M_FORBIDDEN"), "her rights are of today"
    await age(ministry, second)
    no = await refused(second.call("POST", path, {"approve": True}))
    assert no.status == 403 and no.body["needs_code"]
    await anne.call("GET", "/account/whoami")
    await agree(ministry, second, path)
    with pytest.raises(Refused):
        await anne.call("GET", "/account/whoami")
    assert (await refused(second.call("POST", path, {"approve": True}))).status == 404, "once"
    (entry, asked) = [e for e in await view(admin, "audit") if e["action"] == "deactivate"]
    assert entry["actor"] == admin.id and entry["detail"]["approved_by"] == second.id
    assert asked["detail"]["outcome"] == "asked"


async def test_whether_anybody_can_agree(ministry: Server, admin: Person, second: Person, anne: Person) -> None:
    """Who asks is told at once, and reads in the list, how many there are: one's own agreement is none, nor is one who is barred."""
    node = node_of(ministry)
    able = [each for each in await node.scope.able("culture") if each != admin.id]
    assert second.id in able
    answer = await act(admin, "deactivate", user_id=anne.id)
    assert answer["approvers"] == len(able)
    (waiting,) = await view(second, "requests")
    assert waiting["approvers"] == len(able)
    # of a hold on herself she must not hear: she is nobody who can agree to it
    assert (await act(admin, "hold_person", user_id=second.id, authority="A", reference="1"))["approvers"] == len(able) - 1
    for each in able:
        await node.accounts.set_state(UserId(each), locked=True)
    assert {row["approvers"] for row in await view(admin, "requests")} == {0}
    assert (await act(admin, "erase", user_id=anne.id))["approvers"] == 0


@pytest.mark.parametrize("state", [{}, {"locked": True}, {"suspended": True}, {"expires_ts": 1}, None])
@pytest.mark.parametrize("right", ["of the organisation", "of everything", "none"])
async def test_who_is_able_is_who_may_act(
    ministry: Server, second: Person, anne: Person, right: str, state: dict[str, Any] | None
) -> None:
    """`able` lists those whom `find` lets act: one rule, asked in two directions. A `state` of None: the account has ended."""
    node = node_of(ministry)
    who = second if right == "of the organisation" else anne
    if right == "of everything":
        await node.accounts.change(UserId(who.id), is_admin=True)
    if state is None:
        await node.deactivate_account(UserId(who.id), False)
    else:
        await node.accounts.set_state(UserId(who.id), **state)
    for organisation in ("culture", "sante", "all", "none.such"):
        able = who.id in await node.scope.able(organisation)
        assert able is (await node.scope.find(who.id, organisation) is not None), organisation
    assert (who.id in await node.scope.able("culture")) is (right != "none" and state == {})


async def test_lists_say_people_and_rooms_by_their_names(
    ministry: Server, admin: Person, second: Person, anne: Person, sam: Person
) -> None:
    own, other = await anne.create_room(name="Travaux"), await sam.create_room(name="Secret")
    await act(admin, "archive_room", room_id=own)
    names = (await second.call("GET", f"{CULTURE}/requests"))["names"]
    assert names[own] == "Travaux" and admin.id in names
    listed = [own, {"deep": [other]}]
    in_culture = await node_of(ministry).views.names_in(Actor(admin.id, "culture"), listed)
    assert in_culture == {own: "Travaux"}, "another organisation's rooms are not called by their names"


async def test_refused_and_withdrawn(admin: Person, second: Person, anne: Person) -> None:
    for decides, outcome in ((second, "refused"), (admin, "withdrawn")):
        number = (await act(admin, "erase", user_id=anne.id))["request"]
        await decides.call("POST", f"{CULTURE}/requests/{number}", {"approve": False})
        latest = next(r for r in await view(admin, "requests") if r["id"] == number)
        assert (latest["outcome"], latest["decided_by"]) == (outcome, decides.id)
    for bad in ("0", "x", "9" * 20, "-1"):
        assert (await refused(second.call("POST", f"{CULTURE}/requests/{bad}", {"approve": True}))).status == 404
    await anne.call("GET", "/account/whoami")


async def test_a_request_of_somebody_who_may_no_longer(ministry: Server, admin: Person, second: Person, anne: Person) -> None:
    number = (await act(admin, "deactivate", user_id=anne.id))["request"]
    await node_of(ministry).scope.revoke(Actor("@root:localhost", "culture"), admin.id)
    assert (await refused(second.call("POST", f"{CULTURE}/requests/{number}", {"approve": True}))).status == 403
    await anne.call("GET", "/account/whoami")


async def test_requests_do_not_wait_for_ever(ministry: Server, admin: Person, second: Person, anne: Person) -> None:
    number = (await act(admin, "deactivate", user_id=anne.id))["request"]
    requests = node_of(ministry).critical_acts.requests
    requests._now_ms = Clock(requests._now_ms() + 8 * 86_400_000)
    assert await view(second, "requests") == []
    assert (await refused(second.call("POST", f"{CULTURE}/requests/{number}", {"approve": True}))).status == 404


async def test_or_a_second_factor(ministry: Server, admin: Person, anne: Person) -> None:
    code = await code_of(ministry, admin)
    assert (await admin.call("GET", f"{CONSOLE}/rights"))["has_codes"]
    wrong = await refused(act(admin, "deactivate", user_id=anne.id, code="000000"))
    assert wrong.status == 403
    await anne.call("GET", "/account/whoami")
    assert (await act(admin, "deactivate", user_id=anne.id, code=code))["done"]
    with pytest.raises(Refused):
        await anne.call("GET", "/account/whoami")
    assert [e["detail"]["outcome"] for e in await view(admin, "audit")][:2] == ["done", "refused: wrong code"]


async def test_codes_are_not_tried_one_after_the_other(ministry: Server, admin: Person, anne: Person) -> None:
    code = await code_of(ministry, admin)
    for _ in range(5):
        assert (await refused(act(admin, "deactivate", user_id=anne.id, code="000000"))).status == 403
    no = await refused(act(admin, "deactivate", user_id=anne.id, code=code))
    assert (no.status, no.errcode) == (429, "M_LIMIT_EXCEEDED")
    assert not (await act(admin, "deactivate", user_id=anne.id))["done"], "a colleague can still agree"


async def test_what_failed_is_written_down(ministry: Server, root: Person, anne: Person) -> None:
    await refused(act(root, "move", ALL, user_id=anne.id, to="nowhere", code=await code_of(ministry, root)))
    failed, tried = (await view(root, "audit", ALL))[:2]
    assert failed["detail"]["outcome"].startswith("failed: ") and tried["detail"]["outcome"] == "done"


async def test_administrators_are_made_by_two(
    ministry: Server, admin: Person, second: Person, anne: Person, sam: Person
) -> None:
    number = (await act(admin, "grant", user_id=anne.id))["request"]
    await agree(ministry, second, f"{CULTURE}/requests/{number}")
    assert {a["user_id"] for a in await view(anne, "administrators")} == {admin.id, second.id, anne.id}
    number = (await act(admin, "revoke", user_id=admin.id))["request"]
    assert (await refused(agree(ministry, anne, f"{CULTURE}/requests/{number}"))).status == 403, "he has just made her one"
    await agree(ministry, second, f"{CULTURE}/requests/{number}")
    assert (await refused(view(admin, "people"))).status == 403
    assert (await refused(act(anne, "grant", user_id=sam.id))).status == 404


# --------------------------------------------------------------------------------------- announcements and statistics


async def test_announcements(ministry: Server, admin: Person, root: Person, anne: Person, sam: Person) -> None:
    code = await code_of(ministry, admin)
    answer = await act(admin, "announce", text="  Coupure à 18 h ", code=code)
    assert answer["recipients"] == 2
    announcements = node_of(ministry).announcements
    await until(lambda: _empty(announcements))
    ((told_in, news),) = (await anne.sync())["rooms"]["join"].items()
    assert bodies(news["timeline"]["events"]) == ["Coupure à 18 h"]
    assert not (await sam.sync()).get("rooms", {}).get("join")
    (told,) = await view(admin, "announcements")
    assert (told["recipients"], told["waiting"], told["sender"]) == (2, 0, admin.id)
    await ministry.node.database.execute("INSERT INTO announcement_queue VALUES ($1, $2)", told["id"], anne.id)
    await announcements.send_waiting()  # as after a crash between sending and forgetting
    assert len(bodies((await anne.messages(told_in))["chunk"])) == 1
    for text in ("", "x" * 4001):
        number = (await act(admin, "announce", text=text))["request"]
        assert number


async def _empty(announcements: Any) -> bool:
    return (await announcements.send_waiting()) == 0


async def test_announcements_to_who_is_in_a_room(ministry: Server, admin: Person, anne: Person, sam: Person) -> None:
    room = await anne.create_room(name="Projet", invite=[sam.id])
    await sam.join(room)
    code = await code_of(ministry, admin)
    assert (await act(admin, "announce", text="Réunion", room_id=room, code=code))["recipients"] == 2


async def test_who_reads_unusually_much(ministry: Server, admin: Person, anne: Person, sam: Person) -> None:
    """Accounts, and organisations whose accounts and guests read too much together, in whatever process."""
    node, nothing = node_of(ministry), AsyncMock()
    gaston = await invited_guest(ministry, anne)
    settings = ReadGuard(True, events_per_hour=300, organisation_events_per_hour=250)
    first, other = (
        Guard(node.database, node.rooms, ReadingPolicy(), settings, node.now_ms, nothing, nothing, node.standings.accountable)
        for _ in range(2)
    )
    for guard, person, amount in ((first, anne, 100), (other, admin, 100), (first, sam, 250), (other, gaston, 51)):
        await guard.count(person.id, "events", amount)
    for _ in range(2):
        await first.save()
        await other.save()
    (alert,) = await view(admin, "alerts")
    assert (alert["user_id"], alert["organisation_label"], alert["step"]) == ("culture", "Culture", "organisation")
    assert alert["amount"] == 251 and not alert["locked"]
    nothing.assert_not_awaited()
    for _ in range(3):
        with suppress(MatrixError):
            await first.count(gaston.id, "events", 200)
    await first.save()
    assert [(a["user_id"], a["step"]) for a in await view(admin, "alerts")][-1] == ("culture", "organisation")
    assert {a["user_id"] for a in await view(admin, "alerts")} == {"culture", gaston.id}, "guests are their sponsor's"


async def test_statistics_tell_of_nobody(ministry: Server, admin: Person, anne: Person) -> None:
    statistics = node_of(ministry).statistics
    room = await anne.create_room(name="R")
    for _ in range(3):
        await anne.say(room, "x")
    await ministry.node.sessions.flush_seen()
    await statistics.write_figures()
    (month,) = await view(admin, "statistics")
    assert month == {"month": month["month"], "accounts": 2, "withheld": True}
    for n in range(4):
        await (await of(ministry, f"p{n}")).call("GET", "/joined_rooms")
    await ministry.node.sessions.flush_seen()
    await statistics.write_figures()
    (month,) = await view(admin, "statistics")
    assert (month["accounts"], month["messages"], month["rooms_made"]) == (6, 3, 1) and month["active_people"] >= 5
    assert anne.id not in str(await ministry.node.database.fetch("SELECT * FROM monthly_statistics"))


async def test_whoever_is_held_is_not_told_so_by_the_console(ministry: Server, admin: Person, second: Person) -> None:
    """Neither by their own page, nor by the list of holds, nor by the log, by what waits, or by the packages."""
    node = node_of(ministry)
    order = {"authority": "Parquet de Paris", "reference": "26/1234"}
    number = await node.holds.place(admin.id, **order, by=second.id)
    for action, detail in (
        ("hold_person", {"user_id": admin.id, **order}),
        ("lift_hold", {"hold": number, "reason": "26/1234"}),
    ):
        await node.audit.record(second.id, action, {"organisation": "culture", **detail})
    await node.exports.ask("culture", "person", admin.id, second.id, True)

    async def told(who: Person) -> str:
        pages = [await who.call("GET", f"{CULTURE}/people/{segment(admin.id)}")]
        return json.dumps([*pages, *[await view(who, name) for name in ("holds", "audit", "requests", "exports")]])

    assert "26/1234" in await told(second) and '"kind": "person"' in await told(second)
    own = await told(admin)
    assert "26/1234" not in own and "Parquet" not in own and '"kind": "person"' not in own


async def test_the_audit_log_is_searched_and_says_whether_it_is_whole(ministry: Server, admin: Person, anne: Person) -> None:
    node = ministry.node
    assert isinstance(node, AgencyServer)
    for action, about in (("lock", anne.id), ("unlock", anne.id), ("lock", "@karim:localhost")):
        await node.audit.record(admin.id, action, {"organisation": "culture", "user_id": about})
    found = [(entry["action"], entry["detail"]["user_id"]) for entry in await view(admin, "audit", search="lock anne")]
    assert found == [("unlock", anne.id), ("lock", anne.id)]
    assert await view(admin, "audit", search="nothing of the kind") == []
    assert await view(admin, "audit", search="%") == [], "what is looked for is no pattern"
    whole = await admin.call("GET", f"{CULTURE}/audit_chain")
    assert whole["intact"] is True and whole["number"] >= 3
    await node.database.execute("UPDATE audit SET action = 'erase' WHERE number = 2")
    assert await admin.call("GET", f"{CULTURE}/audit_chain") == whole, "it is not read through at every look"
    broken = await AuditState(node.audit, node.now_ms).state()
    assert (broken["intact"], broken["number"]) == (False, 2)
    assert (await refused(anne.call("GET", f"{CULTURE}/audit_chain"))).status == 403
