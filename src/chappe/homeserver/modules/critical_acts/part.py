"""Critical acts, which need a proof, as a part of a node."""

from __future__ import annotations

from collections.abc import Mapping

from chappe.config import Administration, Agency
from chappe.homeserver.accounts.account_states import End, of_user
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.application import AdminDoor
from chappe.homeserver.modules.critical_acts.api import CriticalRequestsApi
from chappe.homeserver.modules.critical_acts.critical_acts import CriticalActs
from chappe.homeserver.modules.critical_acts.proofs import OPEN, SECOND_FACTOR, Administrators, Proofs
from chappe.homeserver.modules.critical_acts.requests import CriticalRequests
from chappe.homeserver.modules.critical_acts.tables import TABLES
from chappe.homeserver.part import Part


def proofs(
    administrators: Administrators,
    factors: SecondFactors,
    requests: CriticalRequests,
    settings: Administration,
    agency: Agency,
    now_ms: NowMs,
) -> Proofs:
    level = settings.critical or (SECOND_FACTOR if agency.enabled else OPEN)
    return Proofs(administrators, factors, requests, level, settings.approver_hours, now_ms)


def admin_door(acts: CriticalActs) -> AdminDoor:
    return acts


def ends(requests: CriticalRequests) -> Mapping[str, End]:
    return {"requests for a second person": of_user(requests.withdraw_all)}


PART = Part(
    "critical acts",
    gives=(Administrators, CriticalRequests, proofs, CriticalActs, admin_door),
    endpoints=(CriticalRequestsApi,),
    tables=TABLES,
    ends=ends,
)
