"""A key backup, which an access token may delete: what goes is kept for thirty days, and an administrator brings it back."""

from __future__ import annotations

import json
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.console.scope import Actor
from chappe.homeserver.modules.account_data import kept as kept_secrets
from chappe.homeserver.modules.key_backup import kept
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import account, agree
from tests.agency.test_console import CULTURE, act, node_of, of
from tests.support import Person, Server, refused, segment, until

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


def sealed(what: str) -> dict[str, Any]:
    return {"encrypted": {"k": {"ciphertext": what}}}


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


async def bring_back(server: Server, people: People, **how: Any) -> None:
    request = (await act(people.admin, "restore_keys", user_id=people.anne.id, **how))["request"]
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


async def change_auth_data(person: Person, version: str, key: str) -> None:
    body = {"algorithm": "m.x", "auth_data": {"public_key": key}, "version": version}
    await person.call("PUT", f"/room_keys/version/{version}", body)


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_what_its_keys_fit_comes_back_with_them(ministry: Server, people: People, is_deleted: bool) -> None:
    """Clients take nothing from a backup whose public key is not that of their recovery code."""
    anne = people.anne
    version = await back_up(anne, "a")
    await change_auth_data(anne, version, "hers")
    for _ in range(2):
        await change_auth_data(anne, version, "his")
    await change_auth_data(anne, version, "his again")
    if is_deleted:
        await anne.call("DELETE", f"/room_keys/version/{version}")
    await bring_back(ministry, people)
    current = await anne.call("GET", "/room_keys/version")
    assert (current["auth_data"], current["count"]) == ({"public_key": "hers"}, 1)
    assert (current["version"] == version) is not is_deleted
    assert await read(anne, current["version"]) == {"a": "a"}


async def test_an_empty_backup_takes_no_others_place(ministry: Server, people: People) -> None:
    anne = people.anne
    empty = await back_up(anne)
    await change_auth_data(anne, empty, "his")
    await anne.call("DELETE", f"/room_keys/version/{empty}")
    gone, now = await back_up(anne, "a"), await back_up(anne, "b")
    await anne.call("DELETE", f"/room_keys/keys/{segment(ROOM)}/b", version=now)
    await bring_back(ministry, people)
    assert (await anne.call("GET", "/room_keys/version"))["version"] == now
    assert await read(anne, now) == {"b": "b"} and await read(anne, gone) == {"a": "a"}


# ---------------------------------------------------------------------------------------------------------- secrets

KEY = {"algorithm": "m.secret_storage.v1.aes-hmac-sha2"}
SECRETS = {
    "m.secret_storage.default_key": {"key": "k"},
    "m.secret_storage.key.k": KEY,
    "m.megolm_backup.v1": sealed("hers"),
    "m.cross_signing.master": sealed("hers"),
    "org.matrix.msc3814": sealed("hers"),
    "org.example.secret": sealed("hers"),
}
RUBBISH: list[dict[str, Any] | None] = [{}, None, {"encrypted": {}}, {"encrypted": "x"}, sealed("his")]


async def a_moment(node: AgencyServer) -> int:
    """What was done is earlier (ms), what is done then is later."""
    now = node.now_ms() + 1
    await until(lambda: _is_past(node, now + 1))
    return now


async def _is_past(node: AgencyServer, ts: int) -> bool:
    return node.now_ms() > ts


def path_of(person: Person, kind: str) -> str:
    return f"/user/{segment(person.id)}/account_data/{kind}"


async def put(person: Person, kind: str, content: dict[str, Any] | None) -> None:
    """None: deletes it."""
    await person.call("DELETE" if content is None else "PUT", path_of(person, kind), content)


