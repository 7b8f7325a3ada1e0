"""Which members each device has already been sent: for lazy loading without repetition.

Kept in memory only: after a restart, or when memory is short, members are sent again, which is allowed.
"""

from __future__ import annotations

from collections import OrderedDict

DEVICES = 5000
MEMBERS_PER_DEVICE = 20_000


class LazyMembers:
    def __init__(self) -> None:
        self._sent: OrderedDict[tuple[str, str], dict[tuple[int, str], str]] = OrderedDict()

    def of(self, user_id: str, device_id: str, anew: bool) -> dict[tuple[int, str], str]:
        """(room, member) to the member event that the device has. `anew`: an initial sync forgets."""
        key = (user_id, device_id)
        sent = self._sent.pop(key, None)
        if sent is None or anew or len(sent) > MEMBERS_PER_DEVICE:
            sent = {}
        self._sent[key] = sent
        if len(self._sent) > DEVICES:
            self._sent.popitem(last=False)
        return sent
