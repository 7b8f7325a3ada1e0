"""Connections of sliding sync: what each client has been sent, so that it gets the difference.

They live in memory. A client whose connection is gone (restart, another node, long silence) is told M_UNKNOWN_POS and
begins anew with its small first window, as the protocol foresees (docs/decisions/0006).
"""

from __future__ import annotations

import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from chappe.homeserver.database.server_time import wall_now_ms
from chappe.homeserver.sync.sliding.request import RoomConfig
from chappe.homeserver.sync.sliding.room_list import ListedRoom
from chappe.matrix.errors import BadRequest

_POS = re.compile(r"p([0-9]{1,18})_([0-9]{1,18})_([0-9a-f]{16})")
MAX_WEIGHT = 2_000_000  # rooms remembered, over all connections
PER_DEVICE = 20  # connections: clients have one or two (the list, what is encrypted), a test tool a few more
IDLE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class SentState:
    """What a client has once it has processed an answer. `position`: up to where it has everything of the `relevant` rooms."""

    serial: int = 0
    position: int = 0
    typing: int = 0
    rooms: dict[int, RoomConfig] = field(default_factory=dict)
    relevant: frozenset[int] = frozenset()
    lapsed: dict[int, int] = field(default_factory=dict)  # rooms out of the window: complete up to there
    extensions: frozenset[str] = frozenset()
    counts: dict[str, int] = field(default_factory=dict)
    last: tuple[int, ...] = ()  # the rooms of the answer itself

    def from_position(self, number: int) -> int | None:
        """Up to where a room was sent, None if it never was."""
        if number not in self.rooms:
            return None
        return self.position if number in self.relevant else self.lapsed.get(number, 0)


@dataclass(slots=True)
class Connection:
    """What one client has been sent. `latest`: with the last answer; `before`: with the one before, from where the client may ask
    again, if the last one was lost."""

    key: str
    latest: SentState = field(default_factory=SentState)
    before: SentState = field(default_factory=SentState)
    members: dict[int, dict[str, str]] = field(default_factory=dict)  # lazily sent member events, by room
    listed: dict[int, ListedRoom] | None = None  # the user's room list as of `listed_at`
    listed_at: int = 0
    used: float = 0.0

    def pos(self, sent: SentState) -> str:
        return f"p{sent.serial}_{sent.position}_{self.key}"

    def from_pos(self, serial: int) -> SentState:
        """What the client has at the `pos` with this number. Going back to `before` forgets the members that the lost answer held.

        Raises M_UNKNOWN_POS.
        """
        if serial == self.latest.serial:
            return self.latest
        if serial != self.before.serial:
            raise unknown_pos()
        for number in self.latest.last:
            self.members.pop(number, None)
        self.latest = self.before
        return self.before

    def advance(self, start: SentState, sent: SentState) -> None:
        self.before, self.latest = start, sent


def unknown_pos() -> BadRequest:
    return BadRequest("This position is not known any more: begin anew", "M_UNKNOWN_POS")


class Connections:
    def __init__(self) -> None:
        self._by_client: OrderedDict[tuple[str, str, str], Connection] = OrderedDict()
        self._of_device: dict[tuple[str, str], dict[str, None]] = {}  # the one used longest ago first
        self._serials = wall_now_ms()  # beyond those of an earlier process

    def __len__(self) -> int:
        return len(self._by_client)

    def open(self, user_id: str, device_id: str, conn_id: str) -> Connection:
        """A new connection in place of the client's earlier one; beyond `PER_DEVICE`, the one used longest ago ends."""
        connection = Connection(secrets.token_hex(8), used=time.monotonic())
        self._use((user_id, device_id, conn_id), connection)
        of_device = self._of_device[user_id, device_id]
        while len(of_device) > PER_DEVICE:
            self._forget((user_id, device_id, next(iter(of_device))))
        self._shed()
        return connection

    def _use(self, key: tuple[str, str, str], connection: Connection) -> None:
        self._by_client[key] = connection
        self._by_client.move_to_end(key)
        of_device = self._of_device.setdefault(key[:2], {})
        of_device.pop(key[2], None)
        of_device[key[2]] = None

    def _forget(self, key: tuple[str, str, str]) -> None:
        del self._by_client[key]
        of_device = self._of_device[key[:2]]
        del of_device[key[2]]
        if not of_device:
            del self._of_device[key[:2]]

    def find(self, user_id: str, device_id: str, conn_id: str, pos: str) -> tuple[Connection, SentState]:
        """Raises M_UNKNOWN_POS."""
        match, key = _POS.fullmatch(pos), (user_id, device_id, conn_id)
        connection = self._by_client.get(key)
        if match is None or connection is None or connection.key != match[3]:
            raise unknown_pos()
        self._use(key, connection)
        connection.used = time.monotonic()
        return connection, connection.from_pos(int(match[1]))

    def next_serial(self) -> int:
        self._serials += 1
        return self._serials

    def _shed(self) -> None:
        """The longest unused go first: those idle for an hour, and more where memory is short."""
        weight = sum(len(c.latest.rooms) + 10 for c in self._by_client.values()) if len(self._by_client) % 100 == 0 else 0
        limit = time.monotonic() - IDLE_SECONDS
        while self._by_client:
            key, oldest = next(iter(self._by_client.items()))
            if oldest.used > limit and weight <= MAX_WEIGHT:
                return
            weight -= len(oldest.latest.rooms) + 10
            self._forget(key)