@pytest.mark.parametrize("rubbish", RUBBISH)
async def test_secrets_come_back(ministry: Server, people: People, rubbish: dict[str, Any] | None) -> None:
    """Without them the recovery code opens nothing. What looks like a secret is taken away by saying when it was right."""
    anne, node = people.anne, node_of(ministry)
    for kind, content in SECRETS.items():
        await put(anne, kind, content)
    before = await a_moment(node)
    for kind in SECRETS:
        await put(anne, kind, rubbish)
        await put(anne, kind, rubbish)
    await anne.sync()
    await bring_back(ministry, people, **({"at_ts": before} if rubbish == sealed("his") else {}))
    for kind, content in SECRETS.items():
        assert await anne.call("GET", path_of(anne, kind)) == content
    changed = (await anne.sync())["account_data"]["events"]
    assert {e["type"] for e in changed} == SECRETS.keys(), "clients learn of it"
    for kind in SECRETS:
        await put(anne, kind, {})
    await bring_back(ministry, people)  # and again
    for kind, content in SECRETS.items():
        assert await anne.call("GET", path_of(anne, kind)) == content


async def test_another_time_can_be_tried(ministry: Server, people: People) -> None:
    """She has changed her code herself before it was taken: what was first is not what is right."""
    anne, node, kind = people.anne, node_of(ministry), "m.cross_signing.master"
    times = []
    for what in ("first", "then", "his"):
        await put(anne, kind, sealed(what))
        times.append(await a_moment(node))
    assert (await refused(act(people.admin, "restore_keys", user_id=anne.id, at_ts="x"))).status == 400
    for at_ts, right in ((0, "first"), (times[1], "then"), (times[0], "first")):
        await bring_back(ministry, people, at_ts=at_ts)
        assert await anne.call("GET", path_of(anne, kind)) == sealed(right)


