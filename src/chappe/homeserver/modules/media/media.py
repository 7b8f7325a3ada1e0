"""The content repository (client-server API, "Content repository")."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.accounts.endings import THE_WHOLE
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.media.remote import MAX_FILE_NAME, RemoteMedia
from chappe.homeserver.modules.media.soundness import Soundness
from chappe.homeserver.modules.media.store import MediaRow, MediaStore
from chappe.homeserver.modules.media.thumbnails import Thumbnail, Thumbnailer, ThumbnailSize, opened, sealed
from chappe.homeserver.modules.media.upload_share import UnderWay, UploadShare
from chappe.homeserver.outbound.blob_store import BlobStore
from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.holds import Holds
from chappe.homeserver.policy.reading import Reading
from chappe.matrix.errors import BadRequest, Forbidden, LimitExceeded, MatrixError, NotFound
from chappe.matrix.identifiers import UserId, domain_of, is_opaque_id

log = logging.getLogger(__name__)
UNUSED_FOR_MS = 24 * 3600 * 1000
PENDING_AT_MOST = 50
LONGEST_TYPE = 255
THUMBNAIL_INPUT = 50 << 20
POLL_SECONDS = 0.2


def key_of(server_name: str, media_id: str) -> str:
    """Of the blob."""
    return f"media/{server_name}/{media_id[:2]}/{media_id}"


@dataclass(frozen=True, slots=True)
class Media:
    """A stored file."""

    server_name: str
    media_id: str
    content_type: str
    file_name: str | None
    size: int
    sha256: bytes
    legacy: bool

    @property
    def key(self) -> str:
        return key_of(self.server_name, self.media_id)


ReadWhole = Callable[[Media], AsyncIterator[bytes]]


class Scanning:
    """What is asked before a file is given out as it is: to clients, as thumbnails, to other servers. Here nothing is scanned; the
    public-sector layer may have an antivirus."""

    async def require_clean(self, media: Media, read: ReadWhole) -> None:
        """Raises for files that must not be given out. `read`: the bytes of a file."""


class ContentRepository:
    """`max_upload`: in bytes. Raises MatrixError subclasses only."""

    def __init__(
        self,
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
        max_upload: int,
    ) -> None:
        self._share, self._holds, self._scanning, self._remote = share, holds, scanning, remote
        self._database, self._blobs, self._thumbnailer, self._policy = database, blobs, thumbnailer, policy
        self._reading, self._now_ms, self.max_upload = reading, now_ms, max_upload
        self._files, self.soundness = MediaStore(database), Soundness(blobs)

    # ---------------------------------------------------------------------------------------------------- uploading

    async def create(self, user_id: UserId) -> tuple[str, int]:
        """Reserves a URI for a later upload; returns it and when it expires (ms)."""
        now = self._now_ms()
        media_id, expires = secrets.token_urlsafe(18), now + UNUSED_FOR_MS
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"reservations {user_id}")
            files = MediaStore(connection)
            if await files.count_reserved(user_id, now) >= PENDING_AT_MOST:
                raise LimitExceeded(60_000, "Too many uploads were begun and not finished")
            await files.reserve((domain_of(user_id), media_id), user_id, now, expires)
        return f"mxc://{domain_of(user_id)}/{media_id}", expires

    async def upload(self, user_id: UserId, content_type: str, file_name: str | None, chunks: AsyncIterator[bytes]) -> str:
        """Stores a file and returns its `mxc://` URI."""
        media_id = secrets.token_urlsafe(18)
        await self._store(user_id, domain_of(user_id), media_id, content_type, file_name, chunks, reserved=False)
        return f"mxc://{domain_of(user_id)}/{media_id}"

    async def store_image(self, user_id: UserId, content_type: str, picture: bytes) -> str:
        """A picture that the server fetched itself."""

        async def chunks() -> AsyncIterator[bytes]:
            yield picture

        return await self.upload(user_id, content_type, None, chunks())

    async def store_file(self, user_id: UserId, content_type: str, name: str, raw: bytes) -> str:
        """What the server was given in another way than by upload. Raises M_TOO_LARGE (413)."""
        if len(raw) > self.max_upload:
            raise MatrixError(413, "M_TOO_LARGE", "The file is too large")

        async def chunks() -> AsyncIterator[bytes]:
            yield raw

        return await self.upload(user_id, content_type, name, chunks())

    async def upload_to(
        self,
        user_id: UserId,
        server_name: str,
        media_id: str,
        content_type: str,
        file_name: str | None,
        chunks: AsyncIterator[bytes],
    ) -> None:
        """Fills a reserved URI. Raises M_NOT_FOUND, M_FORBIDDEN, or M_CANNOT_OVERWRITE_MEDIA (409)."""
        row = await self._row(server_name, media_id)
        if row is None or (row.size is None and (row.expires_ts or 0) < self._now_ms()):
            raise NotFound("This upload was never begun, or has expired")
        if row.user_id != user_id:
            raise Forbidden("This upload was begun by somebody else")
        if row.size is not None:
            raise _exists()
        await self._store(user_id, server_name, media_id, content_type, file_name, chunks, reserved=True)

    async def store_remote(
        self, server_name: str, media_id: str, content_type: str, file_name: str | None, chunks: AsyncIterator[bytes]
    ) -> None:
        """A copy of another server's file."""
        await self._store(UserId(""), server_name, media_id, content_type, file_name, chunks, reserved=False)

    async def _store(
        self,
        user_id: UserId,
        server_name: str,
        media_id: str,
        content_type: str,
        file_name: str | None,
        chunks: AsyncIterator[bytes],
        reserved: bool,
    ) -> None:
        if file_name is not None and len(file_name) > MAX_FILE_NAME:
            raise BadRequest("The file name is too long", "M_INVALID_PARAM")
        if user_id:
            if not content_type.isprintable() or not content_type.isascii() or len(content_type) > LONGEST_TYPE:
                raise BadRequest("This is no type of a file", "M_INVALID_PARAM")
            await self._policy.may_upload(user_id, content_type, None)
        under_way = await self._share.begin(user_id)
        counted = _CountedChunks(chunks, under_way)
        temporary = f"uploads/{secrets.token_hex(16)}"
        media = Media(server_name, media_id, content_type, file_name, 0, b"", False)
        try:
            await self._blobs.put(temporary, counted)
            is_new = await self._settle(user_id, media, temporary, counted)
        except Exception as error:
            raise (counted.error or error) from None
        finally:
            under_way.end()
            await self._blobs.delete(temporary)  # unless it has been moved
        if not is_new and user_id:
            raise _exists()  # a copy of another server's file is the same whoever fetched it

    async def _settle(self, user_id: UserId, media: Media, temporary: str, counted: _CountedChunks) -> bool:
        """File and row, one at a time for each file. False where it was stored before.

        A file without a finished row is what an earlier try left that died or lost the database: this one takes its place.
        """
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", media.key)
            files, name = MediaStore(connection), (media.server_name, media.media_id)
            row = await files.find(*name)
            if row is not None and row.size is not None:
                return False
            await self._blobs.move(temporary, media.key)
            await files.add(name, user_id, media.content_type, media.file_name, counted.size, counted.digest(), self._now_ms())
        return True

    # -------------------------------------------------------------------------------------------------- downloading

    async def _row(self, server_name: str, media_id: str) -> MediaRow | None:
        return await self._files.find(server_name, media_id) if is_opaque_id(media_id) else None

    async def find(
        self,
        reader: UserId | None,
        server_name: str,
        media_id: str,
        timeout_ms: int,
        legacy_only: bool,
        is_scanned: bool = False,
    ) -> Media:
        """A file, waiting up to `timeout_ms` for one whose upload has begun. Raises M_NOT_FOUND, M_NOT_YET_UPLOADED (504).

        `legacy_only`: the deprecated routes serve only what was stored before they were frozen. `is_scanned`: by the caller.
        """
        deadline = time.monotonic() + timeout_ms / 1000
        while True:
            row = await self._row(server_name, media_id)
            if row is None and not legacy_only and reader is not None:
                await self._remote.fetch(self, reader, server_name, media_id)
                row = await self._row(server_name, media_id)
            if row is None or (legacy_only and not row.legacy):
                raise NotFound("There is no such file")
            if row.quarantined_by is not None:
                raise NotFound("This file has been withdrawn by an administrator")
            if row.size is not None:
                break
            if (row.expires_ts or 0) < self._now_ms():
                raise NotFound("There is no such file")
            if time.monotonic() >= deadline:
                raise MatrixError(504, "M_NOT_YET_UPLOADED", "The file is still being uploaded")
            await asyncio.sleep(POLL_SECONDS)
        media = Media(server_name, media_id, row.content_type, row.file_name, row.size, row.sha256 or b"", row.legacy)
        await self._policy.may_download(reader, server_name, media_id)
        await self.require_whole(media)
        if not is_scanned:
            await self._scanning.require_clean(media, self.whole_content)
        return media

    async def uploader_of(self, media: Media) -> str | None:
        """Whose file it is; None for the picture of a person, which is for whoever sees them."""
        return await self._files.uploader_of((media.server_name, media.media_id))

    async def read_by(self, user_id: UserId, media: Media) -> None:
        """Somebody is about to be given a whole file, not only a picture of it."""
        await self._reading.begins(user_id, "files")

    async def require_whole(self, media: Media) -> None:
        """Before any byte of it is given out. Raises M_NOT_FOUND for a file that is missing or is not what was stored."""
        if not await self.soundness.is_whole(media.key, media.size, media.sha256):
            raise self._damaged(media)

    def _damaged(self, media: Media) -> NotFound:
        self.soundness.damaged += 1
        fields = {"server": media.server_name, "media": media.media_id}
        log.error("a file is missing or damaged", extra={"fields": fields})
        return NotFound("This file is damaged on the server, and cannot be shown")

    def content(self, media: Media, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes [start, end)."""
        return self._blobs.get(media.key, start, end)

    async def whole_content(self, media: Media) -> AsyncIterator[bytes]:
        """All of it. Raises M_NOT_FOUND at the end where that is not what was stored."""
        digest = hashlib.sha256()
        async for chunk in self.content(media, 0, media.size):
            digest.update(chunk)
            yield chunk
        if digest.digest() != media.sha256:
            raise self._damaged(media)

    async def signed_url(self, media: Media) -> str | None:
        """For a minute, if the store has such addresses."""
        return await self._blobs.signed_url(media.key, 60)

    async def thumbnail(self, media: Media, wanted: ThumbnailSize) -> Thumbnail:
        """Made on first use. Raises M_TOO_LARGE (413), or M_UNKNOWN (400) for what is not a picture."""
        if media.size > THUMBNAIL_INPUT:
            raise MatrixError(413, "M_TOO_LARGE", "The picture is too large for a thumbnail")
        size = wanted.snapped()
        key = f"thumbnails/{media.server_name}/{media.media_id[:2]}/{media.media_id}/{size.name}"
        made = opened(await self._blobs.read(key))
        if made is None:
            original = b"".join([chunk async for chunk in self.whole_content(media)])
            made = await self._thumbnailer.make(original, size)
            await self._blobs.write(key, sealed(made))
        return Thumbnail.of(made)

    # ----------------------------------------------------------------------------------------------- administering

    async def of_user(self, user_id: str, start: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        """(a page of somebody's files, the newest first; how many there are)."""
        return await self._files.of_user(user_id, start, limit), await self._files.count_of(user_id)

    async def known_of(self, server_name: str, media_id: str) -> dict[str, Any]:
        """For administrators. Raises M_NOT_FOUND."""
        shown = await self._files.shown(server_name, media_id)
        if shown is None:
            raise NotFound("There is no such file")
        return shown

    async def quarantine(self, files: Sequence[tuple[str, str]], by: str | None, whose: str | None = None) -> int:
        """Nobody gets these files any more (None: they do again). Returns how many; protected ones stay.

        `whose`: in whose right, an organisation's; None: the installation's, which no other undoes.
        """
        return await self._files.quarantine(files, by, whose)

    async def protect(self, server_name: str, media_id: str, wanted: bool) -> None:
        await self._files.protect(server_name, media_id, wanted)

    async def delete(self, files: Sequence[tuple[str, str]], *, right: str | None) -> list[str]:
        """For good, with their thumbnails. Returns the ids of those that existed.

        `right`: in whose right, an organisation's or `THE_WHOLE`; None: nobody's, as when they are old. What was put into
        quarantine in another right is kept: it may have to be shown to somebody.
        """
        deleted, files = [], await self._out_of_quarantine(files, right)
        for server_name, media_id in await self._holds.deletable([*files]):
            row = await self._row(server_name, media_id)
            if row is None:
                continue
            media = Media(server_name, media_id, row.content_type, None, 0, b"", False)
            await self._blobs.delete(media.key)
            await self._blobs.delete_below(f"thumbnails/{server_name}/{media_id[:2]}/{media_id}/")
            # last: nobody would look for the bytes of a file that is not listed
            await self._files.remove(server_name, media_id)
            deleted.append(media_id)
        return deleted

    async def _out_of_quarantine(self, files: Sequence[tuple[str, str]], right: str | None) -> list[tuple[str, str]]:
        if right == THE_WHOLE or not files:
            return [*files]
        kept = await self._files.quarantined_by_others(files, right)
        return [file for file in files if file not in kept]

    async def delete_older(self, before_ts: int, larger_than: int, with_avatars: bool) -> list[str]:
        """In the right of the installation. Pictures of people and rooms stay, unless `with_avatars`."""
        return await self.delete(await self._files.unused_since(before_ts, larger_than, with_avatars), right=THE_WHOLE)

    async def delete_copies(self, before_ts: int, own: Sequence[str]) -> list[str]:
        """Copies of other servers' files that nobody has looked at since a time, at most 10,000 of them. Returns their ids."""
        return await self.delete(await self._files.copies_unused_since(before_ts, own), right=None)

    async def forget_reservations(self, user_id: str) -> None:
        """The account has ended: nothing is uploaded under an address that it reserved."""
        await self._files.forget_reservations(user_id)

    async def prune(self) -> None:
        """Forgets reservations that were never used."""
        await self._files.prune_reservations(self._now_ms())


class _CountedChunks:
    """Counts and hashes what passes; keeps the error that ended it, which the store would wrap."""

    def __init__(self, chunks: AsyncIterator[bytes], under_way: UnderWay) -> None:
        self._chunks, self._hash, self._under_way = chunks, hashlib.sha256(), under_way
        self.size = 0
        self.error: MatrixError | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                self.size += len(chunk)
                self._under_way.count(len(chunk))
                self._hash.update(chunk)
                yield chunk
        except MatrixError as error:
            self.error = error
            raise

    def digest(self) -> bytes:
        return self._hash.digest()


def _exists() -> MatrixError:
    return MatrixError(409, "M_CANNOT_OVERWRITE_MEDIA", "This file has been uploaded already")
