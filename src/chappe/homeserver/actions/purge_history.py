"""What was said in a room long ago, taken out of it by an administrator (as `purge_history` of Synapse's administration API).

Messages lose their content for good and are shown to nobody any more; state, and the room's graph, stay. Files stay as well.
"""

from __future__ import annotations

from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.modules.room_purges.room_purges import RoomPurges
from chappe.homeserver.rooms.erasing import erase_events
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.rooms import Rooms

AT_ONCE = 200  # messages in one commit


class PurgeHistory:
    """`purges` knows which rooms are to be kept: a history is purged where a room may be."""

    def __init__(self, rooms: Rooms, writer: GroupWriter, purges: RoomPurges) -> None:
        self._rooms, self._writer, self._purges = rooms, writer, purges

    async def __call__(self, room: LiveRoom, before: int, before_ts: int, with_own: bool) -> None:
        """Messages before a position, as the room is read, and before a time, in ms. Those of people of here stay unless
        `with_own`: no other server has them for sure. Asked again, it goes on where it was. Raises M_FORBIDDEN where a legal
        hold keeps the room, or somebody in it.
        """
        for span in room.order.spans_before(before):
            after = span.low
            while True:
                await self._purges.may_purge(room.room_id)  # a hold may come meanwhile
                rows = await self._rooms.store.said_before(room.nid, after, span.high, before_ts, AT_ONCE)
                if not rows:
                    break
                after = rows[-1].position
                if gone := [row for row in rows if with_own or not self._rooms.is_hosted(row.sender)]:
                    await erase_events(self._writer, self._rooms.live, room, gone)
