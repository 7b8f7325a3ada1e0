"""Globs that users and other servers write: push rules, filters, invitation filters, access lists of rooms. Pure.

`*` stands for any text, `?` for one character, nothing else means anything. A pattern is never made into a regular
expression: the parts between its stars are looked for one after the other, each from where the one before it ended, and
never again. That takes time in proportion to the text, whatever the pattern is.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_PATTERN = 1024  # characters; what is longer is refused where it is written, and matches nothing where it was before
PLENTY = 2_000_000  # characters that the patterns of one reader may look at in one event

_SINGLE_COST, _PLACE_COST = 32, 64  # a step in Python, in characters that the search for a text passes in that time
_RUNS = re.compile(r"\*+")
_NOT_OF_A_WORD = re.compile(r"[^a-z0-9_]")


class Work:
    """How many characters may still be looked at, in all patterns together: what exceeds it does not match."""

    __slots__ = ("left",)

    def __init__(self, left: int = PLENTY) -> None:
        self.left = left

    def spend(self, characters: int) -> bool:
        """Whether there was that much left."""
        self.left -= characters
        return self.left >= 0


class Glob:
    """One pattern. Case counts: `fold` both the pattern and the text where it should not.

    `singles`: whether a question mark means anything.
    """

    __slots__ = ("_parts", "_price", "_shortest")

    def __init__(self, pattern: str, singles: bool = True) -> None:
        texts = _RUNS.sub("*", pattern).split("*")
        self._parts = [_Singles(text) if singles and "?" in text else _Text(text) for text in texts]
        self._price = _SINGLE_COST if singles and "?" in pattern else 1
        self._shortest = sum(map(len, texts))

    def matches(self, text: str) -> bool:
        """Whether the pattern is the whole text."""
        first, *others = self._parts
        if len(text) < self._shortest or not first.is_at(text, 0):
            return False
        if not others:
            return len(text) == self._shortest
        *middle, last = others
        at, end = first.size, len(text) - last.size
        if not last.is_at(text, end):
            return False
        for part in middle:
            at = part.find(text, at, end)
            if at < 0:
                return False
            at += part.size
        return True

    def is_in(self, text: str, work: Work) -> bool:
        """Whether the pattern is somewhere in a folded text, between the edges of words (the content rules of push)."""
        if len(text) < self._shortest or not work.spend(len(text) * self._price):
            return False
        first, *others = self._parts
        if not others:
            return _find_word(first, text, 0, work, starts=True, ends=True) >= 0
        *middle, last = others
        at = _find_word(first, text, 0, work, starts=True) + first.size if first.size else 0
        if at < first.size:
            return False
        for part in middle:
            at = part.find(text, at, len(text))
            if at < 0:
                return False
            at += part.size
        return not last.size or _find_word(last, text, at, work, ends=True) >= 0


class _Text:
    """What lies between two stars."""

    __slots__ = ("size", "text")

    def __init__(self, text: str) -> None:
        self.text, self.size = text, len(text)

    def is_at(self, text: str, at: int) -> bool:
        return text.startswith(self.text, at)

    def find(self, text: str, start: int, end: int) -> int:
        return text.find(self.text, start, end)


class _Singles(_Text):
    """The same with question marks. All places are tried at once: bit i says that the first i characters stand before here."""

    __slots__ = ("_any", "_masks")

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._any = sum(1 << i for i, char in enumerate(text) if char == "?")
        self._masks: dict[str, int] = {}
        for i, char in enumerate(text):
            self._masks[char] = self._masks.get(char, self._any) | 1 << i

    def is_at(self, text: str, at: int) -> bool:
        return len(text) - at >= self.size and all(
            mine in ("?", theirs) for mine, theirs in zip(self.text, text[at : at + self.size], strict=True)
        )

    def find(self, text: str, start: int, end: int) -> int:
        state, whole, masks, anything = 0, 1 << (self.size - 1), self._masks, self._any
        for at in range(start, end):
            state = (state << 1 | 1) & masks.get(text[at], anything)
            if state & whole:
                return at - self.size + 1
        return -1


def _find_word(part: _Text, text: str, at: int, work: Work, starts: bool = False, ends: bool = False) -> int:
    """Where a part begins at the start of a word, or ends at the end of one, or both. -1: nowhere."""
    while (found := part.find(text, at, len(text))) >= 0 and work.spend(_PLACE_COST):
        end = found + part.size
        if starts and found and not _NOT_OF_A_WORD.match(text, found - 1):
            edge = _NOT_OF_A_WORD.search(text, found)
            if edge is None:
                return -1
            at = edge.end()
        elif ends and end < len(text) and not _NOT_OF_A_WORD.match(text, end):
            edge = _NOT_OF_A_WORD.search(text, end)
            at = max(found + 1, (edge.start() if edge else len(text)) - part.size)
        else:
            return found
    return -1


class _Nothing(Glob):
    """A pattern that is too long."""

    __slots__ = ()

    def matches(self, text: str) -> bool:
        return False

    def is_in(self, text: str, work: Work) -> bool:
        return False


_NOTHING = _Nothing("")


def glob(pattern: str, singles: bool = True) -> Glob:
    """The pattern, ready to be asked. One that is too long matches nothing."""
    return _glob(pattern, singles) if len(pattern) <= MAX_PATTERN else _NOTHING


@lru_cache(maxsize=4096)
def _glob(pattern: str, singles: bool) -> Glob:
    return Glob(pattern, singles)


def is_pattern(text: str) -> bool:
    """Whether the text means anything but itself."""
    return "*" in text or "?" in text


def fold(text: str) -> str:
    """For a comparison that does not look at case; a sigma is a sigma wherever it stands, an é however it is composed."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", text).lower().replace("ς", "σ")
