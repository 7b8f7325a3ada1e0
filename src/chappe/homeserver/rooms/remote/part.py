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
from chappe.homeserver.rooms.remote.inbox import Inbox
from chappe.homeserver.rooms.remote.membership import RemoteMembership
from chappe.homeserver.rooms.remote.policy_servers import PolicyServers
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.remote.residence import Residence
from chappe.homeserver.rooms.remote.serving import Serving
from chappe.homeserver.rooms.remote.store import RemoteStore

RESUME_EVERY, TELL_EVERY = 60, 30  # seconds


def store(database: Database, writer: GroupWriter) -> RemoteStore:
    writer.register(*FRAGMENTS, *COMPLETING)
    return RemoteStore(database)


def gaps(inbox: Inbox) -> Gaps:
    return inbox.gaps


def elsewhere(membership: RemoteMembership) -> Elsewhere:
    return membership


def runs(inbox: Inbox, completing: Completing, membership: RemoteMembership) -> Iterator[Job]:
    yield Job("inbox", RESUME_EVERY, inbox.resume, is_per_process=True)
    yield Job("members", RESUME_EVERY, completing.resume, is_per_process=True)
    yield Job("untold leaves", TELL_EVERY, membership.untold.tell, cannot_be_undone=True)


async def start(inbox: Inbox, completing: Completing) -> None:
    await inbox.start()
    await completing.start()


async def close(inbox: Inbox, completing: Completing, history: History) -> None:
    await inbox.stop()
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
        Inbox,
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
