"""Calls by way of LiveKit as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chappe.config import Calls, Config
from chappe.homeserver.accounts.account_states import AccountStateEntry, End
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.actions.delegate_leave import DelegateLeave
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.calls.admission import CallAdmission
from chappe.homeserver.modules.calls.api.leaves import LeavesApi
from chappe.homeserver.modules.calls.api.server_server import CallsOfServers
from chappe.homeserver.modules.calls.api.service import CallService
from chappe.homeserver.modules.calls.api.tokens import CallTokensApi
from chappe.homeserver.modules.calls.api.transports import TransportsApi
from chappe.homeserver.modules.calls.news import CallNews
from chappe.homeserver.modules.calls.participants import CONSEQUENCE, CallParticipants
from chappe.homeserver.modules.calls.sfus import Sfus
from chappe.homeserver.modules.calls.tables import TABLES
from chappe.homeserver.modules.calls.tokens import CallTokens
from chappe.homeserver.modules.calls.transports import Transports
from chappe.homeserver.part import Job, Loop, Part
from chappe.homeserver.senders.call_evictions import CallEvictions
from chappe.homeserver.senders.call_leaves import CallLeaves
from chappe.telemetry import Metrics

UPKEEP_EVERY = 60  # seconds


def sfus(calls: Calls, config: Config) -> Sfus:
    return Sfus(calls, config.extra_ca_file)


def participants(database: Database, writer: GroupWriter, accounts: AccountStore, now_ms: NowMs) -> CallParticipants:
    writer.register_consequences(CONSEQUENCE)
    return CallParticipants(database, accounts, now_ms)


def runs(evictions: CallEvictions, leaves: CallLeaves) -> Iterator[Loop | Job]:
    yield Loop("calls", evictions.run)
    yield Loop("leaves of calls", leaves.run)
    yield Job("who is in calls", UPKEEP_EVERY, evictions.upkeep, cannot_be_undone=True)


async def close(sfus: Sfus) -> None:
    await sfus.close()


def ends(participants: CallParticipants, evictions: CallEvictions) -> Mapping[str, End]:
    async def end(entry: AccountStateEntry) -> None:
        await participants.end_all(entry.user_id)
        evictions.look_now()

    return {"calls": end}


def measures(evictions: CallEvictions, metrics: Metrics) -> None:
    metrics.count("chappe_calls_put_out", "Who was put out of calls", lambda: evictions.put_out)


PART = Part(
    "calls",
    gives=(sfus, Transports, participants, CallAdmission, CallTokens, CallNews, DelegateLeave, CallEvictions, CallLeaves),
    endpoints=(TransportsApi, CallTokensApi, LeavesApi, CallService, CallsOfServers),
    tables=TABLES,
    runs=runs,
    closes=close,
    ends=ends,
    measures=measures,
)
