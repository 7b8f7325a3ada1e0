"""Folders that are their owner's alone, and the one other account that may pass through them.

Started as root, the embedded PostgreSQL runs as another user, who has to reach its data below folders that are closed. An access
control list lets that account pass (search, not read) and nobody else.
"""

from __future__ import annotations

import logging
import os
import stat
import struct
from pathlib import Path

log = logging.getLogger(__name__)
_ACL = "system.posix_acl_access"  # acl(5): version, then (tag, permissions, id) for each entry, little-endian
_VERSION, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_OWNER, _USER, _GROUP, _MASK, _OTHER, _NOBODY = 0x01, 0x02, 0x04, 0x10, 0x20, 0xFFFFFFFF
_SEARCH = 1


def close_folder(folder: Path) -> None:
    """Takes away what others may do with a folder of ours; warns where it is not ours to close."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not mode & 0o077:
        return
    try:
        folder.chmod(mode & 0o700)
    except PermissionError:
        fields = {"folder": str(folder), "mode": f"{mode:04o}"}
        log.warning("other accounts of this machine can look into this folder: close it (chmod 700)", extra={"fields": fields})
        return
    if mode & 0o007:
        log.warning(
            "a folder was open to other accounts of this machine; it is closed now", extra={"fields": {"folder": str(folder)}}
        )


def let_pass(folder: Path, user_id: int) -> None:
    """An account may pass through a folder and all above it, where it could not."""
    for each in [folder, *folder.parents]:
        there = each.stat()
        if there.st_mode & 0o001 or there.st_uid == user_id:
            continue
        try:
            os.setxattr(each, _ACL, _with_search(each, there.st_mode, user_id))
        except OSError:  # a file system without access control lists
            each.chmod(stat.S_IMODE(there.st_mode) | 0o001)
            log.warning(
                "every account of this machine may pass through this folder, for PostgreSQL's sake",
                extra={"fields": {"folder": str(each)}},
            )


def _with_search(folder: Path, mode: int, user_id: int) -> bytes:
    """Its access control list with one more entry."""
    try:
        raw = os.getxattr(folder, _ACL)[_VERSION.size :]
        entries = [entry for entry in _ENTRY.iter_unpack(raw) if entry[:1] != (_MASK,)]
    except OSError:
        entries = [(_OWNER, mode >> 6 & 7, _NOBODY), (_GROUP, mode >> 3 & 7, _NOBODY), (_OTHER, mode & 7, _NOBODY)]
    entries = [entry for entry in entries if entry[0] != _USER or entry[2] != user_id] + [(_USER, _SEARCH, user_id)]
    mask = 0
    for tag, permissions, _ in entries:
        mask |= permissions if tag not in (_OWNER, _OTHER) else 0
    entries.append((_MASK, mask, _NOBODY))
    return _VERSION.pack(2) + b"".join(_ENTRY.pack(*entry) for entry in sorted(entries, key=lambda e: (e[0], e[2])))
