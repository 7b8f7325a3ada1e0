"""Typing notifications in /sync (`ephemeral` of a room) and in sliding sync (MSC3961)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson

from chappe.homeserver.modules.typing.typing import Typing
from chappe.homeserver.sync.context import SyncContext
from chappe.homeserver.sync.section import Extended, JoinedRoom, Section, SyncAnswer
from chappe.homeserver.sync.sliding.extension import Extension, ExtensionContext
from chappe.matrix.filters import passes, passes_room

NAME, TYPE = "typing", "m.typing"


class TypingSection(Section):
    extension = NAME

    def __init__(self, typing: Typing) -> None:
        self._typing = typing

    async def of_account(self, context: SyncContext, answer: SyncAnswer) -> None:
        answer.typing = self._typing.serial  # before anything is read: what changes meanwhile is told the next time

    async def touched(self, context: SyncContext) -> Iterable[int]:
        return self._typing.changed_since(context.since.typing if context.since else 0)

    async def ephemeral(self, context: SyncContext, rooms: Sequence[JoinedRoom]) -> Mapping[int, bytes]:
        """The whole list where it has changed; for a room that is new, if somebody types there."""
        asked = context.filter.room.ephemeral
        if not passes(asked, TYPE, None):
            return {}
        changed = set(self._typing.changed_since(context.since.typing)) if context.since is not None else set()
        found = {}
        for _, room, is_new in rooms:
            users = self._typing.users(room.nid)
            if (room.nid in changed or (is_new and users)) and passes_room(asked, room.room_id):
                found[room.nid] = _event(users)
        return found

    async def extended(self, context: ExtensionContext, wanted: Extension) -> Extended | None:
        rooms = context.of(wanted)
        is_first = NAME not in context.start.extensions
        changed = set() if is_first else set(self._typing.changed_since(context.start.typing))
        late = set(rooms) if is_first else set(context.late(NAME, rooms))
        found = {}
        for number, room_id in rooms.items():
            users = self._typing.users(number)
            if number in changed or (number in late and users):
                found[room_id] = orjson.Fragment(_event(users))
        return Extended({"rooms": found}) if found else None


def _event(users: list[str]) -> bytes:
    return orjson.dumps({"type": TYPE, "content": {"user_ids": users}})
