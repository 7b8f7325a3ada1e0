"""What was acknowledged before a kill -9 is there afterwards, once: for who goes on from a token and for a fresh device.

The trades (`trades.py`) work while the server and its PostgreSQL are killed; each looks for what it did at the end.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from tests.journeys.trades import KILLS, Accounts, Delayed, Files, Mails, Messages, Names, OneTimeKeys, ToDevice, Trade
from tests.neighbours import Mailbox
from tests.process import ServedProcess
from tests.support import until

pytestmark = pytest.mark.slow


class Load:
    """All trades at work, each one request after the other."""

    def __init__(self, trades: list[Trade]) -> None:
        self.trades, self.stopping = trades, False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for trade in self.trades:
                group.create_task(self._work(trade))

    async def _work(self, trade: Trade) -> None:
        while not self.stopping:
            await trade.once(trade.count + 1)
            trade.count += 1

    async def moved(self, running: asyncio.Task[None]) -> None:
        """Until each trade has done something since now."""
        before = [trade.count for trade in self.trades]

        def all_did() -> bool:
            if running.done():
                running.result()
            return all(trade.count > old for trade, old in zip(self.trades, before, strict=True))

        await until(all_did)


CONFIG = """
server_name = "localhost"
rate_limits_enabled = false
log_level = "warning"
[registration]
open = true
[passwords]
memory_kib = 8
passes = 1
minimum_length = 1
[[listeners]]
port = 0
[email]
host = "127.0.0.1"
security = "none"
port = {port}
"""


async def test_acknowledged_is_kept(tmp_path: Path) -> None:
    mailbox, config = Mailbox().start(), tmp_path / "chappe.toml"
    config.write_text(CONFIG.format(port=mailbox.port))
    server = ServedProcess(tmp_path / "data", "--config", str(config))
    kinds = (Messages, ToDevice, Names, Files, Delayed, OneTimeKeys, Accounts)
    trades = [*(kind(server) for kind in kinds), Mails(server, mailbox)]
    try:
        await server.start()
        await asyncio.gather(*(trade.prepare() for trade in trades))
        load = Load(trades)
        running = asyncio.create_task(load.run())
        for killed in KILLS:
            await load.moved(running)
            await asyncio.sleep(random.uniform(0, 0.5))  # at any moment
            if killed == "PostgreSQL":
                os.kill(server.postgres_pid(), signal.SIGKILL)
            else:
                await server.kill()
                await server.start()
        await load.moved(running)
        load.stopping = True
        await running
        for trade in trades:
            await trade.check()
    finally:
        await server.stop()
        mailbox.stop()
