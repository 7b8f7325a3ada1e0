"""Whether the audit log is what was written, for those who read it: it is read through now and then, and not at every look."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from chappe.agency.audit import Audit, BrokenChain
from chappe.homeserver.database.server_time import NowMs

log = logging.getLogger(__name__)
READ_EVERY_MS = 600_000


class AuditState:
    def __init__(self, audit: Audit, now_ms: NowMs) -> None:
        self._audit, self._now_ms = audit, now_ms
        self._known: dict[str, Any] | None = None
        self._reading = asyncio.Lock()

    async def state(self) -> dict[str, Any]:
        """`number`: of the latest entry, or of the first that is not what was written. `checked_ts` in ms."""
        async with self._reading:  # who asks meanwhile is told the same
            now = self._now_ms()
            if self._known is None or now - self._known["checked_ts"] >= READ_EVERY_MS:
                try:
                    number, is_intact = (await self._audit.verify()).number, True
                except BrokenChain as broken:
                    number, is_intact = broken.number, False
                    log.error("the audit log is not what was written", extra={"fields": {"number": number}})
                self._known = {"intact": is_intact, "number": number, "checked_ts": now}
            return self._known
