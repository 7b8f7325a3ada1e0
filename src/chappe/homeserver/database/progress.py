"""How far the loops of this installation have come: each has a name, and a place in what it follows."""

from __future__ import annotations

from chappe.homeserver.database.pool import Executor


async def progress(connection: Executor, loop: str) -> int:
    found: int = await connection.fetchval("SELECT position FROM progress WHERE name = $1", loop)
    return found


async def locked_progress(connection: Executor, loop: str) -> int:
    """Until the transaction ends, whoever else asks so waits."""
    found: int = await connection.fetchval("SELECT position FROM progress WHERE name = $1 FOR UPDATE", loop)
    return found


async def set_progress(connection: Executor, loop: str, position: int) -> None:
    await connection.execute("UPDATE progress SET position = $2 WHERE name = $1", loop, position)


async def advance_progress(connection: Executor, loop: str, position: int) -> None:
    """Never back."""
    await connection.execute("UPDATE progress SET position = greatest(position, $2) WHERE name = $1", loop, position)


async def count_up(connection: Executor, name: str) -> None:
    """One more change of what others keep in memory: they read it anew where the number is another than theirs."""
    await connection.execute("UPDATE progress SET position = position + 1 WHERE name = $1", name)
