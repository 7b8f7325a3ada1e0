"""Uploading and downloading files (content-repo.yaml, authed-content-repo.yaml)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import GUEST_AUTH, OPTIONAL_AUTH, Answer, endpoint
from chappe.homeserver.modules.media.media import ContentRepository, Media
from chappe.homeserver.modules.media.thumbnails import ThumbnailSize
from chappe.homeserver.modules.url_previews.url_previews import UrlPreviews
from chappe.matrix.errors import BadRequest, MatrixError

_FILE: dict[str, Any] = {"body_limit": 1 << 40, "body_reason": "a file, written to disk as it comes: `max_upload_mib`"}
MAX_WAIT_MS = 60_000
_SAFE_INLINE = frozenset(
    (
        "text/css",
        "text/plain",
        "text/csv",
        "application/json",
        "application/ld+json",
        "image/jpeg",
        "image/gif",
        "image/png",
        "image/apng",
        "image/webp",
        "image/avif",
        "video/mp4",
        "video/webm",
        "video/ogg",
        "video/quicktime",
        "audio/mp4",
        "audio/webm",
        "audio/aac",
        "audio/mpeg",
        "audio/ogg",
        "audio/wave",
        "audio/wav",
        "audio/x-wav",
        "audio/x-pn-wav",
        "audio/flac",
        "audio/x-flac",
    )
)
# What a browser would run as a script of this origin, if ever some page could be made to ask for it ("JavaScript MIME type").
_SCRIPTS = re.compile(r"(text|application)/(x-)?(java|ecma|j|live)script[0-9.]*")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?: *; *[A-Za-z0-9_.-]+=(?:\"[^\"\r\n]*\"|[^;\"\s]*))*")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_SECURITY = (
    (
        b"content-security-policy",
        b"sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; object-src 'self';",
    ),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_IMMUTABLE = (b"cache-control", b"private, max-age=31536000, immutable")
_V1, _V3 = "/_matrix/client/v1/media", "/_matrix/media/v3"


class ContentRepo:
    def __init__(self, repository: ContentRepository, previews: UrlPreviews, presigned: bool) -> None:
        self._repository, self._previews, self._presigned = repository, previews, presigned

    @endpoint(
        "GET", _V1 + "/preview_url", _V3 + "/preview_url", "/_matrix/media/r0/preview_url", api="media", limit="url_preview"
    )
    async def preview_url(self, request: Request) -> Answer:
        url = request.query("url")
        if not url:
            raise BadRequest("`url` is missing", "M_MISSING_PARAM")
        request.query_int("ts", 0)
        return await self._previews.preview(request.user_id, url, request.header(b"accept-language"))

    # ---------------------------------------------------------------------------------------------------- uploading

    @endpoint("GET", _V1 + "/config", auth=GUEST_AUTH, api="media")
    @endpoint("GET", _V3 + "/config", "/_matrix/media/r0/config", auth=GUEST_AUTH, api="media")
    async def config(self, request: Request) -> Answer:
        return {"m.upload.size": self._repository.max_upload}

    @endpoint("POST", "/_matrix/media/v1/create", acts=True, limit="upload", api="media")
    async def create(self, request: Request) -> Answer:
        await request.json_object(optional=True)
        uri, expires = await self._repository.create(request.user_id)
        return {"content_uri": uri, "unused_expires_at": expires}

    @endpoint("POST", _V3 + "/upload", "/_matrix/media/r0/upload", acts=True, limit="upload", api="media", **_FILE)
    async def upload(self, request: Request) -> Answer:
        request.body_limit = self._repository.max_upload
        uri = await self._repository.upload(
            request.user_id, _content_type(request), request.query("filename"), request.chunks()
        )
        return {"content_uri": uri}

    @endpoint("PUT", _V3 + "/upload/{serverName}/{mediaId}", acts=True, limit="upload", api="media", **_FILE)
    async def upload_to(self, request: Request) -> Answer:
        request.body_limit = self._repository.max_upload
        await self._repository.upload_to(
            request.user_id,
            request.params["serverName"],
            request.params["mediaId"],
            _content_type(request),
            request.query("filename"),
            request.chunks(),
        )
        return {}

    # -------------------------------------------------------------------------------------------------- downloading

    @endpoint(
        "GET",
        _V1 + "/download/{serverName}/{mediaId}",
        _V1 + "/download/{serverName}/{mediaId}/{fileName}",
        auth=GUEST_AUTH,
        api="media",
        features=("org.matrix.msc3916.stable",),
    )
    async def download(self, request: Request) -> Answer:
        return await self._download(request, legacy_only=False)

    @endpoint("GET", _V1 + "/thumbnail/{serverName}/{mediaId}", auth=GUEST_AUTH, api="media")
    async def thumbnail(self, request: Request) -> Answer:
        return await self._thumbnail(request, legacy_only=False)

    @endpoint(
        "GET",
        _V3 + "/download/{serverName}/{mediaId}",
        _V3 + "/download/{serverName}/{mediaId}/{fileName}",
        "/_matrix/media/r0/download/{serverName}/{mediaId}",
        "/_matrix/media/r0/download/{serverName}/{mediaId}/{fileName}",
        auth=OPTIONAL_AUTH,
        api="media",
    )
    async def frozen_download(self, request: Request) -> Answer:
        """Without a token only what was stored before these routes were frozen; older clients say who they are here as well."""
        return await self._download(request, legacy_only=request.optional_requester is None)

    @endpoint(
        "GET",
        _V3 + "/thumbnail/{serverName}/{mediaId}",
        "/_matrix/media/r0/thumbnail/{serverName}/{mediaId}",
        auth=OPTIONAL_AUTH,
        api="media",
    )
    async def frozen_thumbnail(self, request: Request) -> Answer:
        return await self._thumbnail(request, legacy_only=request.optional_requester is None)

    async def _find(self, request: Request, legacy_only: bool) -> Media:
        requester = request.optional_requester
        return await self._repository.find(
            requester.user_id if requester else None,
            request.params["serverName"],
            request.params["mediaId"],
            request.query_int("timeout_ms", 20_000, 0, MAX_WAIT_MS),
            legacy_only,
        )

    async def _download(self, request: Request, legacy_only: bool) -> Response:
        media = await self._find(request, legacy_only)
        if request.optional_requester is not None:
            await self._repository.read_by(request.user_id, media)
        if self._presigned and not legacy_only and request.query("allow_redirect") == "true":
            # MSC3860; the object store serves it as octets, from a host that holds no session
            if (url := await self._repository.signed_url(media)) is not None:
                return Response(307, b"", headers=((b"location", url.encode()), (b"cache-control", b"no-store")))
        return file_response(self._repository, media, request)

    async def _thumbnail(self, request: Request, legacy_only: bool) -> Response:
        size = _thumbnail_size(request)
        return await thumbnail_response(self._repository, await self._find(request, legacy_only), request, size)


def file_response(repository: ContentRepository, media: Media, request: Request) -> Response:
    """A file, or the range of it that was asked for, as no browser will run it."""
    etag = f'"{media.sha256.hex()}"'
    if request.header(b"if-none-match") == etag:
        return Response(304, b"", _served_type(media))
    start, end = _range(request, media.size)
    headers = [
        (b"content-length", str(end - start).encode()),
        (b"accept-ranges", b"bytes"),
        (b"etag", etag.encode()),
        (b"content-disposition", disposition_of(media, request.params.get("fileName"))),
        _IMMUTABLE,
        *_SECURITY,
    ]
    partial = end - start != media.size
    if partial:
        headers.append((b"content-range", f"bytes {start}-{end - 1}/{media.size}".encode()))
    return Response(206 if partial else 200, repository.content(media, start, end), _served_type(media), tuple(headers))


def _served_type(media: Media) -> str:
    essence = media.content_type.split(";", 1)[0].strip().lower()
    return "application/octet-stream" if _SCRIPTS.fullmatch(essence) else media.content_type


async def thumbnail_response(
    repository: ContentRepository, media: Media, request: Request, size: ThumbnailSize | None = None
) -> Response:
    thumbnail = await repository.thumbnail(media, size or _thumbnail_size(request))
    headers = ((b"content-disposition", b'inline; filename="thumbnail"'), _IMMUTABLE, *_SECURITY)
    return Response(200, thumbnail.data, thumbnail.content_type, headers)


def _thumbnail_size(request: Request) -> ThumbnailSize:
    width, height = request.query_int("width", 0, 1, 4096), request.query_int("height", 0, 1, 4096)
    if not width or not height:
        raise BadRequest("`width` and `height` are needed", "M_MISSING_PARAM")
    method = request.query_choice("method", ("crop", "scale"), "scale")
    return ThumbnailSize(width, height, method, request.query_bool("animated"))


def _content_type(request: Request) -> str:
    text = request.header(b"content-type") or "application/octet-stream"
    if len(text) > 255 or not _TYPE.fullmatch(text):
        raise BadRequest("The Content-Type is malformed", "M_INVALID_PARAM")
    return text


def _range(request: Request, size: int) -> tuple[int, int]:
    """(start, end) of a single byte range; all of it where none, or more than one, is asked for."""
    match = _RANGE.fullmatch(request.header(b"range") or "")
    if match is None or match[1] == match[2] == "":
        return 0, size
    if match[1] == "":
        start, end = max(0, size - int(match[2])), size
    else:
        start, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
    if start >= size or start >= end:
        raise MatrixError(416, "M_UNKNOWN", "This range lies outside the file", {"Content-Range": f"bytes */{size}"})
    return start, end


def disposition_of(media: Media, given_name: str | None) -> bytes:
    """Inline for what no browser will run; everything else is saved, never shown."""
    kind = media.content_type.split(";", 1)[0].strip().lower()
    how = "inline" if kind in _SAFE_INLINE else "attachment"
    name = given_name or media.file_name
    if not name:
        return how.encode()
    if re.fullmatch(r"[A-Za-z0-9._ -]+", name):
        return f'{how}; filename="{name}"'.encode()
    return f"{how}; filename*=utf-8''{quote(name, safe='')}".encode()
