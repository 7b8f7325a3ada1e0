"""Errors that a client may see.

MatrixError                an answer with a status, an errcode of the specification and a sentence for people
  Forbidden                403 M_FORBIDDEN
    Malformed              400 M_BAD_JSON: an event that a room's rules refuse whoever sends it
  NotFound                 404 M_NOT_FOUND
  BadRequest               400 with the errcode that fits (M_BAD_JSON, M_INVALID_PARAM, …)
  LimitExceeded            429 M_LIMIT_EXCEEDED, with the time to wait
  NotYet                   what was shown is right, and waits for somebody to confirm it elsewhere: no wrong guess
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MatrixError(Exception):
    """A refusal with the specification's errcode (client-server API, "Standard error response").

    `waits`: what was shown is right and waits for somebody to confirm it elsewhere. Clients ask again every few seconds.
    """

    waits = False

    def __init__(self, status: int, errcode: str, message: str, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.errcode, self.message, self.extra = status, errcode, message, extra
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The JSON object sent to the client."""
        return {"errcode": self.errcode, "error": self.message, **self.extra}


class Forbidden(MatrixError):
    def __init__(self, message: str, errcode: str = "M_FORBIDDEN", **extra: Any) -> None:
        super().__init__(403, errcode, message, **extra)


class Malformed(Forbidden):
    """An event that a room's rules refuse whoever sends it. To the rules it is forbidden like any other; who sends it here is told
    that no power would help (400)."""

    def __init__(self, message: str) -> None:
        MatrixError.__init__(self, 400, "M_BAD_JSON", message)


class NotFound(MatrixError):
    def __init__(self, message: str = "Not found", errcode: str = "M_NOT_FOUND") -> None:
        super().__init__(404, errcode, message)


class BadRequest(MatrixError):
    def __init__(self, message: str, errcode: str = "M_BAD_JSON", **extra: Any) -> None:
        super().__init__(400, errcode, message, **extra)


class LimitExceeded(MatrixError):
    def __init__(self, retry_after_ms: int, message: str = "Too many requests: please wait a moment") -> None:
        seconds = str(max(1, -(-retry_after_ms // 1000)))
        super().__init__(429, "M_LIMIT_EXCEEDED", message, headers={"Retry-After": seconds}, retry_after_ms=retry_after_ms)


class NotYet(MatrixError):
    """Is no wrong guess, and costs little of the limit of its route."""

    waits = True