async def test_what_is_kept_of_secrets(ministry: Server, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a type the first twenty, in all a bounded number, and nothing of what is no secret or was said twice."""
    anne, database = people.anne, ministry.node.database
    counted = "SELECT count(*) FROM kept_secrets WHERE user_id = $1"
    for kind, content in (("m.direct", {"@a:b": ["!r"]}), ("org.example.x", {"encrypted": {}}), ("org.example.s", sealed("a"))):
        for _ in range(2):
            await put(anne, kind, content)
    await put(anne, "org.example.x", {})
    await put(anne, "m.direct", {})
    assert await database.fetchval(counted, anne.id) == 0
    for n in range(25):
        await put(anne, "m.cross_signing.master", sealed(str(n)))
    assert await database.fetchval(counted, anne.id) == 20
    first = "SELECT content FROM kept_secrets WHERE user_id = $1 ORDER BY kept_since LIMIT 1"
    assert json.loads(await database.fetchval(first, anne.id)) == sealed("0")
    monkeypatch.setattr(kept_secrets, "MOST_OTHERS", 1)
    await put(anne, "org.example.s", sealed("b"))
    no = await refused(anne.call("PUT", path_of(anne, "org.example.s"), sealed("c")))
    assert (no.status, no.errcode) == (403, "M_RESOURCE_LIMIT_EXCEEDED")
    await put(anne, "m.megolm_backup.v1", sealed("a"))
    await put(anne, "m.megolm_backup.v1", {})  # what every client needs is never refused
    assert await anne.call("GET", path_of(anne, "org.example.s")) == sealed("b")


async def test_however_much_is_kept_it_comes_back(ministry: Server, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes secrets away and fills the place for them hinders no administrator."""
    anne, kind = people.anne, "m.secret_storage.key.k"
    await put(anne, kind, KEY)
    await put(anne, kind, {"encrypted": {}})
    monkeypatch.setattr(kept_secrets, "MOST_OTHERS", 1)
    assert (await refused(anne.call("PUT", path_of(anne, kind), sealed("his")))).status == 403
    await bring_back(ministry, people)
    assert await anne.call("GET", path_of(anne, kind)) == KEY


async def test_secrets_for_thirty_days_or_as_long_as_a_hold(ministry: Server, people: People) -> None:
    anne, node = people.anne, node_of(ministry)
    number = await node.holds.place(anne.id, "Tribunal", "4711", "@root:localhost")
    for who in (anne, people.second):
        await put(who, "m.megolm_backup.v1", sealed("hers"))
        await put(who, "m.megolm_backup.v1", {})

    async def left() -> list[str]:
        await node.account_data.kept.prune()
        return [row["user_id"] for row in await node.database.fetch("SELECT user_id FROM kept_secrets ORDER BY 1")]

    shift = "UPDATE kept_secrets SET kept_since = kept_since - make_interval(days => $1)"
    await node.database.execute(shift, 29)
    assert await left() == sorted([anne.id, people.second.id])
    await node.database.execute(shift, 2)
    assert await left() == [anne.id]
    await node.holds.lift(number, "over", "@root:localhost")
    assert await left() == []


async def test_thirty_days_and_not_longer(ministry: Server, people: People) -> None:
    anne = people.anne
    database, days = (ministry.node.database, "UPDATE key_backups SET kept_since = kept_since - make_interval(days => $1)")
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


AGES = ("kept_secrets", "key_backups", "key_backup_sessions")


async def days_go_by(server: Server, days: int) -> None:
    for table in AGES:
        shift = f"UPDATE {table} SET kept_since = kept_since - make_interval(days => $1)"
        await server.node.database.execute(shift, days)


@pytest.mark.parametrize("deletes", ["backups", "sessions"])
@pytest.mark.parametrize("is_held", [True, False])
@pytest.mark.parametrize("is_pruned", [True, False])
async def test_nobody_finds_out_from_what_is_full_that_they_are_held(
    ministry: Server, people: People, monkeypatch: pytest.MonkeyPatch, is_held: bool, is_pruned: bool, deletes: str
) -> None:
    """What was full is free again after thirty days, for everybody, whatever is kept longer."""
    anne, node = people.anne, node_of(ministry)
    if is_held:
        await node.holds.place(anne.id, "Tribunal", "4711", "@root:localhost")
    monkeypatch.setattr(kept, "MAX_KEPT", 1)
    monkeypatch.setattr(kept_secrets, "MOST_OTHERS", 1)
    await put(anne, "org.example.s", sealed("a"))
    await put(anne, "org.example.s", sealed("b"))

    async def delete(number: int) -> None:
        if deletes == "backups":
            await anne.call("DELETE", f"/room_keys/version/{versions[number]}")
        else:
            path = f"/room_keys/keys/{segment(ROOM)}/{'ab'[number]}"
            await anne.call("DELETE", path, version=versions[0])

    versions = [await back_up(anne, "a"), await back_up(anne, "b")] if deletes == "backups" else [await back_up(anne, *"ab")]
    await delete(0)
    fills = [lambda: put(anne, "org.example.s", sealed("c")), lambda: delete(1)]
    for days, is_full in ((0, True), (29, True), (2, False)):
        await days_go_by(ministry, days)
        if is_pruned:
            await node.account_data.kept.prune()
            await node.kept_sessions.prune()
        for fill in fills:
            if is_full:
                assert (await refused(fill())).errcode == "M_RESOURCE_LIMIT_EXCEEDED"
            else:
                await fill()


@pytest.mark.parametrize("is_held", [True, False])
async def test_who_is_held_is_kept_as_much_of_as_others(ministry: Server, people: People, is_held: bool) -> None:
    """Twenty of a type in thirty days: those of earlier ones, which a hold keeps, take no place."""
    anne, node = people.anne, node_of(ministry)
    if is_held:
        await node.holds.place(anne.id, "Tribunal", "4711", "@root:localhost")
    for number in range(23):
        await put(anne, "m.megolm_backup.v1", sealed(f"{number}"))
    await days_go_by(ministry, 31)
    await node.account_data.kept.prune()
    await put(anne, "m.megolm_backup.v1", sealed("the last"))
    contents = [json.loads(row["content"]) for row in await node.database.fetch("SELECT content FROM kept_secrets")]
    assert (sealed("22") in contents, len(contents)) == (True, 21 if is_held else 1)


async def test_each_key_for_thirty_days(ministry: Server, people: People) -> None:
    """However often others of the same backup are deleted meanwhile."""
    anne = people.anne
    version = await back_up(anne, "a", "b")
    for name, left in (("a", 1), ("b", 1)):
        await anne.call("DELETE", f"/room_keys/keys/{segment(ROOM)}/{name}", version=version)
        await days_go_by(ministry, 20)
        await ministry.node.kept_sessions.prune()
        assert await ministry.node.database.fetchval(NOTHING, anne.id) == left


async def test_the_account_of_another_organisation(ministry: Server, people: People) -> None:
    stranger = await account(ministry, "stranger")
    assert (await refused(act(people.admin, "restore_keys", user_id=stranger.id))).status == 404
