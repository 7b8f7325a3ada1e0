"""Files of other servers (server-server API, "Content repository"): fetched when somebody wants them, and kept.

The answer is `multipart/mixed`: metadata as JSON, then the file itself or the address where it lies.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from email.message import Message
from typing import Protocol

import aiohttp

from chappe.homeserver.load.tasks import SharedWork, Tasks
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.client import FederationClient, PeerUnreachable
from chappe.homeserver.outbound.fetchers import PreviewFetcher
from chappe.matrix.errors import MatrixError, NotFound
from chappe.matrix.identifiers import UserId, domain_of, is_opaque_id, is_server_name

MAX_FILE_NAME = 500
CHUNK = 1 << 16
METADATA_BYTES = 1 << 16
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")


class Repository(Protocol):
    """Where what was fetched is kept (`media.py`, which asks for it)."""

    max_upload: int

    async def store_remote(
        self, server_name: str, media_id: str, content_type: str, file_name: str | None, chunks: AsyncIterator[bytes]
    ) -> None: ...


class RemoteMedia:
    def __init__(self, client: FederationClient, domains: Domains, fetcher: PreviewFetcher, tasks: Tasks) -> None:
        self._client, self._domains, self._fetcher = client, domains, fetcher
        self._under_way = SharedWork[tuple[str, str], None](tasks, "file of another server")

    async def fetch(self, into: Repository, reader: UserId, server_name: str, media_id: str) -> None:
        """Once for all who want it now. Does nothing for files of here. Raises M_NOT_FOUND, M_TOO_LARGE (502)."""
        if self._domains.is_hosted(server_name) or not is_server_name(server_name) or not is_opaque_id(media_id):
            return
        own = domain_of(reader)
        await self._under_way.result((server_name, media_id), lambda: self._fetch(into, own, server_name, media_id))

    async def _fetch(self, into: Repository, own: str, server_name: str, media_id: str) -> None:
        async def use(answer: aiohttp.ClientResponse) -> None:
            if answer.status == 404:
                raise NotFound("There is no such file")
            if answer.status != 200 or not answer.content_type.startswith("multipart/"):
                raise PeerUnreachable(server_name, f"it answered {answer.status}")
            await self._read(into, answer, server_name, media_id)

        try:
            await self._client.stream(own, server_name, f"/_matrix/federation/v1/media/download/{media_id}", use)
        except PeerUnreachable as error:
            if isinstance(error.__cause__, NotFound):
                raise error.__cause__ from None
            raise

    async def _read(self, into: Repository, answer: aiohttp.ClientResponse, server_name: str, media_id: str) -> None:
        reader = aiohttp.MultipartReader.from_response(answer)
        metadata = await reader.next()
        if not isinstance(metadata, aiohttp.BodyPartReader):
            raise ValueError("no metadata")
        size = 0
        while chunk := await metadata.read_chunk(CHUNK):
            size += len(chunk)
            if size > METADATA_BYTES:
                raise ValueError("the metadata is too long")
        content = await reader.next()
        if not isinstance(content, aiohttp.BodyPartReader):
            raise ValueError("no content")
        content_type = content.headers.get("Content-Type", "application/octet-stream")
        name = _file_name(content.headers.get("Content-Disposition", ""))
        location = content.headers.get("Location")
        if location is not None:
            raw = await self._fetcher.get_bytes(location, max_bytes=into.max_upload)
            chunks = _one(raw)
        else:
            chunks = _limited(content, into.max_upload)
        if not _TYPE.fullmatch(content_type.split(";", 1)[0].strip()):
            content_type = "application/octet-stream"
        await into.store_remote(server_name, media_id, content_type[:255], name, chunks)


async def _limited(part: aiohttp.BodyPartReader, max_upload: int) -> AsyncIterator[bytes]:
    size = 0
    while chunk := await part.read_chunk(CHUNK):
        size += len(chunk)
        if size > max_upload:
            raise MatrixError(502, "M_TOO_LARGE", "The file is larger than this server accepts")
        yield bytes(chunk)


async def _one(raw: bytes) -> AsyncIterator[bytes]:
    yield raw


def _file_name(disposition: str) -> str | None:
    message = Message()
    message["Content-Disposition"] = disposition
    name = message.get_filename()
    return name[:MAX_FILE_NAME].replace("\0", "") if name else None
