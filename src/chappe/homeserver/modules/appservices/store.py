"""SQL of application services: the rooms that they list, their places in the log, the transactions that wait for them."""

from __future__ import annotations

from chappe.homeserver.database.pool import Executor
from chappe.homeserver.database.rows import Row, find, values


class ListedRooms:
    """The rooms in the directories of networks. Every method is one statement."""

    def __init__(self, database: Executor) -> None:
        self._database = database

    async def add(self, service: str, network: str, room_id: str) -> None:
        await self._database.execute(
            "INSERT INTO appservice_rooms VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", service, network, room_id
        )

    async def remove(self, service: str, network: str, room_id: str) -> None:
        await self._database.execute(
            "DELETE FROM appservice_rooms WHERE appservice = $1 AND network = $2 AND room_id = $3", service, network, room_id
        )

    async def remove_everywhere(self, room_id: str) -> None:
        await self._database.execute("DELETE FROM appservice_rooms WHERE room_id = $1", room_id)

    async def of(self, service: str, network: str) -> list[str]:
        return await values(
            self._database, str, "SELECT room_id FROM appservice_rooms WHERE appservice = $1 AND network = $2", service, network
        )

    async def of_all(self) -> tuple[str, ...]:
        return tuple(await values(self._database, str, "SELECT DISTINCT room_id FROM appservice_rooms"))


class ServiceTransaction(Row):
    """`body`: JSON."""

    txn: int
    body: bytes


class ServicePlace(Row):
    """Up to which position of the log a service's transactions have been made, and the number of the next one."""

    position: int
    next_txn: int


class ServiceQueue:
    """What is sent to the services, each by the process that holds its lease. Every method is one statement. Times are in ms."""

    def __init__(self, database: Executor) -> None:
        self._database = database

    async def begin(self, service: str) -> None:
        """A new service is told of what comes from now on."""
        await self._database.execute(
            "INSERT INTO appservice_progress (appservice, position) SELECT $1, max(upto) FROM journal ON CONFLICT DO NOTHING",
            service,
        )

    async def claim(self, service: str, holder: str, until: int, now: int) -> bool:
        """Takes or renews a lease. False where another process holds it."""
        result = await self._database.execute(
            """UPDATE appservice_progress SET holder = $2, lease_until = $3
                WHERE appservice = $1 AND (holder = $2 OR holder IS NULL OR lease_until < $4)""",
            service,
            holder,
            until,
            now,
        )
        return result.endswith(" 1")

    async def release(self, holder: str) -> None:
        await self._database.execute("UPDATE appservice_progress SET holder = NULL WHERE holder = $1", holder)

    async def lock_place(self, service: str, holder: str) -> ServicePlace | None:
        """None where another process holds the lease."""
        return await find(
            self._database,
            ServicePlace,
            "SELECT position, next_txn FROM appservice_progress WHERE appservice = $1 AND holder = $2 FOR UPDATE",
            service,
            holder,
        )

    async def set_place(self, service: str, place: ServicePlace) -> None:
        await self._database.execute(
            "UPDATE appservice_progress SET position = $2, next_txn = $3 WHERE appservice = $1",
            service,
            place.position,
            place.next_txn,
        )

    async def add(self, service: str, made: ServiceTransaction) -> None:
        await self._database.execute("INSERT INTO appservice_transactions VALUES ($1, $2, $3)", service, made.txn, made.body)

    async def oldest(self, service: str) -> ServiceTransaction | None:
        return await find(
            self._database,
            ServiceTransaction,
            "SELECT txn, body FROM appservice_transactions WHERE appservice = $1 ORDER BY txn LIMIT 1",
            service,
        )

    async def remove(self, service: str, txn: int) -> None:
        await self._database.execute("DELETE FROM appservice_transactions WHERE appservice = $1 AND txn = $2", service, txn)
