"""Which members each device has already been sent: for lazy loading without repetition.

Kept in memory only: after a restart, or when memory is short, members are sent again, which is allowed.
"""

from __future__ import annotations

from chappe.homeserver.load.bounded import Recent

MEMBERS = 2_000_000  # of all devices together: some 200 MB
MEMBERS_PER_DEVICE = 20_000
_DEVICE_WEIGHT = 10  # of one that has been sent nobody, in members


class LazyMembers:
    def __init__(self, most: int = MEMBERS) -> None:
        self._sent: Recent[tuple[str, str], tuple[int, dict[tuple[int, str], str]]] = Recent(most)

    @property
    def weight(self) -> int:
        """Members remembered, about."""
        return self._sent.weight

    def of(self, user_id: str, device_id: str, after: int) -> dict[tuple[int, str], str]:
        """(room, member) to the member event that the device has, at the position that it asks from.

        A device that asks again from where it asked before, or from further back, has lost what it was sent in between
        (an answer that never arrived, a page that was reloaded before it had saved): nothing is assumed of it. What an
        answer adds is weighed when the device asks again, and by `weigh`.
        """
        key = (user_id, device_id)
        before, sent = self._sent.get(key) or (-1, {})
        if after <= before or len(sent) > MEMBERS_PER_DEVICE:
            sent = {}
        self._sent.put(key, (after, sent), len(sent) + _DEVICE_WEIGHT)
        return sent

    def weigh(self, user_id: str, device_id: str) -> None:
        """Counts the members that a device was sent with an answer."""
        key = (user_id, device_id)
        if (known := self._sent.get(key)) is not None:
            self._sent.put(key, known, len(known[1]) + _DEVICE_WEIGHT)
