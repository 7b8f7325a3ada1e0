"""People and servers for tests: real HTTP against a real server on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import inspect
import io
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from chappe.agency.app import AgencyServer
from chappe.config import Config, Listener, dev_config
from tests.conformance.operations import record

PASSWORD = "correct horse"
_names = itertools.count(1)


async def until(look: Callable[[], Any], seconds: float = 120) -> Any:
    """What `look` (a function, or a coroutine function) returns once it is something. The limit is for what never comes: a machine
    that is busy with other tests takes many times as long as an idle one."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = look()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"{getattr(look, '__qualname__', look)} did not come true"
        await asyncio.sleep(0.02)


def segment(text: str) -> str:
    """A path segment, every reserved character encoded."""
    return quote(text, safe="")


def test_config(**changes: Any) -> Config:
    return msgspec.structs.replace(dev_config(), **{"listeners": [Listener(port=0)], **changes})


class Reached:
    """A server where tests talk to it: at its own address (`Server`), or at that of something before it.

    `is_ours`: what it answers counts as an operation that a test has asked us for."""

    is_ours = True
    base: str
    session: aiohttp.ClientSession | None

    async def raw(
        self, method: str, path: str, body: Any = None, token: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, Any]:
        """(status, body, headers). `body`: bytes as they are, anything else as JSON."""
        assert self.session is not None
        given = dict(headers or {})
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        data = io.BytesIO(body) if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        async with self.session.request(
            method, URL(self.base + path, encoded=True), data=data, headers=given, allow_redirects=False
        ) as answer:
            if self.is_ours:
                record(method, path, answer.status)
            return answer.status, await answer.read(), answer.headers


class Server(Reached):
    """A running node; `session` talks to it."""

    def __init__(self, config: Config, data: Path, url: str) -> None:
        self.config, self.data, self.url = config, data, url
        self.node = AgencyServer(config, data, url)
        self.session = None

    async def start(self) -> Server:
        await self.node.start()
        self._record_requests()
        self.base = self.node.listeners[0].url
        connector = aiohttp.TCPConnector(limit=0)
        self.session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60))
        return self

    def _record_requests(self) -> None:
        """Of which operation: also what other servers ask."""
        count = self.node.metrics.request

        def request(method: str, template: str, status: int, seconds: float) -> None:
            record(method, template, status)
            count(method, template, status, seconds)

        self.node.metrics.request = request  # type: ignore[method-assign]

    async def stop(self) -> None:
        if self.session is not None:
            await self.session.close()
        await self.node.stop()
        for _ in range(5):  # connections that other servers have dropped meanwhile are closed before the loop ends
            await asyncio.sleep(0)

    async def person(self, name: str | None = None, device: str | None = None, **registration: Any) -> Person:
        """A new account with its first device."""
        name = name or f"person{next(_names)}"
        body = {"username": name, "password": PASSWORD, "auth": {"type": "m.login.dummy"}, **registration}
        if device is not None:
            body["device_id"] = device
        status, raw, _ = await self.raw("POST", "/_matrix/client/v3/register", body)
        assert status == 200, raw
        return Person(self, json.loads(raw))


class Clock:
    """Time that passes when it is told to (`now`, in ms)."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Refused(AssertionError):
    """The server said no; `errcode` and `status` say how."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body
        self.again = False  # an earlier try of the same request, whose answer was lost, may have been carried out
        self.errcode = body.get("errcode") if isinstance(body, dict) else None


async def refused(call: Awaitable[Any]) -> Refused:
    """How the server said no."""
    try:
        answer = await call
    except Refused as error:
        return error
    raise AssertionError(f"nothing was refused: {answer}")


