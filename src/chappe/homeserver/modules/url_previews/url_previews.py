"""URL previews (client-server API, "URL previews"): what a page says of itself, asked by the server so that the page does
not learn who reads the link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urldefrag, urljoin

import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.parsing import off_the_loop
from chappe.homeserver.load.tasks import SharedWork, Tasks
from chappe.homeserver.modules.url_previews.page import open_graph
from chappe.homeserver.modules.url_previews.picture import dimensions
from chappe.homeserver.outbound.fetchers import PreviewFetcher
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import UserId
from chappe.net.fetcher import Fetched

MAX_PAGE, MAX_IMAGE = 2 << 20, 10 << 20
PAGES = ("text/html", "application/xhtml+xml", "image/", "text/plain")
FAILED_FOR_MS = 300_000
StoreImage = Callable[[UserId, str, bytes], Awaitable[str]]  # returns the mxc:// URI


class StoredPreview(Row):
    preview: bytes
    expires_ts: int


class UrlPreviews:
    def __init__(
        self,
        database: Database,
        fetcher: PreviewFetcher,
        store_image: StoreImage,
        now_ms: NowMs,
        tasks: Tasks,
        enabled: bool,
        cache_ms: int,
    ) -> None:
        self._database, self._fetcher, self._store_image = database, fetcher, store_image
        self._now_ms, self.enabled, self._cache_ms = now_ms, enabled, cache_ms
        self._under_way = SharedWork[str, bytes](tasks, "preview of a link")

    async def preview(self, user_id: UserId, url: str, languages: str | None) -> bytes:
        """Open Graph data as JSON; `og:image` is stored here. Raises M_FORBIDDEN, M_INVALID_PARAM, M_UNKNOWN (502)."""
        if not self.enabled:
            raise Forbidden("Link previews are switched off here")
        url = urldefrag(url).url
        row = await find(self._database, StoredPreview, "SELECT preview, expires_ts FROM url_previews WHERE url = $1", url)
        if row is not None and row.expires_ts > self._now_ms():
            if not row.preview:
                raise MatrixError(502, "M_UNKNOWN", "The address could not be opened")
            return bytes(row.preview)
        return await self._under_way.result(url, lambda: self._make(user_id, url, languages))

    async def _make(self, user_id: UserId, url: str, languages: str | None) -> bytes:
        try:
            page = await self._fetcher.get(url, MAX_PAGE, PAGES, languages)
            preview = orjson.dumps(await self._describe(user_id, page))
        except MatrixError as error:
            if error.status == 502:
                await self._remember(url, b"", FAILED_FOR_MS)
            raise
        await self._remember(url, preview, self._cache_ms)
        return preview

    async def _remember(self, url: str, preview: bytes, for_ms: int) -> None:
        now = self._now_ms()
        await self._database.execute(
            """INSERT INTO url_previews VALUES ($1, $2, $3, $4) ON CONFLICT (url) DO UPDATE SET
               fetched_ts = excluded.fetched_ts, expires_ts = excluded.expires_ts, preview = excluded.preview""",
            url,
            now,
            now + for_ms,
            preview,
        )

    async def _describe(self, user_id: UserId, page: Fetched) -> dict[str, Any]:
        if page.content_type.startswith("image/"):
            return await self._image(user_id, await self._fetcher.get(page.url, MAX_IMAGE, ("image/",)))
        if page.content_type == "text/plain":
            return {"og:title": page.url.rsplit("/", 1)[-1], "og:description": page.body[:500].decode(errors="replace")}
        found: dict[str, Any] = await off_the_loop(len(page.body), open_graph, page.body, page.charset)
        image = found.pop("og:image", None)
        if image is not None:
            try:
                picture = await self._fetcher.get(urljoin(page.url, image), MAX_IMAGE, ("image/",))
                found |= await self._image(user_id, picture)
            except MatrixError:
                pass  # a page without its picture is still worth showing
        return found

    async def _image(self, user_id: UserId, picture: Fetched) -> dict[str, Any]:
        uri = await self._store_image(user_id, picture.content_type, picture.body)
        found: dict[str, Any] = {"og:image": uri, "og:image:type": picture.content_type}
        found["matrix:image:size"] = len(picture.body)
        if (size := dimensions(picture.body)) is not None:
            found |= {"og:image:width": size[0], "og:image:height": size[1]}
        return found

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM url_previews WHERE expires_ts < $1", self._now_ms())
