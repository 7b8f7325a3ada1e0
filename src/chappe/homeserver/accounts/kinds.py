"""SQL of what kind an account is: a person's, a bot's, a function's; and of the rooms to which a bot is bound."""

from __future__ import annotations

from collections.abc import Sequence

from chappe.homeserver.database.pool import Database


async def set_kind(database: Database, user_id: str, kind: str | None) -> bool:
    """False for an account that somebody else answers for, or a function's: it stays what it is."""
    done = await database.execute(
        "UPDATE users SET kind = $2 WHERE user_id = $1 AND kind IS DISTINCT FROM 'function' AND owner IS NULL", user_id, kind
    )
    return done.endswith(" 1")


async def set_scope(database: Database, bot: str, room_ids: Sequence[str] | None) -> None:
    """None: any room."""
    await database.execute("UPDATE users SET scope = $2 WHERE user_id = $1", bot, room_ids)
