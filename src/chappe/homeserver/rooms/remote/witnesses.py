"""Whether there is what an event follows: anybody can name an event that there never was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from chappe.homeserver.load.bounded import Recent
from chappe.homeserver.outbound.federation.client import PeerRefused
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import PduChecks, SignedPdu
from chappe.homeserver.rooms.remote.errands import AskedEnough
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import domain_of, host_of

WITNESSES = 3  # servers that are asked
WITNESS_SECONDS = 10.0  # for how long
AT_ONCE = 100  # events that are asked about: their ids stand in a path
SINGLY = 5  # of those that an event follows, of a server that does not tell the room's history
REMEMBERED, REMEMBERED_SECONDS = 20_000, 600.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a server said: about which events, and those of them that it has."""

    asked: Collection[str]
    shown: Collection[str]


class Witnesses:
    def __init__(self, checks: PduChecks, calls: RoomCalls, now: Callable[[], float] = time.monotonic) -> None:
        self._checks, self._calls, self._now = checks, calls, now
        # by room, the host of those who follow it, and event: whether it was shown, and when
        self._answers: Recent[tuple[int, str, str], tuple[bool, float]] = Recent(REMEMBERED)

    async def shown(self, room: LiveRoom, follower: SignedPdu, event_ids: Sequence[str], beside: Sequence[str]) -> list[str]:
        """Those of some events that an event follows and that are missing indeed: a server of another host than its sender's shows
        them. Where no other server answers, its own must show them. Raises AskedEnough where the others may not be asked.

        A server that does not tell the room's history (`/backfill`) is asked for a few of them singly (`/event`).

        `beside`: what others of the same batch follow; it is asked for in the same request.
        """
        own = host_of(domain_of(follower.pdu["sender"]))
        known = {event_id: self._remembered(room, own, event_id) for event_id in dict.fromkeys([*event_ids, *beside])}
        if any(known[event_id] is None for event_id in event_ids):
            wanted = [event_id for event_id, was_shown in known.items() if was_shown is None][:AT_ONCE]
            answers = await self._ask(room, own, wanted, [event_id for event_id in wanted if event_id in event_ids][:SINGLY])
            for event_id in wanted:
                known[event_id] = any(event_id in answer.shown for answer in answers)
                if any(event_id in answer.asked for answer in answers):
                    self._answers.put((room.nid, own, event_id), (bool(known[event_id]), self._now()))
        return [event_id for event_id in event_ids if known[event_id]]

    def _remembered(self, room: LiveRoom, own: str, event_id: str) -> bool | None:
        was_shown, when = self._answers.get((room.nid, own, event_id)) or (False, -REMEMBERED_SECONDS)
        return was_shown if self._now() < when + REMEMBERED_SECONDS else None

    async def _ask(self, room: LiveRoom, own: str, event_ids: Sequence[str], singly: Sequence[str]) -> list[_Answer]:
        """What each server that answers says of some events, or of those that may be asked for `singly`."""
        by_host: dict[str, str] = {}
        for server in self._calls.servers(room):
            by_host.setdefault(host_of(server), server)
        others = [server for host, server in by_host.items() if host != own][:WITNESSES]
        questions = (self._asked(room, server, event_ids, singly) for server in others)
        asked = await asyncio.gather(*questions, return_exceptions=True)
        answers = [answer for answer in asked if isinstance(answer, _Answer)]
        for error in asked:
            if isinstance(error, BaseException) and (not answers or not isinstance(error, AskedEnough)):
                raise error  # who was not asked is not silent: the follower's own server is no witness in their place
        if not answers and own in by_host:
            answer = await self._asked(room, by_host[own], event_ids, singly)
            return [] if answer is None else [answer]
        return answers

    async def _asked(self, room: LiveRoom, server: str, event_ids: Sequence[str], singly: Sequence[str]) -> _Answer | None:
        """None where it does not answer. Raises AskedEnough."""
        try:
            async with asyncio.timeout(WITNESS_SECONDS):
                try:
                    raws = await self._calls.backfill(room, server, event_ids, len(event_ids))
                except PeerRefused:  # it is there, and may have what it does not tell as history
                    event_ids = singly
                    raws = [raw for raw in [await self._one(room, server, event_id) for event_id in singly] if raw is not None]
                found = await self._checks.check_many(raws, room.version)
        except AskedEnough:
            raise
        except (MatrixError, TimeoutError):
            return None
        return _Answer(event_ids, {event_id for event_id, event in found.items() if event.room_id == room.room_id})

    async def _one(self, room: LiveRoom, server: str, event_id: str) -> object:
        """None where it says that it does not have it."""
        try:
            return await self._calls.event(room, server, event_id)
        except PeerRefused as error:
            if error.peer_status != 404:
                raise
            return None
