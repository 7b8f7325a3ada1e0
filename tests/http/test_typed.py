"""Integers at the edge of 64 bits are refused in every field of every request."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
import pytest

import chappe
from chappe.homeserver.http.typed import check_integers, convert, may_hold_integers
from chappe.matrix.errors import BadRequest
from tests.support import Person, Server, segment

EDGES = (2**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**53), -(2**63))


def _structures() -> Iterator[type[msgspec.Struct]]:
    for module in pkgutil.walk_packages(chappe.__path__, "chappe."):
        if not module.name.endswith(("__main__", "thumbnail_process")):
            importlib.import_module(module.name)
    todo = list(msgspec.Struct.__subclasses__())
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind.__module__.startswith(("chappe.homeserver", "chappe.agency")):
            yield kind


def _integer_fields() -> list[tuple[type[msgspec.Struct], str]]:
    found = []
    for kind in _structures():
        for field in msgspec.structs.fields(kind):
            info: Any = msgspec.inspect.type_info(field.type)
            choices = getattr(info, "types", (info,))
            if any(isinstance(choice, msgspec.inspect.IntType) for choice in choices):
                found.append((kind, field.name))
    return found


def test_every_integer_field_has_its_bounds() -> None:
    fields = _integer_fields()
    assert len(fields) > 20
    for kind, name in fields:
        assert may_hold_integers(kind), kind
        given = {field.name: None for field in msgspec.structs.fields(kind)}
        for edge in EDGES:
            with pytest.raises(BadRequest, match=name):
                check_integers(kind(**{**given, name: edge}), "")
        check_integers(kind(**{**given, name: 2**53 - 1}), "")


class _Inner(msgspec.Struct):
    numbers: list[int] = []


class _Outer(msgspec.Struct):
    inner: list[_Inner]
    anything: dict[str, Any] = {}


def test_fields_within_fields() -> None:
    assert convert({"inner": [{"numbers": [1]}], "anything": {"x": 2**63}}, _Outer).inner[0].numbers == [1]
    with pytest.raises(BadRequest, match="numbers"):
        convert({"inner": [{"numbers": [1, 2**63]}]}, _Outer)


@pytest.mark.parametrize("edge", EDGES)
async def test_over_http(server: Server, alice: Person, edge: int) -> None:
    token = {"client_secret": "x", "email": "a@example.org", "send_attempt": edge}
    room = await alice.create_room()
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/_matrix/client/v3/register/email/requestToken", token),
        ("POST", "/_matrix/client/v3/account/password/email/requestToken", token),
        ("PUT", f"/_matrix/client/v3/rooms/{segment(room)}/typing/{segment(alice.id)}", {"typing": True, "timeout": edge}),
        ("POST", f"/_matrix/client/v3/rooms/{segment(room)}/report/$x", {"reason": "x", "score": edge}),
        ("GET", f"/_matrix/client/v3/rooms/{segment(room)}/messages?dir=b&limit={edge}", None),
        ("GET", f"/_matrix/client/v3/sync?timeout=0&since=t{edge}", None),
        ("GET", f"/_matrix/client/v3/notifications?limit={edge}", None),
        ("POST", "/_matrix/client/v3/publicRooms", {"limit": edge}),
        ("POST", "/_matrix/client/v3/user_directory/search", {"search_term": "x", "limit": edge}),
        ("POST", "/_chappe/client/v1/bots", {"name": "x", "localpart": f"b{abs(edge)}", "expires_ts": edge}),
    ]
    for method, path, body in asked:
        status, raw, _ = await server.raw(method, path, body, alice.token)
        assert status < 500, (path, raw)
        if body is not None:
            assert status in (400, 403, 404), (path, status, raw)
            assert orjson.loads(raw)["errcode"] != "M_UNKNOWN"
