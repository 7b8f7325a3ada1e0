"""Thread subscriptions (MSC4306, MSC4308): which threads a user follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, read
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, MatrixError, NotFound


class SubscriptionRow(Row):
    who: str
    room: int
    root: str
    automatic: bool
    subscribed: bool
    unsubscribed_after: int


FRAGMENT = Fragment(
    "thread_subscriptions",
    SubscriptionRow,
    """
    FOR r IN SELECT * FROM unnest(thread_subscriptions_rows) LOOP
        INSERT INTO thread_subscriptions AS t VALUES (r.who, r.room, r.root, r.automatic, r.subscribed, r.unsubscribed_after, upto)
        ON CONFLICT (user_id, room_nid, root) DO UPDATE SET automatic = excluded.automatic, subscribed = excluded.subscribed,
            unsubscribed_after = greatest(t.unsubscribed_after, excluded.unsubscribed_after), position = excluded.position;
    END LOOP;""",
)


@dataclass(frozen=True, slots=True)
class Subscription:
    room_id: str
    root: str
    automatic: bool
    subscribed: bool
    position: int


class SubscriptionState(Row):
    automatic: bool
    subscribed: bool
    unsubscribed_after: int


class ChangedSubscription(Row):
    room_id: str
    root: str
    automatic: bool
    subscribed: bool
    position: int


class ThreadSubscriptions:
    def __init__(self, database: Database, writer: GroupWriter, rooms: Rooms) -> None:
        self._database, self._writer, self._rooms = database, writer, rooms
        writer.register(FRAGMENT)

    async def get(self, user_id: str, room: LiveRoom, root: str) -> bool:
        """Whether the subscription was automatic. Raises M_NOT_FOUND where there is none."""
        row = await self._row(user_id, room.nid, root)
        if row is None or not row.subscribed:
            raise NotFound("You do not follow this thread")
        return bool(row.automatic)

    async def _row(self, user_id: str, room_nid: int, root: str) -> SubscriptionState | None:
        return await find(
            self._database,
            SubscriptionState,
            """SELECT automatic, subscribed, unsubscribed_after FROM thread_subscriptions
                WHERE user_id = $1 AND room_nid = $2 AND root = $3""",
            user_id,
            room_nid,
            root,
        )

    async def subscribe(self, user_id: str, room: LiveRoom, root: str, cause: str | None) -> None:
        """`cause`: the event for which a client subscribes by itself. Raises M_NOT_IN_THREAD, M_CONFLICTING_UNSUBSCRIPTION."""
        row = await self._row(user_id, room.nid, root)
        if cause is not None:
            event = await self._rooms.timeline.shown(user_id, room, cause)
            if event is None or event.thread != root:
                raise BadRequest("This event is not in the thread", "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD")
            if row is not None and row.subscribed:
                return
            if row is not None and event.position <= row.unsubscribed_after:
                raise MatrixError(
                    409, "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION", "You stopped following this thread after this event"
                )
        if row is None or not row.subscribed or row.automatic != (cause is not None):
            await self._write(user_id, room.nid, root, cause is not None, True, 0)

    async def unsubscribe(self, user_id: str, room: LiveRoom, root: str) -> None:
        row = await self._row(user_id, room.nid, root)
        if row is not None and row.subscribed:
            await self._write(user_id, room.nid, root, False, False, room.last_position)

    async def _write(self, user_id: str, room_nid: int, root: str, automatic: bool, subscribed: bool, after: int) -> None:
        write = Write()
        write.add(
            SubscriptionRow(
                who=user_id, room=room_nid, root=root, automatic=automatic, subscribed=subscribed, unsubscribed_after=after
            )
        )
        write.touch_user(user_id, "thread_subscriptions")
        await self._writer.submit(write)

    async def changed(self, user_id: str, since: int, upto: int, limit: int) -> tuple[list[Subscription], bool]:
        """The latest changes in (since, upto], newest first, and whether there were more."""
        rows = await read(
            self._database,
            ChangedSubscription,
            """SELECT r.room_id, t.root, t.automatic, t.subscribed, t.position
                 FROM thread_subscriptions t JOIN rooms r USING (room_nid)
                WHERE t.user_id = $1 AND t.position > $2 AND t.position <= $3 ORDER BY t.position DESC, t.root LIMIT $4""",
            user_id,
            since,
            upto,
            limit + 1,
        )
        found = [Subscription(r.room_id, r.root, r.automatic, r.subscribed, r.position) for r in rows]
        return found[:limit], len(found) > limit


def subscriptions_answer(changes: Sequence[Subscription]) -> dict[str, Any]:
    """`subscribed` and `unsubscribed`, by room and thread."""
    answer: dict[str, Any] = {}
    for change in changes:
        value: dict[str, Any] = {"bump_stamp": change.position}
        if change.subscribed:
            value["automatic"] = change.automatic
        kind = "subscribed" if change.subscribed else "unsubscribed"
        answer.setdefault(kind, {}).setdefault(change.room_id, {})[change.root] = value
    return answer
