"""Reported content as a part of a node."""

from __future__ import annotations

from chappe.homeserver.api.admin.reports import AdminReports
from chappe.homeserver.modules.reporting.api import ReportContent
from chappe.homeserver.modules.reporting.reporting import Reports
from chappe.homeserver.modules.reporting.tables import TABLES
from chappe.homeserver.part import Part

PART = Part("reporting", gives=(Reports,), endpoints=(ReportContent, AdminReports), tables=TABLES)
