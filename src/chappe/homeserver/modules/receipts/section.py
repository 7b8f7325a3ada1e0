"""Receipts in /sync (`ephemeral` of a room) and in sliding sync (MSC3960)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson

from chappe.homeserver.modules.receipts.receipts import Receipts, receipt_content
from chappe.homeserver.sync.context import Changes, SyncContext
from chappe.homeserver.sync.section import Extended, JoinedRoom, Section
from chappe.homeserver.sync.sliding.extension import Extension, ExtensionContext
from chappe.matrix.filters import passes, passes_room

NAME, TYPE = "receipts", "m.receipt"
KINDS = ("receipts", "private_receipts")


class ReceiptsSection(Section):
    extension = NAME

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts

    async def touched(self, context: SyncContext) -> Iterable[int]:
        if context.changes.known:
            return ()  # the log names the rooms
        return await self._receipts.changed(context.user_id, context.joined, context.after, context.upto)

    async def ephemeral(self, context: SyncContext, rooms: Sequence[JoinedRoom]) -> Mapping[int, bytes]:
        asked = context.filter.room.ephemeral
        if not passes(asked, TYPE, None):
            return {}
        new: list[int] = []
        known: list[int] = []
        for _, room, is_new in rooms:
            if passes_room(asked, room.room_id) and (is_new or _touches(context.changes, room.nid)):
                (new if is_new else known).append(room.nid)
        found: dict[int, bytes] = {}
        for after, numbers in ((0, new), (context.after, known)):
            if numbers:
                changed = await self._receipts.changed(context.user_id, numbers, after, context.upto)
                for number, rows in changed.items():
                    found[number] = orjson.dumps({"type": TYPE, "content": receipt_content(rows)})
        return found

    async def extended(self, context: ExtensionContext, wanted: Extension) -> Extended | None:
        """Of a room that the client has not seen: one's own, and those about its newest events."""
        rooms = context.of(wanted)
        late = context.late(NAME, rooms)
        touched = [n for n in rooms.keys() - set(late) if _touches(context.changes, n)]
        found = {}
        if touched:
            found = await self._receipts.changed(context.user_id, touched, context.since(NAME), context.upto)
        if late:
            found.update(await self._receipts.for_latest(context.user_id, late, context.upto))
        content = {rooms[n]: {"type": TYPE, "content": receipt_content(rows)} for n, rows in found.items()}
        return Extended({"rooms": content}) if content else None


def _touches(changes: Changes, number: int) -> bool:
    return any(changes.touches(number, kind) for kind in KINDS)
