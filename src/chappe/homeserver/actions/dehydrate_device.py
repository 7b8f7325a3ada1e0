"""Dehydrated devices (MSC3814): a device kept by the server that receives keys while the user is signed out everywhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson

from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find
from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys
from chappe.homeserver.modules.to_device.to_device import Inbox, ToDevice
from chappe.matrix.errors import BadRequest, Forbidden, NotFound

KEY_FIELDS = ("device_keys", "one_time_keys", "fallback_keys")


class DehydratedDevice(Row):
    device_id: str
    device_data: bytes


class DehydrateDevice:
    """At most one per user."""

    def __init__(
        self, database: Database, accounts: AccountStore, sessions: Sessions, keys: DeviceKeys, to_device: ToDevice
    ) -> None:
        self._database, self._accounts, self._sessions = database, accounts, sessions
        self._keys, self._to_device = keys, to_device
        self._one = asyncio.Lock()  # a process holds one connection at most while it waits for others

    async def put(self, user_id: str, device_id: str, data: dict[str, Any], name: str | None, body: dict[str, Any]) -> None:
        """In place of the one before. `body`: `device_keys` and the keys that go with them, as for /keys/upload."""
        if type(body.get("device_keys")) is not dict:
            raise BadRequest("A dehydrated device needs `device_keys`", "M_MISSING_PARAM")
        if not device_id or len(device_id) > 255 or "\0" in device_id:
            raise BadRequest("`device_id` is malformed", "M_INVALID_PARAM")
        async with self._alone(user_id):
            await self._put(user_id, device_id, data, name, body)

    @contextlib.asynccontextmanager
    async def _alone(self, user_id: str) -> AsyncIterator[None]:
        """Whatever process is asked: a device that no row names could be read or replaced by nobody."""
        async with self._one, self._database.transaction(reads_beside=True) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"dehydrated {user_id}")
            yield

    async def _put(self, user_id: str, device_id: str, data: dict[str, Any], name: str | None, body: dict[str, Any]) -> None:
        old = await self._row(user_id)
        if await self._accounts.sessions.device(user_id, device_id) is not None and (old is None or old[0] != device_id):
            raise BadRequest("A device of this name is signed in", "M_INVALID_PARAM")
        if old is not None:
            await self._sessions.remove_devices(user_id, [old[0]])
        await self._accounts.sessions.put_device(user_id, device_id, name)
        try:
            await self._keys.upload(user_id, device_id, {k: body[k] for k in KEY_FIELDS if k in body})
        except Exception:
            await self._sessions.remove_devices(user_id, [device_id])
            raise
        await self._database.execute(
            """INSERT INTO dehydrated_devices VALUES ($1, $2, $3)
               ON CONFLICT (user_id) DO UPDATE SET device_id = excluded.device_id, device_data = excluded.device_data""",
            user_id,
            device_id,
            orjson.dumps(data),
        )

    async def _row(self, user_id: str) -> tuple[str, bytes] | None:
        row = await find(
            self._database,
            DehydratedDevice,
            """SELECT d.device_id, d.device_data FROM dehydrated_devices d JOIN devices USING (user_id, device_id)
                WHERE d.user_id = $1""",
            user_id,
        )
        return (row.device_id, row.device_data) if row is not None else None

    async def get(self, user_id: str) -> tuple[str, bytes]:
        """(device id, its data as JSON). Raises M_NOT_FOUND."""
        row = await self._row(user_id)
        if row is None:
            raise NotFound("You have no dehydrated device")
        return row

    async def delete(self, user_id: str) -> str:
        async with self._alone(user_id):
            device_id, _ = await self.get(user_id)
            await self._sessions.remove_devices(user_id, [device_id])
            await self._database.execute("DELETE FROM dehydrated_devices WHERE user_id = $1", user_id)
        return device_id

    async def events(self, user_id: str, device_id: str, cursor: int, limit: int) -> Inbox:
        """What was sent to the device, from a cursor on. Nothing is deleted: another attempt may begin anew."""
        if (await self.get(user_id))[0] != device_id:
            raise Forbidden("This is not your dehydrated device")
        return await self._to_device.peek(user_id, device_id, cursor, limit)
