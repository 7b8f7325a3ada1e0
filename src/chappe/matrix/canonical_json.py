"""Canonical JSON (specification, appendices) and the strict reading of what clients and servers send.

orjson is laxer than Matrix in three points, checked here: duplicate keys, integers beyond 2^53, unbounded depth.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from chappe.matrix.errors import BadRequest, MatrixError

Json = Any
MAX_INTEGER = 2**53 - 1
_APART = re.compile(rb'"[ \t\n\r]+:')  # a key whose colon stands apart: a count of `":` misses it
MAX_DEPTH = 200  # orjson writes at most 254 levels; nobody sends a tenth of this


def canonical_json(value: Json) -> bytes:
    """The canonical bytes of a value whose rules have been checked (`check_canonical`)."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def parse_json(raw: bytes) -> Json:
    """Reads one JSON value.

    Raises M_NOT_JSON for what is not JSON (bad UTF-8, lone surrogates and NaN included) and M_BAD_JSON for duplicate
    keys and excessive depth.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MatrixError(400, "M_NOT_JSON", f"The request body is not valid JSON: {error}") from None
    if type(value) is dict or type(value) is list:
        if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:  # else it cannot be as deep
            check_depth(value)
        _refuse_duplicate_keys(raw, value)
    return value


def check_depth(value: Json) -> None:
    """Raises M_BAD_JSON beyond MAX_DEPTH levels. Goes level by level, so depth cannot exhaust the stack."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise BadRequest(f"The JSON is nested more than {MAX_DEPTH} levels deep")
        deeper: list[Json] = []
        for item in level:
            children = item.values() if type(item) is dict else item
            deeper += [child for child in children if type(child) is dict or type(child) is list]
        level = deeper


def _refuse_duplicate_keys(raw: bytes, value: Json) -> None:
    """A key ends in `":`. As many in the text as in what was read: no key was lost. Else, or with blanks there, look closely."""
    if raw.count(b'":') == orjson.dumps(value).count(b'":') and b"\\u" not in raw and not _APART.search(raw):
        return

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        result = dict(items)
        if len(result) != len(items):
            raise BadRequest("The JSON has the same key twice in one object")
        return result

    json.loads(raw, object_pairs_hook=pairs)


def check_canonical(value: Json) -> None:
    """Raises M_BAD_JSON unless every number is an integer within ±(2^53 − 1) (room versions 6 and later)."""
    todo = [value]
    while todo:
        item = todo.pop()
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if kind is dict:
            todo += item.values()
        elif kind is list:
            todo += item
        elif kind is not int:
            raise BadRequest("Numbers in events must be integers: the JSON has a fraction or an exponent")
        elif not -MAX_INTEGER <= item <= MAX_INTEGER:
            raise BadRequest("The JSON has an integer outside ±(2^53 − 1)")


def check_tolerated(value: Json) -> None:
    """Room versions 1 to 5: floats are tolerated, but nothing that orjson could not write again."""
    check_depth(value) if type(value) in (dict, list) else None
