"""What a person's devices have read goes from one to the other, sealed: the server keeps it, within bounds, and nobody else gets it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from chappe.config import Shares
from tests.support import PASSWORD, Person, Refused, Server

NewServer = Callable[..., Awaitable[Server]]
INDEX = "/_chappe/client/v1/sealed_index"


async def put(person: Person, part: str, sealed: bytes) -> tuple[int, Any]:
    status, raw, _ = await person.server.raw("PUT", f"{INDEX}/{part}", sealed, person.token)
    return status, msgspec.json.decode(raw).get("errcode")


async def get(person: Person, part: str) -> tuple[int, bytes]:
    status, raw, _ = await person.server.raw("GET", f"{INDEX}/{part}", None, person.token)
    return status, raw


async def parts(person: Person) -> dict[str, int]:
    return {each["part"]: each["size"] for each in (await person.call("GET", INDEX))["parts"]}


async def test_a_device_finds_what_another_has_sealed_and_nobody_else_does(server: Server) -> None:
    anne, bob = await server.person(), await server.person()
    assert await put(anne, "part-0001", b"\x00sealed\xff") == (200, None)
    second = await anne.another_device()
    assert await parts(second) == {"part-0001": 8}
    assert await get(second, "part-0001") == (200, b"\x00sealed\xff")
    assert await parts(bob) == {}
    assert (await get(bob, "part-0001"))[0] == 404
    await bob.call("DELETE", f"{INDEX}/part-0001")
    assert await put(second, "part-0001", b"anew") == (200, None)
    assert await get(anne, "part-0001") == (200, b"anew"), "a part takes the place of that of its name"
    await second.call("DELETE", f"{INDEX}/part-0001")
    assert await parts(anne) == {}


async def test_all_parts_go_at_once(server: Server) -> None:
    anne = await server.person()
    for number in range(3):
        await put(anne, f"part-{number:04}", b"x")
    await anne.call("DELETE", INDEX)
    assert await parts(anne) == {}


@pytest.mark.parametrize("name", ["short", "with%20space", "x" * 65, "d%C3%A9j%C3%A0-vu-12", "..%2F..%2Fetc%2Fpasswd"])
async def test_names_of_parts_are_plain(server: Server, name: str) -> None:
    anne = await server.person()
    assert await put(anne, name, b"x") == (400, "M_INVALID_PARAM")


async def test_an_account_has_its_share_whoever_writes_at_once(new_server: NewServer) -> None:
    server = await new_server(shares=Shares(sealed_index_mib=1))
    anne = await server.person()
    third = b"x" * (1 << 20) + b""
    assert await put(anne, "too-large-1", third + b"y") == (413, "M_TOO_LARGE")
    answers = await asyncio.gather(*(put(anne, f"part-{n:04}", b"x" * 400_000) for n in range(4)))
    assert sorted(answers) == [(200, None)] * 2 + [(403, "M_RESOURCE_LIMIT_EXCEEDED")] * 2
    known = next(iter(await parts(anne)))
    assert await put(anne, known, b"x" * 600_000) == (200, None), "what it takes the place of does not count"


async def test_an_installation_that_keeps_none_says_so(new_server: NewServer) -> None:
    server = await new_server(shares=Shares(sealed_index_mib=0))
    anne = await server.person()
    assert (await anne.call("GET", INDEX))["most_bytes"] == 0
    assert await put(anne, "part-0001", b"x") == (403, "M_RESOURCE_LIMIT_EXCEEDED")


async def test_it_ends_with_the_account(server: Server) -> None:
    anne = await server.person()
    await put(anne, "part-0001", b"x")
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": anne.id}, "password": PASSWORD}
    await anne.call("POST", "/account/deactivate", {"auth": auth})
    assert await server.node.database.fetchval("SELECT count(*) FROM sealed_index WHERE user_id = $1", anne.id) == 0


async def test_nobody_without_an_account(server: Server) -> None:
    anne = await server.person()
    anne.token = "none"
    with pytest.raises(Refused) as refusal:
        await anne.call("GET", INDEX)
    assert (refusal.value.status, refusal.value.errcode) == (401, "M_UNKNOWN_TOKEN")
