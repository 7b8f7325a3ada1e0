"""Rooms across servers as a part of a node: coming in, receiving, what is missing, and what others are given."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.part import Job, Part
from chappe.homeserver.rooms.membership import Elsewhere
from chappe.homeserver.rooms.pagination import Pagination
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import PduChecks
from chappe.homeserver.rooms.remote.completing import FRAGMENTS as COMPLETING
from chappe.homeserver.rooms.remote.completing import Completing
from chappe.homeserver.rooms.remote.fragments import FRAGMENTS
from chappe.homeserver.rooms.remote.gaps import Gaps
from chappe.homeserver.rooms.remote.handshakes import Handshakes
from chappe.homeserver.rooms.remote.history import History
from chappe.homeserver.rooms.remote.membership import RemoteMembership
from chappe.homeserver.rooms.remote.pdu_queues import PduQueues
from chappe.homeserver.rooms.remote.policy_servers import PolicyServers
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.remote.residence import Residence
from chappe.homeserver.rooms.remote.serving import Serving
from chappe.homeserver.rooms.remote.store import RemoteStore

RESUME_EVERY, TELL_EVERY = 60, 30  # seconds


def store(database: Database, writer: GroupWriter) -> RemoteStore:
    writer.register(*FRAGMENTS, *COMPLETING)
    return RemoteStore(database)


def gaps(pdu_queues: PduQueues) -> Gaps:
    return pdu_queues.gaps


def elsewhere(membership: RemoteMembership) -> Elsewhere:
    return membership


def runs(pdu_queues: PduQueues, completing: Completing, membership: RemoteMembership) -> Iterator[Job]:
    yield Job("inbox", RESUME_EVERY, pdu_queues.resume, is_per_process=True)
    yield Job("members", RESUME_EVERY, completing.resume, is_per_process=True)
    yield Job("untold leaves", TELL_EVERY, membership.untold.tell_servers, cannot_be_undone=True)


async def start(pdu_queues: PduQueues, completing: Completing) -> None:
    await pdu_queues.start()
    await completing.start()


async def close(pdu_queues: PduQueues, completing: Completing, history: History) -> None:
    await pdu_queues.stop()
    await completing.stop()
    await history.stop()


PART = Part(
    "rooms across servers",
    gives=(
        PduChecks,
        RoomCalls,
        store,
        Receiver,
        PolicyServers,
        Completing,
        Handshakes,
        RemoteMembership,
        elsewhere,
        PduQueues,
        gaps,
        History,
        Pagination,
        Residence,
        Serving,
    ),
    starts=start,
    runs=runs,
    closes=close,
)
