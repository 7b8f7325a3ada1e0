"""The content repository as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from chappe.config import Media as Settings
from chappe.config import Shares
from chappe.homeserver.accounts.account_states import End, of_user
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.media.api.administration import AdminMedia
from chappe.homeserver.modules.media.api.content_repo import ContentRepo
from chappe.homeserver.modules.media.api.for_servers import FederationMedia
from chappe.homeserver.modules.media.media import ContentRepository, Scanning
from chappe.homeserver.modules.media.orphans import Orphans
from chappe.homeserver.modules.media.remote import RemoteMedia
from chappe.homeserver.modules.media.tables import TABLES
from chappe.homeserver.modules.media.thumbnails import Thumbnailer
from chappe.homeserver.modules.media.upload_share import UploadBounds, UploadShare
from chappe.homeserver.modules.url_previews.url_previews import UrlPreviews
from chappe.homeserver.outbound.blob_store import BlobStore, open_blobs
from chappe.homeserver.part import DataFolder, Job, Part
from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.holds import Holds
from chappe.homeserver.policy.reading import Reading
from chappe.telemetry import Metrics

PRUNE_EVERY, DAY = 600, 86_400  # seconds


def blobs(settings: Settings, folder: DataFolder) -> BlobStore:
    return open_blobs(settings, str(folder / "media"))


def upload_share(database: Database, now_ms: NowMs, shares: Shares, settings: Settings, folder: DataFolder) -> UploadShare:
    bounds = UploadBounds(shares.upload_mib_per_day << 20, shares.upload_gib_per_day << 30, shares.disk_reserve_mib << 20)
    folders = [folder, Path(settings.location or folder)]  # an object store's address is no folder
    return UploadShare(database, now_ms, bounds, folders)


def content_repository(
    database: Database,
    blobs: BlobStore,
    thumbnailer: Thumbnailer,
    policy: Policy,
    reading: Reading,
    share: UploadShare,
    holds: Holds,
    scanning: Scanning,
    remote: RemoteMedia,
    now_ms: NowMs,
    settings: Settings,
) -> ContentRepository:
    most = settings.max_upload_mib << 20
    return ContentRepository(database, blobs, thumbnailer, policy, reading, share, holds, scanning, remote, now_ms, most)


def content_repo(repository: ContentRepository, previews: UrlPreviews, settings: Settings) -> ContentRepo:
    return ContentRepo(repository, previews, settings.presigned)


def runs(repository: ContentRepository, orphans: Orphans) -> Iterator[Job]:
    yield Job("unused files", PRUNE_EVERY, repository.prune, cannot_be_undone=True)
    yield Job("orphan files", DAY, orphans.check_files, cannot_be_undone=True)


def ends(repository: ContentRepository) -> Mapping[str, End]:
    return {"reservations for files": of_user(repository.forget_reservations)}


def measures(metrics: Metrics, repository: ContentRepository, orphans: Orphans, share: UploadShare) -> None:
    metrics.gauge("chappe_disk_free_bytes", "On the fullest disk", share.free)
    metrics.gauge("chappe_disk_low", "1: uploads are refused", lambda: share.is_disk_low)
    damaged = repository.soundness
    metrics.count("chappe_files_damaged", "Reads of files that are missing or damaged", lambda: damaged.damaged)
    metrics.count("chappe_orphan_files_removed", "Files without a row", lambda: orphans.removed)
    metrics.gauge("chappe_orphan_files_left", "So many that an operator must look", lambda: orphans.left)
    metrics.gauge("chappe_files_missing", "Rows without their file", lambda: orphans.missing)


PART = Part(
    "media",
    gives=(blobs, upload_share, Thumbnailer, Scanning, RemoteMedia, content_repository, Orphans),
    endpoints=(content_repo, FederationMedia, AdminMedia),
    tables=TABLES,
    runs=runs,
    ends=ends,
    measures=measures,
)
