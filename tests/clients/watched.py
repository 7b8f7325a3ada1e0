"""A reverse proxy before a server, which notes every request of a client that was refused (4xx) or failed (5xx)."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from chappe.homeserver.http.router import Router
from tests.support import Reached, Server

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "upgrade", "te", "trailer"}
_LONGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """`path`: the route's template, or the path itself where there is no such route."""

    method: str
    path: str
    status: int
    errcode: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status} {self.errcode or '-'}"


class Watched(Reached):
    """A server as `client` reaches it."""

    def __init__(self, server: Server, client: str, port: int = 0) -> None:
        """`port`: of the proxy, where a client insists on one."""
        self.server, self.client, self.base, self.port = server, client, "", port
        self.refused: Counter[Refusal] = Counter()
        self._router = Router(server.node.routes())

    async def start(self) -> Watched:
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60))
        self._onward = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(120),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )
        application = web.Application(client_max_size=_LONGEST)
        application.router.add_route("*", "/{path:.*}", self._pass)
        # whoever goes away ends the request onward as well
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.base = f"http://localhost:{self._runner.addresses[0][1]}"  # the domain that the server hosts
        return self

    async def stop(self) -> None:
        await self.session.close()
        await self._runner.cleanup()
        await self._onward.close()

    async def _pass(self, request: web.Request) -> web.Response:
        """The Host header goes through, so that the server names the proxy's address wherever it names its own."""
        body = await request.read()
        headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in _HOP)
        target = URL(self.server.base + request.raw_path, encoded=True)
        async with self._onward.request(
            request.method, target, data=io.BytesIO(body) if body else None, headers=headers, allow_redirects=False
        ) as answer:
            raw = await answer.read()
            if answer.status >= 400:
                self._note(request, answer.status, raw)
            kept = CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in _HOP)
            return web.Response(status=answer.status, body=raw, headers=kept)

    def _note(self, request: web.Request, status: int, raw: bytes) -> None:
        path = request.raw_path.split("?")[0]
        route = self._router.find(request.method, path.encode())[0]
        body: Any = None
        with contextlib.suppress(ValueError):
            body = json.loads(raw)
        errcode = body.get("errcode") if isinstance(body, dict) else None
        self.refused[Refusal(request.method, route.endpoint.path if route else path, status, errcode)] += 1
