"""SQL of the queue of events for other servers, and of the place in the log up to which it has been filled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from chappe.homeserver.database.pool import Executor
from chappe.homeserver.database.rows import Row, read, values


class QueueRow(NamedTuple):
    """An event that waits for a server. `event_nid`: its number."""

    destination: str
    position: int
    event_nid: int


class QueuedPdu(Row):
    """An event that is sent next. `json`: the PDU."""

    position: int
    json: bytes
    sender: str


class FederationQueue:
    """Every method is one statement. Times are in ms."""

    def __init__(self, database: Executor) -> None:
        self._database = database

    # -------------------------------------------------------------------------------------------- following the log

    async def begin(self) -> None:
        """A new installation tells others of what comes from now on."""
        await self._database.execute(
            "INSERT INTO federation_progress (shard, position) SELECT 0, max(upto) FROM journal ON CONFLICT DO NOTHING"
        )

    async def claim(self, holder: str, until: int, now: int) -> bool:
        """Takes or renews the lease of whoever follows the log. False where another process holds it."""
        result = await self._database.execute(
            """UPDATE federation_progress SET holder = $1, lease_until = $2
                WHERE shard = 0 AND (holder = $1 OR holder IS NULL OR lease_until < $3)""",
            holder,
            until,
            now,
        )
        return result.endswith(" 1")

    async def release(self, holder: str) -> None:
        await self._database.execute("UPDATE federation_progress SET holder = NULL WHERE holder = $1", holder)

    async def lock_place(self, holder: str) -> int | None:
        """None where another process holds the lease."""
        found: int | None = await self._database.fetchval(
            "SELECT position FROM federation_progress WHERE shard = 0 AND holder = $1 FOR UPDATE", holder
        )
        return found

    async def set_place(self, position: int) -> None:
        await self._database.execute("UPDATE federation_progress SET position = $1 WHERE shard = 0", position)

    async def add(self, rows: Sequence[QueueRow]) -> None:
        await self._database.execute(
            """INSERT INTO federation_queue (destination, position, event_nid)
               SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[]) ON CONFLICT DO NOTHING""",
            *map(list, zip(*rows, strict=True)),
        )

    async def add_event(self, event_id: str, servers: Sequence[str]) -> None:
        await self._database.execute(
            """INSERT INTO federation_queue (destination, position, event_nid)
               SELECT d, e.position, e.nid FROM events e, unnest($2::text[]) d WHERE e.event_id = $1 ON CONFLICT DO NOTHING""",
            event_id,
            servers,
        )

    async def destinations(self) -> list[str]:
        """For which anything waits, messages to devices and the like included."""
        return await values(
            self._database, str, "SELECT destination FROM federation_queue UNION SELECT destination FROM federation_edus"
        )

    async def destinations_of_edus(self) -> set[str]:
        return set(await values(self._database, str, "SELECT DISTINCT destination FROM federation_edus"))

    # ---------------------------------------------------------------------------------------------- of one server

    async def waiting(self, server: str, most: int) -> list[QueuedPdu]:
        """In order."""
        return await read(
            self._database,
            QueuedPdu,
            """SELECT q.position, e.json, e.sender FROM federation_queue q JOIN events e ON e.nid = q.event_nid
                WHERE q.destination = $1 ORDER BY q.position LIMIT $2""",
            server,
            most,
        )

    async def has_untold(self, server: str, room_nid: int, upto: int) -> bool:
        """Whether anything of a room waits, or the log has not been followed up to a position."""
        found = await self._database.fetchval(
            """SELECT EXISTS (SELECT 1 FROM federation_progress WHERE shard = 0 AND position < $3)
                   OR EXISTS (SELECT 1 FROM federation_queue q JOIN events e ON e.nid = q.event_nid
                               WHERE q.destination = $1 AND e.room_nid = $2)""",
            server,
            room_nid,
            upto,
        )
        return bool(found)

    async def remove(self, server: str, positions: Collection[int]) -> None:
        await self._database.execute(
            "DELETE FROM federation_queue WHERE destination = $1 AND position = ANY($2::bigint[])", server, positions
        )

    async def count(self, server: str) -> int:
        found: int = await self._database.fetchval("SELECT count(*) FROM federation_queue WHERE destination = $1", server)
        return found

    async def keep_latest_of_rooms(self, server: str) -> None:
        """One event of each room; the others are forgotten."""
        await self._database.execute(
            """DELETE FROM federation_queue q USING (
                   SELECT q.position, row_number() OVER (PARTITION BY e.room_nid ORDER BY q.position DESC) AS place
                     FROM federation_queue q JOIN events e ON e.nid = q.event_nid WHERE q.destination = $1) old
                WHERE q.destination = $1 AND q.position = old.position AND old.place > 1""",
            server,
        )
