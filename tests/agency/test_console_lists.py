"""What the console shows of many people, and does to several: as far as whoever asks administers them, and no further."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.agency.account_validity import DAY_MS
from chappe.agency.console.people_list import PAGE, SEEN, STATES, plain
from chappe.agency.console.several import MOST
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import account
from tests.agency.test_console import ALL, CULTURE, act, admin, anne, node_of, of, root, sam, second
from tests.support import Person, Server, refused

__all__ = ["admin", "anne", "root", "sam", "second"]  # fixtures


async def people(person: Person, at: str = CULTURE, **query: Any) -> set[str]:
    return {row["user_id"] for row in (await person.call("GET", f"{at}/people", **query))["items"]}


async def several(person: Person, action: str, *who: str, at: str = CULTURE) -> dict[str, str]:
    answer = await person.call("POST", f"{at}/several/{action}", {"people": list(who)})
    return {one["user_id"]: one["outcome"] for one in answer["results"]}


async def table(server: Server, person: Person, at: str = CULTURE, **body: Any) -> list[list[str]]:
    status, raw, headers = await server.raw("POST", f"{at}/people_table", body, person.token)
    assert status == 200 and raw.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(raw[3:].decode()), delimiter=";" if body.get("language") != "en" else ","))


DOORS = [
    ("GET", "overview"),
    ("GET", "people"),
    ("GET", "audit"),
    ("POST", "people_table"),
    ("POST", "audit_table"),
    ("POST", "several/lock"),
]


@pytest.mark.parametrize("method, path", DOORS)
async def test_only_to_who_administers(ministry: Server, admin: Person, anne: Person, method: str, path: str) -> None:
    body = None if method == "GET" else {"people": [anne.id]}
    for who, at in ((anne, CULTURE), (admin, ALL), (admin, CULTURE.replace("culture", "sante"))):
        assert (await refused(who.call(method, f"{at}/{path}", body))).status == 403
    await admin.call("GET", f"{CULTURE}/overview")


async def test_people_stand_by_name_whatever_their_accents(
    ministry: Server, admin: Person, anne: Person, second: Person
) -> None:
    for who, name in ((admin, "Yann Le Goff"), (anne, "Élodie Prunier"), (second, "denis Roy")):
        await node_of(ministry).set_profile_field(UserId(who.id), "displayname", name)
    found = (await admin.call("GET", f"{CULTURE}/people"))["items"]
    assert [row["display_name"] for row in found] == ["denis Roy", "Élodie Prunier", "Yann Le Goff"]


async def test_people_are_narrowed_down_by_the_server(
    ministry: Server, admin: Person, second: Person, anne: Person, sam: Person, root: Person
) -> None:
    node, now = node_of(ministry), node_of(ministry).now_ms()
    gone, soon, old = [await of(ministry, name) for name in ("gustave", "simone", "olive")]
    await node.accounts.set_state(gone.id, expires_ts=now - DAY_MS)
    await node.accounts.set_state(soon.id, expires_ts=now + 5 * DAY_MS)
    await node.accounts.set_state(anne.id, locked=True)
    await node.database.execute("UPDATE devices SET last_seen_ts = $2 WHERE user_id = $1", old.id, now - 100 * DAY_MS)
    everybody = {person.id for person in (admin, second, anne, gone, soon, old)}
    found = {state: await people(admin, state=state) for state in STATES}
    assert found[""] == everybody
    assert found["locked"] == {anne.id} and found["ending"] == {soon.id} and found["expired"] == {gone.id}
    assert found["active"] == everybody - {anne.id, gone.id} and found["administers"] == {admin.id, second.id}
    assert found["function"] == set()
    assert await people(admin, seen="not_quarter") >= {old.id} and old.id not in await people(admin, seen="week")
    assert await people(admin, state="locked", search="simone") == set()
    assert await people(admin, organisation="sante") == set(), "others' people are not reached by a filter"
    assert await people(root, ALL, organisation="sante") == {sam.id}
    answer = await admin.call("GET", f"{CULTURE}/people", state="locked")
    assert (
        answer["total"] == 1
        and answer["items"][0]["organisation_label"] == "Culture"
        and answer["names"]["culture"] == "Culture"
    )
    for query in ({"state": "x"}, {"seen": "' OR true"}):
        assert (await refused(people(admin, **query))).errcode == "M_INVALID_PARAM"
    numbers = await admin.call("GET", f"{CULTURE}/overview")
    assert (numbers["people"], numbers["locked"], numbers["ending"]) == (len(everybody), 1, 1)
    assert numbers["leavers"] == len(await admin_view(admin, "leavers")) and numbers["chain"]["intact"] is True
    for seen in SEEN:
        await people(admin, seen=seen)


async def admin_view(person: Person, name: str) -> list[Any]:
    return list((await person.call("GET", f"{CULTURE}/{name}"))["items"])


async def test_people_come_in_pages_and_are_counted(ministry: Server, admin: Person) -> None:
    for number in range(PAGE + 5):
        await of(ministry, f"n{number:02}")
    first = await admin.call("GET", f"{CULTURE}/people", search="n")
    assert len(first["items"]) == PAGE and first["total"] >= PAGE + 5
    rest = await admin.call("GET", f"{CULTURE}/people", **{"search": "n", "from": first["next"]})
    assert len(rest["items"]) == first["total"] - PAGE and "next" not in rest


async def test_several_at_once_and_what_became_of_each(
    ministry: Server, admin: Person, second: Person, anne: Person, sam: Person
) -> None:
    bea = await of(ministry, "bea")
    who = (anne.id, bea.id, anne.id, sam.id, admin.id, second.id, "@nobody:localhost", "nonsense")
    became = await several(admin, "lock", *who)
    assert became == {
        anne.id: "done",
        bea.id: "done",
        sam.id: "failed",
        admin.id: "failed",
        second.id: "asked",  # an administrator: by two
        "@nobody:localhost": "failed",
        "nonsense": "failed",
    }
    for locked in (anne, bea):
        assert (await refused(locked.call("GET", "/account/whoami"))).errcode == "M_USER_LOCKED"
    assert (await sam.call("GET", "/account/whoami"))["user_id"] == sam.id
    assert await several(admin, "unlock", anne.id, bea.id) == {anne.id: "done", bea.id: "done"}
    assert (await anne.call("GET", "/account/whoami"))["user_id"] == anne.id
    await several(admin, "sign_out", anne.id)
    assert (await refused(anne.call("GET", "/account/whoami"))).errcode == "M_UNKNOWN_TOKEN"
    logged = [(one["action"], one["detail"].get("user_id")) for one in await admin_view(admin, "audit")]
    assert {("lock", anne.id), ("lock", bea.id), ("sign_out", anne.id)} <= set(logged), "each by itself"
    numbers = await second.call("GET", f"{CULTURE}/overview")
    assert numbers["requests"] == 1 and (await admin.call("GET", f"{CULTURE}/overview"))["requests"] == 0


async def test_what_is_not_for_several(ministry: Server, admin: Person, anne: Person) -> None:
    for action in ("erase", "deactivate", "grant", "nonsense"):
        assert (await refused(several(admin, action, anne.id))).errcode == "M_INVALID_PARAM"
    for who in ([], [f"@p{n}:localhost" for n in range(MOST + 1)]):
        assert (await refused(several(admin, "lock", *who))).errcode == "M_INVALID_PARAM"
    assert (await anne.call("GET", "/account/whoami"))["user_id"] == anne.id


async def test_a_table_to_take_away(ministry: Server, admin: Person, anne: Person, sam: Person) -> None:
    await node_of(ministry).set_profile_field(anne.id, "displayname", '=HYPERLINK("http://thief.example";"Anne")')
    rows = await table(ministry, admin)
    assert rows[0][0] == "Nom" and len(rows) == 3
    assert "'=HYPERLINK" in rows[1][0] + rows[2][0]
    assert [row[1] for row in await table(ministry, admin, people=[anne.id, sam.id], language="en")] == [
        "Identifier",
        anne.id.removeprefix("@"),
    ]
    assert len(await table(ministry, admin, state="locked")) == 1
    entry = (await admin.call("GET", f"{CULTURE}/audit", action="fetch_people"))["items"]
    assert [one["detail"]["rows"] for one in entry] == [0, 1, 2]


async def audit_file(server: Server, person: Person, at: str = CULTURE, **body: Any) -> tuple[bytes, Any]:
    status, raw, headers = await server.raw("POST", f"{at}/audit_table", body, person.token)
    assert status == 200, raw
    return raw, headers


async def test_the_audit_log_by_who_did_it(ministry: Server, admin: Person, second: Person, anne: Person, sam: Person) -> None:
    await act(admin, "lock", user_id=anne.id)
    await act(second, "unlock", user_id=anne.id)
    found = await admin.call("GET", f"{CULTURE}/audit", by=second.id)
    assert [one["action"] for one in found["items"]] == ["unlock"]
    assert {admin.id, second.id} <= set(found["authors"]) and sam.id not in found["authors"]
    assert found["names"][admin.id]
    assert (await admin.call("GET", f"{CULTURE}/audit", by="@nobody:x"))["items"] == []


async def test_the_audit_log_to_take_away(ministry: Server, admin: Person, anne: Person, sam: Person) -> None:
    """Of one's own organisation, as it is narrowed down; who took it is in the log; no cell is a formula."""
    await act(admin, "lock", user_id=anne.id)
    await act(admin, "unlock", user_id=anne.id)
    raw, _ = await audit_file(ministry, admin, action="lock", days="7")
    rows = list(csv.reader(io.StringIO(raw.removeprefix(b"\xef\xbb\xbf").decode()), delimiter=";"))
    assert rows[0][:3] == ["Numéro", "Date et heure (UTC)", "Auteur"]
    assert [(row[2], row[3]) for row in rows[1:]] == [(admin.id.removeprefix("@"), "lock")] and anne.id in rows[1][4]
    raw, _ = await audit_file(ministry, admin, format="json", by=admin.id)
    whole = orjson.loads(raw)
    assert whole["organisation"] == "culture" and whole["chain"]["intact"] is True and whole["is_cut_short"] is False
    assert [one["action"] for one in whole["entries"]][:3] == ["fetch_audit", "unlock", "lock"]
    assert all(one["detail"].get("organisation") == "culture" for one in whole["entries"])
    logged = (await admin.call("GET", f"{CULTURE}/audit", action="fetch_audit"))["items"]
    assert [one["detail"]["format"] for one in logged] == ["json", "csv"]
    for nonsense in ({"format": "pdf"}, {"language": "de"}, {"days": []}):
        assert (await refused(admin.call("POST", f"{CULTURE}/audit_table", nonsense))).status == 400
    for days in ("-1", "²", "9" * 40, ""):
        await audit_file(ministry, admin, days=days)


@given(st.text())
def test_no_cell_is_a_formula(text: str) -> None:
    assert plain(text).lstrip()[:1] not in ("=", "+", "-", "@") and plain(text)[:1] not in ("\t", "\r", "\n")
    assert plain(text) in (text, f"'{text}")


async def test_the_audit_log_by_action_and_time(ministry: Server, admin: Person, anne: Person) -> None:
    node = node_of(ministry)
    await act(admin, "lock", user_id=anne.id)
    await act(admin, "unlock", user_id=anne.id)
    locks = await admin.call("GET", f"{CULTURE}/audit", action="lock", days=1)
    assert [one["action"] for one in locks["items"]] == ["lock"]
    before, node.views._now_ms = node.views._now_ms, lambda: node.now_ms() + 8 * DAY_MS
    assert (await admin.call("GET", f"{CULTURE}/audit", days=7))["items"] == []
    node.views._now_ms = before
    guest = await account(ministry, "nobody")
    assert (await refused(guest.call("GET", f"{CULTURE}/audit"))).status == 403
