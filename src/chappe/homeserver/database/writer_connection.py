"""The connection of a group writer: it makes the writing function for itself, and keeps a prepared call for what batches write."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import asyncpg

FIXED_ARGUMENTS = 6  # of the writing function, before the rows of the fragments
MAX_STATEMENTS = 100  # of different sets of fragments, as the latest batches had them
WRITER_SETTINGS = {
    "synchronous_commit": "on",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "transaction_timeout": "20s",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "application_name": "chappe writer",
}


class WriterConnection:
    """`text`: the SQL that makes the writing function; `fragments`: their names, in the order of its arguments."""

    def __init__(self, url: str, text: str, fragments: Sequence[str]) -> None:
        self._url, self._text, self._fragments = url, text, fragments
        self._connection: asyncpg.Connection | None = None
        self._statements: OrderedDict[tuple[str, ...], Any] = OrderedDict()

    async def prepared(self, named: tuple[str, ...]) -> Any:
        """The prepared call that names only the fragments that have rows: the others cost a commit nothing."""
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = await self._connect()
        statement = self._statements.get(named)
        if statement is None:
            statement = self._statements[named] = await connection.prepare(_call(named))
            if len(self._statements) > MAX_STATEMENTS:
                self._statements.popitem(last=False)
        self._statements.move_to_end(named)
        return statement

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(self._url, server_settings=WRITER_SETTINGS, timeout=5)
        try:
            await connection.execute(self._text)
            await connection.prepare(_call(self._fragments))  # all types of records are looked up at once
        except BaseException:  # nobody else knows of it
            connection.terminate()
            raise
        self._statements.clear()
        self._connection = connection
        return connection

    def close(self) -> None:
        """At once. The next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.terminate()


def _call(named: Sequence[str]) -> str:
    """The call of the writing function with rows of these fragments, and none of the others."""
    rows = (f"{name}_rows => ${number}" for number, name in enumerate(named, FIXED_ARGUMENTS + 1))
    return f"SELECT * FROM pg_temp.chappe_write({', '.join([*(f'${i + 1}' for i in range(FIXED_ARGUMENTS)), *rows])})"
