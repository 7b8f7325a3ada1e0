"""What administrators do is written down, sealed; whoever changes it afterwards is found out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.audit import Audit, BrokenChain, Head
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
    assert read["action"].startswith("GET ") and read["detail"] == {"userId": anne.id}, (
        "who looked at whom is known as well"
    )
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
    status, _, _ = await server.raw(
        "PUT", f"/_matrix/client/v1/admin/lock/{segment(root.id)}", b"{not json", root.token
    )
    assert status == 400
    told = [entry["detail"].get("body", entry["detail"].get("outcome")) for entry in await entries(root)]
    assert told[1::2] == ["(not JSON)", {"locked": True}]
    assert all(outcome.startswith("failed: ") for outcome in told[::2])


async def test_secrets_are_not_written_down(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    body = {"new_password": "hush, a secret", "logout_devices": False}
    await root.call("POST", f"/_synapse/admin/v1/reset_password/{segment(anne.id)}", body)
    (entry,) = await entries(root)
    assert entry["detail"]["body"] == {"new_password": "(hidden)", "logout_devices": False}
    assert "hush" not in str(await server.node.database.fetch("SELECT detail FROM audit"))


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


async def test_an_end_cut_off_is_found_by_whoever_noted_the_head(server: Server, root: Person) -> None:
    anne = await server.person("anne")
    for _ in range(3):
        await lock(root, anne.id)
    noted = await audit_of(server).verify()
    await server.node.database.execute("DELETE FROM audit WHERE number = 3")
    assert (await audit_of(server).verify()).number == 2, "the chain alone does not tell"
    with pytest.raises(BrokenChain):
        await audit_of(server).verify(noted)
    await lock(root, anne.id)
    with pytest.raises(BrokenChain):
        await audit_of(server).verify(noted)
