"""One event that cannot be looked at never holds a queue: what follows the log narrows it down, skips it, and goes on."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chappe.homeserver.database.pool import DATABASE_LOST

log = logging.getLogger(__name__)
T = TypeVar("T")
skipped: Counter[str] = Counter()  # by queue, since the process started


async def narrowed(queue: str, where: str, since: int, upto: int, find: Callable[[int, int], Awaitable[list[T]]]) -> list[T]:
    """What `find` finds after `since` up to `upto`, without the single positions at which it raises.

    `queue`, `where`: for the log. A database that is lost is no fault of an event: that is raised.
    """
    try:
        return await find(since, upto)
    except (TimeoutError, *DATABASE_LOST):
        raise
    except Exception:
        if upto - since <= 1:
            skipped[queue] += 1
            log.exception("an event was skipped", extra={"fields": {"queue": queue, "where": where, "position": upto}})
            return []
    middle = (since + upto) // 2
    return [*await narrowed(queue, where, since, middle, find), *await narrowed(queue, where, middle, upto, find)]
