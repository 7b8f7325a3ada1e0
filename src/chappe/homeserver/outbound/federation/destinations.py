"""How it stands with the servers that we send to: what waits for each, and since when it fails and why."""

from __future__ import annotations

from datetime import UTC, datetime

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, mapping, read

FIRST_WAIT_MS, LONGEST_WAIT_MS = 2_000, 3_600_000


class DestinationState(Row):
    """Times are in ms. `failing_since`: None for one that answers."""

    server_name: str
    events: int
    edus: int
    failing_since: int | None
    failures: int
    retry_ts: int
    last_error: str | None
    last_success_ts: int | None


def wait_after(failures: int) -> int:
    """How long a server is left alone that has failed so many times in a row, in ms; a random part is added. 0 for none."""
    return min(FIRST_WAIT_MS << min(failures - 1, 20), LONGEST_WAIT_MS) if failures else 0


async def destination_states(database: Database) -> list[DestinationState]:
    """Those that fail first, then by name."""
    return await read(
        database,
        DestinationState,
        """WITH events AS (SELECT destination, count(*) AS n FROM federation_queue GROUP BY destination),
                edus AS (SELECT destination, count(*) AS n FROM federation_edus GROUP BY destination),
                names AS (SELECT server_name AS name FROM destinations UNION SELECT destination FROM events
                          UNION SELECT destination FROM edus)
           SELECT n.name AS server_name, coalesce(e.n, 0) AS events, coalesce(u.n, 0) AS edus, d.failing_since,
                  coalesce(d.failures, 0) AS failures, coalesce(d.retry_ts, 0) AS retry_ts, d.last_error, d.last_success_ts
             FROM names n LEFT JOIN destinations d ON d.server_name = n.name LEFT JOIN events e ON e.destination = n.name
             LEFT JOIN edus u ON u.destination = n.name
            ORDER BY d.failing_since NULLS LAST, n.name""",
    )


async def waiting_for_their_past(database: Database) -> int:
    """How many received events wait for those that they follow."""
    return await database.fetchval("SELECT count(*) FROM federation_inbox")  # type: ignore[no-any-return]


class Failing(Row):
    """Times are in ms. `failing_since`: None for one that answered last. `retry_ts`: it is left alone until then."""

    failing_since: int | None
    failures: int
    retry_ts: int


async def failing(database: Database, server_name: str) -> Failing | None:
    """None where nothing is known of it."""
    return await find(
        database, Failing, "SELECT failing_since, failures, retry_ts FROM destinations WHERE server_name = $1", server_name
    )


async def note_success(database: Database, server_name: str, now_ms: int) -> None:
    await database.execute(
        """INSERT INTO destinations (server_name, last_success_ts) VALUES ($1, $2)
           ON CONFLICT (server_name) DO UPDATE SET last_success_ts = $2, failing_since = NULL, failures = 0, retry_ts = 0,
               last_error = NULL""",
        server_name,
        now_ms,
    )


async def note_failure(database: Database, server_name: str, now_ms: int, retry_ts: int, error: str) -> None:
    await database.execute(
        """INSERT INTO destinations (server_name, failing_since, failures, retry_ts, last_error) VALUES ($1, $2, 1, $3, $4)
           ON CONFLICT (server_name) DO UPDATE SET failing_since = coalesce(destinations.failing_since, $2),
               failures = destinations.failures + 1, retry_ts = $3, last_error = $4""",
        server_name,
        now_ms,
        retry_ts,
        error,
    )


async def left_alone(database: Database, now_ms: int) -> dict[str, int]:
    """Until when, in ms, by server."""
    return await mapping(database, str, int, "SELECT server_name, retry_ts FROM destinations WHERE retry_ts > $1", now_ms)


async def try_now(database: Database, server_name: str, left_alone_at: int = 0) -> bool:
    """Its failures still count. False, and nothing changes, where it is not left alone at that time (ms)."""
    result = await database.execute(
        "UPDATE destinations SET retry_ts = 0 WHERE server_name = $1 AND retry_ts > $2", server_name, left_alone_at
    )
    return result.endswith(" 1")


async def forget_failures(database: Database, server_name: str) -> bool:
    """Lets it be tried at once. False where nothing is known of it."""
    result = await database.execute("UPDATE destinations SET retry_ts = 0, failures = 0 WHERE server_name = $1", server_name)
    return result.endswith(" 1")


def describe(state: DestinationState, now_ms: int) -> str:
    """For people, in a line or two."""
    waiting = f"{state.events} events and {state.edus} other messages wait" if state.events + state.edus else "nothing waits"
    if state.failing_since is None:
        return f"ok   {state.server_name}: {waiting}"
    since = datetime.fromtimestamp(state.failing_since / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    next_try = max(0, (state.retry_ts - now_ms) // 1000)
    return (
        f"no   {state.server_name}: {waiting}; {state.failures} tries failed since {since}, the next one in {next_try} s\n"
        f"     {state.last_error}"
    )
