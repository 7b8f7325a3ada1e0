"""Every type of a row fits the migrated schema: by its columns' names, their order and their types."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import asyncpg
import pytest

import chappe
from chappe.agency.console.rights import UNDOES, Undone
from chappe.homeserver.database import rows
from chappe.homeserver.database.rows import Column, Int, Row, SmallInt, columns, columns_of, type_of
from chappe.homeserver.database.writing_function import Fragment
from chappe.matrix.identifiers import UserId

# What fields of fragments are called after, where it is not the column.
CALLED = {
    "who": "user_id",
    "room": "room_nid",
    "device": "device_id",
    "alias": "canonical_alias",
    "avatar": "avatar_url",
    "kind": "room_type",
    "visibility": "history_visibility",
    "guests": "guest_access",
    "active_ts": "last_active_ts",
    "status": "status_msg",
    "queued_ts": "created_ts",
    "whose": "locked_by",
    "leaves_before": "leaves",
    "leaves_after": "leaves",
    "used": "leaves",
    "was": "state_before",
}
# Fields that no column has: what is added to the beginning of the commit, or to a number that a table has; what is compared.
NO_COLUMN = {
    "at",
    "last_offset",
    "bump_offset",
    "notify_bump",
    "highlight_bump",
    "state_bump",
    "revoke_bump",
    "days",
    "ends_by",
}
NO_COLUMN |= {"now", "notify", "highlight", "leaf", "own"}
# Fragments in which NULL leaves a column as it is, or says that nothing is written there.
NULL_IS_NOTHING = {"account_changes", "lane", "account_states", "directory_entries", "renewed_events"}


# Numbers are numbers, as wide as they are.
WIDER = {("bigint", "int"), ("bigint", "smallint"), ("bigint[]", "int[]"), ("bigint[]", "smallint[]"), ("text", "varchar")}
_SHORT = {
    "int8": "bigint",
    "int4": "int",
    "int2": "smallint",
    "bool": "boolean",
    "float8": "double precision",
    "float4": "real",
}
_SHORT |= {f"{name}[]": f"{kind}[]" for name, kind in _SHORT.items()}
# What local names are at a statement that is composed where it is read.
LOCALS = {
    "order": "ASC",
    "comparison": ">=",
    "ordered": "1",
    "beyond": ">",
    "before": "<",
    "which": "true",
    "wanted": SimpleNamespace(state="", seen=""),
}


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(chappe.__path__, "chappe."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def fragments() -> dict[str, Fragment]:
    found: dict[str, Fragment] = {}
    for module in _modules():
        for value in vars(module).values():
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, Fragment):
                    found[each.name] = each
    return found


async def schema(url: str) -> dict[str, dict[str, Column]]:
    """By table: its columns."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS may_be_null
             FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"""
    )
    await connection.close()
    found: dict[str, dict[str, Column]] = {}
    for row in rows:
        found.setdefault(row["relname"], {})[row["attname"]] = Column(row["attname"], _short(row["type"]), row["may_be_null"])
    return found


def _short(name: str) -> str:
    return name.replace("integer", "int").replace("timestamp with time zone", "timestamptz")


async def test_what_a_fragment_takes_fits_the_table_that_it_writes(postgres: Any) -> None:
    tables = await schema(postgres.url)
    wrong: list[str] = []
    found = fragments()
    assert len(found) > 40
    for fragment in found.values():
        sql = fragment.sql + "".join(other.sql for other in found.values() if other.also == fragment.name)
        written = re.findall(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", sql)
        for column in columns_of(fragment.row):
            if column.name in NO_COLUMN:
                continue
            names = (
                column.name,
                CALLED.get(column.name),
                f"{column.name}_id",
                f"event_{column.name}",
                f"follower_{column.name}",
            )
            there = [tables[t][n] for t in written if t in tables for n in names if n in tables[t]]
            if there and all(column.type != c.type for c in there):
                wrong.append(f"{fragment.name}.{column.name} is {column.type}, and {there[0].name} {there[0].type}")
            if not there:
                wrong.append(f"{fragment.name}.{column.name} is no column")
            can_be = fragment.name not in NULL_IS_NOTHING
            if there and can_be and column.may_be_null and not any(c.may_be_null for c in there):
                wrong.append(f"{fragment.name}.{column.name} may be NULL, and {there[0].name} may not")
            if not re.search(rf"\b\w\.{column.name}\b", sql):
                wrong.append(f"{fragment.name}.{column.name} is written nowhere")
    assert not wrong, "\n".join(wrong)


READERS = {
    "read": 2,
    "find": 2,
    "each": 2,
    "values": 2,
    "mapping": 3,
}  # functions of `rows`, and which of their arguments is the SQL


def statements() -> Iterator[tuple[str, list[Any], str]]:
    """(where, the type of its row or the types of its columns, SQL) of every statement that is read as rows."""
    for module in _modules():
        if not module.__file__ or module.__name__ == rows.__name__:
            continue
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in READERS):
                continue
            if getattr(module, node.func.id, None) is not getattr(rows, node.func.id):
                continue
            at = READERS[node.func.id]
            if len(node.args) <= at:  # a parameter of this name
                continue
            if ast.unparse(node.args[at]) == "statement":  # one of several: below
                continue
            kinds = [eval(ast.unparse(argument), vars(module)) for argument in node.args[1:at]]
            sql = eval(ast.unparse(node.args[at]), {**LOCALS, **vars(module)})
            yield f"{module.__name__}:{node.lineno}", kinds, sql
    for act, (sql, _) in UNDOES.items():
        yield f"what {act} undoes", [Undone], sql


async def test_what_is_read_fits_its_statement(postgres: Any) -> None:
    connection = await asyncpg.connect(postgres.url)
    try:
        wrong, count = await misread(connection)
    finally:
        await connection.close()  # nobody else could make a database while this one is looked at
    assert not wrong, "\n".join(wrong)
    assert count > 20


async def misread(connection: Any) -> tuple[list[str], int]:
    """What is read otherwise than its statement gives it; of how many statements."""
    await connection.execute("CREATE TEMP TABLE moving_rooms (room_nid bigint PRIMARY KEY)")  # of a domain that moves
    wrong: list[str] = []
    count = 0
    for where, kinds, sql in statements():
        count += 1
        try:
            prepared = await connection.prepare(sql)
        except asyncpg.PostgresError as error:
            wrong.append(f"{where}: {error}")
            continue
        there = [(a.name, _SHORT.get(a.type.name, a.type.name)) for a in prepared.get_attributes()]
        if isinstance(kinds[0], type) and issubclass(kinds[0], Row):
            wanted = [(column.name, column.type) for column in columns_of(kinds[0])]
        else:
            wanted = [(name, type_of(kind)) for kind, (name, _) in zip(kinds, there, strict=True)]
        fits = len(wanted) == len(there) and all(
            w == t or (w[0] == t[0] and (w[1], t[1]) in WIDER) for w, t in zip(wanted, there, strict=True)
        )
        if not fits:
            wrong.append(f"{where} reads {wanted}, and the statement gives {there}")
    return wrong, count


UNTYPED = {  # (file, function): why what is read there is a record
    ("agency/records/personal_data.py", "write"): "each table says which columns go into the package, as they are",
    ("homeserver/database/group_writer.py", "_execute"): "the call of the writing function, taken apart where it returns",
    ("homeserver/rooms/store.py", "events_matching"): "where no event passes, there is a row of the bounds alone",
}
ASKED = re.compile(r"(^|[._])(connection|database|transaction|statement)$")


def test_what_is_read_is_a_type() -> None:
    found = set()
    source = Path(chappe.__file__).parent
    for path in source.rglob("*.py"):
        if path.name in ("pool.py", "rows.py"):
            continue
        for function in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.AsyncFunctionDef)):
            for call in (n for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)):
                assert isinstance(call.func, ast.Attribute)
                if call.func.attr in ("fetch", "fetchrow", "cursor") and ASKED.search(ast.unparse(call.func.value)):
                    found.add((str(path.relative_to(source)), function.name))
    assert found == UNTYPED.keys(), found ^ UNTYPED.keys()


class Example(Row):
    a: int
    b: Int | None
    c: list[str]
    d: UserId
    e: SmallInt
    f: datetime
    g: bool


class Longer(Example):
    h: list[int] | None = None


def test_fields_are_columns() -> None:
    assert columns(Longer, "x") == "x.a, x.b, x.c, x.d, x.e, x.f, x.g, x.h"
    found = [(c.type, c.may_be_null) for c in columns_of(Longer)]
    plain = ["bigint", "int", "text[]", "text", "smallint", "timestamptz", "boolean", "bigint[]"]
    assert found == [(kind, kind in ("int", "bigint[]")) for kind in plain]


def test_no_column_is_of_any_type() -> None:
    class Wrong(Row):
        a: dict[str, str]

    with pytest.raises(TypeError):
        columns_of(Wrong)
