"""What other servers answer: as much as the question can have for an answer, and none of it read at the others' cost."""

from __future__ import annotations

import ast
import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from aiohttp import web

import chappe
from chappe.homeserver.load import large_json
from chappe.homeserver.load.large_json import read_in_parts
from chappe.homeserver.load.parsing import IN_PARTS, read_answer
from chappe.homeserver.outbound.federation.client import SMALL_ANSWER, PeerRefused
from chappe.matrix.errors import MatrixError
from chappe.net.fetcher import ANSWER_BYTES, Fetcher
from tests.federation.certificates import Authority
from tests.federation.conftest import Peer
from tests.process import free_port

SOURCE = Path(chappe.__file__).parent
LARGER = {  # (file, function): the questions whose answers may be larger than 256 KiB, and how much
    ("agency/guest_homes.py", "ask_homes"): "AGENTS_BYTES",
    ("homeserver/actions/ask_servers.py", "directory"): "LIST_BYTES",
    ("homeserver/actions/ask_servers.py", "people"): "LIST_BYTES",
    ("homeserver/actions/ask_servers.py", "one"): "LIST_BYTES",
    ("homeserver/actions/ask_servers.py", "hierarchy"): "LIST_BYTES",
    ("homeserver/modules/end_to_end_encryption/remote_devices.py", "_fetch"): "KEYS_BYTES",
    ("homeserver/modules/end_to_end_encryption/remote_devices.py", "claim"): "KEYS_BYTES",
    ("homeserver/modules/end_to_end_encryption/remote_devices.py", "ask"): "KEYS_BYTES",
    ("homeserver/outbound/federation/queries.py", "alias"): "LIST_BYTES",
    ("homeserver/rooms/remote/calls.py", "missing_events"): "EVENTS_BYTES",
    ("homeserver/rooms/remote/calls.py", "backfill"): "EVENTS_BYTES",
    ("homeserver/rooms/remote/calls.py", "state_ids"): "IDS_BYTES",
    ("homeserver/rooms/remote/calls.py", "state"): "CHAIN_BYTES",
    ("homeserver/rooms/remote/calls.py", "whole_state"): "STATE_BYTES",
    ("homeserver/rooms/remote/calls.py", "event_auth"): "CHAIN_BYTES",
    ("homeserver/rooms/remote/handshakes.py", "invite"): "SHOWN_BYTES",
    ("homeserver/rooms/remote/handshakes.py", "send"): "STATE_BYTES if kind == 'join' else SHOWN_BYTES",
}


def test_large_answers_are_few_and_known() -> None:
    found = {}
    for path in SOURCE.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.AsyncFunctionDef):
                for node in (n for part in function.body for n in ast.walk(part) if isinstance(n, ast.keyword)):
                    text = ast.unparse(node.value)
                    if node.arg == "most_bytes" and text != "most_bytes":
                        found[str(path.relative_to(SOURCE)), function.name] = text
    assert found == LARGER


class Stranger:
    """A server that answers every request with the same bytes. `plain`: its address without TLS."""

    def __init__(self, name: str, plain: str) -> None:
        self.name, self.plain = name, plain
        self.status, self.body = 200, b"{}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=self.status, body=self.body, content_type="application/json")


@pytest_asyncio.fixture
async def stranger(authority: Authority) -> AsyncIterator[Stranger]:
    port, plain = free_port(), free_port()
    found = Stranger(f"localhost:{port}", f"http://localhost:{plain}/")
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("localhost"))
    await web.TCPSite(runner, "localhost", port, ssl_context=context).start()
    await web.TCPSite(runner, "localhost", plain).start()
    yield found
    await runner.cleanup()


