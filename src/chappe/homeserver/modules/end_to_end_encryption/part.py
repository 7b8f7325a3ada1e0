"""End-to-end encryption as a part of a node: what /sync says of keys and device lists."""

from __future__ import annotations

from chappe.homeserver.modules.end_to_end_encryption.section import EncryptionSection
from chappe.homeserver.part import Part
from chappe.homeserver.sync.device_lists import DeviceLists

PART = Part("end-to-end encryption", gives=(DeviceLists,), sections=(EncryptionSection,))