class Person:
    """Somebody with an account, at one device."""

    def __init__(self, server: Server, session: dict[str, Any]) -> None:
        self.server, self.session = server, session
        self.id: str = session["user_id"]
        self.device: str = session["device_id"]
        self.token: str = session["access_token"]
        self.since: str | None = None
        self._txn = itertools.count(1)

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON answer of `/_matrix/client/v3` + path (or of an absolute /_… path); Refused for any other status."""
        path = path if path.startswith(("/_", "/.")) else f"/_matrix/client/v3{path}"
        if query:
            path += "?" + urlencode({k.rstrip("_"): v for k, v in query.items()}, doseq=True)
        status, raw, _ = await self.server.raw(method, path, body, self.token)
        answer = json.loads(raw) if raw else {}
        if status != 200:
            raise Refused(status, answer)
        return answer

    async def prove(self, path: str, body: dict[str, Any]) -> Any:
        """POST of what asks for the password again."""
        try:
            return await self.call("POST", path, body)
        except Refused as asked:
            if asked.status != 401:
                raise
            session = asked.body.get("session")
        auth = {"type": "m.login.password", "user": self.id, "password": PASSWORD, "session": session}
        return await self.call("POST", path, {**body, "auth": auth})

    async def prove_raw(self, path: str, body: dict[str, Any]) -> tuple[int, bytes, Any]:
        """As `prove`, where the answer is no JSON: (status, body, headers)."""
        status, raw, headers = await self.server.raw("POST", path, body, self.token)
        if status != 401:
            return status, raw, headers
        auth = {"type": "m.login.password", "user": self.id, "password": PASSWORD, "session": json.loads(raw)["session"]}
        return await self.server.raw("POST", path, {**body, "auth": auth}, self.token)

    async def another_device(self, device: str | None = None) -> Person:
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": self.id}, "password": PASSWORD}
        if device:
            body["device_id"] = device
        status, raw, _ = await self.server.raw("POST", "/_matrix/client/v3/login", body)
        assert status == 200, raw
        return Person(self.server, json.loads(raw))

    # ------------------------------------------------------------------------------------------------------- rooms

    async def create_room(self, **options: Any) -> str:
        return str((await self.call("POST", "/createRoom", options))["room_id"])

    async def join(self, room: str) -> None:
        await self.call("POST", f"/join/{segment(room)}", {})

    async def leave(self, room: str) -> None:
        await self.call("POST", f"/rooms/{segment(room)}/leave", {})

    async def invite(self, room: str, who: Person) -> None:
        await self.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": who.id})

    async def act(self, what: str, room: str, who: Person, reason: str | None = None) -> None:
        body = {"user_id": who.id} | ({"reason": reason} if reason else {})
        await self.call("POST", f"/rooms/{segment(room)}/{what}", body)

    async def say(self, room: str, text: str, txn: str | None = None, **content: Any) -> str:
        return await self.send(room, "m.room.message", {"msgtype": "m.text", "body": text, **content}, txn)

    async def send(self, room: str, event_type: str, content: Any, txn: str | None = None) -> str:
        txn = txn or f"t{next(self._txn)}"
        path = f"/rooms/{segment(room)}/send/{segment(event_type)}/{segment(txn)}"
        return str((await self.call("PUT", path, content))["event_id"])

    async def set_state(self, room: str, event_type: str, content: Any, state_key: str = "") -> str:
        path = f"/rooms/{segment(room)}/state/{segment(event_type)}/{segment(state_key)}"
        return str((await self.call("PUT", path, content))["event_id"])

    async def state(self, room: str, event_type: str, state_key: str = "") -> Any:
        return await self.call("GET", f"/rooms/{segment(room)}/state/{segment(event_type)}/{segment(state_key)}")

    async def redact(self, room: str, event: str, reason: str | None = None) -> str:
        path = f"/rooms/{segment(room)}/redact/{segment(event)}/t{next(self._txn)}"
        return str((await self.call("PUT", path, {"reason": reason} if reason else {}))["event_id"])

    async def messages(self, room: str, dir: str = "b", **query: Any) -> Any:
        return await self.call("GET", f"/rooms/{segment(room)}/messages", dir=dir, **query)

    async def receipt(self, room: str, event: str, kind: str = "m.read", **body: Any) -> None:
        await self.call("POST", f"/rooms/{segment(room)}/receipt/{kind}/{segment(event)}", body)

    # -------------------------------------------------------------------------------------------------------- sync

    async def sync(self, timeout: int = 0, **query: Any) -> Any:
        """From where the last one ended."""
        if self.since is not None:
            query.setdefault("since", self.since)
        if isinstance(query.get("filter"), dict):
            query["filter"] = json.dumps(query["filter"])
        answer = await self.call("GET", "/sync", timeout=timeout, **query)
        self.since = answer["next_batch"]
        return answer


def bodies(events: list[dict[str, Any]]) -> list[str]:
    """What was said, in order."""
    return [e["content"]["body"] for e in events if e["type"] == "m.room.message" and "body" in e["content"]]


def joined(answer: Any, room: str) -> Any:
    return answer.get("rooms", {}).get("join", {}).get(room)
