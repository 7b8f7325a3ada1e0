"""Errands: what one server delivers makes this one ask the other servers of the room, in its own name.

So that nobody shuts this server off from the others by having it ask too much, each host that delivers has one bucket of questions to
others, over all rooms and names of it. Itself it may be asked at any time. The errand is in the context of the work, and `RoomCalls`
looks at it with each question: nothing that is asked for an event can be left out.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace

from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.load.bounded import Recent
from chappe.homeserver.outbound.federation.client import PeerRefused, PeerUnreachable
from chappe.matrix.errors import LimitExceeded
from chappe.matrix.identifiers import host_of

QUESTIONS = (1.0, 60)  # to others on errands of one host: a second, and at once
REMEMBERED, REMEMBERED_SECONDS = 20_000, 600.0


class AskedEnough(PeerUnreachable):
    """Another server is not asked on this errand, or not yet. What it would have said is not known: nothing may follow from that."""


class NeverAsked(AskedEnough):
    """Nor will it be asked later: nobody of the deliverer is in the room."""


class Errands:
    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._limits = RateLimits({"questions": QUESTIONS}, now)
        # when a server said that it has nothing, by what it was asked: as a number, for a question names up to a hundred events
        self._had_nothing: Recent[int, float] = Recent(REMEMBERED)

    @contextlib.contextmanager
    def of(self, deliverer: str, has_member: bool, is_retry: bool = False) -> Iterator[None]:
        """What is asked within is asked for the sake of what a server delivered. `has_member`: whether somebody of it is in the room:
        else no other is asked. `is_retry`: the others were asked before, and are asked again only within `needing_others`."""
        token = _errand.set(_Errand(self, host_of(deliverer), has_member, is_retry))
        try:
            yield
        finally:
            _errand.reset(token)

    def require(self, host: str) -> None:
        """Takes one question from the host's bucket. Raises LimitExceeded."""
        self._limits.check_server("questions", host)

    def note_nothing(self, server: str, question: str) -> None:
        self._had_nothing.put(hash((server, question)), self._now())

    def had_nothing(self, server: str, question: str) -> bool:
        since = self._had_nothing.get(hash((server, question)))
        return since is not None and self._now() < since + REMEMBERED_SECONDS


@dataclass(frozen=True, slots=True)
class _Errand:
    errands: Errands
    host: str
    has_member: bool
    is_retry: bool

    def require(self, server: str, question: str) -> None:
        if not self.has_member:
            raise NeverAsked(server, f"only {self.host} is asked")
        if self.is_retry:
            raise AskedEnough(server, f"only {self.host} is asked again")
        if self.errands.had_nothing(server, question):
            raise PeerRefused(server, 404, "M_NOT_FOUND", "it said that it does not have it")
        try:
            self.errands.require(self.host)
        except LimitExceeded:
            raise AskedEnough(server, f"enough was asked on errands of {self.host}") from None


_errand: ContextVar[_Errand | None] = ContextVar("errand", default=None)


@contextlib.contextmanager
def asking(server: str, question: str) -> Iterator[None]:
    """Around a question to a server. Raises AskedEnough; PeerRefused (404), where it has said of late that it has nothing to answer it
    with. Outside of any errand everything may be asked."""
    errand = _errand.get()
    if errand is None or host_of(server) == errand.host:
        yield
        return
    errand.require(server, question)
    try:
        yield
    except PeerRefused as error:
        if error.peer_status == 404:
            errand.errands.note_nothing(server, question)
        raise


@contextlib.contextmanager
def needing_others() -> Iterator[None]:
    """Around questions whose answer counts only if it is not the deliverer's. They are asked at every try, or who lets the first one
    fail would be its own witness at the next."""
    errand = _errand.get()
    if errand is None:
        yield
        return
    token = _errand.set(replace(errand, is_retry=False))
    try:
        yield
    finally:
        _errand.reset(token)
