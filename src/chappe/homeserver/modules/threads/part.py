"""Followed threads as a part of a node."""

from __future__ import annotations

from chappe.homeserver.modules.threads.section import ThreadsSection
from chappe.homeserver.modules.threads.tables import TABLES
from chappe.homeserver.modules.threads.threads import ThreadSubscriptions
from chappe.homeserver.part import Part

PART = Part("threads", gives=(ThreadSubscriptions,), sections=(ThreadsSection,), tables=TABLES)
