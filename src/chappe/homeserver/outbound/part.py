"""Hosted domains, mail, and what is fetched from elsewhere, as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.config import Config
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.fetchers import PreviewFetcher, PushFetcher, TrustedFetcher
from chappe.homeserver.outbound.mail.queue import FRAGMENT, MailQueue
from chappe.homeserver.outbound.mail.tables import TABLES as LETTERS
from chappe.homeserver.outbound.tables import TABLES
from chappe.homeserver.part import Job, Loop, Part

RELOAD_EVERY = 10  # seconds


def public_url(config: Config, domains: Domains) -> PublicUrl:
    return PublicUrl(config.public_url, domains.names, [listener.address for listener in config.listeners])


def mail(database: Database, writer: GroupWriter, config: Config, public_url: PublicUrl, now_ms: NowMs) -> MailQueue:
    writer.register(FRAGMENT)
    return MailQueue(database, config.email, config.brands, public_url.may_be_mailed, now_ms, config.extra_ca_file)


def trusted_fetcher(config: Config) -> TrustedFetcher:
    return TrustedFetcher([], [], config.extra_ca_file, is_trusted=True)


def preview_fetcher(config: Config) -> PreviewFetcher:
    previews = config.url_previews
    return PreviewFetcher(previews.allowed_private_hosts, previews.blocked_hosts, config.extra_ca_file)


def push_fetcher(config: Config) -> PushFetcher:
    return PushFetcher(config.push.allowed_private_hosts, [], config.extra_ca_file)


def runs(domains: Domains, mail: MailQueue) -> Iterator[Loop | Job]:
    yield Loop("mail", mail.run)
    yield Job("domains", RELOAD_EVERY, domains.reload, is_per_process=True)


async def close(trusted: TrustedFetcher, previews: PreviewFetcher, pushes: PushFetcher) -> None:
    for fetcher in (trusted, previews, pushes):
        await fetcher.close()


PART = Part(
    "outbound",
    gives=(Domains, public_url, mail, trusted_fetcher, preview_fetcher, push_fetcher),
    tables=(*TABLES, *LETTERS),
    runs=runs,
    closes=close,
)
