"""What the pages and commands of administration tools ask for: Ketesa (once synapse-admin), synadm. Each route of Synapse's
administration API is answered or deliberately not (docs/clients.md)."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.federation.synapse import PYTHON
from tests.support import Person, Refused, Server, segment, until

V1, V2 = "/_synapse/admin/v1", "/_synapse/admin/v2"
DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"
_ROUTES = """
import importlib, json, pkgutil
import synapse.rest.admin as package
from synapse.http.servlet import RestServlet

found = set()
for module in pkgutil.iter_modules(package.__path__):
    if not module.name.startswith("_"):
        importlib.import_module(f"synapse.rest.admin.{module.name}")
def below(kind):
    for child in kind.__subclasses__():
        yield child
        yield from below(child)
for kind in below(RestServlet):
    if kind.__module__.startswith("synapse.rest.admin") and getattr(kind, "PATTERNS", None):
        for pattern in kind.PATTERNS:
            for name in dir(kind):
                if name.startswith("on_"):
                    found.add((name[3:], pattern.pattern))
print(json.dumps(sorted(found)))
"""


@pytest.fixture
async def admin(server: Server) -> Person:
    person = await server.person()
    await server.node.accounts.change(person.id, is_admin=True)
    return await person.another_device()


# ------------------------------------------------------------------------------------------------- the table of routes


def decided() -> dict[tuple[str, str], tuple[bool, str]]:
    """(method, path) to whether it is answered, and why not."""
    found = {}
    for method, path, answer, why in re.findall(
        r"^\| `([A-Z]+) (v\d/\S+)` \| (yes|no) \| (.*?) ?\|$", DOCUMENT.read_text(), re.M
    ):
        assert (method, path) not in found, f"{method} {path} is decided twice"
        found[method, path] = answer == "yes", why
    return found


def routed(server: Server) -> set[tuple[str, str]]:
    return {
        (route.endpoint.method, re.sub(r"\{\w+\}", "{}", route.endpoint.path.removeprefix("/_synapse/admin/")))
        for route in server.node.routes()
        if route.endpoint.path.startswith("/_synapse/admin/")
    }


async def test_every_route_is_answered_or_deliberately_not(server: Server, admin: Person) -> None:
    table = decided()
    assert len(table) > 90
    assert {key for key, (is_answered, _) in table.items() if is_answered} == routed(server)
    for (method, path), (is_answered, why) in table.items():
        if not is_answered:
            assert len(why) > 5 or why == "the same", f"{method} {path}: why not?"
            with pytest.raises(Refused) as refused:
                await admin.call(method, f"/_synapse/admin/{path.replace('{}', 'x')}", {} if method != "GET" else None)
            assert refused.value.status in (404, 405) and refused.value.errcode == "M_UNRECOGNIZED", path


@pytest.mark.skipif(not PYTHON.exists(), reason="Synapse is not installed (tests/install_components.sh)")
async def test_the_table_has_every_route_that_synapse_has() -> None:
    process = await asyncio.create_subprocess_exec(
        str(PYTHON), "-c", _ROUTES, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-2000:]
    theirs = set()
    for method, pattern in json.loads(out):
        path = re.sub(r"\(\?P<\w+>[^)]*\)", "{}", pattern).strip("^$")
        for one in _optional(path):
            if one.startswith("/_synapse/admin/"):
                theirs.add((method, one.removeprefix("/_synapse/admin/")))
    assert len(theirs) > 80 and theirs - decided().keys() == set()


def _optional(path: str) -> list[str]:
    """The paths that a pattern with one optional part stands for."""
    match = re.fullmatch(r"(.*?)\((.*)\)\?", path)
    return [path] if match is None else [match[1], match[1] + match[2]]


# ------------------------------------------------------------------------------------------------------------- figures


async def upload(person: Person, raw: bytes) -> str:
    _, answer, _ = await person.server.raw("POST", "/_matrix/media/v3/upload?filename=a.txt", raw, person.token)
    return str(json.loads(answer)["content_uri"]).removeprefix("mxc://")


async def test_who_stores_how_much(admin: Person, alice: Person, bob: Person) -> None:
    await alice.call("PUT", f"/profile/{alice.id}/displayname", {"displayname": "Zoé Uploads-Much"})
    for person, sizes in ((alice, (10, 20, 30)), (bob, (1000,))):
        for size in sizes:
            await upload(person, b"x" * size)
    path, mine = f"{V1}/statistics/users/media", alice.id[1:].split(":")[0]
    found = await admin.call("GET", path, search_term=mine)
    assert found == {
        "total": 1,
        "users": [{"user_id": alice.id, "displayname": "Zoé Uploads-Much", "media_count": 3, "media_length": 60}],
    }
    assert (await admin.call("GET", path, search_term="zoé uploads"))["total"] == 1
    assert (await admin.call("GET", path, search_term=mine, until_ts=1))["users"] == []
    everybody = await admin.call("GET", path, order_by="media_length", dir="b", limit=1000)
    sizes = [u["media_length"] for u in everybody["users"]]
    assert sizes == sorted(sizes, reverse=True) and "next_token" not in everybody
    page = await admin.call("GET", path, order_by="user_id", limit=1)
    assert page["next_token"] == 1 and len(page["users"]) == 1
    for bad in ({"order_by": "password"}, {"from_ts": -1}, {"from_ts": 2, "until_ts": 1}):
        with pytest.raises(Refused) as refused:
            await admin.call("GET", path, **bad)
        assert refused.value.status == 400


async def test_which_rooms_are_large(server: Server, admin: Person, alice: Person) -> None:
    room = await alice.create_room(name="Large")
    for n in range(40):
        await alice.say(room, f"message {n}")
    await server.node.database.execute("ANALYZE events")
    # rooms of other tests may stand in the same database, and be larger
    most = "SELECT room_id FROM events JOIN rooms USING (room_nid) GROUP BY room_id ORDER BY count(*) DESC, room_id LIMIT 1"
    largest = await server.node.database.fetchval(most)
    rooms = (await admin.call("GET", f"{V1}/statistics/database/rooms"))["rooms"]
    assert rooms[0]["room_id"] == largest and all(r["estimated_size"] > 0 for r in rooms) and len(rooms) <= 10


async def test_what_somebody_did_since(admin: Person, alice: Person, bob: Person, carol: Person) -> None:
    invitations, entered = (
        f"{V1}/users/{segment(alice.id)}/{name}" for name in ("sent_invite_count", "cumulative_joined_room_count")
    )
    room = await alice.create_room(invite=[bob.id])
    await alice.invite(room, carol)
    await bob.join(room)
    other = await alice.create_room()
    await alice.leave(other)
    assert await admin.call("GET", invitations) == {"invite_count": 2}
    assert await admin.call("GET", entered) == {"cumulative_joined_room_count": 2}
    later = 4_000_000_000_000
    assert await admin.call("GET", invitations, from_ts=later) == {"invite_count": 0}
    assert await admin.call("GET", entered, from_ts=later) == {"cumulative_joined_room_count": 0}
    with pytest.raises(Refused) as refused:
        await admin.call("GET", f"{V1}/users/{segment('@nobody:localhost')}/sent_invite_count")
    assert refused.value.status == 404


async def test_rooms_that_are_being_deleted_are_tasks(admin: Person, alice: Person) -> None:
    room = await alice.create_room()
    number = (await admin.call("DELETE", f"{V2}/rooms/{segment(room)}", {}))["delete_id"]

    async def tasks(**query: Any) -> Any:
        return (await admin.call("GET", f"{V1}/scheduled_tasks", resource_id=room, **query))["scheduled_tasks"]

    (task,) = await tasks()
    assert task["id"] == number and task["resource_id"] == room and task["action"] == "shutdown_and_purge_room"

    async def is_done() -> Any:
        return await tasks(job_status="complete")

    await until(is_done)
    assert await tasks(action_name="something_else") == await tasks(job_status="failed") == []
    with pytest.raises(Refused) as refused:
        await tasks(job_status="x")
    assert refused.value.status == 400


# ------------------------------------------------------------------------------------------ devices, files, reports


async def test_one_device(admin: Person, alice: Person) -> None:
    path = f"{V2}/users/{segment(alice.id)}/devices"
    (listed,) = (await admin.call("GET", path))["devices"]
    assert await admin.call("GET", f"{path}/{alice.device}") == listed and listed["user_id"] == alice.id
    with pytest.raises(Refused) as refused:
        await admin.call("GET", f"{path}/NONE")
    assert refused.value.status == 404


async def test_what_is_known_of_a_file(admin: Person, alice: Person) -> None:
    name = await upload(alice, b"a text")
    info = (await admin.call("GET", f"{V1}/media/{name}"))["media_info"]
    assert info["user_id"] == alice.id and info["media_length"] == 6 and info["upload_name"] == "a.txt"
    assert info["quarantined_by"] is None and info["authenticated"] is True
    await admin.call("POST", f"{V1}/media/quarantine/{name}", {})
    assert (await admin.call("GET", f"{V1}/media/{name}"))["media_info"]["quarantined_by"] == admin.id
    with pytest.raises(Refused) as refused:
        await admin.call("GET", f"{V1}/media/localhost/none")
    assert refused.value.status == 404


async def test_copies_of_others_files_go_and_ones_own_stay(server: Server, admin: Person, alice: Person) -> None:
    mine = await upload(alice, b"mine")
    await server.node.database.execute(
        "INSERT INTO media (server_name, media_id, user_id, size, created_ts) VALUES ('other.example', 'copy', '', 3, 1)"
    )
    with pytest.raises(Refused) as refused:
        await admin.call("POST", f"{V1}/purge_media_cache")
    assert refused.value.errcode == "M_MISSING_PARAM"
    assert await admin.call("POST", f"{V1}/purge_media_cache?before_ts=1") == {"deleted": 0}
    assert await admin.call("POST", f"{V1}/purge_media_cache?before_ts=4000000000000") == {"deleted": 1}
    assert (await server.raw("GET", f"/_matrix/client/v1/media/download/{mine}", None, alice.token))[0] == 200


async def test_reports_of_people_are_apart_from_those_of_what_was_said(admin: Person, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    event = await bob.say(room, "insulte")
    await alice.call("POST", f"/rooms/{segment(room)}/report/{segment(event)}", {"reason": "of the message"})
    await alice.call("POST", f"/rooms/{segment(room)}/report", {"reason": "of the room"})
    await alice.call("POST", f"/users/{segment(bob.id)}/report", {"reason": "of the person"})
    people = await admin.call("GET", f"{V1}/user_reports", user_id=alice.id)
    (report,) = people["user_reports"]
    assert people["total"] == 1 and report["target_user_id"] == bob.id and report["reason"] == "of the person"
    assert (await admin.call("GET", f"{V1}/user_reports", target_user_id=bob.id))["total"] == 1
    assert (await admin.call("GET", f"{V1}/user_reports", target_user_id=alice.id))["total"] == 0
    said = (await admin.call("GET", f"{V1}/event_reports", user_id=alice.id))["event_reports"]
    assert {r["reason"] for r in said} == {"of the message", "of the room"}
    path = f"{V1}/user_reports/{report['id']}"
    assert await admin.call("GET", path) == report
    for method in ("GET", "DELETE"):
        for wrong in (f"{V1}/user_reports/{said[0]['id']}", f"{V1}/event_reports/{report['id']}"):
            with pytest.raises(Refused) as refused:
                await admin.call(method, wrong)
            assert refused.value.errcode == "M_NOT_FOUND", "a report is in one of the two lists"
    await admin.call("DELETE", path)
    with pytest.raises(Refused) as refused:
        await admin.call("GET", path)
    assert refused.value.status == 404
