"""SQL of who is of which organisation: a row for each person, none for who is of none."""

from __future__ import annotations

from chappe.homeserver.database.pool import Executor


async def organisation_of(database: Executor, user_id: str) -> str | None:
    """Its short name."""
    found: str | None = await database.fetchval("SELECT organisation FROM organisation_people WHERE user_id = $1", user_id)
    return found


async def place(connection: Executor, user_id: str, organisation: str, since_ms: int) -> None:
    """Whatever they were of before."""
    await connection.execute(
        """INSERT INTO organisation_people VALUES ($1, $2, $3)
           ON CONFLICT (user_id) DO UPDATE SET organisation = $2, since_ts = $3""",
        user_id,
        organisation,
        since_ms,
    )


async def place_first(database: Executor, user_id: str, organisation: str, since_ms: int) -> None:
    """Who is of one already stays there."""
    await database.execute(
        "INSERT INTO organisation_people VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", user_id, organisation, since_ms
    )


async def remove(connection: Executor, user_id: str) -> str | None:
    """Returns what they were of."""
    found: str | None = await connection.fetchval(
        "DELETE FROM organisation_people WHERE user_id = $1 RETURNING organisation", user_id
    )
    return found
