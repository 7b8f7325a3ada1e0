"""Search as a part of a node: the index of messages, and what people, rooms and messages are found by."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.homeserver.actions.renew_words import RenewWords
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.search.api import Search
from chappe.homeserver.modules.search.index import CONSEQUENCE, SearchIndex
from chappe.homeserver.modules.search.search import MessageSearch
from chappe.homeserver.modules.search.tables import TABLES
from chappe.homeserver.part import Job, Loop, Part

RENEW_EVERY = 60  # seconds


def index(database: Database, writer: GroupWriter, clock: Clock) -> SearchIndex:
    writer.register_consequences(CONSEQUENCE)
    return SearchIndex(database, clock)


def runs(index: SearchIndex, renew_words: RenewWords) -> Iterator[Loop | Job]:
    yield Loop("search index", index.follow)
    yield Job("search words", RENEW_EVERY, renew_words)


PART = Part("search", gives=(index, MessageSearch, RenewWords), endpoints=(Search,), tables=TABLES, runs=runs)
