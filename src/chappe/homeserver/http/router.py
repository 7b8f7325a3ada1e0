"""Routing on the raw path: identifiers may hold encoded slashes, so segments are split before they are decoded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chappe.homeserver.http.request import Request, Response, unquote
from chappe.matrix.errors import BadRequest, MatrixError

Answer = Response | dict[str, Any] | bytes
Handler = Callable[[Request], Awaitable[Answer]]
Method = TypeVar("Method", bound=Callable[..., Awaitable[Answer]])
ErrorBody = Callable[[MatrixError], dict[str, Any]]
Does = str | Callable[[Mapping[str, Any], bool], Sequence[str]]  # (body, whether the account is yet to be made)

NO_AUTH, OPTIONAL_AUTH, AUTH, GUEST_AUTH, ADMIN_AUTH = "none", "optional", "required", "guest", "admin"
SERVER_AUTH = "server"  # another server, by its signature
LOCAL_AUTH = "local"  # programs of this machine; anybody where a listener serves no clients
SMALL_LIMIT = 1 << 16  # bytes of a body, where the endpoint does not say otherwise and why
EVENT_LIMIT = 1 << 18
MOST_OF_A_PART = 1024  # bytes of one identifier in a path: four times what the specification lets any have
EVENT_BODY: dict[str, Any] = {
    "body_limit": EVENT_LIMIT,
    "body_reason": "an event of 64 KiB, whose characters may be written as escapes",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route, declared as data next to its code.

    `auth`: who may call; guests only where GUEST_AUTH says so. `limit`: the rate limit's action. `api`: which
    listeners serve it. `features`: what `/versions` may claim because it is there. `does`: the act of an administrator
    (`policy/acts.py`), by the body where that says which; an administration endpoint that writes has one.
    `body_limit`: in bytes; what is above the ordinary needs a `body_reason`, since everybody can send it at once.
    `error_body`: an error in the form of an API that has its own; left out, the specification's.
    """

    method: str
    path: str
    auth: str = AUTH
    limit: str | None = None
    body_limit: int = SMALL_LIMIT
    api: str = "client"
    features: tuple[str, ...] = ()
    acts: bool = False  # suspended accounts may not do it
    is_heavy: bool = False  # asks for much of a room: another server may do so a few times at once only
    summary: str = ""  # for the description of the API
    when_locked: bool = False  # locked and expired accounts may do it
    does: Does | None = None
    body_reason: str = ""
    is_console: bool = False  # of administrators of organisations: an application needs the right to it in its scope
    error_body: ErrorBody | None = None

    def __post_init__(self) -> None:
        if self.auth == ADMIN_AUTH and self.method not in ("GET", "HEAD") and self.does is None:
            raise ValueError(f"{self.method} {self.path} must say which act of administration it is")
        if self.body_limit > SMALL_LIMIT and not self.body_reason:
            raise ValueError(f"{self.method} {self.path}: a large body needs a reason")


@dataclass(frozen=True, slots=True)
class Route:
    endpoint: Endpoint
    handler: Handler


def endpoint(method: str, *paths: str, **options: Any) -> Callable[[Method], Method]:
    """Declares a method as the endpoint of one or more paths. `/v3/` paths are served under `/r0/` as well."""

    def declare(function: Method) -> Method:
        options.setdefault("summary", _summary(function))
        declared = list(getattr(function, "__endpoints__", []))
        for path in paths:
            declared.append(Endpoint(method, path, **options))
            if path.startswith("/_matrix/client/v3/"):
                declared.append(Endpoint(method, path.replace("/v3/", "/r0/", 1), **options))
        function.__endpoints__ = declared  # type: ignore[attr-defined]
        return function

    return declare


def _summary(function: Callable[..., Any]) -> str:
    """The first line of what a handler says of itself, else its name in words."""
    return ((function.__doc__ or "").strip().split("\n")[0]) or function.__qualname__.replace(".", ": ").replace("_", " ")


def routes_of(*objects: object) -> list[Route]:
    """Every declared endpoint of some objects."""
    return [
        Route(declared, getattr(owner, name))
        for owner in objects
        for name in dir(type(owner))
        for declared in _declared(type(owner), name)
    ]


def endpoints_of(kind: type) -> list[Endpoint]:
    """What a class declares, without an instance of it."""
    return [declared for name in dir(kind) for declared in _declared(kind, name)]


def _declared(kind: type, name: str) -> Iterable[Endpoint]:
    return getattr(getattr(kind, name, None), "__endpoints__", ())


def _identifier(name: str, raw: bytes) -> str:
    """A decoded part of a path. Raises M_INVALID_PARAM for one that is longer than any index holds."""
    text = unquote(raw)
    if len(raw) > MOST_OF_A_PART and len(text.encode()) > MOST_OF_A_PART:
        raise BadRequest(f"`{name}` may have {MOST_OF_A_PART} bytes", "M_INVALID_PARAM")
    return text


@dataclass(slots=True)
class _Node:
    children: dict[bytes, _Node] = field(default_factory=dict)
    param: _Node | None = None
    methods: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)


class Router:
    """Finds the route of a raw path in as many steps as it has segments. Fixed segments win over parameters."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self.routes = list(routes)
        for route in self.routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node, names = self._root, []
        for segment in route.endpoint.path.encode().split(b"/")[1:]:
            if segment.startswith(b"{"):
                names.append(segment[1:-1].decode())
                node.param = node.param or _Node()
                node = node.param
            else:
                node = node.children.setdefault(segment, _Node())
        if route.endpoint.method in node.methods:
            raise ValueError(f"{route.endpoint.method} {route.endpoint.path} is declared twice")
        node.methods[route.endpoint.method] = (route, tuple(names))

    def find(self, method: str, raw_path: bytes) -> tuple[Route | None, dict[str, str], bool]:
        """(route, decoded parameters, whether the path exists with some method)."""
        found = self._descend(self._root, raw_path.split(b"/")[1:], 0, [])
        if found is None:
            return None, {}, False
        node, values = found
        entry = node.methods.get(method)
        if entry is None:
            return None, {}, True
        route, names = entry
        return route, {name: _identifier(name, value) for name, value in zip(names, values, strict=True)}, True

    def _descend(self, node: _Node, segments: list[bytes], at: int, values: list[bytes]) -> tuple[_Node, list[bytes]] | None:
        if at == len(segments):
            return (node, values) if node.methods else None
        child = node.children.get(segments[at])
        if child is not None:
            found = self._descend(child, segments, at + 1, values)
            if found is not None:
                return found
        if node.param is not None:
            return self._descend(node.param, segments, at + 1, [*values, segments[at]])
        return None
