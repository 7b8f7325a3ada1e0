"""The console's lists read what they show, however long what they are taken from: rows are counted in the plans of their statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from chappe.homeserver.database.pool import Database
from tests.agency.test_console import ALL, CULTURE, act, admin, anne, root, sam, second
from tests.support import Person, Server

__all__ = ["admin", "anne", "root", "sam", "second"]  # fixtures
LINES, FILES = 200_000, 20_000
MOST = 1000  # rows of one table that a statement may look at
LONG = ("audit", "media")
# Of two organisations: one line of two thousand is of this one, by one author of three.
FILL = f"""
INSERT INTO audit SELECT 1000000 + n, n, '@author' || n % 3 || ':x', CASE WHEN n % 500 = 0 THEN 'rare' ELSE 'often' END,
    json_build_object('organisation', CASE WHEN n % 2000 = 0 THEN 'culture' ELSE 'other' END)::text, ''::bytea
  FROM generate_series(1, {LINES}) n;
INSERT INTO audit_authors SELECT o, '@author' || n || ':x' FROM unnest('{{culture,other}}'::text[]) o, generate_series(0, 2) n;
INSERT INTO media (server_name, media_id, user_id, created_ts, size)
SELECT 'localhost', 'file' || n, '@author1:x', n, 1 FROM generate_series(1, {FILES}) n;
INSERT INTO scan_results SELECT 'localhost', 'file' || n, ''::bytea, 'x', 'virus', 'x', n FROM generate_series(1, 3) n;
ANALYZE audit; ANALYZE audit_authors; ANALYZE media; ANALYZE scan_results"""


def looked_at(plan: dict[str, Any]) -> dict[str, int]:
    """How many rows of each table a plan has looked at: those it took, and those it passed over."""
    found: dict[str, int] = {}
    if (table := plan.get("Relation Name")) is not None:
        removed = sum(plan.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        found[table] = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    for part in plan.get("Plans", []):
        for table, rows in looked_at(part).items():
            found[table] = found.get(table, 0) + rows
    return found


@pytest.fixture
async def long(
    ministry: Server, admin: Person, root: Person, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, tuple[Any, ...]]]:
    """The statements of the installation, whose log is long, as they come."""
    await ministry.node.database.execute(FILL)
    seen: list[tuple[str, tuple[Any, ...]]] = []
    fetch = Database.fetch

    async def watched(self: Database, sql: str, *arguments: Any) -> Sequence[Any]:
        seen.append((sql, arguments))
        return await fetch(self, sql, *arguments)

    monkeypatch.setattr(Database, "fetch", watched)
    return seen


@pytest.mark.parametrize("at", [CULTURE, ALL])
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("audit", {}),
        ("audit", {"by": "@author1:x"}),
        ("audit", {"action": "rare"}),
        ("audit", {"from": "1100000"}),
        ("audit", {"from": "1002500"}),
        ("audit", {"days": "1"}),
        ("files", {}),
        ("overview", {}),
    ],
)
async def test_a_list_reads_what_it_shows(
    ministry: Server,
    admin: Person,
    root: Person,
    long: list[tuple[str, tuple[Any, ...]]],
    at: str,
    path: str,
    query: dict[str, str],
) -> None:
    person = root if at == ALL else admin
    found = await person.call("GET", f"{at}/{path}", **query)
    assert path in ("overview", "files") or found["items"] or query.get("days")
    asked = [(sql, arguments) for sql, arguments in long if any(f" {table} " in sql for table in (*LONG, "audit_authors"))]
    assert asked
    for sql, arguments in asked:
        (row,) = await ministry.node.database.fetch("EXPLAIN (ANALYZE, FORMAT JSON) " + sql, *arguments)
        (plan,) = orjson.loads(row[0])
        rows = looked_at(plan["Plan"])
        assert {table: number for table, number in rows.items() if number > MOST} == {}, (sql, rows)


async def test_pages_of_the_log_follow_one_another(admin: Person, root: Person, long: list[Any]) -> None:
    numbers: list[int] = []
    start = 0
    for _ in range(3):
        page = await root.call("GET", f"{ALL}/audit", **({"from": str(start)} if start else {}), action="rare")
        numbers += [entry["number"] for entry in page["items"]]
        assert ("authors" in page) and bool(page["authors"]) is (start == 0)
        start = page["next"]
    assert (await root.call("GET", f"{ALL}/audit", search="AUTHOR1 rare"))["items"][0]["action"] == "rare"
    assert (await root.call("GET", f"{ALL}/audit", search="nobody rare", action="rare", days="1", by="@author1:x"))[
        "items"
    ] == []
    assert numbers == sorted(set(numbers), reverse=True) and numbers[-1] == start
    assert {"@author0:x", "@author1:x", "@author2:x"} <= set((await admin.call("GET", f"{CULTURE}/audit"))["authors"])


async def test_who_writes_is_an_author_at_once_and_what_cannot_be_read_hides_nothing(
    ministry: Server, admin: Person, anne: Person
) -> None:
    """U+0000 in a detail is JSON that PostgreSQL does not read: one such entry kept everybody from the whole list."""
    await ministry.node.audit.record("@odd:x", "odd", {"organisation": "culture", "reason": "a\0b"})
    await act(admin, "lock", user_id=anne.id)
    found = await admin.call("GET", f"{CULTURE}/audit")
    assert found["items"][0]["action"] == "lock" and admin.id in found["authors"]
    everywhere = await ministry.node.database.fetch("SELECT organisation FROM audit_authors WHERE actor = '@odd:x'")
    assert [row[0] for row in everywhere] == [""]
