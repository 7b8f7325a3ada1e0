"""Leaving a call is left with this server (MSC4195): it sees by the SFU who is still there, better than a client without a network."""

from __future__ import annotations

from chappe.homeserver.actions.send_delayed_event import SendDelayedEvent
from chappe.homeserver.modules.calls.admission import CallAdmission
from chappe.homeserver.modules.calls.names import livekit_alias
from chappe.homeserver.modules.calls.participants import CallParticipants, DelegatedLeave, Place
from chappe.homeserver.modules.calls.sfu import Sfu
from chappe.homeserver.modules.calls.tokens import Wanted
from chappe.homeserver.modules.delayed_events.delayed_events import RESTART, SEND, DelayedEvent, DelayedEvents
from chappe.matrix.errors import BadRequest, MatrixError, NotFound

HOUR_MS = 3_600_000
RESTART_AFTER = 0.8  # of the delay
# for which somebody is waited for whom LiveKit has not said to be gone: it may have been started anew, and its clients come back
GRACE_MS = 20_000
_NO_SUCH = "There is no such delayed event of yours in this room"


class DelegateLeave:
    def __init__(
        self, admission: CallAdmission, participants: CallParticipants, delayed: DelayedEvents, send: SendDelayedEvent
    ) -> None:
        self._admission, self._participants, self._delayed, self._send = admission, participants, delayed, send

    async def __call__(self, sfu: Sfu, wanted: Wanted, delay_id: str, least_ms: int = 0) -> None:
        """Raises M_FORBIDDEN as for a token; M_INVALID_PARAM for what is no delayed event of theirs in this room, is over, or has a
        delay below `least_ms`."""
        await self._admission.require(wanted.user_id, wanted.room_id)
        try:
            row = await self._delayed.find(delay_id, wanted.user_id)
        except NotFound:
            raise BadRequest(_NO_SUCH, "M_INVALID_PARAM") from None
        if row.room_id != wanted.room_id or row.finalised_ts is not None:
            raise BadRequest(_NO_SUCH, "M_INVALID_PARAM")
        if row.delay_ms < least_ms:
            raise BadRequest(f"The delay is shorter than {least_ms} ms", "M_INVALID_PARAM")
        place = Place(sfu.name, livekit_alias(wanted.room_id, wanted.slot_id), wanted.identity)
        await self._participants.add(place, wanted.room_id, wanted.user_id, wanted.session)
        await self._participants.delegate(place, delay_id)

    async def look(self, leave: DelegatedLeave, is_there: bool, is_told: bool, now_ms: int) -> None:
        """What follows of whether somebody is in the call. `is_told`: LiveKit has said that they have left."""
        try:
            row = await self._delayed.find(leave.delay_id, None)
        except NotFound:
            await self._participants.take_back(leave)
            return
        if row.finalised_ts is not None:
            await self._participants.take_back(leave)
        elif is_there:
            await self._put_off(leave, row, now_ms)
        elif leave.restarted_ts is None:
            pass  # they have not come yet: if they never do, it is sent in its own time
        elif is_told or (leave.gone_ts is not None and now_ms - leave.gone_ts >= GRACE_MS):
            await self._act(row, SEND)
            await self._participants.take_back(leave)
        elif leave.gone_ts is None:
            await self._participants.note(leave, leave.restarted_ts, now_ms)

    async def _put_off(self, leave: DelegatedLeave, row: DelayedEvent, now_ms: int) -> None:
        is_time = leave.restarted_ts is None or now_ms - leave.restarted_ts >= RESTART_AFTER * row.delay_ms
        if is_time:
            await self._act(row, RESTART)
        if is_time or leave.gone_ts is not None:
            await self._participants.note(leave, now_ms if is_time else leave.restarted_ts, None)

    async def _act(self, row: DelayedEvent, action: str) -> None:
        """What refuses it (they were banned meanwhile, say) is not ours to mend."""
        try:
            await self._send.act(row, action, is_old_dialect=False)
        except MatrixError:
            return
