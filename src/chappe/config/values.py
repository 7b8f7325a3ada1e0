"""Kinds of values that several sections have, and what is said of a setting beside it."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

Port = Annotated[int, Meta(ge=0, le=65535, extra_json_schema={"unit": "port number"})]
Positive = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]

ANY_TEXT = "Any text is taken as it is."


def shaped(pattern: str, words: str) -> Meta:
    """What a text must look like: as a regular expression, and in words for an operator."""
    return Meta(pattern=pattern, extra_json_schema={"form": words})


def says(meaning: str, *, example: Any = None, unit: str = "", wrong: str = "") -> Meta:
    """What an operator is told of a setting, in the file that is written at first start and in docs/settings.md.

    `meaning`: whole sentences. `example`: a value to show where there is no default. `unit`: what is counted, where the name does not
    end with it (`_minutes`, `_mib`). `wrong`: what happens with a value that fits the type and is wrong nevertheless; whatever does
    not fit the type or its range is refused at the start.
    """
    return Meta(
        description=meaning,
        examples=None if example is None else [example],
        extra_json_schema={"wrong": wrong} | ({"unit": unit} if unit else {}),
    )
