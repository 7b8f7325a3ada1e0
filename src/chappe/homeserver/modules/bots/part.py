"""Bots and webhooks as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chappe.homeserver.accounts.account_states import AccountStateEntry, AccountStates, End
from chappe.homeserver.accounts.endings import THEMSELVES
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.bots.api import BotsApi
from chappe.homeserver.modules.bots.bots import Bots
from chappe.homeserver.modules.bots.tables import TABLES
from chappe.homeserver.modules.bots.webhooks import Webhooks
from chappe.homeserver.modules.media.media import ContentRepository
from chappe.homeserver.outbound.fetchers import PushFetcher
from chappe.homeserver.part import Loop, Part
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.senders.webhooks import WebhookSender
from chappe.matrix.identifiers import UserId


def webhooks(
    database: Database,
    bots: Bots,
    rooms: Rooms,
    membership: MembershipChanges,
    media: ContentRepository,
    fetcher: PushFetcher,
    standings: Standings,
    now_ms: NowMs,
) -> Webhooks:
    async def store(user_id: UserId, content_type: str, name: str, raw: bytes) -> str:
        return await media.store_file(user_id, content_type, name, raw)

    return Webhooks(database, bots, rooms, membership, store, fetcher.check, standings, now_ms)


def runs(sender: WebhookSender) -> Iterator[Loop]:
    yield Loop("webhooks", sender.run)


def ends(
    bots: Bots, webhooks: Webhooks, accounts: AccountStore, deactivate: DeactivateAccount, account_states: AccountStates
) -> Mapping[str, End]:
    async def end_bots(entry: AccountStateEntry) -> None:
        for bot in await bots.of(entry.user_id):
            if entry.state is not AccountState.SIGNED_OUT_EVERYWHERE:
                await deactivate(UserId(bot), False, THEMSELVES)
            elif await accounts.sessions.devices(bot):  # one that speaks for a webhook has none
                await account_states.enter(bot, entry.state)

    async def end_webhooks(entry: AccountStateEntry) -> None:
        signed_out = entry.state is AccountState.SIGNED_OUT_EVERYWHERE
        await (webhooks.disable_all if signed_out else webhooks.forget_owner)(entry.user_id)

    return {"bots": end_bots, "webhooks": end_webhooks}


PART = Part("bots", gives=(Bots, webhooks, WebhookSender), endpoints=(BotsApi,), tables=TABLES, runs=runs, ends=ends)
