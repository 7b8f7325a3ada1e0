"""After an update whose rules of splitting or folding differ: what people, rooms and messages are found by is made anew."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.search.index import SearchIndex
from chappe.homeserver.rooms.summary import renew_search

REST = 6  # after a step, so many times its duration


class RenewWords:
    """Step by step; each is one transaction that says how far it came, so that another process goes on from there."""

    def __init__(self, database: Database, accounts: AccountStore, index: SearchIndex) -> None:
        self._steps = accounts.renew_directory, partial(renew_search, database), index.renew

    async def __call__(self) -> None:
        """Until all is made. People first, then rooms, then messages, the latest first."""
        for step in self._steps:
            started = time.monotonic()
            while await step():
                await asyncio.sleep(min(5.0, REST * (time.monotonic() - started)))
                started = time.monotonic()
