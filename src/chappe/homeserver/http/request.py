"""A request as endpoints see it, and what they may answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

from chappe.homeserver.http.proxies import network_of
from chappe.homeserver.http.typed import convert
from chappe.homeserver.load.parsing import read_json
from chappe.matrix.account_standing import WELL, Doing, Standing
from chappe.matrix.canonical_json import MAX_INTEGER
from chappe.matrix.errors import BadRequest, MatrixError
from chappe.matrix.identifiers import DeviceId, ServerName, UserId
from chappe.matrix.reader import Guest, Nobody, Person, Reader, ServerReader

T = TypeVar("T")
Receive = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, as the access token says."""

    user_id: UserId
    device_id: DeviceId
    is_guest: bool
    is_admin: bool  # of the installation; through an application, if its scope says so
    token_hash: bytes
    standing: Standing = WELL
    appservice: str | None = None  # the application service that asks, for itself or as one of its users
    is_limited: bool = True  # by rate limits
    via_oauth: bool = False  # the session came from the OAuth 2.0 API
    # may do what an administrator of an organisation may: an application, if its scope says so
    uses_console: bool = False

    @property
    def session(self) -> tuple[str, str] | None:
        """(user, device) of who is signed in; None for an application service, which acts without that."""
        return (self.user_id, self.device_id) if self.appservice is None else None


@dataclass(slots=True)
class Response:
    """An answer that is no JSON object. `body`: bytes, or chunks whose total length the headers give."""

    status: int
    body: bytes | AsyncIterator[bytes]
    content_type: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


_UNREAD = object()


def unquote(raw: bytes) -> str:
    """A percent-encoded path segment or query part. Raises M_INVALID_PARAM for bad UTF-8 and U+0000."""
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise BadRequest("The URL is not valid UTF-8", "M_INVALID_PARAM") from None
    if "\0" in text:
        raise BadRequest("U+0000 is not allowed in a URL", "M_INVALID_PARAM")
    return text


