"""Memory with a bound in sum, whoever fills it: what was used longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values used last. `most`: the weight of all together; each entry weighs one unless told otherwise."""

    def __init__(self, most: int) -> None:
        self._most, self.weight = most, 0
        self._values: OrderedDict[K, V] = OrderedDict()
        self._weights: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Counts as use."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V, weight: int = 1) -> None:
        """Puts out others until there is room; the newest stays even where it alone is too heavy."""
        self.weight += weight - self._weights.get(key, 0)
        self._values[key], self._weights[key] = value, weight
        self._values.move_to_end(key)
        while self.weight > self._most and len(self._values) > 1:
            oldest, _ = self._values.popitem(last=False)
            self.weight -= self._weights.pop(oldest)

    def drop(self, key: K) -> V | None:
        """What was there."""
        self.weight -= self._weights.pop(key, 0)
        return self._values.pop(key, None)
