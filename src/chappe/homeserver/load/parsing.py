"""Reading JSON that is large, elsewhere than on the event loop. What is small is read where it stands: that is faster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from chappe.homeserver.matrix.canonical_json import check_canonical, parse_json
from chappe.homeserver.matrix.errors import MatrixError

T = TypeVar("T")
ON_THE_LOOP = 1 << 16  # bytes
MAX_VALUES = 100_000  # in one request

# one after the other: two at once would be no faster in one process, and would take the memory twice
_thread = ThreadPoolExecutor(1, "json")


async def off_the_loop(size: int, work: Callable[..., T], *arguments: Any) -> T:
    """What some work on so many bytes says: small ones at once, large ones in a thread."""
    if size <= ON_THE_LOOP:
        return work(*arguments)
    return await asyncio.get_running_loop().run_in_executor(_thread, work, *arguments)


async def read_json(raw: bytes, canonical: bool = False) -> Any:
    """One JSON value. `canonical`: its numbers must be what events may hold.

    Raises M_NOT_JSON, M_BAD_JSON; M_TOO_LARGE (413) for more values than anybody sends at once.
    """
    if len(raw) <= ON_THE_LOOP:
        return _read(raw, canonical)
    if raw.count(b",") + raw.count(b"{") + raw.count(b"[") > MAX_VALUES:
        raise MatrixError(413, "M_TOO_LARGE", f"The JSON has more than {MAX_VALUES} values: please send it in parts")
    return await off_the_loop(len(raw), _read, raw, canonical)


def _read(raw: bytes, canonical: bool) -> Any:
    value = parse_json(raw)
    if canonical:
        check_canonical(value)
    return value
