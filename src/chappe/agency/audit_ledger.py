"""What of the audit log the database does not hold: the keys of its seals, and a copy of each seal (the ledger).

`audit.key`: a key a line, as `id hex first`, the latest last; a key seals the entries from number `first` on, until the next
key's. `audit.log`: a JSON line for each entry that this machine has written. Both are for their owner alone (0600).
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from logging.handlers import SysLogHandler
from pathlib import Path

import orjson

from chappe.config import Administration

log = logging.getLogger(__name__)
lines = logging.getLogger("chappe.audit")  # written whatever the level of the log (telemetry.py)
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """`first`: the number of the first entry that it seals."""

    id: str
    secret: bytes
    first: int


class AuditKeys:
    """The file is read again when it has changed: another process of the installation may have added a key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: list[Key] = []
        self._seen: tuple[int, int, int] | None = None

    def all(self) -> list[Key]:
        """Raises OSError where the file cannot be read, ValueError where it is none of keys."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            self._keys, self._seen = [], None
            return self._keys
        if (seen := (there.st_mtime_ns, there.st_size, there.st_ino)) != self._seen:
            self._keys = [_key(line) for line in self.path.read_text().splitlines() if line.strip()]
            self._seen = seen
        return self._keys

    def for_entry(self, number: int) -> Key | None:
        """The key that seals an entry; None: it is from before the first."""
        return next((key for key in reversed(self.all()) if key.first <= number), None)

    def require(self, number: int) -> Key:
        """For a new entry: the first entry makes the first key."""
        return self.for_entry(number) or self.add(number)

    def add(self, first: int) -> Key:
        """Another key, for the entries from a number on."""
        key = Key(secrets.token_hex(4), secrets.token_bytes(KEY_BYTES), first)
        _append(self.path, f"{key.id} {key.secret.hex()} {key.first}\n".encode())
        log.info("a key of the audit log was made", extra={"fields": {"file": str(self.path), "first": first}})
        return key


def _key(line: str) -> Key:
    identifier, secret, first = line.split()
    return Key(identifier, bytes.fromhex(secret), int(first))


class Ledger:
    """`syslog`: a socket such as /dev/log, or host:port (UDP)."""

    def __init__(self, path: Path, syslog: str | None = None) -> None:
        self.path = path
        self._syslog: logging.Logger | None = None
        if syslog is not None:
            host, colon, port = syslog.rpartition(":")
            handler = SysLogHandler((host, int(port)) if colon else syslog, SysLogHandler.LOG_AUTHPRIV)
            self._syslog = logging.Logger("chappe.audit.syslog")
            self._syslog.addHandler(handler)

    def note(self, number: int, seal: bytes, ts: int, actor: str, action: str) -> None:
        """Blocking. What cannot be written here is told in the log, and the entry counts nevertheless."""
        fields = {"number": number, "seal": seal.hex(), "ts": ts, "actor": actor, "action": action}
        lines.info("audit", extra={"fields": fields})
        text = orjson.dumps(fields)
        try:
            _append(self.path, text + b"\n")
            if self._syslog is not None:
                self._syslog.info("chappe audit: %s", text.decode())
        except OSError as error:
            log.error("the audit ledger could not be written", extra={"fields": {"error": str(error)}})

    def seals(self) -> Iterator[tuple[int, bytes]]:
        """(number, seal) of what was noted here; a line that a crash has cut short is passed over."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                with contextlib.suppress(ValueError, KeyError):
                    entry = orjson.loads(line)
                    yield int(entry["number"]), bytes.fromhex(entry["seal"])


def audit_files(settings: Administration, data: Path) -> tuple[AuditKeys, Ledger]:
    """Where the configuration says, else in the data folder."""
    keys = AuditKeys(Path(settings.audit_key) if settings.audit_key else data / "audit.key")
    return keys, Ledger(Path(settings.audit_log) if settings.audit_log else data / "audit.log", settings.audit_syslog)


def _append(path: Path, data: bytes) -> None:
    """To a file for its owner alone, as durably as the database. As root, the folder's owner owns it."""
    is_new = not path.exists()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if is_new and os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(number, owner.st_uid, owner.st_gid)
        os.write(number, data)
        os.fsync(number)
    finally:
        os.close(number)
