"""Patterns of users and other servers: right, in linear time, and nowhere made into regular expressions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chappe.matrix.filters import MAX_NAMES, MAX_PATTERNS, matches_type, parse_filter
from chappe.matrix.globs import MAX_PATTERN, PLENTY, Glob, Work, fold, glob
from chappe.matrix.push_rules import PushContext, evaluate

SOURCES = Path(__file__).parents[2] / "src"


def _reference(pattern: str) -> str:
    return "".join(".*?" if c == "*" else "." if c == "?" else re.escape(c) for c in re.sub(r"\*+", "*", pattern))


texts = st.text("ab_ -", max_size=14)
patterns = st.text("ab_ *?", max_size=8)


@given(patterns, texts)
@example("*a", "aaaa")
@example("a*", "")
@example("*?*", "a")
def test_a_glob_is_the_regular_expression_that_it_stands_for(pattern: str, text: str) -> None:
    expected = re.fullmatch(_reference(pattern), text, re.DOTALL) is not None
    assert Glob(pattern).matches(text) is expected


@given(patterns, texts)
@example("a*b", "ab aab")
@example("a", "aab a")
def test_words_are_found_as_the_regular_expression_finds_them(pattern: str, text: str) -> None:
    edges = rf"(?:^|(?<=[^A-Za-z0-9_])){_reference(pattern)}(?=[^A-Za-z0-9_]|$)"
    expected = re.search(edges, text, re.DOTALL) is not None
    assert Glob(pattern).is_in(text, Work()) is expected


def test_question_marks_mean_nothing_in_types() -> None:
    assert matches_type(("m.?.*",), "m.?.x")
    assert not matches_type(("m.?.*",), "m.a.x")


def test_case_and_sigmas() -> None:
    assert glob(fold("*ΟΔΟΣ")).matches(fold("η οδός".replace("ό", "ο")))


def test_a_pattern_that_is_too_long_matches_nothing() -> None:
    assert glob("*" * MAX_PATTERN).matches("x")
    assert not glob("*" * (MAX_PATTERN + 1)).matches("x")


HOSTILE = ["*a*a*a*a*a*a*b", "*" + "?" * 40 + "b", "*" + "a?" * 20 + "*b", "a*a*a*a b", "*a" * 500, "a" * 40 + "b*"]


@pytest.mark.parametrize("pattern", HOSTILE)
def test_the_work_is_in_proportion_to_the_text(pattern: str) -> None:
    """What the search says that it looked at, for a text and for one four times as long."""
    spent = []
    for size in (5_000, 20_000):
        work = Work(10**12)
        Glob(pattern).is_in("a" * size, work)
        spent.append(10**12 - work.left)
    assert spent[1] <= 4 * spent[0] + 5000


def test_the_rules_of_one_reader_share_what_they_may_look_at() -> None:
    rules = [{"rule_id": str(i), "pattern": f"*a?{i}b", "actions": ["notify"]} for i in range(1000)]
    event = {"type": "m.room.message", "sender": "@a:x", "content": {"body": "a" * 60_000 + " needle"}}
    context = PushContext("!r", 2, lambda name: True)
    assert evaluate({"content": [*rules, {**rules[0], "pattern": "needle"}]}, event, context) is None
    assert evaluate({"content": [{**rules[0], "pattern": "needle"}]}, event, context) == ["notify"]
    assert PLENTY < 1000 * 60_000


@pytest.mark.parametrize(
    "value",
    [
        {"room": {"timeline": {"types": ["x"] * (MAX_PATTERNS + 1)}}},
        {"presence": {"not_types": ["x" * 256]}},
        {"room": {"rooms": [f"!{i}:x" for i in range(MAX_NAMES + 1)]}},
        {"account_data": {"senders": [f"@{i}:x" for i in range(MAX_NAMES + 1)]}},
        {"event_fields": ["x"] * (MAX_PATTERNS + 1)},
    ],
)
def test_a_filter_has_an_end(value: dict[str, object]) -> None:
    with pytest.raises(Exception, match="Invalid filter"):
        parse_filter(value)


# where a pattern that is not written in the source may become a regular expression or an fnmatch, and why
MAY_COMPILE = {
    "homeserver/accounts/application_services.py": "namespaces: files of the operator",
    "homeserver/accounts/single_sign_on/providers.py": "`rewrite`: a setting of the operator",
    "homeserver/api/pages/refusals.py": "our own sentences, with gaps, once at the start",
    "homeserver/outbound/federation/boundaries.py": "`federation.allowed`: a setting of the operator",
    "matrix/search_words.py": "Unicode's marks, of which there is no class in `re`",
    "net/fetcher.py": "`blocked` hosts of previews: a setting of the operator",
}
_FUNCTIONS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}


def _free_patterns(path: Path) -> list[int]:
    """Lines of functions that hand `re` or `fnmatch` a pattern which is not a literal."""
    lines = []
    for outer in ast.walk(ast.parse(path.read_text())):
        if not isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for node in ast.walk(outer):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if not isinstance(node.func.value, ast.Name) or node.func.value.id not in ("re", "fnmatch"):
                continue
            free = node.func.attr in _FUNCTIONS and not isinstance(node.args[0], ast.Constant)
            if free or node.func.value.id == "fnmatch":
                lines.append(node.lineno)
    return lines


def test_nobody_makes_a_users_pattern_into_a_regular_expression() -> None:
    package = SOURCES / "chappe"
    found = {str(p.relative_to(package)) for p in package.rglob("*.py") if _free_patterns(p)}
    assert found == set(MAY_COMPILE), "use matrix/globs.py, or say here why the pattern is the operator's"
    for path in package.rglob("*.py"):
        assert "from re import" not in path.read_text() and "from fnmatch import" not in path.read_text()
