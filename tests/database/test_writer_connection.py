"""The connection of the group writer: one, however often its loop starts again, and none that was never made whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from chappe.homeserver.database.writer_connection import WRITER_SETTINGS, WriterConnection
from tests.support import Person, Server, until

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1"
NAME = WRITER_SETTINGS["application_name"]


async def test_a_loop_that_starts_again_goes_on_with_its_connection(server: Server, alice: Person) -> None:
    room = await alice.create_room()
    loops, database = server.node.loops, server.node.database
    assert await database.fetchval(CONNECTIONS, NAME) == 1
    before, task = loops.restarts("group writer"), loops.task("group writer")
    assert task is not None
    task.cancel()  # while it waits for writes
    await until(lambda: loops.restarts("group writer") > before)
    await alice.say(room, "after it")
    assert await database.fetchval(CONNECTIONS, NAME) == 1


async def test_a_connection_that_cannot_be_prepared_is_closed(new_database: Callable[[], Awaitable[str]]) -> None:
    url = await new_database()
    database = await asyncpg.connect(url)

    async def is_closed() -> bool:
        return await database.fetchval(CONNECTIONS, NAME) == 0

    writer = WriterConnection(url, "SELECT no_such_function()", ())
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await writer.prepared(())
    await until(is_closed)
    await database.close()
