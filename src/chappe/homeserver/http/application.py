"""The ASGI application: finds the route, the requester and the limit; turns every outcome into a Matrix answer."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg
import orjson

from chappe.homeserver.http.peer_budgets import PeerBudgets
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Receive, Request, Requester, Response
from chappe.homeserver.http.router import (
    ADMIN_AUTH,
    AUTH,
    LOCAL_AUTH,
    NO_AUTH,
    OPTIONAL_AUTH,
    SERVER_AUTH,
    Answer,
    Endpoint,
    Route,
    Router,
)
from chappe.homeserver.http.unread import LARGE, UnreadAnswers
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import ServerName
from chappe.telemetry import Metrics, request_id

log = logging.getLogger(__name__)
# What a request costs of its route's limit that only asks whether somebody has confirmed by now; others cost 1.
COST_OF_WAITING = 0.1
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Authenticate = Callable[[Request], Awaitable[Requester]]
# asks for a proof where it is needed, does what an administrator asks for, may write it down


class AdminDoor:
    """What every request of an administrator passes. Here nothing is asked; critical acts ask for a proof."""

    async def __call__(self, request: Request, endpoint: Endpoint, act: Callable[[], Awaitable[Answer]]) -> Answer:
        """Does what was asked, or raises what refuses it."""
        return await act()


AuthenticateServer = Callable[[Request], Awaitable[tuple[ServerName, ServerName]]]  # who asks, which hosted domain

_CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"X-Requested-With, Content-Type, Authorization, Range, If-Match, If-None-Match, Chappe-Second-Factor",
    ),
    (b"access-control-expose-headers", b"ETag, Location, Retry-After, Content-Length, Content-Range, Content-Disposition"),
)
# What scripts of any site may ask, with a token: the APIs, not the pages on which people sign in.
_FOR_ANY_ORIGIN = (
    b"/_matrix/",
    b"/_synapse/",
    b"/_chappe/",
    b"/.well-known/",
    b"/oauth2/token",
    b"/oauth2/revoke",
    b"/oauth2/registration",
    b"/oauth2/device",
    b"/health",
)
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
_DATABASE_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,  # given up for another: what was asked may be asked again
    ConnectionError,
)


class AccessLog:
    """A JSON line per request, gathered and written several times a second."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._lines: list[bytes] = []
        self._scheduled = False

    def add(self, fields: dict[str, Any]) -> None:
        self._lines.append(orjson.dumps(fields))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(0.2, self.flush)

    def flush(self) -> None:
        self._scheduled = False
        lines, self._lines = self._lines, []
        if lines:
            sys.stdout.write(b"\n".join(lines).decode() + "\n")
            sys.stdout.flush()


