"""JSON of many megabytes, read part by part.

A thread alone is not enough: a library's call that reads a value keeps the interpreter to itself until it returns, and the event
loop waits for it all the same. Between two parts everything else runs.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

DEEP = 2  # levels that are read here: an object and its lists. The elements of these are the parts.
MAX_PART = 1 << 20  # bytes: an event has 64 KiB
_DECODER, _SPACE = json.JSONDecoder(), re.compile(r"[ \t\n\r]*")


def read_in_parts(raw: bytes) -> Any:
    """One JSON value, as orjson reads it. Raises ValueError for what is no JSON, or has a part above `MAX_PART`."""
    try:
        return _Parts(raw).read()
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


class _Parts:
    """Reads a large value part by part. Where a part ends, the library's decoder says; what it is, orjson.

    `_text` is what is seen of `_raw` at once, from `_start`: a character for each byte, as JSON is ASCII outside of its strings.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = memoryview(raw)
        self._start = self._at = 0
        self._text = ""
        self._move()

    def read(self) -> Any:
        self._skip()
        value = self._level(DEEP)
        self._skip()
        if self._at != len(self._text):
            raise ValueError("something follows the JSON")
        return value

    def _level(self, deeper: int) -> Any:
        self._skip()
        opening = self._text[self._at : self._at + 1]
        if not deeper or opening not in ("{", "["):
            return self._part()
        self._mark()
        result: dict[str, Any] | list[Any] = {} if opening == "{" else []
        closing = "}" if opening == "{" else "]"
        self._skip()
        if self._text[self._at : self._at + 1] == closing:
            self._mark()
            return result
        while True:
            if isinstance(result, dict):
                key = self._part()
                if type(key) is not str or self._mark() != ":":
                    raise ValueError("an object without names")
                result[key] = self._level(deeper - 1)
            else:
                result.append(self._level(deeper - 1))
            mark = self._mark()
            if mark == closing:
                return result
            if mark != ",":
                raise ValueError("a list without an end")

    def _part(self) -> Any:
        self._skip()
        try:
            _, end = _DECODER.raw_decode(self._text, self._at)
            whole = end < len(self._text) or not self._has_more()
        except ValueError:
            if not self._at or not self._has_more():
                raise
            whole = False
        if not whole:  # it may go on behind what is seen
            self._move()
            _, end = _DECODER.raw_decode(self._text, 0)
        start, self._at = self._at, end
        return orjson.loads(self._raw[self._start + start : self._start + end])

    def _mark(self) -> str:
        """The next character that is no space; moves behind it."""
        self._skip()
        mark = self._text[self._at : self._at + 1]
        self._at += 1
        return mark

    def _skip(self) -> None:
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found is not None else self._at
            if self._at < len(self._text) or not self._has_more():
                return
            self._move()

    def _has_more(self) -> bool:
        return self._start + len(self._text) < len(self._raw)

    def _move(self) -> None:
        """Sees what follows from here on."""
        self._start += self._at
        self._at = 0
        self._text = bytes(self._raw[self._start : self._start + MAX_PART]).decode("latin-1")
