"""What goes on by itself ends with its node."""

from __future__ import annotations

import asyncio

from chappe.homeserver.load.tasks import SharedWork, Tasks
from chappe.matrix.errors import NotFound
from tests import lost_tasks


async def _forever() -> None:
    await asyncio.get_running_loop().create_future()


async def test_what_waits_for_what_never_comes_ends() -> None:
    tasks = Tasks()
    under_way = tasks.start(_forever(), "waits")
    await asyncio.sleep(0)
    await tasks.close()
    assert under_way.cancelled()


async def test_what_begins_too_late_ends_at_once() -> None:
    tasks, begun = Tasks(), []
    tasks.later(0, lambda: begun.append("before"))
    await tasks.close()
    tasks.later(0, lambda: begun.append("after"))
    late = tasks.start(_forever(), "waits")
    await asyncio.wait([late])
    assert late.cancelled()
    await asyncio.sleep(0)
    assert begun == []


async def test_a_task_that_nobody_keeps_is_noticed() -> None:
    """Control of `tests/conftest.py`: a run that loses one fails."""
    task = asyncio.create_task(_forever(), name="kept by nobody")
    await asyncio.sleep(0)
    del task
    assert "kept by nobody" in lost_tasks.lost().pop()


async def test_who_comes_while_it_is_under_way_waits_for_the_same() -> None:
    begun, may_end = list[str](), asyncio.Event()

    async def work() -> int:
        begun.append("work")
        await may_end.wait()
        return len(begun)

    shared = SharedWork[str, int](Tasks(), "work")
    first, second = (asyncio.create_task(shared.result("key", work)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()  # who goes does not end it
    await asyncio.wait([first])
    may_end.set()
    assert await second == 1
    assert await shared.result("key", work) == 2


async def test_whoever_waits_is_told_of_a_failure_and_the_next_one_tries_again() -> None:
    async def fails() -> int:
        raise NotFound("There is nothing")

    async def works() -> int:
        return 1

    shared = SharedWork[str, int](Tasks(), "work")
    answers = await asyncio.gather(*(shared.result("key", fails) for _ in range(2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotFound, NotFound]
    assert await shared.result("key", works) == 1


async def test_who_waits_for_shared_work_is_not_left_waiting_when_the_node_ends() -> None:
    tasks = Tasks()
    shared = SharedWork[str, None](tasks, "work")
    waiting = asyncio.create_task(shared.result("key", _forever))
    await asyncio.sleep(0)
    await tasks.close()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
