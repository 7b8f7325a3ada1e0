"""Whoever holds a connection of the pool takes no other (`Database`): every test refuses it where it is done; here it is read.

What is in memory when a test comes there is read from the database on another day. So a transaction awaits only what is given its
connection, or is a store made with it (`MediaStore(connection)`), and what is given a connection asks by it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import chappe

SOURCE = Path(chappe.__file__).parent
NAMES = {"connection", "transaction"}
ASKS_NOTHING = {  # what is awaited without the connection, and never asks the database
    ("homeserver/modules/media/media.py", "self._blobs.move"): "the store of files",
    ("homeserver/modules/search/index.py", "entry_of"): "words are made",
}


def test_a_transaction_awaits_only_what_is_given_its_connection() -> None:
    found, blocks = set(), 0
    for path, tree in _sources():
        for block in (n for n in ast.walk(tree) if isinstance(n, ast.AsyncWith) and _is_plain(n)):
            blocks += 1
            given = {i.optional_vars.id for i in block.items if isinstance(i.optional_vars, ast.Name)}
            given |= _made_with(given, block)
            for node in (inner for statement in block.body for inner in ast.walk(statement)):
                assert not isinstance(node, ast.Yield), f"{path}: who waits here is not seen: `reads_beside`"
                if isinstance(node, ast.Await | ast.AsyncWith | ast.AsyncFor) and not given & _names(node):
                    found.add((path, _called(node)))
    assert found == ASKS_NOTHING.keys(), found ^ ASKS_NOTHING.keys()
    assert blocks > 40, "the scan sees them"


def test_a_store_counts_where_it_is_made_with_the_connection_alone() -> None:
    block = ast.parse(
        """async def f(self):
    async with self._database.transaction() as connection:
        good, other = MediaStore(connection), MediaStore(self._database)
        twice = MediaStore(connection)
        twice = self._files
        found = helper(connection)
        more = MediaStore(connection, self._database)
"""
    )
    (transaction,) = (n for n in ast.walk(block) if isinstance(n, ast.AsyncWith))
    assert _made_with({"connection"}, transaction) == {"good"}
    assert {"MediaStore", "PusherStore", "WebhookQueue"} <= _stores()


def test_what_is_given_a_connection_asks_by_it() -> None:
    found = set()
    for path, tree in _sources():
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef)):
            if NAMES & {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}:
                found |= {(path, function.name) for n in ast.walk(function) if _is_pool(n)}
    assert not found


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCE.rglob("*.py"):
        if path.name != "pool.py":
            yield str(path.relative_to(SOURCE)), ast.parse(path.read_text())


def _is_plain(block: ast.AsyncWith) -> bool:
    """A transaction of the pool beside which nothing is read."""
    calls = [n for i in block.items for n in ast.walk(i.context_expr) if isinstance(n, ast.Call)]
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "transaction"
        and _is_pool(call.func.value)
        and not any(keyword.arg == "reads_beside" for keyword in call.keywords)
        for call in calls
    )


def _is_pool(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "_database") or (
        isinstance(node, ast.Name) and node.id == "database"
    )


def _made_with(given: set[str], block: ast.AsyncWith) -> set[str]:
    """The stores that ask by the connection alone: `files = MediaStore(connection)`. A name that is also given something else is none."""
    made: dict[str, list[bool]] = {}
    for node in ast.walk(block):
        if isinstance(node, ast.Assign):
            for target, value in _pairs(node):
                if isinstance(target, ast.Name):
                    made.setdefault(target.id, []).append(_is_store_of(given, value))
    return {name for name, values in made.items() if all(values)}


def _is_store_of(given: set[str], value: ast.expr) -> bool:
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in _stores()
        and len(value.args) == 1
        and ast.unparse(value.args[0]) in given
    )


@cache
def _stores() -> frozenset[str]:
    """The classes of SQL (files "SQL of …") that hold nothing but what they ask by."""
    return frozenset(
        part.name
        for _, tree in _sources()
        if (ast.get_docstring(tree) or "").startswith("SQL of ")
        for part in tree.body
        if isinstance(part, ast.ClassDef) and _holds_an_executor_alone(part)
    )


def _holds_an_executor_alone(part: ast.ClassDef) -> bool:
    made = next((f for f in part.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)
    if made is None:
        return False
    given = [*made.args.args, *made.args.kwonlyargs][1:]
    return [ast.unparse(one.annotation) for one in given if one.annotation is not None] == ["Executor"] and len(made.body) == 1


def _pairs(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    target = node.targets[0]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        yield from zip(target.elts, node.value.elts, strict=True)
    else:
        yield target, node.value


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _called(node: ast.AST) -> str:
    return ast.unparse(node.value.func) if isinstance(node, ast.Await) and isinstance(node.value, ast.Call) else "?"
