"""Followed threads in sliding sync (MSC4308)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.modules.threads.threads import ThreadSubscriptions, subscriptions_answer
from chappe.homeserver.sync.section import Extended, Section
from chappe.homeserver.sync.sliding.extension import ExtensionContext
from chappe.homeserver.sync.token import position_token

NAME, KIND = "io.element.msc4308.thread_subscriptions", "thread_subscriptions"
MOST = 1000


class ThreadsRequest(msgspec.Struct, frozen=True):
    enabled: bool = False
    limit: int = 100


class ThreadsSection(Section):
    extension = NAME
    request = ThreadsRequest

    def __init__(self, threads: ThreadSubscriptions) -> None:
        self._threads = threads

    async def extended(self, context: ExtensionContext, wanted: ThreadsRequest) -> Extended | None:
        """The latest changes; `prev_batch` where there were more than the limit."""
        since = context.since(NAME)
        if since > 0 and not context.changes.concern_me(KIND):
            return None
        limit = min(max(1, wanted.limit), MOST)
        found, has_more = await self._threads.changed(context.user_id, since, context.upto, limit)
        content = subscriptions_answer(found)
        if has_more:
            content["prev_batch"] = position_token(found[-1].position - 1)
        return Extended(content) if content else None
