"""Send-to-device messages (client-server API, "Send-to-Device messaging"): in order, delivered exactly once.

A message is deleted when the next request shows that it arrived, not when it is sent. The third part of a sync token
says up to where a device has received.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database, Executor
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.writing_function import Consequence, Fragment
from chappe.homeserver.load.bounded import Recent
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.outbox import Outbox
from chappe.matrix.errors import BadRequest, MatrixError
from chappe.matrix.identifiers import domain_of

MAX_PER_SYNC, MAX_BYTES_PER_SYNC = 100, 4 << 20  # of an answer; the first message always
MAX_MESSAGES, MAX_BYTES = 10_000, 32 << 20  # of one request, once for each device that it reaches
EMPTY_REMEMBERED = 200_000  # devices


class ToDeviceRow(Row):
    who: str
    device: str
    message: bytes


FRAGMENT = Fragment(
    "to_device",
    ToDeviceRow,
    """
    INSERT INTO to_device (user_id, device_id, message) SELECT t.who, t.device, t.message
      FROM unnest(to_device_rows) t WHERE t._lane <> ALL (bad);""",
)

CONSEQUENCE = Consequence(  # what waits for a device goes with it
    "devices_removed",
    """
    FOR r IN SELECT * FROM unnest(devices_removed_rows) LOOP
        DELETE FROM to_device WHERE user_id = r.who AND device_id = r.device;
    END LOOP;""",
)


@dataclass(frozen=True, slots=True)
class Inbox:
    messages: list[bytes]
    cursor: int


class DeviceKey(Row):
    user_id: str
    device_id: str


class WaitingMessage(Row):
    seq: int
    message: bytes


class ToDevice:
    def __init__(self, database: Database, writer: GroupWriter, clock: Clock, domains: Domains, outbox: Outbox) -> None:
        self._database, self._writer, self._domains, self._outbox = database, writer, domains, outbox
        # devices whose inbox holds nothing beyond what was delivered, by user
        self._empty: Recent[str, set[str]] = Recent(EMPTY_REMEMBERED)
        self._reading: dict[str, set[object]] = {}  # reads that something new must spoil, by user
        writer.register(FRAGMENT)
        writer.register_consequences(CONSEQUENCE)
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        for user, kinds in commit.users.items():
            if commit.foreign or "to_device" in kinds:
                self._empty.drop(user)
                self._reading.pop(user, None)

    async def send(
        self,
        sender: str,
        event_type: str,
        messages: Mapping[str, Mapping[str, Any]],
        devices: Mapping[str, list[str]],
        txn: str,
        charge: Callable[[int], None] | None = None,
    ) -> None:
        """`messages`: user → device (`*`: all) → content; `devices`: every recipient's devices. Durable on return.

        `charge`: told how many bytes will wait for devices of here, before they do; it may refuse.

        Raises M_INVALID_PARAM, M_TOO_LARGE (413) for what reaches too many devices, or is too much for so many.
        """
        write, count, size = Write(txn=txn), 0, 0
        elsewhere: dict[str, dict[str, Mapping[str, Any]]] = {}
        for user, by_device in messages.items():
            if not self._domains.is_hosted(domain_of(user)):
                elsewhere.setdefault(domain_of(user), {})[user] = by_device
                continue
            targets = set(devices.get(user, ()))
            for device, content in by_device.items():
                raw = orjson.dumps({"type": event_type, "sender": sender, "content": content})
                reached = targets if device == "*" else {device} & targets
                count, size = count + len(reached), size + len(reached) * len(raw)
                require_few_devices(count)
                if size > MAX_BYTES:
                    raise MatrixError(413, "M_TOO_LARGE", "The message is too long for so many devices")
                for target in reached:
                    write.add(ToDeviceRow(who=user, device=target, message=raw))
            if targets:
                write.touch_user(user, "to_device")
        if charge is not None:
            charge(size)
        servers = [
            server
            for name, users in elsewhere.items()
            for server in self._outbox.add(
                write,
                sender,
                [name],
                None,
                "m.direct_to_device",
                {"sender": sender, "type": event_type, "message_id": secrets.token_urlsafe(16), "messages": users},
            )
        ]
        await self._writer.submit(write)
        self._outbox.wake(servers)

    async def receive(self, user_id: str, device_id: str, cursor: int, is_news: bool, limit: int = MAX_PER_SYNC) -> Inbox:
        """What lies in the inbox beyond the cursor, at most 100; what lies before it has arrived and is deleted.

        `is_news`: whether the log shows something new for the user; without, an inbox known to be empty is not read.
        """
        is_empty = device_id in (self._empty.get(user_id) or ())
        if is_empty and not is_news:
            return Inbox([], cursor)
        if cursor and not is_empty:
            await self._database.execute(
                "DELETE FROM to_device WHERE user_id = $1 AND device_id = $2 AND seq <= $3", user_id, device_id, cursor
            )
        mark = object()
        self._reading.setdefault(user_id, set()).add(mark)
        try:
            inbox = await self.peek(user_id, device_id, cursor, min(limit, MAX_PER_SYNC))
        finally:
            is_undisturbed = mark in self._reading.get(user_id, ())
            if is_undisturbed:
                self._reading[user_id].discard(mark)
                if not self._reading[user_id]:
                    del self._reading[user_id]
        if not inbox.messages and is_undisturbed:  # known to be empty once it has been read so, not before
            empty = self._empty.get(user_id) or set()
            empty.add(device_id)
            self._empty.put(user_id, empty, len(empty))
        elif inbox.messages:
            (self._empty.get(user_id) or set()).discard(device_id)
        return inbox

    async def shed(self, most: int, most_bytes: int) -> int:
        """Where more than so many messages, or bytes, wait for a device, the oldest go. Returns for how many devices."""
        full = await read(
            self._database,
            DeviceKey,
            """SELECT user_id, device_id FROM to_device GROUP BY user_id, device_id
               HAVING count(*) > $1 OR sum(octet_length(message)) > $2""",
            most,
            most_bytes,
        )
        for row in full:
            await self._database.execute(
                """DELETE FROM to_device WHERE user_id = $1 AND device_id = $2 AND seq IN (
                       SELECT seq FROM (SELECT seq, row_number() OVER later AS place, sum(octet_length(message)) OVER later AS size
                                          FROM to_device WHERE user_id = $1 AND device_id = $2
                                        WINDOW later AS (ORDER BY seq DESC)) m
                        WHERE place > $3 OR size > $4)""",
                row.user_id,
                row.device_id,
                most,
                most_bytes,
            )
        return len(full)

    async def peek(self, user_id: str, device_id: str, cursor: int, limit: int) -> Inbox:
        """The same without deleting anything."""
        rows = await read(
            self._database,
            WaitingMessage,
            """SELECT seq, message FROM (
                   SELECT seq, message, sum(octet_length(message)) OVER (ORDER BY seq) - octet_length(message) AS before
                     FROM (SELECT seq, message FROM to_device WHERE user_id = $1 AND device_id = $2 AND seq > $3
                            ORDER BY seq LIMIT $4) m) n
                WHERE before < $5 ORDER BY seq""",
            user_id,
            device_id,
            cursor,
            limit,
            MAX_BYTES_PER_SYNC,
        )
        return Inbox([row.message for row in rows], rows[-1].seq if rows else cursor)


def require_few_devices(count: int) -> None:
    """Raises M_INVALID_PARAM for more devices than one request may write to."""
    if count > MAX_MESSAGES:
        raise BadRequest(f"At most {MAX_MESSAGES} devices at once", "M_INVALID_PARAM")


class UndeliveredMessage(Row):
    """A message on its way to a device of here. `message`: JSON."""

    seq: int
    user_id: str
    device_id: str
    message: bytes


async def messages_of(database: Database, users: Collection[str], most: int) -> list[UndeliveredMessage]:
    """What waits for any device of these users, the oldest first: for who receives in their name."""
    return await read(
        database,
        UndeliveredMessage,
        "SELECT seq, user_id, device_id, message FROM to_device WHERE user_id = ANY($1::text[]) ORDER BY seq LIMIT $2",
        list(users),
        most,
    )


async def remove_messages(connection: Executor, seqs: Collection[int]) -> None:
    await connection.execute("DELETE FROM to_device WHERE seq = ANY($1::bigint[])", seqs)
