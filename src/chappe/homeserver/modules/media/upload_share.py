"""How much may be uploaded: by an account and by everybody in a day, and never so much that messages find no room."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.media.store import MediaStore
from chappe.matrix.errors import MatrixError

DAY_MS = 86_400_000
ALL = "*"
LOOK_SECONDS = 2.0
LOOK_EVERY_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class UploadBounds:
    """In bytes; 0: any amount."""

    of_account: int = 0
    of_all: int = 0
    reserve: int = 0


class UploadShare:
    """`folders`: where files and the embedded database lie; those that do not exist do not count."""

    def __init__(self, database: Database, now_ms: NowMs, bounds: UploadBounds, folders: Sequence[Path]) -> None:
        self._files, self._now_ms, self._bounds, self._folders = MediaStore(database), now_ms, bounds, folders
        # by account, and of all, while an upload is under way: how many are; bytes that have come, and not into the table yet
        self.uploads: Counter[str] = Counter()
        self.came: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()
        self._looked, self._free = 0.0, 0

    def free(self) -> int:
        """Bytes free on the fullest of the disks, as of a moment ago."""
        now = time.monotonic()
        if now - self._looked > LOOK_SECONDS or not self._looked:
            found = [shutil.disk_usage(folder).free for folder in self._folders if folder.exists()]
            self._looked, self._free = now, min(found, default=2**62)
        return self._free

    @property
    def is_disk_low(self) -> bool:
        return self.free() < self._bounds.reserve

    def require_disk(self) -> None:
        """Raises M_RESOURCE_LIMIT_EXCEEDED (507)."""
        if self.is_disk_low:
            raise MatrixError(
                507, "M_RESOURCE_LIMIT_EXCEEDED", "The server has no room for files just now: your messages still go through"
            )

    async def begin(self, user_id: str) -> UnderWay:
        """An upload of an account ("": the server itself) begins; `UnderWay.end` must follow. Raises like `require_disk`."""
        self.require_disk()
        since, bounds = self._now_ms() - DAY_MS, self._bounds
        upload = UnderWay(self, user_id)
        try:
            if bounds.of_account and user_id:
                used = await self._files.uploaded_by(user_id, since)
                upload.bounded(user_id, bounds.of_account - used)
            if bounds.of_all:
                used = await self._files.uploaded(since)
                upload.bounded(ALL, bounds.of_all - used)
        except BaseException:
            upload.end()
            raise
        return upload

    def another(self, name: str) -> int:
        """One upload more of an account, or of ALL. Returns what is on its way in the others, less what has come."""
        self.uploads[name] += 1
        return self.waiting[name] - self.came[name]


class UnderWay:
    """One upload. What others of the account send meanwhile counts as well: many at once get no more than one after the other."""

    def __init__(self, share: UploadShare, user_id: str) -> None:
        self._share, self._whose, self._size = share, (user_id, ALL), 0
        self._before = {name: share.another(name) for name in self._whose}
        self._ends: list[tuple[str, int]] = []  # where `came` may go to

    def bounded(self, name: str, left: int) -> None:
        self._ends.append((name, left - self._before[name]))

    def count(self, size: int) -> None:
        """Bytes have come. Raises M_RESOURCE_LIMIT_EXCEEDED for too many, or where the disk has become full."""
        share, before = self._share, self._size
        self._size += size
        for name in self._whose:
            share.came[name] += size
            share.waiting[name] += size
        if any(share.came[name] > end for name, end in self._ends):
            raise too_much()
        if self._size // LOOK_EVERY_BYTES != before // LOOK_EVERY_BYTES:
            share.require_disk()

    def end(self) -> None:
        """What has come is in the table, or gone."""
        share = self._share
        for name in self._whose:
            share.waiting[name] -= self._size
            share.uploads[name] -= 1
            if not share.uploads[name]:
                del share.uploads[name], share.came[name], share.waiting[name]


def too_much() -> MatrixError:
    return MatrixError(403, "M_RESOURCE_LIMIT_EXCEEDED", "That is more than may be uploaded in a day: please go on tomorrow")
