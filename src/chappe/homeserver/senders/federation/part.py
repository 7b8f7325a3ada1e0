"""What goes to other servers as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.homeserver.part import Job, Loop, Part
from chappe.homeserver.rooms.remote.onward import Onward
from chappe.homeserver.senders.federation.fleeting import FleetingSender
from chappe.homeserver.senders.federation.sender import FederationSender
from chappe.homeserver.senders.federation.tables import TABLES

LOOK_EVERY = 5  # seconds


def onward(sender: FederationSender) -> Onward:
    return sender


def runs(sender: FederationSender) -> Iterator[Loop | Job]:
    yield Loop("federation sender", sender.run, sender.release)
    yield Job("federation", LOOK_EVERY, sender.look_at_failures, is_per_process=True)


PART = Part("federation", gives=(FederationSender, onward, FleetingSender), tables=TABLES, runs=runs)
