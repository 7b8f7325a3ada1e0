"""What is old is deleted, where a room says so (`m.room.retention`, `max_lifetime` in ms): forums always do.

A message loses its content for good, and its file, and nobody is shown it any more. Its place in the room's graph stays, as a
redaction leaves it: hashes, state and auth chains are whole, and other servers may still ask for it. State is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.matrix.canonical_json import canonical_json
from chappe.homeserver.matrix.identifiers import domain_of
from chappe.homeserver.matrix.redaction import redact
from chappe.homeserver.modules.media import ContentRepository
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import ERASED
from chappe.homeserver.rooms.rooms import Rooms

log = logging.getLogger(__name__)
EVENT, AT_LEAST_MS = "m.room.retention", 86_400_000
AT_ONCE = 200  # messages in one commit


class Retention:
    """`look` now and then. Killed in the middle it goes on where it was: files go before the messages that name them."""

    def __init__(
        self, database: Database, rooms: Rooms, writer: GroupWriter, media: ContentRepository, now_ms: Callable[[], int]
    ) -> None:
        self._database, self._rooms, self._writer, self._media = database, rooms, writer, media
        self._now_ms = now_ms
        self._done: dict[
            int, int
        ] = {}  # by room, the time before which nothing is left, as far as this process has seen

    async def look(self) -> int:
        """Returns how many messages were erased."""
        erased = 0
        for row in await self._database.fetch(f"SELECT DISTINCT room_nid FROM events WHERE type = '{EVENT}'"):
            room = await self._rooms.live.by_number(row["room_nid"])
            lifetime = lifetime_of(room)
            if lifetime is not None:
                erased += await self._erase(room, self._now_ms() - lifetime)
        if erased:
            log.info("erased what was old", extra={"fields": {"messages": erased}})
        return erased

    async def _erase(self, room: LiveRoom, before: int) -> int:
        erased, since = 0, self._done.get(room.number, -(1 << 62))
        while rows := await self._database.fetch(
            """SELECT event_id, sender, json FROM events WHERE room_nid = $1 AND ts >= $2 AND ts < $3 AND state_key IS NULL
                  AND redacted_by IS DISTINCT FROM $4 ORDER BY ts LIMIT $5""",
            room.number, since, before, ERASED, AT_ONCE,
        ):  # fmt: skip
            write = Write()
            write.touch_room(room.number, "events")
            for row in rows:
                pdu = orjson.loads(row["json"])
                await self._delete_files(row["sender"], pdu["content"])
                write.add("redactions", row["event_id"], ERASED, canonical_json(redact(pdu, room.version)))
            await self._writer.submit(write)
            self._rooms.live.read_anew(room.number)
            erased += len(rows)
        self._done[room.number] = before
        return erased

    async def _delete_files(self, sender: str, content: Mapping[str, Any]) -> None:
        """Those that the sender uploaded, and copies of other servers' files; what somebody else's message forwarded stays."""
        files = {tuple(url.removeprefix("mxc://").split("/", 1)) for url in _urls(content) if url.count("/") == 3}
        if not files:
            return
        rows = await self._database.fetch(
            """SELECT server_name, media_id FROM media JOIN unnest($1::text[], $2::text[]) AS u(server_name, media_id)
                USING (server_name, media_id) WHERE NOT protected AND (user_id = $3 OR (server_name = $4 AND user_id = ''))""",
            [server for server, _ in files], [media for _, media in files], sender, domain_of(sender),
        )  # fmt: skip
        await self._media.delete([(row["server_name"], row["media_id"]) for row in rows])


def lifetime_of(room: LiveRoom) -> int | None:
    """In ms; None where a room keeps everything. Less than a day is a day: nobody loses what they have just been sent."""
    event = room.get((EVENT, ""))
    lifetime = event.content.get("max_lifetime") if event is not None else None
    return max(lifetime, AT_LEAST_MS) if type(lifetime) is int and lifetime > 0 else None


def _urls(value: Any) -> Iterator[str]:
    """Every address of a file that a message holds, wherever it stands."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _urls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _urls(inner)
    elif type(value) is str and value.startswith("mxc://"):
        yield value
