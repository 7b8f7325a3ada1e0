"""The console's lists read what they show, however long what they are taken from: rows are counted in the plans of their statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from chappe.agency.console.people_list import MOST_COUNTED
from chappe.agency.console.place import LAST, PAGE
from chappe.agency.console.views import OWN_ROOMS, ROOMS
from chappe.homeserver.database.pool import Database
from tests.agency.test_console import ALL, CULTURE, act, admin, anne, root, sam, second
from tests.support import Person, Server, refused

__all__ = ["admin", "anne", "root", "sam", "second"]  # fixtures
LINES, FILES, PEOPLE = 200_000, 20_000, 20_000
MOST = 1000  # rows of one table that a statement may look at
LONG = ("audit", "media", "guests", "former_accounts", "room_summaries")
# Of two organisations: one line of two thousand is of this one, by one author of three.
FILL = f"""
INSERT INTO audit SELECT 1000000 + n, n, '@author' || n % 3 || ':x', CASE WHEN n % 500 = 0 THEN 'rare' ELSE 'often' END,
    json_build_object('organisation', CASE WHEN n % 2000 = 0 THEN 'culture' ELSE 'other' END)::text, ''::bytea
  FROM generate_series(1, {LINES}) n;
INSERT INTO audit_authors SELECT o, '@author' || n || ':x' FROM unnest('{{culture,other}}'::text[]) o, generate_series(0, 2) n;
INSERT INTO media (server_name, media_id, user_id, created_ts, size)
SELECT 'localhost', 'file' || n, '@author1:x', n, 1 FROM generate_series(1, {FILES}) n;
INSERT INTO scan_results SELECT 'localhost', 'file' || n, ''::bytea, 'x', 'virus', 'x', n FROM generate_series(1, 3) n;
ANALYZE"""
MANY = f"""
INSERT INTO users (user_id, server_name, deactivated)
SELECT '@' || kind || n || ':x', (SELECT server_name FROM domains LIMIT 1), kind = 'former'
  FROM unnest('{{guest,former}}'::text[]) kind, generate_series(1, {PEOPLE}) n;
INSERT INTO organisation_people SELECT '@sponsor' || n || ':x', CASE WHEN n = 0 THEN 'culture' ELSE 'other' END, 0
  FROM generate_series(0, 199) n;
INSERT INTO guests (user_id, sponsor, purpose, ends_ts, created_ts)
SELECT '@guest' || n || ':x', '@sponsor' || n % 200 || ':x', '', CASE WHEN n % 3 = 0 THEN NULL ELSE n / 10 END, 0
  FROM generate_series(1, {PEOPLE}) n;
INSERT INTO former_accounts (user_id, profile, addresses, organisation, ended_ts)
SELECT '@former' || n || ':x', '{{}}', '{{}}', CASE WHEN n % 200 = 0 THEN 'culture' ELSE 'other' END, n / 10
  FROM generate_series(1, {PEOPLE}) n;
INSERT INTO rooms (room_nid, room_id, version, state_version, revoke_version, leaves, root, depth, notify_total, highlight_total, last_position)
SELECT 1000000 + n, '!room' || n, '12', 0, 0, '{{}}', 0, 0, 0, 0, 0 FROM generate_series(1, {PEOPLE}) n;
INSERT INTO room_summaries (room_nid, join_rule, history_visibility, guest_access, joined, invited, search)
SELECT 1000000 + n, 'public', 'shared', 'forbidden', 1 + n % 500, 0, 'room' || n FROM generate_series(1, {PEOPLE}) n;
INSERT INTO events (nid, position, room_nid, event_id, type, state_key, sender, ts, depth, state_before, notify_total, highlight_total, json)
SELECT 1000000 + n, 0, 1000000 + n, '$create' || n, 'm.room.create', '', '@sponsor' || n % 200 || ':x', 0, 0, 0, 0, 0, '{{}}'
  FROM generate_series(1, {PEOPLE}) n;
ANALYZE"""


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


class Watched:
    """A database's statements, as they come."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database, self.seen = database, list[tuple[str, tuple[Any, ...]]]()
        fetch, fetchval = Database.fetch, Database.fetchval

        async def watched(of: Database, sql: str, *arguments: Any) -> Sequence[Any]:
            self.seen.append((sql, arguments))
            return await fetch(of, sql, *arguments)

        async def watched_value(of: Database, sql: str, *arguments: Any) -> Any:
            self.seen.append((sql, arguments))
            return await fetchval(of, sql, *arguments)

        monkeypatch.setattr(Database, "fetch", watched)
        monkeypatch.setattr(Database, "fetchval", watched_value)


