"""Thumbnails: a few sizes, made by a separate process with limits, since decoding hostile pictures is dangerous."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from dataclasses import dataclass

from chappe.matrix.errors import BadRequest, MatrixError

SECONDS = 20
HASH = 32  # bytes of it
AT_ONCE = 2
_SIZES = ((32, 32, "crop"), (96, 96, "crop"), (320, 240, "scale"), (640, 480, "scale"), (800, 600, "scale"))


@dataclass(frozen=True, slots=True)
class ThumbnailSize:
    """What a client asks for. `method`: "crop" fills the size, "scale" fits into it."""

    width: int
    height: int
    method: str
    animated: bool = False

    @property
    def name(self) -> str:
        return f"{self.width}x{self.height}-{self.method}{'-animated' if self.animated else ''}"

    def snapped(self) -> ThumbnailSize:
        """The smallest offered size that is no smaller, of the same method where there is one."""
        offered = [s for s in _SIZES if s[2] == self.method] or list(_SIZES)
        for width, height, method in offered:
            if width >= self.width and height >= self.height:
                return ThumbnailSize(width, height, method, self.animated)
        return ThumbnailSize(*_SIZES[-1], self.animated)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    content_type: str
    data: bytes

    @classmethod
    def of(cls, stored: bytes) -> Thumbnail:
        """From how it is made: the type, a newline, the picture."""
        kind, _, data = stored.partition(b"\n")
        return cls(kind.decode(), data)


def sealed(made: bytes) -> bytes:
    """As it is stored: behind its hash, for nobody waits until it is on the disk."""
    return hashlib.sha256(made).digest() + made


def opened(stored: bytes | None) -> bytes | None:
    """What was sealed. None where that is damaged, or from before thumbnails were sealed: it is made again."""
    if stored is None or hashlib.sha256(stored[HASH:]).digest() != stored[:HASH]:
        return None
    return stored[HASH:]


class Thumbnailer:
    """At most two pictures at a time, each in a process of its own that may use little and lives briefly."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def make(self, picture: bytes, size: ThumbnailSize) -> bytes:
        """A thumbnail, as `Thumbnail.of` reads it. Raises M_UNKNOWN (400) where the bytes are no picture that we can read."""
        async with self._slots:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "chappe.homeserver.modules.media.thumbnail_process",
                str(size.width),
                str(size.height),
                size.method,
                "1" if size.animated else "0",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                output, _ = await asyncio.wait_for(process.communicate(picture), SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
                raise MatrixError(413, "M_TOO_LARGE", "The picture takes too long to be reduced") from None
        if process.returncode != 0 or not output:
            raise BadRequest("There can be no thumbnail of this file", "M_UNKNOWN")
        return output