class Request:
    """A request as an endpoint sees it. `params`: the decoded parts of the path, by their names in the specification.

    `body_limit`: bytes. `closing` is set when the process is to stop: whoever waits then answers. `id` stands in the log and in
    every line that the request causes; `user_label` is the account or server for which it is counted.
    """

    __slots__ = (
        "_body",
        "_headers",
        "_query",
        "_receive",
        "_requester",
        "_scope",
        "_server",
        "_value",
        "body_limit",
        "closing",
        "id",
        "judge_again",
        "params",
        "user_label",
    )

    def __init__(self, scope: Mapping[str, Any], receive: Receive, body_limit: int, closing: asyncio.Event) -> None:
        self._scope, self._receive, self.body_limit, self.closing = scope, receive, body_limit, closing
        self.params: dict[str, str] = {}
        self._query: dict[str, list[str]] | None = None
        self._headers: dict[bytes, bytes] | None = None
        self._requester: Requester | None = None
        self._server: tuple[ServerName, ServerName] | None = None
        self._body: bytes | None = None
        self._value: Any = _UNREAD
        self.id = ""
        self.user_label: str | None = None
        self.judge_again: Callable[[], Awaitable[None]] | None = None

    # -------------------------------------------------------------------------------------------------- who asks

    @property
    def requester(self) -> Requester:
        """The account that asks, by its token. Only for endpoints that require one."""
        assert self._requester is not None, "the endpoint does not require authentication"
        return self._requester

    @property
    def user_id(self) -> UserId:
        """The user id of the account that asks."""
        return self.requester.user_id

    @property
    def optional_requester(self) -> Requester | None:
        """The account that asks; None for a request without a token, where the endpoint allows that."""
        return self._requester

    @property
    def reader(self) -> Reader:
        """For whom the answer is: what is listed, counted and found goes by it."""
        if self._server is not None:
            return ServerReader(self._server[0])
        if self._requester is None:
            return Nobody()
        user_id = self._requester.user_id
        return Guest(user_id) if self._requester.is_guest else Person(user_id)

    @property
    def person(self) -> Person | Guest:
        """The `reader` of an endpoint that requires a signed-in account."""
        reader = self.reader
        assert isinstance(reader, Person | Guest), "the endpoint does not require authentication"
        return reader

    def set_requester(self, requester: Requester) -> None:
        """Notes which account asks; authentication calls it."""
        self._requester, self.user_label = requester, requester.user_id

    async def still_allowed(self) -> None:
        """To be called after a wait: raises what a new request would be refused with now (signed out, locked, expired)."""
        if self.judge_again is not None:
            await self.judge_again()

    def set_server(self, origin: ServerName, destination: ServerName) -> None:
        """Notes which server has signed the request and which hosted domain it names; authentication calls it."""
        self._server, self.user_label = (origin, destination), origin

    @property
    def origin(self) -> ServerName:
        """The server that has signed the request."""
        assert self._server is not None, "the endpoint is not for servers"
        return self._server[0]

    @property
    def destination(self) -> ServerName:
        """The hosted domain that it was meant for."""
        assert self._server is not None, "the endpoint is not for servers"
        return self._server[1]

    def require_active(self) -> None:
        """For endpoints whose path alone does not say whether a suspended account may use them."""
        if (error := self.requester.standing.refusal(Doing.ACT, 0)) is not None:
            raise error

    @property
    def address(self) -> str:
        """The IP address of the client, behind the trusted proxies; "local" for a request within the process."""
        client = self._scope.get("client")
        return client[0] if client else "local"

    @property
    def own_address(self) -> tuple[str, int | None]:
        """The address and port of this machine that the connection came to."""
        server = self._scope.get("server")
        return (server[0], server[1]) if server else ("", None)

    @property
    def network(self) -> str:
        """The part of the client's address that limits count as one client: an IPv4 address, an IPv6 network of /64."""
        return network_of(self.address)

    @property
    def is_local(self) -> bool:
        """Whether a program of this machine asks, itself: not a proxy of this machine for somebody else."""
        if not self.address.startswith("127.") and self.address not in ("::1", "local"):
            return False
        return all(self.header(name) is None for name in (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via"))

    # -------------------------------------------------------------------------------------------- headers, query

    def header(self, name: bytes) -> str | None:
        """Returns the value of a header, or None. `name`: in lower case."""
        if self._headers is None:
            self._headers = dict(self._scope["headers"])
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def method(self) -> str:
        """The method in capitals, such as "GET"."""
        return str(self._scope["method"])

    @property
    def raw_path(self) -> bytes:
        """The path as it was sent, with its percent-encoding and without the query."""
        return bytes(self._scope["raw_path"])

    @property
    def query_string(self) -> str:
        """The query as it was sent, without the question mark."""
        return bytes(self._scope["query_string"]).decode("ascii", "ignore")

    @property
    def host(self) -> str:
        """What the client says that the server is called (the header "Host"); the empty string if it does not. Its word
        proves nothing.
        """
        return self.header(b"host") or ""

    @property
    def is_secure(self) -> bool:
        """Whether the client came over TLS, to this machine or to a trusted proxy."""
        return self._scope.get("scheme") == "https"

    def query_all(self, name: str) -> list[str]:
        """Returns the values of a parameter of the query, in order. Raises M_INVALID_PARAM for bad UTF-8, U+0000, and over
        100 fields.
        """
        if self._query is None:
            self._query = {}
            raw = self._scope["query_string"]
            if raw:
                try:
                    pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=100)
                except ValueError:
                    raise BadRequest("The query is not valid UTF-8", "M_INVALID_PARAM") from None
                for key, value in pairs:
                    if "\0" in value:
                        raise BadRequest("U+0000 is not allowed in a URL", "M_INVALID_PARAM")
                    self._query.setdefault(key, []).append(value)
        return self._query.get(name, [])

    def query_items(self) -> dict[str, list[str]]:
        """Returns all parameters of the query, each with its values."""
        self.query_all("")
        return dict(self._query or {})

    def query(self, name: str) -> str | None:
        """Returns the last value of a parameter, or None."""
        values = self.query_all(name)
        return values[-1] if values else None

    def query_int(self, name: str, default: int, low: int = 0, high: int = MAX_INTEGER) -> int:
        """Returns a parameter as a number, at most `high`; `default` where it is missing. Raises M_INVALID_PARAM for what is
        no integer or below `low`.
        """
        text = self.query(name)
        if text is None:
            return default
        try:
            number = int(text) if len(text) < 20 else high
        except ValueError:
            raise BadRequest(f"`{name}` must be an integer", "M_INVALID_PARAM") from None
        if number < low:
            raise BadRequest(f"`{name}` must be at least {low}", "M_INVALID_PARAM")
        return min(number, high)

    def query_bool(self, name: str) -> bool:
        """Returns whether a parameter is `true`; missing counts as `false`. Raises M_INVALID_PARAM for anything else."""
        text = self.query(name)
        if text is None or text == "false":
            return False
        if text == "true":
            return True
        raise BadRequest(f"`{name}` must be `true` or `false`", "M_INVALID_PARAM")

    def query_choice(self, name: str, choices: tuple[str, ...], default: str | None) -> str:
        """Returns a parameter that must be one of some words. Raises M_MISSING_PARAM without a `default`, M_INVALID_PARAM
        for another word.
        """
        text = self.query(name) or default
        if text is None:
            raise BadRequest(f"`{name}` is missing", "M_MISSING_PARAM")
        if text not in choices:
            raise BadRequest(f"`{name}` must be one of {', '.join(choices)}", "M_INVALID_PARAM")
        return text

    # ------------------------------------------------------------------------------------------------------ body

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises M_TOO_LARGE as soon as it is known to exceed the limit."""
        length = self.header(b"content-length")
        if length is not None and length.isdigit() and int(length) > self.body_limit:
            raise self._too_large()
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise MatrixError(400, "M_UNKNOWN", "The connection was closed")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.body_limit:
                raise self._too_large()
            more = message.get("more_body", False)
            if chunk:
                yield chunk

    def _too_large(self) -> MatrixError:
        return MatrixError(413, "M_TOO_LARGE", f"The request is larger than {self.body_limit} bytes")

    async def body(self) -> bytes:
        """Returns the whole body. It is read once and kept: a signature covers it before the endpoint reads it. Raises
        M_TOO_LARGE.
        """
        if self._body is None:
            parts = [chunk async for chunk in self.chunks()]
            self._body = parts[0] if len(parts) == 1 else b"".join(parts)
        return self._body

    async def json(self, canonical: bool = False) -> Any:
        """Returns the body as JSON, read once. `canonical`: numbers must be what events may hold. Raises M_NOT_JSON,
        M_BAD_JSON.
        """
        if self._value is _UNREAD:
            self._value = await read_json(await self.body(), canonical)
        return self._value

    async def json_object(self, optional: bool = False, canonical: bool = False) -> dict[str, Any]:
        """Returns the body as a JSON object. `optional`: an empty body counts as an empty object. Raises M_BAD_JSON for
        another value.
        """
        if optional and not (await self.body()).strip():
            return {}
        value = await self.json(canonical)
        if type(value) is not dict:
            raise BadRequest("The request body must be a JSON object")
        return value

    async def signed_content(self) -> dict[str, Any] | None:
        """What a server signed of the body (server-server API, "Request Authentication"): None where there is none."""
        return await self.json_object() if (await self.body()).strip() else None

    async def body_as(self, kind: type[T], optional: bool = False) -> T:
        """Returns the body as a typed structure. Raises M_BAD_JSON with the name of the field that is wrong."""
        return convert(await self.json_object(optional), kind)

    async def disconnected(self) -> None:
        """Returns when the client has gone; to be awaited only after the body has been read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def transaction_key(request: Request, route: str) -> str:
    """Returns the key under which a transaction id counts: it is a device's own, for each route (client-server API,
    "Transaction identifiers").
    """
    requester = request.requester
    return "\x1f".join((requester.user_id, requester.device_id, route, request.params["txnId"]))