@pytest.fixture
async def long(ministry: Server, admin: Person, root: Person, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Of an installation whose log is long."""
    await ministry.node.database.execute(FILL)
    return Watched(ministry.node.database, monkeypatch)


@pytest.fixture
async def many(ministry: Server, admin: Person, root: Person, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Of an installation with many people and rooms."""
    await ministry.node.database.execute(MANY)
    return Watched(ministry.node.database, monkeypatch)


Lists = Sequence[tuple[str, dict[str, str]]]
OF_THE_LOG: Lists = [
    ("audit", {}),
    ("audit", {"by": "@author1:x"}),
    ("audit", {"action": "rare"}),
    ("audit", {"from": "1100000"}),
    ("audit", {"from": "1002500"}),
    ("audit", {"days": "1"}),
    ("files", {}),
    ("overview", {}),
]
OF_MANY: Lists = [
    ("guests", {}),
    ("guests", {"from": "1500_@guest15001:x"}),
    ("former", {}),
    ("former", {"from": "500_@former5001:x"}),
]


async def require_read_what_they_show(watched: Watched, who: dict[str, Person], lists: Lists) -> None:
    for at, person in who.items():
        for path, query in lists:
            watched.seen.clear()
            found = await person.call("GET", f"{at}/{path}", **query)
            assert path in ("overview", "files") or found["items"] or query.get("days")
            asked = [(sql, given) for sql, given in watched.seen if any(f" {table} " in sql for table in LONG)]
            assert asked, path
            for sql, given in asked:
                await require_few(watched.database, sql, given, MOST)


async def test_lists_of_the_log_and_of_files_read_what_they_show(admin: Person, root: Person, long: Watched) -> None:
    await require_read_what_they_show(long, {CULTURE: admin, ALL: root}, OF_THE_LOG)


async def test_lists_of_people_and_rooms_read_what_they_show(admin: Person, root: Person, many: Watched) -> None:
    await require_read_what_they_show(many, {CULTURE: admin, ALL: root}, OF_MANY)
    for sql, organisation in ((ROOMS, "all"), (OWN_ROOMS, "culture")):
        for after in ((LAST, 0), (3, 1_010_001)):
            given = (organisation, [], PAGE + 1, *after)
            found = await many.database.fetch(sql, *given)
            assert len(found) == (PAGE + 1 if organisation == "all" or after[0] == LAST else PEOPLE // 1000)
            await require_few(many.database, sql, given, MOST)


async def require_few(database: Database, sql: str, arguments: Sequence[Any], most: int) -> None:
    (row,) = await database.fetch("EXPLAIN (ANALYZE, FORMAT JSON) " + sql, *arguments)
    (plan,) = orjson.loads(row[0])
    rows = looked_at(plan["Plan"])
    assert {table: number for table, number in rows.items() if number > most} == {}, (sql, rows)


async def all_of(person: Person, path: str, **query: str) -> list[str]:
    """Every item of a list, page by page: each is full but the last."""
    ids: list[str] = []
    while True:
        page = await person.call("GET", path, **query)
        ids += [item.get("room_id") or item["user_id"] for item in page["items"]]
        if (following := page.get("next")) is None:
            return ids
        assert len(page["items"]) == PAGE
        query["from"] = str(following)


async def test_pages_of_guests_and_former_accounts_follow_one_another(admin: Person, many: Watched) -> None:
    guests = await all_of(admin, f"{CULTURE}/guests")
    assert len(guests) == len(set(guests)) == PEOPLE // 200
    endless = [int(g.removeprefix("@guest").removesuffix(":x")) % 3 == 0 for g in guests]
    assert endless == sorted(endless), "who never ends comes last"
    former = await all_of(admin, f"{CULTURE}/former")
    assert former == [f"@former{n}:x" for n in range(PEOPLE, 0, -200)]
    assert await all_of(admin, f"{CULTURE}/former", search="former20000:x") == ["@former20000:x"]
    assert await all_of(admin, f"{CULTURE}/guests", search="guest4000") == ["@guest4000:x"]
    for view in ("guests", "former", "rooms"):
        for wrong in ("50", "x_y", "1_" if view == "rooms" else "_x", f"{2**64}_x"):
            assert (await refused(admin.call("GET", f"{CULTURE}/{view}", from_=wrong))).errcode == "M_INVALID_PARAM"


async def test_pages_of_rooms_follow_one_another(admin: Person, anne: Person, root: Person) -> None:
    rooms = [await admin.create_room() for _ in range(PAGE + 2)]
    await admin.invite(rooms[7], anne)
    await anne.join(rooms[7])
    for person, at in ((admin, CULTURE), (root, ALL)):
        listed = await all_of(person, f"{at}/rooms")
        assert len(listed) == len(set(listed)) and set(rooms) <= set(listed)
        assert listed.index(rooms[7]) < min(listed.index(room) for room in rooms if room != rooms[7])


async def test_of_many_people_it_is_said_that_there_are_more(root: Person, many: Watched) -> None:
    await many.database.execute(
        """INSERT INTO users (user_id, server_name) SELECT '@agent' || n || ':x', (SELECT server_name FROM domains LIMIT 1)
             FROM generate_series(1, $1::int) n""",
        MOST_COUNTED + 1,
    )
    all_of_them = await root.call("GET", f"{ALL}/people")
    assert all_of_them["total"] == MOST_COUNTED and all_of_them["total_is_more"] is True
    few = await root.call("GET", f"{ALL}/people", search=f"agent{MOST_COUNTED + 1}:x")
    assert few["total"] == 1 and "total_is_more" not in few


async def test_pages_of_the_log_follow_one_another(admin: Person, root: Person, long: Watched) -> None:
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
