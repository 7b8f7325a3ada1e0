"""A key backup, which an access token may delete: what goes is kept for thirty days, and an administrator brings it back."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.console.scope import Actor
from chappe.homeserver.matrix.identifiers import UserId
from chappe.homeserver.modules.key_backup import kept
from tests.agency.conftest import account, agree, refused
from tests.agency.test_console import CULTURE, act, node_of, of
from tests.support import Person, Server, segment

ROOM = "!room:localhost"
NOTHING = "SELECT count(*) FROM key_backup_sessions WHERE user_id = $1 AND version < 0"


class People:
    """Two who administer Culture, and one of its people."""

    admin: Person
    second: Person
    anne: Person


@pytest_asyncio.fixture
async def people(ministry: Server) -> People:
    found = People()
    found.admin, found.second, found.anne = [await of(ministry, name) for name in ("adele", "basile", "anne")]
    for one in (found.admin, found.second):
        await node_of(ministry).scope.grant(Actor("@root:localhost", "culture"), UserId(one.id))
    return found


def session(what: str, index: int = 5) -> dict[str, Any]:
    return {"first_message_index": index, "forwarded_count": 0, "is_verified": False, "session_data": {"sealed": what}}


async def back_up(person: Person, *names: str) -> str:
    body = {"algorithm": "m.x", "auth_data": {"public_key": "hers"}}
    version: str = (await person.call("POST", "/room_keys/version", body))["version"]
    await write(person, version, {name: session(name) for name in names})
    return version


async def write(person: Person, version: str, sessions: dict[str, Any]) -> None:
    await person.call("PUT", f"/room_keys/keys/{segment(ROOM)}", {"sessions": sessions}, version=version)


async def read(person: Person, version: str) -> dict[str, str]:
    found = (await person.call("GET", "/room_keys/keys", version=version))["rooms"]
    return {name: one["session_data"]["sealed"] for name, one in found.get(ROOM, {"sessions": {}})["sessions"].items()}


async def bring_back(server: Server, people: People) -> None:
    request = (await act(people.admin, "restore_keys", user_id=people.anne.id))["request"]
    await agree(server, people.second, f"{CULTURE}/requests/{request}")


async def test_a_backup_that_was_deleted_is_brought_back(ministry: Server, people: People) -> None:
    """Overwritten, emptied in parts, and deleted, by whoever has a token: the owner's own devices see all that as they expect."""
    anne = people.anne
    version = await back_up(anne, "a", "b", "c")
    await write(anne, version, {"a": session("rubbish", 0)})
    await anne.call("DELETE", f"/room_keys/keys/{segment(ROOM)}/b", version=version)
    assert await read(anne, version) == {"a": "rubbish", "c": "c"}
    await anne.call("DELETE", f"/room_keys/version/{version}")
    assert (await refused(anne.call("GET", "/room_keys/version"))).status == 404
    other = await back_up(anne, "z")
    await bring_back(ministry, people)
    current = await anne.call("GET", "/room_keys/version")
    assert int(current["version"]) > int(other) and current["auth_data"] == {"public_key": "hers"}
    assert current["count"] == 3
    assert await read(anne, current["version"]) == {"a": "a", "b": "b", "c": "c"}
    assert await read(anne, other) == {"z": "z"}
    assert await ministry.node.database.fetchval(NOTHING, anne.id) == 0


async def test_a_backup_in_use_gets_back_what_it_had(ministry: Server, people: People) -> None:
    anne = people.anne
    version = await back_up(anne, "a", "b")
    await anne.call("DELETE", "/room_keys/keys", version=version)
    await write(anne, version, {"n": session("n")})
    etag = (await anne.call("GET", "/room_keys/version"))["etag"]
    await bring_back(ministry, people)
    assert await read(anne, version) == {"a": "a", "b": "b", "n": "n"}
    assert (await anne.call("GET", "/room_keys/version"))["etag"] != etag


async def test_thirty_days_and_not_longer(ministry: Server, people: People) -> None:
    anne = people.anne
    database, days = (
        ministry.node.database,
        "UPDATE key_backups SET kept_since = kept_since - make_interval(days => $1)",
    )
    version = await back_up(anne, "a")
    await anne.call("DELETE", f"/room_keys/version/{version}")
    await database.execute(days, 29)
    await ministry.node.kept_sessions.prune()
    assert await database.fetchval(NOTHING, anne.id) == 1
    await database.execute(days, 2)
    await ministry.node.kept_sessions.prune()
    assert await database.fetchval(NOTHING, anne.id) == 0
    headers = "SELECT count(*) FROM key_backups WHERE user_id = $1 AND version < 0"
    assert await database.fetchval(headers, anne.id) == 0
    assert await back_up(anne, "a") == str(int(version) + 1), "a version is never given twice"


async def test_under_a_hold_nothing_goes(ministry: Server, people: People) -> None:
    anne, node = people.anne, node_of(ministry)
    number = await node.holds.place(anne.id, "Tribunal", "4711", "@root:localhost")
    for who in (anne, people.second):
        version = await back_up(who, "a")
        await who.call("DELETE", f"/room_keys/version/{version}")
    await node.database.execute("UPDATE key_backups SET kept_since = kept_since - interval '31 days'")
    await node.kept_sessions.prune()
    assert await node.database.fetchval(NOTHING, anne.id) == 1
    assert await node.database.fetchval(NOTHING, people.second.id) == 0
    await node.holds.lift(number, "over", "@root:localhost")
    await node.kept_sessions.prune()
    assert await node.database.fetchval(NOTHING, anne.id) == 0


async def test_nobody_crowds_out_what_was_deleted_first(
    ministry: Server, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    anne = people.anne
    monkeypatch.setattr(kept, "MAX_KEPT", 1)
    first, then = await back_up(anne, "a"), await back_up(anne, "b")
    await anne.call("DELETE", f"/room_keys/version/{first}")
    no = await refused(anne.call("DELETE", f"/room_keys/version/{then}"))
    assert (no.status, no.errcode) == (403, "M_RESOURCE_LIMIT_EXCEEDED")
    assert await read(anne, then) == {"b": "b"}


async def test_the_account_of_another_organisation(ministry: Server, people: People) -> None:
    stranger = await account(ministry, "stranger")
    assert (await refused(act(people.admin, "restore_keys", user_id=stranger.id))).status == 404