async def test_an_answer_has_the_size_that_its_question_expects(peer: Peer, stranger: Stranger) -> None:
    here = await peer()
    alice = await here.person("alice")
    client, own = here.node.federation_client, here.config.server_name
    v1 = "/_matrix/federation/v1"
    small: list[Callable[[], Awaitable[object]]] = [
        lambda: client.get_unsigned(stranger.name, "/_matrix/key/v2/server"),
        lambda: client.post_unsigned(stranger.name, "/_matrix/key/v2/query", {}),
        lambda: client.get_unsigned(stranger.name, f"{v1}/version"),
        lambda: client.get(own, stranger.name, f"{v1}/query/profile", {"user_id": f"@x:{stranger.name}"}),
        lambda: client.request(own, stranger.name, "PUT", f"{v1}/send/1", content={}),
    ]
    for ask in small:
        stranger.body = orjson.dumps({"server": "x" * (SMALL_ANSWER - 100)})
        await ask()
        stranger.body = orjson.dumps({"server": "x" * SMALL_ANSWER})
        with pytest.raises(PeerRefused, match="too long"):
            await ask()
    status, raw, _ = await here.raw("GET", f"/_matrix/client/v3/profile/@x:{stranger.name}", token=alice.token)
    assert (status, b"too long" in raw) == (502, True)
    stranger.body = orjson.dumps({"pdus": ["x" * 1000] * 1000})
    assert len((await client.get(own, stranger.name, v1, most_bytes=2 << 20))["pdus"]) == 1000
    stranger.body = b'{"pdus":[' + b",".join([b"{}"] * 150_000) + b"]}"
    for _ in range(10):  # others' questions are still asked: no answer of these makes the server a dead one
        with pytest.raises(PeerRefused, match="more than"):
            await client.get(own, stranger.name, v1, most_bytes=2 << 20)


async def test_what_others_answer_has_a_size_too(stranger: Stranger) -> None:
    """Push gateways, application services, identity services, providers."""
    fetcher = Fetcher((), (), None, is_trusted=True)
    try:
        stranger.body = b"x" * (ANSWER_BYTES + 1)
        for ask in (
            fetcher.get_bytes(stranger.plain),
            fetcher.post(stranger.plain, b"{}", {}),
            fetcher.send("PUT", stranger.plain, b"{}", {}),
        ):
            with pytest.raises(MatrixError, match="too long"):
                await ask
    finally:
        await fetcher.close()


async def test_others_have_their_turn_while_a_large_answer_is_read() -> None:
    event = {"auth_events": ["$" + "a" * 43] * 3, "content": {"membership": "join"}, "signatures": {"x": {"y": "z" * 86}}}
    raw = orjson.dumps({"state": [event] * 60_000, "auth_chain": []})
    assert len(raw) > 10 * IN_PARTS
    turns, done = 0, False

    async def count() -> None:
        nonlocal turns
        while not done:
            await asyncio.sleep(0.001)
            turns += 1

    counting = asyncio.create_task(count())
    value = await read_answer(raw, 2_000_000)
    done = True
    await counting
    assert len(value["state"]) == 60_000 and value["state"][-1] == event
    assert turns > 10


EVENT = {"content": {"name": 'é😀 "quoted\\"', "n": -3, "x": 1.5, "t": True, "z": None, "e": {}, "l": []}}
VALUES = [
    {"state": [EVENT] * 3, "a": [], "b": {}, "s": "x", "n": 1},
    [],
    {},
    [1, [2, [3]]],
    [[], {}],
    {"a": [[], [1]]},
    "x",
    1,
    None,
    {"é": {"e": [{}]}},
]


@pytest.mark.parametrize("value", VALUES)
def test_what_is_read_in_parts_is_what_was_written(value: object) -> None:
    for raw in (orjson.dumps(value), orjson.dumps(value, option=orjson.OPT_INDENT_2), b" " + orjson.dumps(value) + b"\n"):
        assert read_in_parts(raw) == value


@pytest.mark.parametrize("seen", [90, 91, 97, 100])
def test_where_it_is_cut_does_not_matter(monkeypatch: pytest.MonkeyPatch, seen: int) -> None:
    monkeypatch.setattr(large_json, "MAX_PART", seen)
    value = {"state": [{"é": "x" * (n % 40), "n": n} for n in range(50)], "numbers": [10**n for n in range(18)], "a": True}
    for raw in (orjson.dumps(value), orjson.dumps(value, option=orjson.OPT_INDENT_2)):
        assert read_in_parts(raw) == value
    for raw in (b'{"state":["' + b"x" * seen + b'"]}', orjson.dumps(value)[:-1], orjson.dumps(value) + b"1"):
        with pytest.raises(ValueError):
            read_in_parts(raw)


BROKEN = [
    b"",
    b"[",
    b"{",
    b"[1",
    b"[1,",
    b"[1,]",
    b'{"a"}',
    b'{"a":}',
    b'{"a":1,}',
    b"{1:2}",
    b"[]x",
    b'{"a":[NaN]}',
    b"[1 2]",
    b'{"a":["\\ud800"]}',
    b'["\xff"]',
    b"[" * 100_000,
    b'{"a":[',
    b'["a\nb"]',
    b"[01]",
    b"[1,,2]",
    b'{"a":[-]}',
    b"[tru]",
]


@pytest.mark.parametrize("raw", BROKEN)
def test_what_is_no_json_is_none_in_parts(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_in_parts(raw)
