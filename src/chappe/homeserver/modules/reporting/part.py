"""Reported content as a part of a node."""

from __future__ import annotations

from chappe.homeserver.modules.reporting.api.administration import AdminReports
from chappe.homeserver.modules.reporting.api.report_content import ReportContent
from chappe.homeserver.modules.reporting.reporting import Reports
from chappe.homeserver.modules.reporting.tables import TABLES
from chappe.homeserver.part import Part

PART = Part("reporting", gives=(Reports,), endpoints=(ReportContent, AdminReports), tables=TABLES)
