"""Rows that rooms, accounts and modules write alike. The fragments that take them stand with the owners of the tables."""

from __future__ import annotations

from chappe.homeserver.database.rows import Row


class DirectoryEntryRow(Row):
    """By what somebody is found (`chappe.matrix.directory_entries`). `search` None: not to be found any more."""

    who: str
    server_name: str
    display_name: str | None
    avatar_url: str | None
    search: str | None


class DeviceListChangeRow(Row):
    """The devices of somebody, or the keys of them, are not what they were."""

    who: str
