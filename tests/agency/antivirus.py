"""A real ClamAV with signatures made by hand, and a real ICAP server in front of it."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from tests.process import free_port

CLAMD = shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin")
C_ICAP = shutil.which("c-icap", path=f"{os.environ['PATH']}:/usr/sbin")
VIRUS = b"X-CHAPPE-TEST-VIRUS-0123456789-X"


class ClamAV:
    """Finds VIRUS in any file."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.socket = folder, folder / "clamd.ctl"
        self._processes: list[asyncio.subprocess.Process] = []

    @property
    def url(self) -> str:
        return f"clamd://{self.socket}"

    async def start(self) -> ClamAV:
        assert CLAMD is not None
        database = self._folder / "signatures"
        database.mkdir()
        (database / "test.ndb").write_text(f"Chappe.Test:0:*:{VIRUS.hex()}\n")
        config = self._folder / "clamd.conf"
        config.write_text(
            f"Foreground yes\nLocalSocket {self.socket}\nDatabaseDirectory {database}\nUser root\nStreamMaxLength 50M\n"
            f"PidFile {self._folder}/clamd.pid\n"
        )
        await self._run(CLAMD, "-c", str(config))
        await self._until_there(lambda: asyncio.open_unix_connection(str(self.socket)))
        return self

    async def icap(self) -> str:
        """The URL of an ICAP service that asks it."""
        assert C_ICAP is not None
        port, config = free_port(), self._folder / "c-icap.conf"
        config.write_text(
            f"Port 127.0.0.1:{port}\nPidFile {self._folder}/c-icap.pid\nCommandsSocket {self._folder}/c-icap.ctl\n"
            f"ServerLog {self._folder}/server.log\nAccessLog {self._folder}/access.log\nTmpDir {self._folder}\n"
            "ModulesDir /usr/lib/x86_64-linux-gnu/c_icap\nServicesDir /usr/lib/x86_64-linux-gnu/c_icap\n"
            "StartServers 1\nMaxServers 2\nThreadsPerChild 10\n"
            f"Module common clamd_mod.so\nclamd_mod.ClamdSocket {self.socket}\nService avscan virus_scan.so\n"
            "virus_scan.DefaultEngine clamd\nvirus_scan.PassOnError off\nvirus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE "
            "GRAPHICS STREAM DOCUMENT\nvirus_scan.SendPercentData 5\nvirus_scan.StartSendPercentDataAfter 2M\n"
        )
        await self._run(C_ICAP, "-N", "-f", str(config))
        await self._until_there(lambda: asyncio.open_connection("127.0.0.1", port))
        return f"icap://127.0.0.1:{port}/avscan"

    async def _run(self, *command: str) -> None:
        with (self._folder / f"{Path(command[0]).name}.out").open("wb") as log:
            self._processes.append(await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log))

    async def _until_there(self, connect: object) -> None:
        for _ in range(300):
            try:
                _, writer = await connect()  # type: ignore[operator]
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
        raise AssertionError("".join(path.read_text() for path in self._folder.glob("*.out")))

    async def stop(self) -> None:
        for process in reversed(self._processes):
            if process.returncode is None:
                process.kill()
                await process.wait()
        self._processes.clear()
