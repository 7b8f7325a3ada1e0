"""The system user that the embedded PostgreSQL runs as, where Chappe is started by root."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess

SYSTEM_USER = "chappe-postgres"


def system_user() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root: an unprivileged system user of its own, made on first use.

    One process at a time: two `useradd` at once overwrite each other's entry.
    """
    folder = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(SYSTEM_USER)
        if useradd := shutil.which("useradd"):
            subprocess.run(
                [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
                capture_output=True,
                check=False,
            )
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(SYSTEM_USER)
        return pwd.getpwnam("nobody")
    finally:
        os.close(folder)
