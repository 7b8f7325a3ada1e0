"""OpenID tokens as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chappe.homeserver.accounts.account_states import End, of_user
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.openid.api import OpenIdApi
from chappe.homeserver.modules.openid.openid import CONSEQUENCE, OpenId
from chappe.homeserver.modules.openid.tables import TABLES
from chappe.homeserver.part import Job, Part

PRUNE_EVERY = 600  # seconds


def openid(database: Database, writer: GroupWriter, accounts: AccountStore, standings: Standings, now_ms: NowMs) -> OpenId:
    writer.register_consequences(CONSEQUENCE)
    return OpenId(database, accounts, standings, now_ms)


def runs(openid: OpenId) -> Iterator[Job]:
    yield Job("OpenID tokens", PRUNE_EVERY, openid.prune, cannot_be_undone=True)


def ends(openid: OpenId) -> Mapping[str, End]:
    return {"OpenID tokens": of_user(openid.end_all)}


PART = Part("openid", gives=(openid,), endpoints=(OpenIdApi,), tables=TABLES, runs=runs, ends=ends)
