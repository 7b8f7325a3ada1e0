"""Large answers that clients have not taken yet: each stands whole in memory until it is."""

from __future__ import annotations

from chappe.matrix.errors import LimitExceeded

LARGE = 1 << 16  # bytes; smaller ones are not counted


class UnreadAnswers:
    """Counts the bytes of large answers in memory, by account (or address) and in all."""

    def __init__(self, most_of_one: int, most: int) -> None:
        self._most_of_one, self._most = most_of_one, most
        self._of: dict[str, int] = {}
        self.total = 0

    def __len__(self) -> int:
        return len(self._of)

    def add(self, whose: str, size: int) -> None:
        """Counts an answer of `size` bytes. Raises LimitExceeded where earlier ones must be read first; one may always wait."""
        mine = self._of.get(whose, 0)
        if mine and mine + size > self._most_of_one:
            raise LimitExceeded(1000, "Earlier answers have not been read yet")
        if self.total and self.total + size > self._most:
            raise LimitExceeded(1000, "Too much is waiting to be read: please wait a moment")
        self._of[whose] = mine + size
        self.total += size

    def taken(self, whose: str, size: int) -> None:
        self.total -= size
        left = self._of[whose] - size
        if left:
            self._of[whose] = left
        else:
            del self._of[whose]
