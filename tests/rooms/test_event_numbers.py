"""Numbers for new events: each is given once, however many are asked for and by how many at a time."""

from __future__ import annotations

import asyncio
import itertools

from chappe.homeserver.rooms.event_numbers import NUMBER_BLOCK, EventNumbers


class Blocks:
    """A sequence of the database, as other processes leave it: with holes."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    async def event_number_block(self) -> int:
        await asyncio.sleep(0)
        return next(self._count) * 3 * NUMBER_BLOCK


async def test_every_number_is_given_once() -> None:
    numbers = EventNumbers(Blocks())  # type: ignore[arg-type]
    wanted = [1, NUMBER_BLOCK - 1, 7, 5 * NUMBER_BLOCK + 3, 2, 0, NUMBER_BLOCK, 40, NUMBER_BLOCK]
    taken = await asyncio.gather(*(numbers.take(count) for count in wanted))
    assert [len(part) for part in taken] == wanted
    assert all(list(part) == sorted(part) for part in taken)
    given = [number for part in taken for number in part]
    assert len(given) == len(set(given))
    assert all(0 <= number % (3 * NUMBER_BLOCK) < NUMBER_BLOCK for number in given), "never outside a block of our own"
