"""Blobs that nothing names: a process died, or lost its database, between a file and its row. They are looked for and removed.
And rows whose blob is gone: they are told of.

What is younger than a day may be under way and is left alone. Where suspiciously much would go, as after a restored or a wrong
database, nothing goes until an operator says so.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Set
from dataclasses import dataclass, field

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.media.media import key_of
from chappe.homeserver.modules.media.store import MediaStore
from chappe.homeserver.outbound.blob_store import BlobStore, is_half_written

log = logging.getLogger(__name__)
DAY_MS = 86_400_000
AT_MOST = 10_000  # blobs of one run
PAGE = 500  # rows
SHOWN = 20  # of the files that are missing, in the log
FEW, SHARE = 100, 10  # more than a few, and more than a tenth of all that were looked at: an operator decides
Named = Callable[[list[str]], Awaitable[Set[str]]]


@dataclass(slots=True)
class OrphanFiles:
    """`keys`: blobs that nothing names, `size` their bytes; `seen`: how many blobs were looked at."""

    keys: list[str] = field(default_factory=list)
    size: int = 0
    seen: int = 0

    @property
    def are_suspiciously_many(self) -> bool:
        return len(self.keys) > FEW and len(self.keys) * SHARE > self.seen


class Orphans:
    """Blobs of a kind for which nobody answers are not touched."""

    def __init__(self, database: Database, blobs: BlobStore, now_ms: NowMs) -> None:
        self._database, self._blobs, self._now_ms = database, blobs, now_ms
        self._rows = MediaStore(database)
        self._by_kind: dict[str, Named] = {"media": self._files, "thumbnails": self._files, "uploads": _nothing}
        self.removed, self.left = 0, 0  # since the start; of the last run, because there were too many
        self.missing = 0  # of the last run

    def add(self, kind: str, named: Named) -> None:
        """`named` tells which of some keys a row names; `kind`: their first segment."""
        self._by_kind[kind] = named

    async def find(self) -> OrphanFiles:
        """At most AT_MOST."""
        found, before = OrphanFiles(), self._now_ms() - DAY_MS
        for kind in self._by_kind:
            async for page in self._blobs.older(f"{kind}/", before):
                found.seen += len(page)
                known = await self._named(kind, [key for key, _ in page])
                for key, size in page:
                    if key not in known:
                        found.keys.append(key)
                        found.size += size
                if len(found.keys) >= AT_MOST:
                    return found
        return found

    async def find_missing(self) -> list[str]:
        """The addresses of files that have a row, and no blob of its length. At most AT_MOST; it asks the store for each file."""
        found: list[str] = []
        last = ("", "")
        while len(found) < AT_MOST:
            page = await self._rows.sizes_after(last, PAGE)
            if not page:
                break
            last = page[-1][0]
            for (server_name, media_id), size in page:
                if await self._blobs.size_of(key_of(server_name, media_id)) != size:
                    found.append(f"mxc://{server_name}/{media_id}")
        return found

    async def check_files(self) -> None:
        """The job: both ways. An object store is not asked for each file every day, which would cost: it is believed."""
        if not self._blobs.checks_itself:
            missing = await self.find_missing()
            self.missing = len(missing)
            if missing:
                fields = {"files": len(missing), "some": missing[:SHOWN]}
                log.error("files are missing or cut short. See `chappe media missing`", extra={"fields": fields})
        await self.sweep()

    async def sweep(self) -> None:
        found = await self.find()
        self.left = len(found.keys) if found.are_suspiciously_many else 0
        if self.left:
            log.error(
                "many files have no row: none is removed. Is this the right database? See `chappe media orphans`",
                extra={"fields": {"files": self.left, "of": found.seen}},
            )
            return
        await self.remove(found.keys)

    async def remove(self, keys: Iterable[str]) -> int:
        """Those that nothing names by now. Returns how many."""
        removed = 0
        for key in keys:
            async with self._database.transaction(reads_beside=True) as connection:
                # as an upload does that puts its file there: neither can come between the question and the deletion
                await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key)
                if await self._named(key.partition("/")[0], [key]):
                    continue
                await self._blobs.delete(key)
            removed += 1
        if removed:
            log.warning("files without a row were removed", extra={"fields": {"files": removed}})
        self.removed += removed
        return removed

    async def _named(self, kind: str, keys: list[str]) -> Set[str]:
        return await self._by_kind[kind]([key for key in keys if not is_half_written(key)])

    async def _files(self, keys: list[str]) -> Set[str]:
        """`media/<server>/<..>/<id>`, and below `thumbnails/<server>/<..>/<id>/` the sizes of a picture."""
        names = {key: (parts[1], parts[3]) for key in keys if len(parts := key.split("/")) in (4, 5)}
        known = await self._rows.known(names.values())
        return {key for key in keys if key not in names or names[key] in known}


async def _nothing(keys: list[str]) -> Set[str]:
    """Uploads have another name once they have been acknowledged."""
    return frozenset()
