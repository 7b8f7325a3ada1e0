"""No regular expression of ours takes more than time in proportion to its text, whoever wrote the text.

Python's engine goes back and tries again. It does so without end where a text can be read in several ways: where a part that
repeats begins with what the repetition inside of it may also end with (`(a* *b)*`). And a search takes the square of the text
where the beginning of a match is also what its middle may consist of (`\\[[^]]+]` in `[[[[`). Both can be seen in the pattern.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "chappe"
SEARCHES = frozenset(("search", "sub", "subn", "findall", "finditer", "split"))
LONG = 3000  # repetitions that are bounded by less cost too little to matter
BYTES = frozenset(range(257))  # 256 stands for every other character
_parser: Any = re._parser  # type: ignore[attr-defined]

# text that is too short to matter, or ours
QUADRATIC = {
    r"=\?.*\?=": "the name of a bot, of 100 characters",
    r"unknown field `([^`]+)`": "a message of the library that reads the configuration",
}


def patterns() -> Iterator[tuple[str, str | bytes, bool]]:
    """(place, pattern, whether it is looked for anywhere in a text) of every literal pattern in the source."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree, where = ast.parse(path.read_text()), str(path.relative_to(SOURCE))
        called = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
        searched = {
            c.func.value.id
            for c in called
            if isinstance(c.func, ast.Attribute) and c.func.attr in SEARCHES and isinstance(c.func.value, ast.Name)
        }
        named = {
            id(node.value): target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in called:
            function = call.func
            assert isinstance(function, ast.Attribute)
            is_re = isinstance(function.value, ast.Name) and function.value.id == "re"
            if not is_re or not call.args or function.attr == "escape":
                continue
            first = call.args[0]
            if not isinstance(first, ast.Constant):
                continue
            is_search = function.attr in SEARCHES or named.get(id(call)) in searched
            assert isinstance(first.value, str | bytes)
            yield f"{where}:{call.lineno}", first.value, is_search


class Reading:
    """What a pattern's parts may begin with, end with and consist of, as sets of characters."""

    def __init__(self, pattern: str | bytes) -> None:
        self.tree = _parser.parse(pattern)

    # every method takes a sequence of (operator, argument), as the parser makes it

    def first(self, items: Any) -> tuple[frozenset[int], bool]:
        """(what it may begin with, whether it may be empty)."""
        found: frozenset[int] = frozenset()
        for operator, argument in items:
            chars, empty = self._first_of(str(operator), argument)
            found |= chars
            if not empty:
                return found, False
        return found, True

    def _first_of(self, operator: str, argument: Any) -> tuple[frozenset[int], bool]:
        if operator in ("AT", "ASSERT", "ASSERT_NOT"):
            return frozenset(), True
        if operator == "SUBPATTERN":
            return self.first(argument[3])
        if operator == "ATOMIC_GROUP":
            return self.first(argument)
        if operator == "BRANCH":
            options = [self.first(option) for option in argument[1]]
            return frozenset().union(*(chars for chars, _ in options)), any(empty for _, empty in options)
        if operator in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            chars, empty = self.first(argument[2])
            return chars, empty or argument[0] == 0
        return chars_of(operator, argument), False

    def tails(self, items: Any) -> frozenset[int]:
        """What repetitions at the end of it consist of: they may have taken more, or less."""
        found: frozenset[int] = frozenset()
        for operator, argument in reversed(list(items)):
            name = str(operator)
            if name == "SUBPATTERN":
                found |= self.tails(argument[3])
            elif name == "BRANCH":
                found = found.union(*(self.tails(option) for option in argument[1]))
            elif name in ("MAX_REPEAT", "MIN_REPEAT") and argument[0] != argument[1]:
                found |= self.first(argument[2])[0] | self.tails(argument[2])
            if not self._first_of(name, argument)[1]:
                break
        return found

    def loops(self, items: Any) -> Iterator[Any]:
        """Everything that repeats without a bound that matters, and can be given back."""
        for operator, argument in items:
            name = str(operator)
            if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
                if name != "POSSESSIVE_REPEAT" and argument[1] > LONG:
                    yield argument[2]
                yield from self.loops(argument[2])
            elif name == "SUBPATTERN":
                yield from self.loops(argument[3])
            elif name == "BRANCH":
                for option in argument[1]:
                    yield from self.loops(option)

    @property
    def is_ambiguous(self) -> bool:
        """Whether a repeated part can be cut from the next one in several places, or be read as several of its options."""
        return any(self._is_ambiguous(body) for body in self.loops(self.tree))

    def _is_ambiguous(self, body: Any) -> bool:
        first, empty = self.first(body)
        if empty or first & self.tails(body):
            return True
        options = [o for operator, argument in body if str(operator) == "BRANCH" for o in argument[1]]
        options += [
            o
            for operator, argument in body
            if str(operator) == "SUBPATTERN"
            for inner, sub in argument[3]
            if str(inner) == "BRANCH"
            for o in sub[1]
        ]
        begins = [self.first(option)[0] for option in options]
        return sum(map(len, begins)) > len(frozenset().union(*begins))

    @property
    def is_quadratic(self) -> bool:
        """Whether a search for it may read on from each of many places, in vain."""
        items = list(self.tree)
        first = self.first(items)[0]
        for i, (operator, argument) in enumerate(items):
            if str(operator) == "SUBPATTERN":
                operator, argument = (list(argument[3]) or [(operator, argument)])[-1]
            is_long = str(operator) in ("MAX_REPEAT", "MIN_REPEAT") and argument[1] > LONG
            may_fail = not self.first(items[i + 1 :])[1] or any(str(o).startswith(("AT", "ASSERT")) for o, _ in items[i + 1 :])
            if is_long and may_fail and self.first(argument[2])[0] & first:
                return True
        return False


def chars_of(operator: str, argument: Any) -> frozenset[int]:
    if operator == "LITERAL":
        return frozenset((min(argument, 256),))
    if operator == "NOT_LITERAL":
        return BYTES - {argument}
    if operator == "ANY":
        return BYTES
    if operator == "CATEGORY":
        return _category(str(argument))
    if operator == "IN":
        negated = bool(argument) and str(argument[0][0]) == "NEGATE"
        found: frozenset[int] = frozenset().union(
            *(
                frozenset(range(value[0], min(value[1], 256) + 1)) if str(kind) == "RANGE" else chars_of(str(kind), value)
                for kind, value in argument
                if str(kind) != "NEGATE"
            )
        )
        return BYTES - found if negated else found
    raise AssertionError(f"the test does not know {operator}")


def _category(name: str) -> frozenset[int]:
    letter = {"WORD": "w", "SPACE": "s", "DIGIT": "d"}[name.rsplit("_", 1)[-1]]
    found = frozenset(c for c in range(256) if re.match(rf"\{letter}", chr(c)))
    if letter != "d":
        found |= {256}
    return BYTES - found if "_NOT_" in name else found


ALL = list(patterns())


def test_the_source_has_patterns() -> None:
    assert len(ALL) > 60 and sum(is_search for _, _, is_search in ALL) > 15


@pytest.mark.parametrize("place, pattern, is_search", ALL, ids=[place for place, _, _ in ALL])
def test_a_pattern_takes_time_in_proportion_to_its_text(place: str, pattern: str | bytes, is_search: bool) -> None:
    reading = Reading(pattern)
    assert not reading.is_ambiguous
    assert not is_search or pattern in QUADRATIC or not reading.is_quadratic


@pytest.mark.parametrize(
    "pattern", [r"(a*)*b", r"(?:\w+\s?)*$", r"a/b( *; *x=(\"[^\"]*\"|[^;\"]*))*", r"(ab|\w\w)*c", r"(?:a?)*b", r"(x+x+)+y"]
)
def test_what_has_no_end_is_seen(pattern: str) -> None:
    assert Reading(pattern).is_ambiguous


@pytest.mark.parametrize("pattern", [r"\[([^\]]+)\]\(", r"\s+$", r"=\?.*\?=", r"([^<>]*)<", r"<meta[^>]*x"])
def test_what_takes_the_square_is_seen(pattern: str) -> None:
    assert Reading(pattern).is_quadratic


@pytest.mark.parametrize(
    "pattern", [r"[a-z]+(?:\.[a-z]+)*", r"(?:[^\"\\]|\\.)*", r"`([^`]+)`", r"[^a-z0-9]+", r"\[([^\[\]]+)\]"]
)
def test_what_is_fast_passes(pattern: str) -> None:
    assert not Reading(pattern).is_ambiguous and not Reading(pattern).is_quadratic
