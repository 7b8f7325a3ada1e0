"""Bookmarks as a part of a node."""

from __future__ import annotations

from chappe.homeserver.part import Part
from tests.features.bookmarks.api import BookmarksApi
from tests.features.bookmarks.bookmarks import Bookmarks
from tests.features.bookmarks.section import BookmarksSection
from tests.features.bookmarks.tables import TABLES

PART = Part("bookmarks", gives=(Bookmarks,), endpoints=(BookmarksApi,), sections=(BookmarksSection,), tables=TABLES)
