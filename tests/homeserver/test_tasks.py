"""What goes on by itself ends with its node."""

from __future__ import annotations

import asyncio

from chappe.homeserver.load.tasks import Tasks
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
