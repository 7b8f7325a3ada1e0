"""Reading JSON that is large, elsewhere than on the event loop. What is small is read where it stands: that is faster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import orjson

from chappe.homeserver.load.large_json import read_in_parts
from chappe.matrix.canonical_json import check_canonical, parse_json
from chappe.matrix.errors import MatrixError

T = TypeVar("T")
ON_THE_LOOP = 1 << 16  # bytes
MAX_VALUES = 100_000  # in one request
# Bytes beyond which an answer is read part by part: one call that reads it all lets nothing else run.
IN_PARTS = 1 << 20

# one after the other: two at once would be no faster in one process, and would take the memory twice
_thread = ThreadPoolExecutor(1, "json")
_answers = ThreadPoolExecutor(1, "answers")  # what takes seconds is no matter of those who wait with a request


async def off_the_loop(size: int, work: Callable[..., T], *arguments: Any, thread: ThreadPoolExecutor = _thread) -> T:
    """What some work on so many bytes says: small ones at once, large ones in a thread."""
    if size <= ON_THE_LOOP:
        return work(*arguments)
    return await asyncio.get_running_loop().run_in_executor(thread, work, *arguments)


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


# ------------------------------------------------------------------------------------------------ answers of other servers


class TooMuch(ValueError):
    """An answer that holds more than its question can have for one."""


async def read_answer(raw: bytes, most_values: int = MAX_VALUES) -> Any:
    """What another server answered: one JSON value. What its parts may hold is for those to judge who use them.

    Raises ValueError for what is no JSON, TooMuch for what holds more values.
    """
    thread = _thread if len(raw) <= IN_PARTS else _answers
    return await off_the_loop(len(raw), _read_answer, raw, most_values, thread=thread)


def _read_answer(raw: bytes, most_values: int) -> Any:
    if raw.count(b",") + raw.count(b"{") + raw.count(b"[") > most_values:
        raise TooMuch(f"more than {most_values} values")
    return orjson.loads(raw) if len(raw) <= IN_PARTS else read_in_parts(raw)
