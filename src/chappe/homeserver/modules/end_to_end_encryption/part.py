"""End-to-end encryption as a part of a node: keys of devices and people, here and elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.config import Federation
from chappe.homeserver.actions.dehydrate_device import DehydrateDevice
from chappe.homeserver.actions.tables import TABLES as DEHYDRATED
from chappe.homeserver.modules.end_to_end_encryption.api.dehydrated_device import DehydratedDevice
from chappe.homeserver.modules.end_to_end_encryption.api.keys import Keys
from chappe.homeserver.modules.end_to_end_encryption.api.user_keys import UserKeys
from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys
from chappe.homeserver.modules.end_to_end_encryption.remote_devices import RemoteDevices
from chappe.homeserver.modules.end_to_end_encryption.section import EncryptionSection
from chappe.homeserver.modules.end_to_end_encryption.store import KeyStore
from chappe.homeserver.modules.end_to_end_encryption.tables import TABLES
from chappe.homeserver.part import Job, Part
from chappe.homeserver.rooms.sight import Sight
from chappe.homeserver.sync.device_lists import DeviceLists

PRUNE_EVERY = 600  # seconds


def for_servers(keys: DeviceKeys, sight: Sight, federation: Federation) -> UserKeys:
    return UserKeys(keys, sight, federation.device_names)


def runs(keys: DeviceKeys) -> Iterator[Job]:
    yield Job("one-time keys", PRUNE_EVERY, keys.prune, cannot_be_undone=True)


async def close(keys: DeviceKeys) -> None:
    keys.announce_claims()


PART = Part(
    "end-to-end encryption",
    gives=(KeyStore, RemoteDevices, DeviceKeys, DeviceLists, DehydrateDevice),
    endpoints=(Keys, DehydratedDevice, for_servers),
    sections=(EncryptionSection,),
    tables=(*TABLES, *DEHYDRATED),
    runs=runs,
    closes=close,
)
