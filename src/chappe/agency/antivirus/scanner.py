"""Verdicts: each file is scanned once, whoever asks; who may see it is asked every time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

import puremagic
from msgspec.structs import asdict

from chappe.agency.antivirus.attachments import EncryptedFile, decrypted
from chappe.agency.antivirus.engines import Engine, ScanFailed
from chappe.config import Antivirus
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import SharedWork, Tasks
from chappe.homeserver.modules.media.media import Media, ReadWhole, Scanning
from chappe.matrix.errors import Forbidden, MatrixError

log = logging.getLogger(__name__)
HEAD = 4096  # bytes by which a type is recognised
CERTAIN = 4  # bytes in which a recognised beginning agrees
PLAIN = b""
ONE_TYPE = {  # of programs for Windows, by the names that they are given
    "application/x-msdownload": "application/x-dosexec",
    "application/vnd.microsoft.portable-executable": "application/x-dosexec",
    "application/x-msdos-program": "application/x-dosexec",
    "application/exe": "application/x-dosexec",
}
PROGRAMS = (  # what runs, on whatever system: matters most, and is told by few bytes
    (b"MZ", "application/x-dosexec"),
    (b"\x7fELF", "application/x-elf"),
    (b"#!", "application/x-script"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe", "application/x-mach-binary"),
)


@dataclass(frozen=True, slots=True)
class ScanVerdict:
    """`reason`: MCS_MEDIA_NOT_CLEAN or MCS_MIME_TYPE_FORBIDDEN; None for a clean file."""

    reason: str | None
    info: str

    @property
    def is_clean(self) -> bool:
        return self.reason is None


CLEAN = ScanVerdict(None, "File is clean")


class Unscanned:
    """Where no engine is set up nothing is stopped, and nobody is told that anything was looked at."""

    async def verdict(self, media: Media, read: ReadWhole, file: EncryptedFile | None = None) -> ScanVerdict:
        return ScanVerdict(None, "Not scanned: this server has no antivirus")


class StoredVerdict(Row):
    reason: str | None
    info: str
    released_by: str | None


class StoppedFile(Row):
    server_name: str
    media_id: str
    fingerprint: str
    reason: str
    info: str
    scanned_ts: int
    released_by: str | None


class Scanner(Scanning):
    def __init__(self, database: Database, engine: Engine, settings: Antivirus, now_ms: NowMs, tasks: Tasks) -> None:
        self._database, self._engine = database, engine
        self._settings, self._now_ms = settings, now_ms
        self._gate = asyncio.Semaphore(settings.scans_at_once)
        self._under_way = SharedWork[tuple[str, str, bytes], ScanVerdict](tasks, "scan of a file")

    async def require_clean(self, media: Media, read: ReadWhole) -> None:
        try:
            verdict = await self.verdict(media, read)
        except ScanFailed as error:
            raise MatrixError(502, "M_UNKNOWN", f"This file could not be scanned: {error}") from None
        if verdict.reason is not None:
            raise Forbidden(f"This file has been stopped. {verdict.info}", verdict.reason)

    async def verdict(self, media: Media, read: ReadWhole, file: EncryptedFile | None = None) -> ScanVerdict:
        """Raises ScanFailed where there is none, NotDecrypted where the key is not the file's, M_NOT_FOUND for a damaged one."""
        fingerprint = PLAIN if file is None else file.fingerprint
        key = (media.server_name, media.media_id, fingerprint)
        # many ask for a new file at once: it is scanned for all of them
        return await self._under_way.result(key, lambda: self._known_or_scanned(media, read, file, fingerprint))

    async def _known_or_scanned(
        self, media: Media, read: ReadWhole, file: EncryptedFile | None, fingerprint: bytes
    ) -> ScanVerdict:
        row = await find(
            self._database,
            StoredVerdict,
            """SELECT reason, info, released_by FROM scan_results
                WHERE server_name = $1 AND media_id = $2 AND fingerprint = $3 AND signatures = $4""",
            media.server_name,
            media.media_id,
            fingerprint,
            self._settings.signatures,
        )
        if row is not None:
            return CLEAN if row.released_by is not None else ScanVerdict(row.reason, row.info)
        return await self._scan(media, read, file, fingerprint)

    async def _scan(self, media: Media, read: ReadWhole, file: EncryptedFile | None, fingerprint: bytes) -> ScanVerdict:
        if media.size > self._settings.max_size_mib << 20:
            raise ScanFailed("it is too large to be scanned")
        async with self._gate:
            verdict = await self._scan_content(media, read, file)
        await self._database.execute(
            """INSERT INTO scan_results (server_name, media_id, fingerprint, signatures, reason, info, scanned_ts)
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (server_name, media_id, fingerprint) DO UPDATE
               SET signatures = excluded.signatures, reason = excluded.reason, info = excluded.info,
                   scanned_ts = excluded.scanned_ts""",
            media.server_name,
            media.media_id,
            fingerprint,
            self._settings.signatures,
            verdict.reason,
            verdict.info,
            self._now_ms(),
        )
        if not verdict.is_clean:
            log.warning(
                "a file was stopped", extra={"fields": {"media": f"{media.server_name}/{media.media_id}", "why": verdict.info}}
            )
        return verdict

    async def _scan_content(self, media: Media, read: ReadWhole, file: EncryptedFile | None) -> ScanVerdict:
        stream = read(media)
        plain = stream if file is None else decrypted(file, stream)
        head = b""

        async def passing() -> AsyncIterator[bytes]:
            nonlocal head
            async with contextlib.aclosing(plain) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    if len(head) < HEAD:
                        head += chunk[: HEAD - len(head)]
                    yield chunk

        try:
            finding = await self._engine.scan(passing(), media.size)
        except FileNotFoundError:
            raise ScanFailed("the file is not there") from None
        if finding.threat is not None:
            return ScanVerdict("MCS_MEDIA_NOT_CLEAN", f"Threat found: {finding.threat}"[:300])
        if file is None and media.content_type == "application/octet-stream":
            # nothing is said of it: encrypted, most likely, unless the bytes are certainly something else
            certain = recognised_for_certain(head, media.size)
            if certain is None:
                return CLEAN
            kind = certain
        else:
            kind = recognised(head)
        if not self._is_allowed(kind):
            return ScanVerdict("MCS_MIME_TYPE_FORBIDDEN", f"Files of type {kind} are not allowed")
        return CLEAN

    def _is_allowed(self, kind: str) -> bool:
        allowed, blocked = self._settings.allowed_types, self._settings.blocked_types
        return (not allowed or any(_matches(kind, p) for p in allowed)) and not any(_matches(kind, p) for p in blocked)

    # ----------------------------------------------------------------------------------------------- administering

    async def stopped(self, limit: int) -> list[dict[str, object]]:
        """What was stopped, the latest first."""
        rows = await read(
            self._database,
            StoppedFile,
            """SELECT server_name, media_id, encode(fingerprint, 'hex') AS fingerprint, reason, info, scanned_ts, released_by
                 FROM scan_results WHERE reason IS NOT NULL ORDER BY scanned_ts DESC LIMIT $1""",
            limit,
        )
        return [asdict(row) for row in rows]

    async def release(self, server_name: str, media_id: str, by: str) -> int:
        """A false alarm: the file is given out from now on. Returns how many verdicts were lifted."""
        result = await self._database.execute(
            """UPDATE scan_results SET released_by = $3
                WHERE server_name = $1 AND media_id = $2 AND reason IS NOT NULL AND released_by IS NULL""",
            server_name,
            media_id,
            by,
        )
        return int(result.rsplit(" ", 1)[1])


