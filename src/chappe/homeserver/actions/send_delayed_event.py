"""Sending a delayed event: with the rights that its author has by then, once, whoever asks for it and how often."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.modules.delayed_events.delayed_events import CANCEL, RESTART, SEND, DelayedEvent, DelayedEvents
from chappe.homeserver.modules.orders.orders import URGENT, Orders
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.room_event import DELAYED
from chappe.homeserver.rooms.rooms import MEMBER, Rooms
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import Forbidden, MatrixError, NotFound
from chappe.matrix.identifiers import UserId, parse_user_id

log = logging.getLogger(__name__)


class SendDelayedEvent:
    def __init__(
        self, delayed: DelayedEvents, rooms: Rooms, membership: MembershipChanges, standings: Standings, orders: Orders
    ) -> None:
        self._delayed, self._rooms, self._membership, self._standings = delayed, rooms, membership, standings
        self._orders = orders

    async def act(self, row: DelayedEvent, action: str, is_old_dialect: bool) -> None:
        """`send`, `cancel` or `restart`. Doing again what is done is no error; doing otherwise is M_UNKNOWN (409)."""
        if row.finalised_ts is not None:
            return self._already(row, action, is_old_dialect)
        delay_id = row.delay_id
        await self._require_may(row, Doing.HOLD if action == CANCEL else Doing.ACT)
        if action == SEND:
            if done := await self._delayed.claim(delay_id, is_due=False):
                await self._send_claimed(row, keep_on_error=not is_old_dialect)
        elif action == CANCEL:
            done = await self._delayed.cancel(delay_id)
        else:
            assert action == RESTART
            done = await self._delayed.restart(delay_id)
        if not done:  # somebody was faster
            self._already(await self._delayed.find(delay_id, None), action, is_old_dialect)
        return None

    async def _require_may(self, row: DelayedEvent, doing: Doing) -> None:
        """Its author acts, whoever asks, and whenever. Raises M_FORBIDDEN with what refuses the account."""
        if (error := await self._standings.refusal(row.user_id, doing)) is not None:
            raise Forbidden(error.message, error.errcode)

    @staticmethod
    def _already(row: DelayedEvent, action: str, is_old_dialect: bool) -> None:
        """It is over, or being sent."""
        if row.outcome == action or (row.outcome is None and action == SEND):
            return
        if is_old_dialect:
            if action == SEND and row.error is not None:
                error = orjson.loads(row.error)
                raise MatrixError(403, error.get("errcode", "M_UNKNOWN"), error.get("error", ""))
            raise NotFound("This delayed event is over")
        raise MatrixError(409, "M_UNKNOWN", "This delayed event is over")

    async def send_due(self, row: DelayedEvent) -> None:
        """By the clock: unless it was cancelled, restarted or taken meanwhile. Raises what refused it."""
        if await self._delayed.claim(row.delay_id, is_due=True):
            await self._send_claimed(row)

    async def _send_claimed(self, row: DelayedEvent, keep_on_error: bool = False) -> None:
        """Raises what refused it; without `keep_on_error` the refusal is final."""
        user_id, content = UserId(row.user_id), orjson.loads(row.content)
        try:
            await self._require_may(row, Doing.ACT)
            if URGENT in content and (content := await self._to_whom_it_waits_for(row, user_id, content)) is None:
                await self._delayed.finalise(row.delay_id, CANCEL)  # all have answered, or nobody need any more
                return
            event_id = await self._send(row, user_id, content)
        except MatrixError as error:
            if not keep_on_error:
                await self._delayed.finalise(row.delay_id, CANCEL, error=error.body())
            else:
                await self._delayed.release(row.delay_id)
            raise
        await self._delayed.finalise(row.delay_id, SEND, event_id)

    async def _to_whom_it_waits_for(self, row: DelayedEvent, user_id: UserId, content: dict[str, Any]) -> dict[str, Any] | None:
        room = await self._rooms.require_joined(user_id, row.room_id)
        return await self._orders.narrowed(room, user_id, content)

    async def _send(self, row: DelayedEvent, user_id: UserId, content: dict[str, Any]) -> str:
        if row.type == MEMBER and row.state_key is not None:
            member = parse_user_id(row.state_key)
            return await self._membership.set_member(user_id, row.room_id, member, content)
        txn = f"{user_id}\x1f{row.device_id}{DELAYED}{row.delay_id}"
        if row.state_key is not None:
            return await self._rooms.set_state(user_id, row.room_id, row.type, row.state_key, content, txn=txn)
        return await self._rooms.send(user_id, row.room_id, row.type, content, txn)
