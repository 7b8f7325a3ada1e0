"""Which members each device has already been sent: for lazy loading without repetition.

Kept in memory only: after a restart, or when memory is short, members are sent again, which is allowed.
"""

from __future__ import annotations

from collections import OrderedDict

DEVICES = 5000
MEMBERS_PER_DEVICE = 20_000


class LazyMembers:
    def __init__(self) -> None:
        self._sent: OrderedDict[tuple[str, str], tuple[int, dict[tuple[int, str], str]]] = OrderedDict()

    def of(self, user_id: str, device_id: str, after: int) -> dict[tuple[int, str], str]:
        """(room, member) to the member event that the device has, at the position that it asks from.

        A device that asks again from where it asked before, or from further back, has lost what it was sent in between
        (an answer that never arrived, a page that was reloaded before it had saved): nothing is assumed of it.
        """
        key = (user_id, device_id)
        before, sent = self._sent.pop(key, (-1, {}))
        if after <= before or len(sent) > MEMBERS_PER_DEVICE:
            sent = {}
        self._sent[key] = (after, sent)
        if len(self._sent) > DEVICES:
            self._sent.popitem(last=False)
        return sent
