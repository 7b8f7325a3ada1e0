"""Canonical JSON: the specification's examples, and what must be refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.matrix.canonical_json import MAX_INTEGER, canonical_json, check_canonical, parse_json
from chappe.matrix.errors import BadRequest, MatrixError

EXAMPLES = [
    ("{}", "{}"),
    ('{"one": 1, "two": "Two"}', '{"one":1,"two":"Two"}'),
    ('{"b": "2", "a": "1"}', '{"a":"1","b":"2"}'),
    (
        '{"auth": {"success": true, "mxid": "@john.doe:example.com", "profile": {"display_name": "John Doe", "three_pids": [{"medium": "email", "address": "john.doe@example.org"}, {"medium": "msisdn", "address": "123456789"}]}}}',
        '{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"address":"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},"success":true}}',
    ),
    ('{"a": "日本語"}', '{"a":"日本語"}'),
    ('{"本": 2, "日": 1}', '{"日":1,"本":2}'),
    ('{"a": "\\u65E5"}', '{"a":"日"}'),
    ('{"a": null}', '{"a":null}'),
    ('{"\\uFFFF": 1, "\\uD83D\\uDE00": 2}', '{"\uffff":1,"😀":2}'),  # by code point, not by UTF-16 unit
    ('{"a": "\\u0001\\b\\t\\n\\f\\r\\u001f\\"\\\\/\\u007f\\u2028"}', '{"a":"\\u0001\\b\\t\\n\\f\\r\\u001f\\"\\\\/\x7f\u2028"}'),
]


@pytest.mark.parametrize(("given_text", "expected"), EXAMPLES)
def test_the_specifications_examples(given_text: str, expected: str) -> None:
    assert canonical_json(parse_json(given_text.encode())).decode() == expected


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"a":NaN}', b'{"a":Infinity}', b'"\xff"', b'"\\ud800"', b"{'a':1}", b'{"a":1,}', b'{"a":01}']
)
def test_what_is_not_json(raw: bytes) -> None:
    with pytest.raises(MatrixError) as error:
        parse_json(raw)
    assert error.value.errcode == "M_NOT_JSON"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":2}',
        b'{"x":[{"a":1,"b":2,"a":3}]}',
        b'{"a":1,"\\u0061":2}',
        b'{"a" :1,"a" :2}',
        b'{"a" :1,"a":2}',
        b'{"a":1,"a"\n\t:2,"b":"x"}',
        b'{"a":1,"a"\r:2}',
        b'{"k":"\\u0022:","a":1,"a":2}',
        b'{"a":' * 201 + b"1" + b"}" * 201,
    ],
)
def test_duplicate_keys_and_depth(raw: bytes) -> None:
    with pytest.raises(BadRequest) as error:
        parse_json(raw)
    assert error.value.errcode == "M_BAD_JSON"


@pytest.mark.parametrize("value", [1.0, -0.0, MAX_INTEGER + 1, -MAX_INTEGER - 1, {"a": [1, {"b": 0.5}]}])
def test_numbers_that_events_may_not_hold(value: object) -> None:
    with pytest.raises(BadRequest):
        check_canonical(value)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_json)
def test_it_is_what_pythons_sorted_json_is(value: object) -> None:
    check_canonical(value)
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_json(value).decode() == expected
    assert parse_json(canonical_json(value)) == value
    assert parse_json(json.dumps(value, indent=1).encode()) == value
