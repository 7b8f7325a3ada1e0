"""Account data as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.config import Shares
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.account_data.account_data import AccountData
from chappe.homeserver.modules.account_data.api import AccountDataApi
from chappe.homeserver.modules.account_data.kept import KeptSecrets
from chappe.homeserver.modules.account_data.section import AccountDataSection
from chappe.homeserver.modules.account_data.tables import TABLES
from chappe.homeserver.modules.push.rules import PushRules
from chappe.homeserver.part import Job, Part

PRUNE_EVERY = 600  # seconds


def account_data(database: Database, writer: GroupWriter, kept: KeptSecrets, shares: Shares) -> AccountData:
    return AccountData(database, writer, kept, shares.account_data_mib << 20)


def section(account_data: AccountData, push_rules: PushRules) -> AccountDataSection:
    return AccountDataSection(account_data, {"m.push_rules": push_rules.content})


def api(account_data: AccountData, push_rules: PushRules) -> AccountDataApi:
    return AccountDataApi(account_data, {"m.push_rules": push_rules.content})


def runs(kept: KeptSecrets) -> Iterator[Job]:
    yield Job("kept secrets", PRUNE_EVERY, kept.prune, cannot_be_undone=True)


PART = Part("account data", gives=(KeptSecrets, account_data), endpoints=(api,), sections=(section,), tables=TABLES, runs=runs)