class Application:
    """One per listener; `closing` is set when the server shuts down, and ends long polls.

    `is_public`: whether clients are served here: then what is for this machine is for it alone.
    """

    def __init__(
        self,
        router: Router,
        authenticate: Authenticate,
        limits: RateLimits,
        metrics: Metrics,
        access_log: AccessLog,
        closing: asyncio.Event,
        authenticate_server: AuthenticateServer,
        peer_budgets: PeerBudgets,
        now_ms: Callable[[], int],
        unread: UnreadAnswers,
        is_current: Callable[[Requester], bool],
        admin_door: AdminDoor,
        is_public: bool,
    ) -> None:
        self.router, self._authenticate, self._limits = router, authenticate, limits
        self._authenticate_server, self._peer_budgets = authenticate_server, peer_budgets
        self._metrics, self._access_log, self._closing = metrics, access_log, closing
        self._now_ms = now_ms
        self._unread, self._is_current, self._admin_door, self._is_public = unread, is_current, admin_door, is_public
        self._ids = itertools.count(1)
        self._id_prefix = os.urandom(4).hex()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        request = Request(scope, receive, 0, self._closing)
        request.id = f"{self._id_prefix}-{next(self._ids)}"
        token = request_id.set(request.id)
        route: Route | None = None
        try:
            try:
                if scope["method"] == "OPTIONS":
                    response = Response(204, b"", headers=((b"access-control-max-age", b"86400"),))
                else:
                    route = self._route(request)
                    response = _response(await self._answer(route, request))
            except MatrixError as error:
                response = _error(error, route)
            except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError):
                response = _error(MatrixError(400, "M_INVALID_PARAM", "U+0000 is not allowed here"), route)
            except (asyncpg.DataError, asyncpg.ProgramLimitExceededError):  # the latter: longer than an index holds
                log.warning("a value did not fit", exc_info=True, extra={"fields": {"path": _template(route)}})
                response = _error(MatrixError(400, "M_INVALID_PARAM", "A value is out of range, or too long"), route)
            except _DATABASE_AWAY as error:
                log.warning("the database is away", extra={"fields": {"error": type(error).__name__}})
                message = "The server is catching its breath: please try again in a moment"
                response = _error(MatrixError(503, "M_UNKNOWN", message, {"Retry-After": "1"}), route)
            except Exception:
                log.exception("a request failed", extra={"fields": {"path": _template(route)}})
                response = _error(MatrixError(500, "M_UNKNOWN", "Something went wrong on the server"), route)
            response = self._admitted(response, request, route)
            size = await self._send(response, request, send)
        finally:
            request_id.reset(token)
        self._account(request, route, response.status, time.perf_counter() - started, size)

    def _route(self, request: Request) -> Route:
        route, params, exists = self.router.find(request.method, request.raw_path)
        if route is None and request.method == "HEAD":
            route, params, exists = self.router.find("GET", request.raw_path)
        if route is None:
            if exists:
                raise MatrixError(405, "M_UNRECOGNIZED", "This path does not know this method")
            raise MatrixError(404, "M_UNRECOGNIZED", "Unknown request")
        request.params, request.body_limit = params, route.endpoint.body_limit
        return route

    async def _answer(self, route: Route, request: Request) -> Answer:
        # Complex: who may pass, by each kind of door: that none is left open shows only where all stand together
        endpoint = route.endpoint
        if endpoint.auth == SERVER_AUTH:
            request.set_server(*await self._authenticate_server(request))
            return await self._answer_server(route, request)
        if endpoint.auth == LOCAL_AUTH:
            if self._is_public and not request.is_local:
                raise Forbidden("This is for programs of this machine: give it a listener of its own")
        elif endpoint.auth is not NO_AUTH:
            await self._identify(request, endpoint)
        limit = endpoint.limit if request.optional_requester is None or request.requester.is_limited else None
        if limit is not None:
            self._limits.check(limit, request.user_label or request.network)
        if endpoint.auth == ADMIN_AUTH:
            return await self._admin_door(request, endpoint, lambda: route.handler(request))
        try:
            return await route.handler(request)
        except MatrixError as error:
            if limit is not None and error.waits:
                self._limits.give_back(limit, request.user_label or request.network, 1 - COST_OF_WAITING)
            raise

    async def _answer_server(self, route: Route, request: Request) -> Answer:
        is_heavy = route.endpoint.is_heavy
        async with self._peer_budgets.slot(request.origin, is_heavy):
            answer = await route.handler(request)
        if is_heavy and isinstance(answer, bytes):
            self._peer_budgets.spend(request.origin, len(answer))
        return answer

    async def _identify(self, request: Request, endpoint: Endpoint) -> None:
        auth = endpoint.auth
        try:
            requester = await self._authenticate(request)
        except MatrixError as error:
            if auth == OPTIONAL_AUTH and error.errcode == "M_MISSING_TOKEN":
                return
            raise
        if requester.is_guest and auth in (AUTH, ADMIN_AUTH):
            raise Forbidden("Guests may not do this", "M_GUEST_ACCESS_FORBIDDEN")
        if auth == ADMIN_AUTH and not requester.is_admin:
            raise Forbidden("Only administrators of this server may do this")
        if endpoint.is_console and not requester.uses_console:
            raise Forbidden("This application may not administer in your place: its scope does not say so")
        request.set_requester(requester)
        _check_account(requester, endpoint, self._now_ms())
        request.judge_again = functools.partial(self._judge_again, request, endpoint)

    async def _judge_again(self, request: Request, endpoint: Endpoint) -> None:
        """Raises what the requester of a long poll would be told if they asked now. No statement while nothing has changed."""
        if self._is_current(request.requester):
            _check_account(request.requester, endpoint, self._now_ms())
        else:
            await self._identify(request, endpoint)

    def _admitted(self, response: Response, request: Request, route: Route | None) -> Response:
        """The response; or 429 in place of a large one where too many stand in memory until their clients read them."""
        if size := _large(response, request):
            try:
                self._unread.add(_whose(request), size)
            except MatrixError as error:
                return _error(error, route)
        return response

    async def _send(self, response: Response, request: Request, send: Send) -> int:
        body = response.body
        headers = [(b"content-type", response.content_type.encode()), *response.headers]
        if request.raw_path.startswith(_FOR_ANY_ORIGIN):
            headers += _CORS
        if request.is_secure:
            headers.append(_HTTPS_ONLY)
        if isinstance(body, bytes):
            headers.append((b"content-length", str(len(body)).encode()))
            await send({"type": "http.response.start", "status": response.status, "headers": headers})
            if _large(response, request):
                try:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                    # waits until the client has taken most of it
                    await send({"type": "http.response.body", "body": b""})
                finally:
                    self._unread.taken(_whose(request), len(body))
            else:
                await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
            return len(body)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        size = 0
        if request.method != "HEAD":
            async for chunk in body:
                size += len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return size

    def _account(self, request: Request, route: Route | None, status: int, seconds: float, size: int) -> None:
        self._metrics.request(request.method if route else "?", _template(route), status, seconds)
        if self._access_log.enabled:
            self._access_log.add(
                {
                    "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "level": "info",
                    "event": "request",
                    "request": request.id,
                    "method": request.method,
                    "route": _template(route),
                    "status": status,
                    "ms": round(seconds * 1000, 2),
                    "bytes": size,
                    "user": request.user_label,
                    "address": request.address,
                }
            )


def _large(response: Response, request: Request) -> int:
    """The size of an answer that has to be accounted for, else 0."""
    body = response.body
    return len(body) if isinstance(body, bytes) and len(body) > LARGE and request.method != "HEAD" else 0


def _whose(request: Request) -> str:
    return request.user_label or request.network


def _check_account(requester: Requester, endpoint: Endpoint, now_ms: int) -> None:
    """Account locking and suspension (client-server API, "Account moderation"); expiry as deployed clients know it."""
    if endpoint.when_locked:
        return
    error = requester.standing.refusal(Doing.ACT if endpoint.acts else Doing.READ, now_ms)
    if error is not None:
        raise error


def _template(route: Route | None) -> str:
    return route.endpoint.path if route else "unknown"


def _response(answer: Answer) -> Response:
    if isinstance(answer, Response):
        return answer
    return Response(200, answer if isinstance(answer, bytes) else orjson.dumps(answer))


def _error(error: MatrixError, route: Route | None) -> Response:
    """The error as a response, in the form of the API that was asked."""
    body = error.body() if route is None or route.endpoint.error_body is None else route.endpoint.error_body(error)
    headers = tuple((name.lower().encode(), value.encode()) for name, value in error.headers.items())
    return Response(error.status, orjson.dumps(body), headers=headers)
