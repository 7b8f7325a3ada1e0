"""Whether there is what an event follows: anybody can name an event that there never was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from chappe.homeserver.load.bounded import Recent
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import Checked, PduChecks
from chappe.homeserver.rooms.remote.errands import AskedEnough
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import domain_of, host_of

WITNESSES = 3  # servers that are asked
WITNESS_SECONDS = 10.0  # for how long
AT_ONCE = 100  # events that are asked about: their ids stand in a path
REMEMBERED, REMEMBERED_SECONDS = 20_000, 600.0


class Witnesses:
    def __init__(self, checks: PduChecks, calls: RoomCalls, now: Callable[[], float] = time.monotonic) -> None:
        self._checks, self._calls, self._now = checks, calls, now
        # by room, the host of those who follow it, and event: whether it was shown, and when
        self._answers: Recent[tuple[int, str, str], tuple[bool, float]] = Recent(REMEMBERED)

    async def shown(self, room: LiveRoom, follower: Checked, event_ids: Sequence[str], beside: Sequence[str]) -> list[str]:
        """Those of some events that an event follows and that are missing indeed: a server of another host than its sender's shows
        them. Where no other server answers, its own must show them. Raises AskedEnough where the others may not be asked.

        `beside`: what others of the same batch follow; it is asked for in the same request.
        """
        own = host_of(domain_of(follower.pdu["sender"]))
        known = {event_id: self._remembered(room, own, event_id) for event_id in dict.fromkeys([*event_ids, *beside])}
        if any(known[event_id] is None for event_id in event_ids):
            wanted = [event_id for event_id, was_shown in known.items() if was_shown is None][:AT_ONCE]
            answers = await self._ask(room, own, wanted)
            for event_id in wanted:
                known[event_id] = any(event_id in answer for answer in answers)
                if answers:
                    self._answers.put((room.number, own, event_id), (bool(known[event_id]), self._now()))
        return [event_id for event_id in event_ids if known[event_id]]

    def _remembered(self, room: LiveRoom, own: str, event_id: str) -> bool | None:
        was_shown, when = self._answers.get((room.number, own, event_id)) or (False, -REMEMBERED_SECONDS)
        return was_shown if self._now() < when + REMEMBERED_SECONDS else None

    async def _ask(self, room: LiveRoom, own: str, event_ids: Sequence[str]) -> list[set[str]]:
        """What each server that answers shows of some events."""
        by_host: dict[str, str] = {}
        for server in self._calls.servers(room):
            by_host.setdefault(host_of(server), server)
        others = [server for host, server in by_host.items() if host != own][:WITNESSES]
        asked = await asyncio.gather(*(self._shown_by(room, server, event_ids) for server in others), return_exceptions=True)
        answers = [answer for answer in asked if isinstance(answer, set)]
        for error in asked:
            if isinstance(error, BaseException) and (not answers or not isinstance(error, AskedEnough)):
                raise error  # who was not asked is not silent: the follower's own server is no witness in their place
        if not answers and own in by_host and (answer := await self._shown_by(room, by_host[own], event_ids)) is not None:
            answers = [answer]
        return answers

    async def _shown_by(self, room: LiveRoom, server: str, event_ids: Sequence[str]) -> set[str] | None:
        """Which of some events a server has; None where it does not answer. Raises AskedEnough."""
        try:
            async with asyncio.timeout(WITNESS_SECONDS):
                raws = await self._calls.backfill(room, server, event_ids, len(event_ids))
                found = await self._checks.check_many(raws, room.version)
        except AskedEnough:
            raise
        except (MatrixError, TimeoutError):
            return None
        return {event_id for event_id, event in found.items() if event.room_id == room.room_id}
