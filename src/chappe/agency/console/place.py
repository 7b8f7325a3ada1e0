"""Where a page of a list ended, as the next one is asked for: what is passed over is not read again, however long the list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from chappe.matrix.errors import BadRequest

PAGE = 50
LAST = 2**63 - 1  # sorted after every time
_AT_ONCE, _ROUNDS = 500, 20  # how much is looked through for one page

Item = dict[str, Any]


def number_of(text: str) -> int:
    """What a program gives back of what it was told, where that was a number. Raises M_INVALID_PARAM."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadRequest("`from` must be what `next` was", "M_INVALID_PARAM")
    return int(text)


class Place(NamedTuple):
    """Of an item: the number by which the list is sorted, and which of those with the same number it is."""

    number: int
    item: str

    def __str__(self) -> str:
        return f"{self.number}_{self.item}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises M_INVALID_PARAM."""
        number, separator, item = text.partition("_")
        digits = number.removeprefix("-")
        if (
            not separator
            or not digits.isascii()
            or not digits.isdigit()
            or len(digits) > 19
            or not -LAST <= int(number) <= LAST
        ):
            raise BadRequest("`from` must be what `next` was", "M_INVALID_PARAM")
        return cls(int(number), item.replace("\0", ""))


async def page_of(
    read: Callable[[Place, int], Awaitable[list[Item]]],
    place_of: Callable[[Item], Place],
    start: Place,
    matches: Callable[[Item], bool] | None = None,
) -> tuple[list[Item], Place | None]:
    """(a page of the items after a place, where the next one begins). `matches`: what is looked for among them; of a long list a part
    is looked through at once, so that a page may be short, or empty, and not be the last."""
    at, size = start, PAGE + 1 if matches is None else _AT_ONCE
    found: list[Item] = []
    for _ in range(1 if matches is None else _ROUNDS):
        items = await read(at, size)
        found += items if matches is None else filter(matches, items)
        if len(found) > PAGE:
            return found[:PAGE], place_of(found[PAGE - 1])
        if len(items) < size:
            return found, None
        at = place_of(items[-1])
    return found, at
