"""Messages that ask for an answer (`org.chappe.urgent`), as far as the server knows them: who is asked, and who has answered.

What they ask is sealed. Beside it stand the users who are asked. An answer is a reference to the message (`m.reference`) by one
of them; a reference by its sender with the key LIFTED takes it back, and so does its sender's edit: what people were asked is
asked no more. What escalates (a reminder, a mail, somebody else who is asked) is an urgent message that refers to the first: it
goes to those who have not answered, and to nobody once all have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.database.pool import Database, Executor
from chappe.homeserver.database.rows import Row, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.relations import REFERENCE, relation_of

URGENT = "org.chappe.urgent"
_URGENT = URGENT.encode()
_MESSAGES = ("m.room.message", "m.room.encrypted")
LIFTED = "org.chappe.order.lifted"
MOST_USERS = 1000  # a list that is longer asks nobody
DAY_MS = 86_400_000
LETTERS_A_DAY, KEEP_MS = 10, 30 * DAY_MS  # a person's mails about orders, whoever gives them


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands beside what is sealed. `by_mail`: those who have not answered are told by mail as well."""

    users: frozenset[str]
    by_mail: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """How an order stands: who has answered; whether nobody need answer any more."""

    answered: frozenset[str]
    is_over: bool

    def narrow(self, users: frozenset[str]) -> frozenset[str]:
        return frozenset() if self.is_over else users - self.answered


class Answered(Row):
    sender: str
    is_lifted: bool


NOBODY = Asked(frozenset(), False)


def asked_beside(head: bytes) -> Asked:
    """Of an event's client form."""
    return asked_in(orjson.loads(head + b"}").get("content", {})) if _URGENT in head else NOBODY


def asked_in(content: dict[str, Any]) -> Asked:
    asked = content.get(URGENT)
    users = asked.get("users") if type(asked) is dict else None
    if type(asked) is not dict or type(users) is not list or len(users) > MOST_USERS:
        return NOBODY
    return Asked(frozenset(u for u in users if type(u) is str), asked.get("mail") is True)


class Orders:
    def __init__(self, database: Database, rooms: Rooms, now_ms: NowMs) -> None:
        self._database, self._rooms, self._now_ms = database, rooms, now_ms

    async def waits_for(self, room: LiveRoom, event: RoomEvent) -> tuple[frozenset[str], str | None]:
        """(whom an urgent message asks who has not answered, the order that it escalates, if any).

        Nobody unless its sender may notify the whole room.
        """
        if event.type not in _MESSAGES or event.is_redacted or not (users := asked_beside(event.head).users):
            return frozenset(), None
        levels = room.power_levels()
        if levels.of(event.sender) < levels.notification("room"):
            return frozenset(), None
        if (waiting := await self._of_order(room, event.sender, event.content)) is None:
            return users, None
        return waiting.narrow(users), event.relates_to

    async def narrowed(self, room: LiveRoom, sender: str, content: dict[str, Any]) -> dict[str, Any] | None:
        """What is due to be sent, for those who have not answered; None where it is not to be sent any more."""
        asked = asked_in(content).users
        if not asked or (waiting := await self._of_order(room, sender, content)) is None:
            return content
        left = waiting.narrow(asked)
        return {**content, URGENT: {**content[URGENT], "users": sorted(left)}} if left else None

    async def _of_order(self, room: LiveRoom, sender: str, content: dict[str, Any]) -> Waiting | None:
        """How the order stands to which something of its sender refers; None where there is none."""
        relation = relation_of(content)
        if relation is None or relation.rel_type != REFERENCE:
            return None
        order = await self._rooms.timeline.find(room, relation.target)
        if order is None or order.sender != sender:
            return None
        users = asked_beside(order.head).users
        rows = await read(
            self._database,
            Answered,
            """SELECT DISTINCT sender, sender = $3 AND (rel_type = 'm.replace' OR key IS NOT DISTINCT FROM $4) AS is_lifted
                FROM relations WHERE target = $1 AND room_nid = $2
                 AND (rel_type = 'm.reference' OR (rel_type = 'm.replace' AND sender = $3))""",
            order.event_id,
            room.nid,
            sender,
            LIFTED,
        )
        answered = frozenset(row.sender for row in rows if row.sender != sender)
        is_over = order.is_redacted or any(row.is_lifted for row in rows) or not users - answered
        return Waiting(answered, is_over)

    # ------------------------------------------------------------------------------------------------------- mails

    async def few_letters(self, users: list[str]) -> list[str]:
        """Who has not been told of orders by mail too often since yesterday."""
        return await values(
            self._database,
            str,
            """SELECT u FROM unnest($1::text[]) u WHERE (SELECT count(*) FROM order_letters l
                WHERE l.user_id = u AND l.sent_ts > $2) < $3""",
            users,
            self._now_ms() - DAY_MS,
            LETTERS_A_DAY,
        )

    async def note_letter(self, connection: Executor, user_id: str, event_id: str, room: LiveRoom) -> bool:
        """In the transaction that queues the mail. False where they were told of this order before."""
        done: str = await connection.execute(
            "INSERT INTO order_letters (user_id, event_id, room_nid, sent_ts) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            user_id,
            event_id,
            room.nid,
            self._now_ms(),
        )
        return done.endswith(" 1")

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM order_letters WHERE sent_ts < $1", self._now_ms() - KEEP_MS)
