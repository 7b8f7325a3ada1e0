"""What administrators do is written down, sealed; whoever changes it afterwards is found out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.audit import FIRST, Audit, BrokenChain, Head, seal_of
from chappe.agency.audit_ledger import AuditKeys, Key
from tests.support import Person, Refused, Server, segment

PATH = "/_chappe/admin/v1/audit"


@pytest_asyncio.fixture
async def server(new_server: Callable[..., Awaitable[Server]]) -> Server:
    return await new_server()


@pytest_asyncio.fixture
async def root(server: Server) -> Person:
    root = await server.person("root")
    await server.node.accounts.change(root.id, is_admin=True)
    return root


def audit_of(server: Server) -> Audit:
    assert isinstance(server.node, AgencyServer)
    return server.node.audit


async def lock(root: Person, user_id: str, locked: bool = True) -> None:
    await root.call("PUT", f"/_matrix/client/v1/admin/lock/{segment(user_id)}", {"locked": locked})


async def entries(root: Person, **query: Any) -> list[dict[str, Any]]:
    return list((await root.call("GET", PATH, **query))["entries"])


async def test_what_is_changed_is_written_down_with_who_and_whom(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    await lock(root, anne.id)
    await root.call("GET", f"/_matrix/client/v1/admin/lock/{segment(anne.id)}")
    read, entry = await entries(root)
    assert read["action"].startswith("GET ") and read["detail"] == {"userId": anne.id}, "who looked at whom is known as well"
    assert entry.pop("ts") > 1_700_000_000_000
    assert entry == {
        "number": 1,
        "actor": root.id,
        "action": "PUT /_matrix/client/v1/admin/lock/{userId}",
        "detail": {"userId": anne.id, "body": {"locked": True}},
    }


async def test_what_fails_was_tried(server: Server, root: Person) -> None:
    with pytest.raises(Refused):
        await lock(root, "@nobody:localhost")
    status, _, _ = await server.raw("PUT", f"/_matrix/client/v1/admin/lock/{segment(root.id)}", b"{not json", root.token)
    assert status == 400
    told = [entry["detail"].get("body", entry["detail"].get("outcome")) for entry in await entries(root)]
    assert told[1::2] == ["(not JSON)", {"locked": True}]
    assert all(outcome.startswith("failed: ") for outcome in told[::2])


async def test_secrets_are_not_written_down(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    body = {"new_password": "hush, a new secret", "logout_devices": False}
    await root.call("POST", f"/_synapse/admin/v1/reset_password/{segment(anne.id)}", body)
    (entry,) = await entries(root)
    assert entry["detail"]["body"] == {"new_password": "(hidden)", "logout_devices": False}
    assert "hush, a new" not in str(await server.node.database.fetch("SELECT detail FROM audit"))


async def test_others_neither_read_it_nor_are_in_it(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    for method, path in (("GET", PATH), ("PUT", f"/_matrix/client/v1/admin/lock/{segment(root.id)}")):
        with pytest.raises(Refused) as refusal:
            await anne.call(method, path, {"locked": True} if method == "PUT" else None)
        assert refusal.value.status == 403
    assert await entries(root) == []


async def test_pages(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    for n in range(5):
        await lock(root, anne.id, n % 2 == 0)
    first = await root.call("GET", PATH, limit=2)
    assert [entry["number"] for entry in first["entries"]] == [5, 4]
    rest = await root.call("GET", PATH, before=first["next"])
    assert [entry["number"] for entry in rest["entries"]] == [3, 2, 1] and "next" not in rest
    for bad in ({"limit": "many"}, {"before": 0}, {"limit": 0}):
        with pytest.raises(Refused) as refusal:
            await root.call("GET", PATH, **bad)
        assert refusal.value.errcode == "M_INVALID_PARAM"


async def test_entries_at_once_are_one_chain(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    await asyncio.gather(*(lock(root, anne.id, n % 2 == 0) for n in range(30)))
    head = await audit_of(server).verify()
    assert head.number == 30
    assert await audit_of(server).verify(Head.parse(str(head))) == head


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        ("UPDATE audit SET actor = '@somebody:localhost' WHERE number = 3", 3),
        ("UPDATE audit SET detail = replace(detail, 'anne', 'bert') WHERE number = 1", 1),
        ("UPDATE audit SET ts = ts + 1 WHERE number = 5", 5),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 WHERE number > 3", 3),
    ],
)
async def test_tampering_is_found(server: Server, root: Person, tamper: str, broken: int) -> None:
    anne = await server.person("anne")
    for _ in range(5):
        await lock(root, anne.id)
    for statement in tamper.split(";"):
        await server.node.database.execute(statement)
    with pytest.raises(BrokenChain) as found:
        await audit_of(server).verify()
    assert found.value.number == broken


async def reseal(server: Server, key: Key | None) -> None:
    """Seals the whole log anew, as somebody would who can write into the database."""
    previous = FIRST
    for row in await server.node.database.fetch("SELECT * FROM audit ORDER BY number"):
        seal = seal_of(key, previous, row["number"], row["ts"], row["actor"], row["action"], row["detail"])
        await server.node.database.execute("UPDATE audit SET seal = $2 WHERE number = $1", row["number"], seal)
        previous = seal


@pytest.mark.parametrize("pretends", ["as it was", "from before there were keys", "with a key of their own"])
async def test_entries_taken_out_and_the_rest_sealed_anew_are_missed(server: Server, root: Person, pretends: str) -> None:
    """By whoever has the database alone, even without the ledger."""
    anne = await server.person("anne")
    for _ in range(6):
        await lock(root, anne.id)
    await server.node.database.execute("DELETE FROM audit WHERE number IN (2, 3)")
    await server.node.database.execute("UPDATE audit SET number = number - 2 WHERE number > 3")
    forged = Key("00000000", bytes(32), 1)
    if pretends != "as it was":
        own = None if "before" in pretends else forged.id
        await server.node.database.execute("UPDATE audit SET key_id = $1", own)
    await reseal(server, None if "before" in pretends else forged)
    (server.data / "audit.log").unlink()
    with pytest.raises(BrokenChain):
        await audit_of(server).verify()


async def test_an_end_cut_off_is_missed(server: Server, root: Person) -> None:
    """By the ledger, which the database does not hold."""
    anne = await server.person("anne")
    for _ in range(3):
        await lock(root, anne.id)
    await server.node.database.execute("DELETE FROM audit WHERE number = 3")
    with pytest.raises(BrokenChain) as found:
        await audit_of(server).verify()
    assert found.value.number == 3 and "missing" in str(found.value)
    await lock(root, anne.id)
    with pytest.raises(BrokenChain):
        await audit_of(server).verify()


async def test_the_key_itself_does_not_help_against_the_ledger(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    for _ in range(3):
        await lock(root, anne.id)
    await server.node.database.execute("UPDATE audit SET actor = '@other:localhost' WHERE number = 2")
    await reseal(server, AuditKeys(server.data / "audit.key").for_entry(1))
    with pytest.raises(BrokenChain) as found:
        await audit_of(server).verify()
    assert found.value.number == 2


async def test_another_key_seals_from_now_on(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    await lock(root, anne.id)
    await audit_of(server).rotate_key("command line (tests)")
    await lock(root, anne.id)
    assert (await audit_of(server).verify()).number == 3
    keys = AuditKeys(server.data / "audit.key").all()
    assert [key.first for key in keys] == [1, 2]
    rows = await server.node.database.fetch("SELECT key_id FROM audit ORDER BY number")
    assert [row["key_id"] for row in rows] == [keys[0].id, keys[1].id, keys[1].id]
    for name in ("audit.key", "audit.log"):
        assert (server.data / name).stat().st_mode & 0o777 == 0o600


async def test_a_log_from_before_there_were_keys_is_read_on(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    await server.node.database.execute(
        "INSERT INTO audit (number, ts, actor, action, detail, seal) VALUES (1, 5, 'a', 'b', '{}', $1)",
        seal_of(None, FIRST, 1, 5, "a", "b", "{}"),
    )
    await lock(root, anne.id)
    assert (await audit_of(server).verify()).number == 2
    assert [key.first for key in AuditKeys(server.data / "audit.key").all()] == [2]


async def test_whatever_fails_is_said_to_have_failed(server: Server, root: Person) -> None:
    """Also what is no refusal but an error of the server."""
    await server.node.database.execute("DROP TABLE reports CASCADE")
    status, _, _ = await server.raw("DELETE", "/_synapse/admin/v1/event_reports/1", {}, root.token)
    assert status == 500
    failed, tried = await entries(root)
    assert failed["detail"]["outcome"] == "failed: UndefinedTableError" and "outcome" not in tried["detail"]


async def test_reading_is_written_down_once_an_hour(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    for _ in range(3):
        await root.call("GET", f"/_synapse/admin/v2/users/{segment(anne.id)}")
        await root.call("GET", "/_synapse/admin/v2/users", name="a")
        await root.call("GET", PATH)
    assert sorted(entry["action"] for entry in await entries(root)) == [
        "GET /_synapse/admin/v2/users",
        "GET /_synapse/admin/v2/users/{userId}",
    ]


async def test_an_end_cut_off_is_found_by_whoever_noted_the_head(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    for _ in range(3):
        await lock(root, anne.id)
    noted = await audit_of(server).verify()
    await server.node.database.execute("DELETE FROM audit WHERE number = 3")
    (server.data / "audit.log").unlink()
    assert (await audit_of(server).verify()).number == 2, "the chain alone does not tell"
    with pytest.raises(BrokenChain):
        await audit_of(server).verify(noted)
    await lock(root, anne.id)
    with pytest.raises(BrokenChain):
        await audit_of(server).verify(noted)
