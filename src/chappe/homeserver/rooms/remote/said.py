"""Single words of stored state events by their number: who was in a room at a time, and who might read it.

What a server asks is answered by hundreds of states of hundreds of members, and the events may be as large as events may be: only
the word is read of each, once, by the database. It never changes: redaction keeps it, and so does a copy that comes late.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.load.bounded import Recent
from chappe.homeserver.rooms.state_tree_reader import TreeReader

REMEMBERED = 100_000
LONGEST_WORD = 32  # none that means anything is longer
# An event as PostgreSQL can read it, whose text has no NUL. Escaped backslashes go first, so that what looks like an escape is one;
# and nothing is taken away without something in its place, or another key might become the one that is asked for.
_READABLE = r"replace(replace(convert_from(json, 'UTF8'), '\\', '/'), '\u0000', '?')::json"


class Word(Row):
    nid: int
    word: str | None


class Said:
    """`field`: of the events' content, for example `membership`."""

    def __init__(self, database: Database, trees: TreeReader, field: str) -> None:
        self._database, self._trees, self._field = database, trees, field
        self._words: Recent[int, str] = Recent(REMEMBERED)

    async def under(self, roots: Iterable[bytes], keys: Sequence[bytes]) -> dict[bytes, set[str]]:
        """By root: what the events under some keys say there; "" where they do not say it. Absent keys say nothing."""
        entries = await self._trees.get_in(roots, keys)
        words = await self._of({number for found in entries.values() for number in found.values()})
        return {root: {words[number] for number in found.values()} for root, found in entries.items()}

    async def _of(self, numbers: Iterable[int]) -> dict[int, str]:
        found = {number: self._words.get(number) for number in numbers}
        words = {number: word for number, word in found.items() if word is not None}
        for number, word in (await self._read(found.keys() - words.keys())).items():
            words[number] = word
            self._words.put(number, word)
        return words

    async def _read(self, numbers: Collection[int]) -> dict[int, str]:
        if not numbers:
            return {}
        rows = await read(
            self._database,
            Word,
            f"SELECT nid, {_READABLE} #>> ARRAY['content', $2] AS word FROM events WHERE nid = ANY($1::bigint[])",
            list(numbers),
            self._field,
        )
        return {row.nid: (row.word or "")[:LONGEST_WORD] for row in rows}
