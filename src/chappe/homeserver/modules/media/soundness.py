"""Whether a stored file is what was acknowledged: the bytes of its row's length and hash, and not what a power cut has left."""

from __future__ import annotations

import asyncio

from chappe.homeserver.load.bounded import Recent
from chappe.homeserver.outbound.blob_store import BlobStore

REMEMBERED, AT_ONCE = 50_000, 4


class Soundness:
    """A file is hashed at its first read by a process, and again only once its place on the disk shows another version.

    Object stores check what they hold themselves. `damaged` counts how often a file was wanted that is not whole.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs, self.damaged = blobs, 0
        self._known: Recent[str, tuple[str, bool]] = Recent(REMEMBERED)  # by key: the version, and whether it is whole
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def is_whole(self, key: str, size: int, sha256: bytes) -> bool:
        if self._blobs.checks_itself:
            return True
        found = await self._blobs.version_of(key)
        if found is None or found[0] != size:
            return False
        version = found[1]
        known = self._known.get(key)
        if known is not None and known[0] == version:
            return known[1]
        async with self._gate:
            known = self._known.get(key)
            if known is not None and known[0] == version:  # somebody else has just looked
                return known[1]
            try:
                is_whole = await self._blobs.digest(key, size) == sha256
            except FileNotFoundError:
                return False
            self._known.put(key, (version, is_whole))
            return is_whole
