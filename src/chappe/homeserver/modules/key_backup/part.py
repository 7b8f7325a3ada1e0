"""The backup of message keys, and what is kept of deleted ones, as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.homeserver.actions.restore_keys import RestoreKeys
from chappe.homeserver.modules.key_backup.api import KeyBackupApi
from chappe.homeserver.modules.key_backup.kept import KeptSessions
from chappe.homeserver.modules.key_backup.key_backup import KeyBackup
from chappe.homeserver.modules.key_backup.tables import TABLES
from chappe.homeserver.part import Job, Part

PRUNE_EVERY = 600  # seconds


def runs(kept: KeptSessions) -> Iterator[Job]:
    yield Job("kept keys", PRUNE_EVERY, kept.prune, cannot_be_undone=True)


PART = Part("key backup", gives=(KeptSessions, KeyBackup, RestoreKeys), endpoints=(KeyBackupApi,), tables=TABLES, runs=runs)
