"""What LiveKit tells of its participants, for those who look at calls."""

from __future__ import annotations

from collections.abc import Callable

from chappe.homeserver.modules.calls.participants import Place


class CallNews:
    def __init__(self) -> None:
        self._come: list[Callable[[], None]] = []
        self._left: list[Callable[[Place], None]] = []

    def listen(self, come: Callable[[], None], left: Callable[[Place], None] | None = None) -> None:
        self._come.append(come)
        if left is not None:
            self._left.append(left)

    def has_come(self) -> None:
        for listener in self._come:
            listener()

    def has_left(self, place: Place) -> None:
        for listener in self._left:
            listener(place)
