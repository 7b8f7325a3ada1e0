"""Receipts and the fully-read marker, set through any of the routes that set them."""

from __future__ import annotations

from typing import Any

import orjson

from chappe.homeserver.database.group_writer import Write
from chappe.homeserver.modules.account_data.account_data import AccountData
from chappe.homeserver.modules.receipts.receipts import PRIVATE, READ, UNTHREADED, Receipts
from chappe.homeserver.outbound.federation.outbox import Outbox
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import UserId, parse_event_id

FULLY_READ = "m.fully_read"


class MarkRead:
    def __init__(self, rooms: Rooms, receipts: Receipts, account_data: AccountData, outbox: Outbox) -> None:
        self._rooms, self._receipts, self._account_data, self._outbox = rooms, receipts, account_data, outbox

    async def receipt(self, user_id: UserId, room_id: str, receipt_type: str, event_id: str, thread: Any) -> None:
        """`thread`: None (unthreaded), "main", or a thread root's id. A receipt for an unknown event changes nothing."""
        room = await self._rooms.require_joined(user_id, room_id)
        if receipt_type == FULLY_READ:
            if thread is not None:
                raise BadRequest("The fully-read marker has no thread", "M_INVALID_PARAM")
            return await self.fully_read(user_id, room_id, event_id)
        _check_receipt(receipt_type, thread)
        event = await self._rooms.timeline.shown(user_id, room, parse_event_id(event_id))
        if event is not None:
            if thread is not None and event.thread != ("" if thread == "main" else thread) and event_id != thread:
                raise BadRequest("This event is not in this thread", "M_INVALID_PARAM")
            ts, servers = self._rooms.now_ms(), self._rooms.servers.others(room)

            def tell(write: Write) -> None:
                data = {"ts": ts} if thread is None else {"ts": ts, "thread_id": thread}
                content = {room_id: {READ: {user_id: {"event_ids": [event_id], "data": data}}}}
                key = f"receipt:{room_id}:{user_id}:{thread or UNTHREADED}"
                self._outbox.add(write, user_id, servers, key, "m.receipt", content)

            is_told = receipt_type == READ and len(servers) > 0
            await self._receipts.set(
                user_id, room.nid, receipt_type, thread or UNTHREADED, event_id, event.position, ts, tell if is_told else None
            )
            if is_told:
                self._outbox.wake(servers)
        return None

    async def fully_read(self, user_id: UserId, room_id: str, event_id: str) -> None:
        """Moves forward only."""
        room = await self._rooms.require_joined(user_id, room_id)
        event = await self._rooms.timeline.shown(user_id, room, parse_event_id(event_id))
        if event is None:
            raise BadRequest("There is no such event in this room", "M_INVALID_PARAM")
        old = await self._account_data.find(user_id, room_id, FULLY_READ)
        if old is not None:
            before = await self._rooms.timeline.find(room, str(orjson.loads(old).get("event_id")))
            if before is not None and before.position >= event.position:
                return
        await self._account_data.write(user_id, room_id, FULLY_READ, {"event_id": event_id})


def _check_receipt(receipt_type: str, thread: Any) -> None:
    if receipt_type not in (READ, PRIVATE):
        raise BadRequest(f"Unknown receipt type {receipt_type[:60]!r}", "M_INVALID_PARAM")
    if thread is not None and (type(thread) is not str or not thread or (thread != "main" and thread[0] != "$")):
        raise BadRequest("thread_id must be `main` or an event id", "M_INVALID_PARAM")
