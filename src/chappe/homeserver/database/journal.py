"""SQL of the log: a row for each commit, with what it touched; and which transaction ids have been used."""

from __future__ import annotations

from chappe.homeserver.database.pool import Database, Executor
from chappe.homeserver.database.rows import Row, read


class LoggedCommit(Row):
    """A commit: it took the positions (since, upto], and touched these rooms (by number) and users."""

    since: int
    upto: int
    rooms: list[int]
    users: list[str]


async def commits_between(connection: Executor, since: int, upto: int, most: int) -> list[LoggedCommit]:
    """Those that end in (since, upto], the oldest first."""
    return await read(
        connection,
        LoggedCommit,
        "SELECT since, upto, rooms, users FROM journal WHERE upto > $1 AND upto <= $3 ORDER BY upto LIMIT $2",
        since,
        most,
        upto,
    )


async def prune(database: Database, keep_positions_after: int) -> None:
    """Forgets transaction ids and commits that nobody asks for any more. Two statements."""
    await database.execute("DELETE FROM sent WHERE upto < $1", keep_positions_after)
    await database.execute(
        "DELETE FROM journal WHERE upto < $1 AND upto < (SELECT max(upto) FROM journal)", keep_positions_after
    )
