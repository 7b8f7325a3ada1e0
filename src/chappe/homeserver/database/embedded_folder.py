"""Where the embedded PostgreSQL keeps its data, and when an empty database may be made there.

What is found is never removed: an operator who restored half a folder, or whose disk is not mounted, loses nothing
by starting the server. Only what this process has made in this very run is taken away again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

UNFINISHED = ".new-database-"  # one that is being made; left over only by a process that was killed meanwhile
INNER = "cluster"  # in a folder that was there before: PostgreSQL wants one of its own, a mount point is none
MARK = "database-made"  # beside the folder, once a database was there: its absence is then an accident
OF_FILE_SYSTEMS = {"lost+found", ".snapshot", ".snapshots", ".zfs"}
SHOWN = 6


class DatabaseFolderRefused(Exception):
    """The server does not start, because a start could cost data. The words say what is there and what to do."""


class ClusterFolder:
    """`given`: the folder's place. `cluster`: where PostgreSQL's data is, or would be made."""

    def __init__(self, given: Path) -> None:
        self.given = given
        self._mark = given.parent / MARK
        is_taken = given.exists() and not (given / "PG_VERSION").exists()
        self.cluster = given / INNER if is_taken else given

    def is_there(self) -> bool:
        return (self.cluster / "PG_VERSION").exists()

    def require_new(self) -> None:
        """Raises DatabaseFolderRefused where a new, empty database would stand in the place of another's remains."""
        there = {path.name for path in self.given.iterdir()} if self.given.exists() else set()
        found = sorted(name for name in there - OF_FILE_SYSTEMS if not name.startswith(UNFINISHED))
        if found:
            shown = ", ".join(found[:SHOWN]) + (", …" if len(found) > SHOWN else "")
            raise DatabaseFolderRefused(
                f"{self.given} is not empty, but it holds no complete PostgreSQL database: PG_VERSION is missing.\n"
                f"It holds {len(found)} entries: {shown}\n"
                "Nothing was changed. This is usually an interrupted copy, a backup restored one folder too deep or too "
                "high, or a disk mounted at the wrong place.\n"
                "Put the whole folder back, or move it away to begin with an empty database.\n"
                f"({self.given} n'est pas vide, mais ne contient pas une base PostgreSQL complète : rien n'a été modifié. "
                "Remettez le dossier entier, ou déplacez-le pour commencer avec une base vide.)"
            )
        if self._mark.exists():
            raise DatabaseFolderRefused(
                f"{self.given} is empty or missing, but a database was there before ({self._mark} says so).\n"
                "Nothing was changed. Is its disk mounted? Was it moved or deleted?\n"
                f"Put it back, or delete {self._mark} to begin with an empty database.\n"
                f"({self.given} est vide ou absent, alors qu'une base s'y trouvait : rien n'a été modifié. Le disque est-il "
                f"monté ? Remettez la base, ou supprimez {self._mark} pour commencer avec une base vide.)"
            )

    def remember(self) -> None:
        """That a database is there."""
        if not self._mark.exists():
            self._mark.write_text("The database of this server is in the folder beside this file.\n")

    @contextlib.contextmanager
    def making(self) -> Iterator[Path]:
        """An empty folder that becomes `cluster` when all went well, and is removed when not."""
        parent = self.cluster.parent
        parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
        try:
            yield unfinished
            os.sync()
            unfinished.rename(self.cluster)
            sync_folder(parent)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder outlive a power cut."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
