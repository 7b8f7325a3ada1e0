"""Packages of what is kept of a person or a room, and the erasure of a person, as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.agency.console.api import OwnDataApi
from chappe.agency.records.erasure import Erasure
from chappe.agency.records.exports import Exports
from chappe.agency.records.personal_data import PersonalData
from chappe.agency.records.room_archive import RoomArchive
from chappe.config import ReadGuard as GuardSettings
from chappe.homeserver.accounts.fresh_proof import OwnerMail
from chappe.homeserver.accounts.uia import UserInteractiveAuth
from chappe.homeserver.part import Job, Part
from chappe.homeserver.policy.reading import Reading

LOOK_EVERY, PRUNE_EVERY = 3, 600  # seconds


def own_data(
    exports: Exports, tell_owner: OwnerMail, uia: UserInteractiveAuth, reading: Reading, guard: GuardSettings
) -> OwnDataApi:
    return OwnDataApi(exports, tell_owner, uia, reading, float(guard.files_per_hour))


def runs(exports: Exports, erasure: Erasure) -> Iterator[Job]:
    yield Job("exports", LOOK_EVERY, exports.make_waiting)
    yield Job("old exports", PRUNE_EVERY, exports.prune, cannot_be_undone=True)
    yield Job("released from a hold", PRUNE_EVERY, erasure.after_holds, cannot_be_undone=True)


PART = Part("records", gives=(PersonalData, RoomArchive, Exports, Erasure), endpoints=(own_data,), runs=runs)
