"""What becomes of a write that PostgreSQL refuses, by class of SQLSTATE, and of one that it gives up for another's sake."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from chappe.homeserver.database.group_writer import Write
from chappe.homeserver.database.pool import BAD_DATA, Database
from chappe.homeserver.database.rows import Row
from chappe.homeserver.database.writing_function import Fragment
from tests.database.test_database import Desk
from tests.support import Server, refused, segment, until

NewDatabase = Callable[[], Awaitable[str]]
OF_VALUES = ("09000", "20000", "21000", "22021", "23514", "27000", "2F000", "38000", "39004", "44000", "54000", "P0002")
OF_OTHER_KINDS = ("0A000", "25000", "42883", "55000", "XX001")
RAISES = """CREATE FUNCTION refuse(state text) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = state, MESSAGE = 'no'; END $$"""
WAITS = "SELECT true FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
MIRRORED = """CREATE FUNCTION mirrored() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    UPDATE pairs SET n = n + 1 WHERE id = 2; UPDATE pairs SET n = n + 1 WHERE id = 1; RETURN 7; END $$"""


class RefusedRow(Row):
    state: str


REFUSED = Fragment("refused", RefusedRow, "PERFORM refuse(r.state) FROM unnest(refused_rows) r WHERE r._lane <> ALL (bad);")


@pytest.mark.parametrize("state", [*OF_VALUES, *OF_OTHER_KINDS])
async def test_who_is_refused_takes_nobody_with_them(new_database: NewDatabase, state: str) -> None:
    desk = Desk(await new_database())
    async with desk:
        await desk.database.execute(RAISES)
    desk.more = (REFUSED,)
    async with desk:
        refused = Write()
        refused.add(RefusedRow(state))
        results = await asyncio.gather(
            desk.write(1), desk.write(2), desk.writer.submit(refused), desk.write(3), desk.write(4), return_exceptions=True
        )
        assert [isinstance(result, Exception) for result in results] == [False, False, True, False, False]
        error = results[2]
        assert isinstance(error, asyncpg.PostgresError) and error.sqlstate == state
        assert isinstance(error, BAD_DATA) == (state in OF_VALUES)
        assert sorted(r["n"] for r in await desk.database.fetch("SELECT n FROM notes")) == [1, 2, 3, 4]


@pytest.mark.parametrize("how", ["execute", "fetchval"])
async def test_a_statement_that_was_given_up_is_made_again(new_database: NewDatabase, how: str) -> None:
    """It and a transaction take the same rows in another order; PostgreSQL gives up whoever looks first."""
    database = await Database.connect(await new_database())
    await database.execute("CREATE TABLE pairs (id int PRIMARY KEY, n int)")
    await database.execute("INSERT INTO pairs VALUES (1, 0), (2, 0)")
    await database.execute(MIRRORED)
    other = await asyncpg.connect(database.url)
    await other.execute("SET deadlock_timeout = '1min'")
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE pairs SET n = n + 10 WHERE id = 1")
    asked = asyncio.create_task(getattr(database, how)("SELECT mirrored()"))
    await until(lambda: database.fetchval(WAITS))
    await other.execute("UPDATE pairs SET n = n + 10 WHERE id = 2")
    await transaction.commit()
    assert await asked in (7, "SELECT 1")
    await other.close()
    assert [row["n"] for row in await database.fetch("SELECT n FROM pairs")] == [11, 11]
    await database.close()


async def test_whose_transaction_was_given_up_is_asked_to_try_again(new_server: Callable[..., Awaitable[Server]]) -> None:
    """Its statements are its maker's to repeat: the requester is told that the server is busy, rather than that it is broken."""
    server = await new_server()
    alice = await server.person("alice")
    path = f"/user/{segment(alice.id)}/openid/request_token"
    await server.node.database.execute(
        """CREATE FUNCTION gives_up() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN RAISE EXCEPTION USING ERRCODE = '40P01', MESSAGE = 'deadlock detected'; END $$"""
    )
    await server.node.database.execute(
        "CREATE TRIGGER gives_up BEFORE INSERT ON openid_tokens FOR EACH ROW EXECUTE FUNCTION gives_up()"
    )
    answer = await refused(alice.call("POST", path, {}))
    assert (answer.status, answer.errcode) == (503, "M_UNKNOWN")
    await server.node.database.execute("DROP TRIGGER gives_up ON openid_tokens")
    assert (await alice.call("POST", path, {}))["access_token"]
