"""Send-to-device messages as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.config import Shares
from chappe.homeserver.modules.to_device.section import ToDeviceSection
from chappe.homeserver.modules.to_device.tables import TABLES
from chappe.homeserver.modules.to_device.to_device import ToDevice
from chappe.homeserver.part import Job, Part

SHED_EVERY = 600  # seconds


def runs(to_device: ToDevice, shares: Shares) -> Iterator[Job]:
    async def shed() -> None:
        await to_device.shed(shares.to_device_messages, shares.to_device_mib << 20)

    yield Job("to-device messages", SHED_EVERY, shed, cannot_be_undone=True)


PART = Part("to-device messages", gives=(ToDevice,), sections=(ToDeviceSection,), tables=TABLES, runs=runs)
