"""Messages that ask for an answer, as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.homeserver.modules.orders.orders import Orders
from chappe.homeserver.modules.orders.tables import TABLES
from chappe.homeserver.part import Job, Part
from chappe.homeserver.senders.push.order_letters import OrderLetters

DAY = 86_400  # seconds


def runs(orders: Orders) -> Iterator[Job]:
    yield Job("letters about orders", DAY, orders.prune, cannot_be_undone=True)


PART = Part("orders", gives=(Orders, OrderLetters), tables=TABLES, runs=runs)
