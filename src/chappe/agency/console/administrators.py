"""SQL of who administers an organisation: a row for each person and organisation."""

from __future__ import annotations

from chappe.homeserver.database.pool import Executor


async def appoint(database: Executor, user_id: str, organisation: str, by: str, now_ms: int) -> None:
    await database.execute(
        "INSERT INTO administrators VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", user_id, organisation, by, now_ms
    )


async def dismiss(database: Executor, user_id: str, organisation: str) -> bool:
    """False where they did not administer it."""
    result = await database.execute(
        "DELETE FROM administrators WHERE user_id = $1 AND organisation = $2", user_id, organisation
    )
    return result.endswith(" 1")


async def dismiss_everywhere(connection: Executor, user_id: str) -> None:
    await connection.execute("DELETE FROM administrators WHERE user_id = $1", user_id)
