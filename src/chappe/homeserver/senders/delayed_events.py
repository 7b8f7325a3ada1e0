"""Sends delayed events when they are due; what fell due while no server ran, at once."""

from __future__ import annotations

import asyncio
import logging

from chappe.homeserver.actions.send_delayed_event import SendDelayedEvent
from chappe.homeserver.database.pool import DATABASE_LOST
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.delayed_events.delayed_events import DelayedEvents
from chappe.matrix.errors import MatrixError

log = logging.getLogger(__name__)
LOOK_AT_LEAST = 5.0  # seconds: other processes schedule, too


class DelayedEventSender:
    def __init__(self, delayed: DelayedEvents, send: SendDelayedEvent, now_ms: NowMs) -> None:
        self._delayed, self._send, self._now_ms = delayed, send, now_ms
        self._wake = asyncio.Event()
        delayed.listen(self._wake.set)

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            wait = LOOK_AT_LEAST
            try:
                due, following = await self._delayed.due()
                for row in due:
                    try:
                        await self._send.send_due(row)
                    except MatrixError as error:
                        log.info("a delayed event was refused", extra={"fields": {"errcode": error.errcode}})
                if following is not None:
                    wait = min(wait, max(0.0, (following - self._now_ms()) / 1000))
                elif due:
                    wait = 0.0
            except (TimeoutError, *DATABASE_LOST):
                wait = 1.0
            except Exception:
                log.exception("delayed events could not be sent")
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue
