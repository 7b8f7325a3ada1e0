"""Sends the leave of whoever the SFU sees no more, and puts it off while they are there. LiveKit's webhook says when to look; where it
does not come, a look every few seconds does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from itertools import groupby

from chappe.homeserver.actions.delegate_leave import DelegateLeave
from chappe.homeserver.database.pool import DATABASE_LOST
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.calls.news import CallNews
from chappe.homeserver.modules.calls.participants import CallParticipants, DelegatedLeave, Place
from chappe.homeserver.modules.calls.sfus import Sfus
from chappe.matrix.errors import MatrixError

log = logging.getLogger(__name__)
LOOK_EVERY = 5.0  # seconds: the least delay that clients leave with us is some eighteen
MOST_TOLD = 10_000


class CallLeaves:
    def __init__(
        self, participants: CallParticipants, delegate: DelegateLeave, sfus: Sfus, news: CallNews, now_ms: NowMs
    ) -> None:
        self._participants, self._delegate, self._sfus, self._now_ms = participants, delegate, sfus, now_ms
        self._news = asyncio.Event()
        self._told: set[Place] = set()
        news.listen(self.has_come, self.has_left)

    def has_come(self) -> None:
        self._news.set()

    def has_left(self, place: Place) -> None:
        """LiveKit says so."""
        if len(self._told) < MOST_TOLD:
            self._told.add(place)
        self._news.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        if not self._sfus:
            await asyncio.Event().wait()
        while True:
            self._news.clear()
            try:
                await self.look()
            except (TimeoutError, *DATABASE_LOST):
                await asyncio.sleep(1)
            except Exception:
                log.exception("leaves of calls could not be looked at")
                await asyncio.sleep(1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK_EVERY)

    async def look(self) -> None:
        """Every room of an SFU in which somebody has left their leave with us; an SFU that does not answer says nothing of anybody."""
        told, self._told = self._told, set()
        leaves = await self._participants.delegated()
        await asyncio.gather(*(self._room(*key, list(of_room), told) for key, of_room in groupby(leaves, key=_room)))

    async def _room(self, name: str, alias: str, leaves: list[DelegatedLeave], told: set[Place]) -> None:
        if (sfu := self._sfus.find(name)) is None:
            return
        try:
            present = await sfu.present(alias)
        except MatrixError:
            self._told |= {leave.place for leave in leaves} & told
            return
        for leave in leaves:
            await self._delegate.look(leave, leave.identity in present, leave.place in told, self._now_ms())


def _room(leave: DelegatedLeave) -> tuple[str, str]:
    return leave.sfu, leave.alias
