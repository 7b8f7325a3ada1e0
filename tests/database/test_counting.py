"""What tests hold routes to: the statements of requests alone."""

from __future__ import annotations

import asyncio

from chappe.homeserver.app.loops import Loops
from chappe.homeserver.load.tasks import in_background
from tests.support import Server, until


async def test_what_loops_ask_is_not_counted(server: Server) -> None:
    database, asked = server.node.database, asyncio.Event()

    async def look() -> None:
        await database.fetchval("SELECT 1")
        await asyncio.gather(database.execute("SELECT 1"), database.fetch("SELECT 1"))
        asked.set()
        await asyncio.Event().wait()

    loops, before = Loops(), database.statements
    loops.start("asks", look)
    await until(asked.is_set)
    await loops.stop()
    assert database.statements == before
    await database.fetchval("SELECT 1")
    assert database.statements == before + 1


async def test_what_a_request_leaves_to_others_is_not_counted(server: Server) -> None:
    database = server.node.database
    before = database.statements
    await in_background(database.fetchval("SELECT 1"), "asks")
    assert database.statements == before
    await database.fetchval("SELECT 1")
    assert database.statements == before + 1
