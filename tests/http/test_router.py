"""Routing on raw paths, and the token buckets of the rate limits."""

from __future__ import annotations

import pytest

from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.router import Endpoint, Route, Router
from chappe.matrix.errors import BadRequest, LimitExceeded


def router(*paths: str) -> Router:
    async def nothing(_: object) -> dict:
        return {}

    return Router(Route(Endpoint("GET", path), nothing) for path in paths)


@pytest.mark.parametrize(
    ("raw", "path", "params"),
    [
        (b"/rooms/!a%3Ab/state/x/", "/rooms/{r}/state/{t}/", {"r": "!a:b", "t": "x"}),
        (b"/rooms/!a/state/x/k", "/rooms/{r}/state/{t}/{k}", {"r": "!a", "t": "x", "k": "k"}),
        (b"/rooms/%24a%2Fb%252F/state/x/%C3%A9", "/rooms/{r}/state/{t}/{k}", {"r": "$a/b%2F", "t": "x", "k": "é"}),
        (b"/rooms/a+b/state/x", "/rooms/{r}/state/{t}", {"r": "a+b", "t": "x"}),
        (b"/rooms/fixed/state/x", "/rooms/fixed/state/x", {}),
        (b"/rooms/fixed/state/y", "/rooms/{r}/state/{t}", {"r": "fixed", "t": "y"}),
    ],
)
def test_segments_are_split_before_they_are_decoded(raw: bytes, path: str, params: dict[str, str]) -> None:
    paths = ("/rooms/{r}/state/{t}", "/rooms/{r}/state/{t}/", "/rooms/{r}/state/{t}/{k}", "/rooms/fixed/state/x")
    route, found, _ = router(*paths).find("GET", raw)
    assert route is not None and (route.endpoint.path, found) == (path, params)


def test_what_is_not_there() -> None:
    r = router("/a/{b}")
    assert r.find("GET", b"/a") == (None, {}, False) and r.find("POST", b"/a/x") == (None, {}, True)
    assert r.find("GET", b"/a/" + b"%41" * 1024)[1] == {"b": "A" * 1024}
    for raw in (b"/a/%00", b"/a/%ff", b"/a/" + b"x" * 1025, b"/a/" + b"%C3%A9" * 513):
        with pytest.raises(BadRequest):
            r.find("GET", raw)
    with pytest.raises(ValueError, match="declared twice"):
        router("/a/{b}", "/a/{c}")


def test_buckets_fill_with_time() -> None:
    now = [0.0]
    limits = RateLimits({"message": (2.0, 3)}, lambda: now[0])
    for _ in range(3):
        limits.check("message", "alice")
    with pytest.raises(LimitExceeded) as error:
        limits.check("message", "alice")
    assert error.value.extra["retry_after_ms"] == 500 and error.value.headers["Retry-After"] == "1"
    limits.check("message", "bob")
    limits.check("unlimited", "alice")
    now[0] = 0.5
    limits.check("message", "alice")
    now[0] = 100.0
    for _ in range(3):
        limits.check("message", "alice")
    with pytest.raises(LimitExceeded):
        limits.check("message", "alice")
