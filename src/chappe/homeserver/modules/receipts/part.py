"""Receipts as a part of a node."""

from __future__ import annotations

from chappe.homeserver.actions.mark_read import MarkRead
from chappe.homeserver.modules.receipts.api import ReceiptsApi
from chappe.homeserver.modules.receipts.receipts import Receipts
from chappe.homeserver.modules.receipts.section import ReceiptsSection
from chappe.homeserver.modules.receipts.tables import TABLES
from chappe.homeserver.part import Part

PART = Part("receipts", gives=(Receipts, MarkRead), endpoints=(ReceiptsApi,), sections=(ReceiptsSection,), tables=TABLES)
