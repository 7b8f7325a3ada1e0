"""Send-to-device messages as a part of a node."""

from __future__ import annotations

from chappe.homeserver.modules.to_device.section import ToDeviceSection
from chappe.homeserver.modules.to_device.tables import TABLES
from chappe.homeserver.modules.to_device.to_device import ToDevice
from chappe.homeserver.part import Part

PART = Part("to-device messages", gives=(ToDevice,), sections=(ToDeviceSection,), tables=TABLES)
