"""The data directory is one process's: whoever starts on it holds its lock, and nobody else does."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO


class DataDirectoryInUse(Exception):
    """Another Chappe runs on this data directory."""


class DataDirectoryLock:
    """Held for the life of the process; the system frees it even after kill -9."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "chappe.lock"
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Raises DataDirectoryInUse, naming the process that holds the directory."""
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise DataDirectoryInUse(
                f"Chappe already runs on {self._path.parent} (process {holder}). "
                "Stop it first, or choose another directory with --data."
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
