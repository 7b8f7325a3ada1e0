"""Account data in /sync and in sliding sync (MSC3959)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson

from chappe.homeserver.modules.account_data.account_data import GLOBAL, AccountData, Made
from chappe.homeserver.sync.context import SyncContext
from chappe.homeserver.sync.section import Extended, Section, SyncAnswer
from chappe.homeserver.sync.sliding.extension import Extension, ExtensionContext
from chappe.matrix.filters import passes, passes_room

NAME = "account_data"


class AccountDataSection(Section):
    """`made`: global types whose content another part makes from what it knows, by user id; account data holds only when
    they changed."""

    extension = NAME

    def __init__(self, account_data: AccountData, made: Made) -> None:
        self._account_data, self._made = account_data, made

    async def of_account(self, context: SyncContext, answer: SyncAnswer) -> None:
        if context.since is not None and not context.changes.concern_me(NAME):
            return
        own: list[bytes] = []
        made = set(self._made) if context.since is None else set()
        for row in await self._account_data.changed(context.user_id, context.after, context.upto):
            kind, room_id = row.type, row.room_id
            if room_id != GLOBAL:
                asked = context.filter.room.account_data
                if passes(asked, kind, None) and passes_room(asked, room_id):
                    answer.room_account_data.setdefault(room_id, []).append(_event(kind, row.content))
            elif kind in self._made:
                made.add(kind)
            elif passes(context.filter.account_data, kind, None):
                own.append(_event(kind, row.content))
        for kind in sorted(made):
            if passes(context.filter.account_data, kind, None):
                own.append(_event(kind, orjson.dumps(await self._made[kind](context.user_id))))
        if own:
            answer.events[NAME] = own

    async def extended(self, context: ExtensionContext, wanted: Extension) -> Extended | None:
        """Of a room that the client has not seen, all of it; of the others, and of what is global, what changed."""
        since, rooms = context.since(NAME), context.of(wanted)
        own: list[Any] = []
        by_room: dict[str, list[Any]] = {}
        if since == 0 or context.changes.concern_me(NAME):
            known = {room_id for n, room_id in rooms.items() if n not in context.fresh}
            own = await self._add_changed(context, since, known, by_room)
        if late := [rooms[n] for n in context.late(NAME, rooms)]:
            for row in await self._account_data.of_rooms(context.user_id, late):
                event = orjson.Fragment(_event(row.type, row.content))
                by_room.setdefault(row.room_id, []).append(event)
        content: dict[str, Any] = {"global": own} if own else {}
        if by_room:
            content["rooms"] = by_room
        return Extended(content) if content else None

    async def _add_changed(
        self, context: ExtensionContext, since: int, known: Collection[str], by_room: dict[str, list[Any]]
    ) -> list[Any]:
        """What has changed: returns what is global, and adds to `by_room` what is of rooms that the client knows."""
        own: list[Any] = []
        made = set(self._made) if since == 0 else set()
        for row in await self._account_data.changed(context.user_id, since, context.upto):
            kind, room_id = row.type, row.room_id
            if room_id == GLOBAL and kind in self._made:
                made.add(kind)
            elif room_id == GLOBAL:
                if since > 0 or row.content != b"{}":
                    own.append(orjson.Fragment(_event(kind, row.content)))
            elif room_id in known and since > 0:
                by_room.setdefault(room_id, []).append(orjson.Fragment(_event(kind, row.content)))
        return [*own, *[{"type": kind, "content": await self._made[kind](context.user_id)} for kind in sorted(made)]]


def _event(event_type: str, content: bytes) -> bytes:
    return b'{"type":%b,"content":%b}' % (orjson.dumps(event_type), content)