def recognised(head: bytes) -> str:
    """The type of a file by its first bytes, never by what its sender says."""
    program = next((kind for start, kind in PROGRAMS if head.startswith(start)), None)
    if program is not None:
        return program
    try:
        return str(puremagic.from_string(head, mime=True)) or "application/octet-stream"
    except (puremagic.PureError, ValueError):
        with contextlib.suppress(UnicodeDecodeError):
            head[:-4].decode() if len(head) == HEAD else head.decode()
            return "text/plain"
        return "application/octet-stream"


def recognised_for_certain(head: bytes, size: int) -> str | None:
    """A type that random bytes would hardly look like. `size`: of the file."""
    if head.startswith(b"MZ"):
        at = int.from_bytes(head[60:64], "little")  # where the program's own header is
        is_program = head[at : at + 2] in (b"PE", b"NE", b"LE", b"LX") if at + 2 <= len(head) else at < size
        return "application/x-dosexec" if is_program or len(set(head)) < 64 else None
    if head.startswith(b"#!"):
        line = head.partition(b"\n")[0]
        return "application/x-script" if len(line) > 6 and line.isascii() else None
    program = next((kind for start, kind in PROGRAMS if head.startswith(start)), None)
    if program is not None:
        return program
    try:
        found = [match for match in puremagic.magic_string(head) if len(match.byte_match) >= CERTAIN]
    except (puremagic.PureError, ValueError):
        return None
    return str(found[0].mime_type) if found and found[0].mime_type else None


def _matches(kind: str, pattern: str) -> bool:
    kind, pattern = ONE_TYPE.get(kind, kind), ONE_TYPE.get(pattern, pattern)
    return kind == pattern or (pattern.endswith("/*") and kind.startswith(pattern[:-1]))
