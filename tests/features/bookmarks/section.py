"""Bookmarks in /sync and in sliding sync, under one name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from chappe.homeserver.sync.context import SyncContext
from chappe.homeserver.sync.section import Extended, Section, SyncAnswer
from chappe.homeserver.sync.sliding.extension import Extension, ExtensionContext
from tests.features.bookmarks.bookmarks import KIND, Bookmark, Bookmarks

NAME = "example.bookmarks"


class BookmarksSection(Section):
    extension = NAME

    def __init__(self, bookmarks: Bookmarks) -> None:
        self._bookmarks = bookmarks

    async def of_account(self, context: SyncContext, answer: SyncAnswer) -> None:
        if context.since is None or context.changes.concern_me(KIND):
            found = await self._bookmarks.changed(context.user_id, context.after, context.upto)
            if found:
                answer.members[NAME] = orjson.dumps(_content(found))
                answer.has_news = True

    async def extended(self, context: ExtensionContext, wanted: Extension) -> Extended | None:
        since = context.since(NAME)
        if since > 0 and not context.changes.concern_me(KIND):
            return None
        found = await self._bookmarks.changed(context.user_id, since, context.upto)
        return Extended(_content(found)) if found else None


def _content(found: Sequence[Bookmark]) -> dict[str, Any]:
    return {
        "kept": [{"room_id": b.room_id, "event_id": b.event_id} for b in found if b.is_kept],
        "gone": [{"room_id": b.room_id, "event_id": b.event_id} for b in found if not b.is_kept],
    }
