"""What no formatter, linter or type checker says of the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_formatter_is_right() -> None:
    """Where its layout is not wanted, the data goes into a file or the code gets another shape."""
    marks = ("fmt" + ": skip", "fmt" + ": off")
    files = [path for folder in ("src/chappe", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 500
    assert not [str(path) for path in files if any(mark in path.read_text() for mark in marks)]


LONGEST_FILE, LONGEST_FUNCTION = 400, 50  # lines


def test_files_and_functions_are_short() -> None:
    """What is longer holds two matters, and whoever looks for one has to read the other."""
    long = []
    for path in (ROOT / "src/chappe").rglob("*.py"):
        text, name = path.read_text(), str(path.relative_to(ROOT))
        if (lines := text.count("\n")) > LONGEST_FILE:
            long.append(f"{name} has {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, _Function) and (lines := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION:
                long.append(f"{name}:{node.lineno} {node.name} has {lines} lines")
    assert not long


MOST_PATHS = 15  # through a function that does not argue why it stays one

_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_functions_are_simple_or_say_why_not() -> None:
    """McCabe's complexity of a function is 15 at most, or a line of its docstring or of the comments in it begins with "Complex:" and
    says why it reads better as one."""
    unargued = []
    for path in (ROOT / "src/chappe").rglob("*.py"):
        text = path.read_text()
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, _Function) and (found := complexity(function)) > MOST_PATHS and not _argues(function, text):
                unargued.append(f"{found} {path.relative_to(ROOT)}:{function.lineno} {function.name}")
    assert not unargued


# Rewritten for a newcomer; a file that gets docstrings throughout is added here.
TOLD = (
    "homeserver/modules/administration/api/user_changes.py",
    "homeserver/modules/administration/api/users.py",
    "homeserver/api/pages/account.py",
    "homeserver/api/pages/addresses.py",
    "homeserver/api/pages/second_factor.py",
    "homeserver/http/request.py",
    "homeserver/modules/identity_service/api/accounts.py",
    "homeserver/modules/identity_service/api/addresses.py",
    "homeserver/rooms/remote/gaps.py",
    "homeserver/rooms/remote/handshakes.py",
    "homeserver/rooms/remote/residence.py",
    "homeserver/rooms/remote/serving.py",
)


@pytest.mark.parametrize("name", TOLD)
def test_everything_public_says_what_it_does(name: str) -> None:
    public = list(_public(ast.parse((ROOT / "src/chappe" / name).read_text())))
    assert len(public) > 3
    assert [node.name for node in public if len((ast.get_docstring(node) or "").split()) < 3] == []


def _public(within: ast.Module | ast.ClassDef) -> Iterator[_Function | ast.ClassDef]:
    for node in within.body:
        if isinstance(node, _Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def complexity(function: _Function) -> int:
    """The number of paths through a function that do not repeat each other: 1, and 1 more for each branch, operand after the first
    of `and` and `or`, condition of a comprehension, case and handler. Functions inside it count for themselves."""
    found = 1
    for node in _nodes(function):
        if isinstance(node, _BRANCHES):
            found += 1
        elif isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            found += len(node.ifs)
    return found


def _nodes(function: _Function) -> Iterator[ast.AST]:
    waiting = [*ast.iter_child_nodes(function)]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, _Function | ast.ClassDef):
            yield node
            waiting += ast.iter_child_nodes(node)


def _argues(function: _Function, text: str) -> bool:
    lines = text.splitlines()[function.lineno - 1 : function.end_lineno]
    return any(line.strip().removeprefix("# ").removeprefix('"""').startswith("Complex: ") for line in lines)


def test_complexity_is_counted_as_mccabe_does() -> None:
    assert _of("def f(): return 1") == 1
    assert _of("def f(a):\n if a: return 1\n elif not a: return 2\n else: return 3") == 3
    assert _of("def f(a, b, c): return a and b or c") == 3
    assert _of("async def f(a):\n async for b in a:\n  while b: b = 1 if b else 2") == 4
    assert _of("def f(a): return [b for b in a if b if b > 1]") == 3
    assert _of("def f(a):\n try: a()\n except KeyError: pass\n except ValueError: pass") == 3
    assert _of("def f(a):\n match a:\n  case 1: pass\n  case _: pass") == 3
    assert _of("def f(a):\n def g(b): return b and a\n with a: return g") == 1


def _of(source: str) -> int:
    [function] = ast.parse(source).body
    assert isinstance(function, _Function)
    return complexity(function)
