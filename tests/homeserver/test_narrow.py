"""What follows the log goes on behind an event that it cannot look at."""

from __future__ import annotations

import pytest

from chappe.homeserver.database.pool import DATABASE_LOST
from chappe.homeserver.senders.narrow import narrowed, skipped

POISONED = {1, 40, 41, 100}


async def test_only_the_events_that_raise_are_skipped() -> None:
    looks = 0

    async def look(since: int, upto: int) -> list[int]:
        nonlocal looks
        looks += 1
        span = range(since + 1, upto + 1)
        if POISONED & set(span):
            raise ValueError("an event that nobody can read")
        return list(span)

    before = skipped["test"]
    assert await narrowed("test", "!room", 0, 100, look) == [n for n in range(1, 101) if n not in POISONED]
    assert skipped["test"] - before == len(POISONED)
    assert looks < 60  # halves, not one by one


async def test_a_database_that_is_away_is_no_fault_of_an_event() -> None:
    async def look(_since: int, _upto: int) -> list[int]:
        raise DATABASE_LOST[0]("away")

    with pytest.raises(DATABASE_LOST):
        await narrowed("test", "!room", 0, 100, look)
