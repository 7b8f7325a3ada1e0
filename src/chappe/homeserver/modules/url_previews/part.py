"""Previews of links as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.config import UrlPreviews as Settings
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.modules.media.media import ContentRepository
from chappe.homeserver.modules.url_previews.tables import TABLES
from chappe.homeserver.modules.url_previews.url_previews import UrlPreviews
from chappe.homeserver.outbound.fetchers import PreviewFetcher
from chappe.homeserver.part import Job, Part

PRUNE_EVERY = 600  # seconds
HOUR_MS = 3_600_000


def url_previews(
    database: Database, fetcher: PreviewFetcher, media: ContentRepository, now_ms: NowMs, tasks: Tasks, settings: Settings
) -> UrlPreviews:
    return UrlPreviews(database, fetcher, media.store_image, now_ms, tasks, settings.enabled, settings.cache_hours * HOUR_MS)


def runs(previews: UrlPreviews) -> Iterator[Job]:
    yield Job("old previews", PRUNE_EVERY, previews.prune, cannot_be_undone=True)


PART = Part("url previews", gives=(url_previews,), tables=TABLES, runs=runs)
