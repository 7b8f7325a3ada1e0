"""Files of the hosted domains, for other servers (content_repository.yaml): metadata and bytes in one multipart answer."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator

from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import SERVER_AUTH, Answer, endpoint
from chappe.homeserver.modules.media.api.content_repo import disposition_of
from chappe.homeserver.modules.media.media import ContentRepository, Media
from chappe.homeserver.modules.media.thumbnails import ThumbnailSize
from chappe.homeserver.rooms.sight import Sight
from chappe.matrix.errors import BadRequest, LimitExceeded

log = logging.getLogger(__name__)
_V1 = "/_matrix/federation/v1/media"
MAX_WAIT_MS = 60_000


class FederationMedia:
    def __init__(self, repository: ContentRepository, sight: Sight, limits: RateLimits) -> None:
        self._repository, self._sight, self._limits = repository, sight, limits

    async def _find(self, request: Request) -> Media:
        wait = request.query_int("timeout_ms", 20_000, 0, MAX_WAIT_MS)
        media = await self._repository.find(None, request.destination, request.params["mediaId"], wait, False)
        await self._count(request.origin, media)
        return media

    async def _count(self, server: str, media: Media) -> None:
        """Whoever has a server of their own reads no more by it than by an account. Raises M_LIMIT_EXCEEDED.

        The specification lets every server have every file, and files are forwarded: those of people with whom a server
        shares no room are few.
        """
        uploader = await self._repository.uploader_of(media)
        if uploader is None or await self._sight.shares_room_with_server(uploader, server):
            return
        try:
            self._limits.check_server("files_by_strangers", server)
        except LimitExceeded:
            log.warning("a server asks for many files of people it shares no room with", extra={"fields": {"server": server}})
            raise

    @endpoint("GET", _V1 + "/download/{mediaId}", auth=SERVER_AUTH, api="federation")
    async def download(self, request: Request) -> Answer:
        media = await self._find(request)
        content = self._repository.content(media, 0, media.size)
        return _multipart(content, media.size, media.content_type, disposition_of(media, None))

    @endpoint("GET", _V1 + "/thumbnail/{mediaId}", auth=SERVER_AUTH, api="federation")
    async def thumbnail(self, request: Request) -> Answer:
        width, height = request.query_int("width", 0, 1, 4096), request.query_int("height", 0, 1, 4096)
        if not width or not height:
            raise BadRequest("`width` and `height` are needed", "M_MISSING_PARAM")
        method = request.query_choice("method", ("crop", "scale"), "scale")
        size = ThumbnailSize(width, height, method, request.query_bool("animated"))
        thumbnail = await self._repository.thumbnail(await self._find(request), size)

        async def content() -> AsyncIterator[bytes]:
            yield thumbnail.data

        return _multipart(content(), len(thumbnail.data), thumbnail.content_type, b'inline; filename="thumbnail"')


def _multipart(content: AsyncIterator[bytes], size: int, content_type: str, disposition: bytes) -> Response:
    boundary = secrets.token_hex(16).encode()
    head = b"".join(
        (
            b"--",
            boundary,
            b"\r\nContent-Type: application/json\r\n\r\n{}\r\n--",
            boundary,
            b"\r\nContent-Type: ",
            content_type.encode(),
            b"\r\nContent-Disposition: ",
            disposition,
            b"\r\n\r\n",
        )
    )
    tail = b"\r\n--" + boundary + b"--\r\n"

    async def body() -> AsyncIterator[bytes]:
        yield head
        async for chunk in content:
            yield chunk
        yield tail

    length = str(len(head) + size + len(tail)).encode()
    return Response(200, body(), f"multipart/mixed; boundary={boundary.decode()}", ((b"content-length", length),))
