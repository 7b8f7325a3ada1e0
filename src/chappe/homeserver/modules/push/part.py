"""Push notifications as a part of a node: rules, counts, pushers, quiet hours, and what sends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chappe.config import Email, Push
from chappe.homeserver.accounts.account_states import AccountStateEntry, End
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.secrets import Secrets
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.modules.account_data.account_data import AccountData
from chappe.homeserver.modules.ignored_users.ignored_users import IgnoredUsers
from chappe.homeserver.modules.orders.orders import Orders
from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.modules.push.api.notifications import NotificationsApi
from chappe.homeserver.modules.push.api.pushers import PushersApi
from chappe.homeserver.modules.push.api.pushrules import PushRulesApi
from chappe.homeserver.modules.push.counts import UnreadCounts
from chappe.homeserver.modules.push.notifications import Notifications
from chappe.homeserver.modules.push.pushers import Pushers
from chappe.homeserver.modules.push.quiet_hours import QuietHours
from chappe.homeserver.modules.push.rules import PushRules
from chappe.homeserver.modules.push.store import CONSEQUENCE
from chappe.homeserver.modules.push.tables import TABLES
from chappe.homeserver.outbound.fetchers import PushFetcher
from chappe.homeserver.outbound.mail.queue import MailQueue
from chappe.homeserver.outbound.web_push import Vapid
from chappe.homeserver.part import Job, Loop, Part
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.senders.push import notification
from chappe.homeserver.senders.push.deliver import PushDeliverer
from chappe.homeserver.senders.push.gather import PushGatherer
from chappe.homeserver.senders.push.notification import Digest
from chappe.homeserver.senders.push.order_letters import OrderLetters

DAY = 86_400  # seconds


def counts(database: Database, rooms: Rooms, rules: PushRules, clock: Clock, ignored: IgnoredUsers) -> UnreadCounts:
    return UnreadCounts(database, rooms, rules, clock, ignored.of)


def vapid(secrets: Secrets, push: Push) -> Vapid:
    return Vapid(secrets.browser, push.contact)


def pushers(
    database: Database, writer: GroupWriter, accounts: AccountStore, now_ms: NowMs, mail: MailQueue, fetcher: PushFetcher
) -> Pushers:
    writer.register_consequences(CONSEQUENCE)
    return Pushers(database, accounts, fetcher, now_ms, mail.is_on)


def missed(rooms: Rooms, rules: PushRules, counts: UnreadCounts, ignored: IgnoredUsers) -> Notifications:
    return Notifications(rooms, rules, counts, ignored.of, ignored.hides_invitation)


def told(
    rooms: Rooms, counts: UnreadCounts, ignored: IgnoredUsers, vapid: Vapid, now_ms: NowMs
) -> notification.PushNotifications:
    return notification.PushNotifications(rooms, counts, ignored.hides_invitation, vapid, now_ms)


def digest(
    database: Database,
    notifications: notification.PushNotifications,
    mail: MailQueue,
    accounts: AccountStore,
    email: Email,
    public_url: PublicUrl,
    now_ms: NowMs,
) -> Digest:
    return Digest(database, notifications, mail, accounts, email.digest_minutes, public_url.for_domain, now_ms)


def quiet_hours(clock: Clock, account_data: AccountData, push: Push) -> QuietHours:
    return QuietHours(clock, account_data.of_users, push.quiet_hours)


def gatherer(
    database: Database,
    clock: Clock,
    rooms: Rooms,
    rules: PushRules,
    ignored: IgnoredUsers,
    quiet: QuietHours,
    standings: Standings,
    now_ms: NowMs,
    deliverer: PushDeliverer,
    presence: Presence,
    orders: Orders,
    letters: OrderLetters,
) -> PushGatherer:
    is_silent, wake = presence.is_silent, deliverer.wake
    return PushGatherer(database, clock, rooms, rules, ignored, quiet, standings, now_ms, wake, is_silent, orders, letters)


def runs(counts: UnreadCounts, gatherer: PushGatherer, deliverer: PushDeliverer) -> Iterator[Loop | Job]:
    yield Loop("push gatherer", gatherer.run)
    yield Loop("push deliverer", deliverer.run)
    yield Job("retractions", DAY, counts.prune)


def ends(pushers: Pushers) -> Mapping[str, End]:
    async def end(entry: AccountStateEntry) -> None:
        await pushers.remove_all(entry.user_id, entry.but_device)

    return {"pushers": end}


PART = Part(
    "push",
    gives=(PushRules, counts, vapid, pushers, missed, told, digest, quiet_hours, PushDeliverer, gatherer),
    endpoints=(PushRulesApi, NotificationsApi, PushersApi),
    tables=TABLES,
    runs=runs,
    ends=ends,
)
