"""How people are found by name: what of a profile is kept for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from chappe.matrix.search_lexemes import names

MAX_NAME = 500  # characters of a name that it is found by


class DirectoryEntry(NamedTuple):
    """A row of the user directory. `search`: what it is found by."""

    user_id: str
    server_name: str
    display_name: str | None
    avatar_url: str | None
    search: str


def directory_entry(user_id: str, profile: Mapping[str, Any]) -> DirectoryEntry:
    """A row of the user directory."""
    localpart, _, server_name = user_id[1:].partition(":")
    name, avatar = profile.get("displayname"), profile.get("avatar_url")
    name = name.replace("\0", "") if type(name) is str else None
    avatar = avatar.replace("\0", "") if type(avatar) is str else None
    search = names(f"{(name or '')[:MAX_NAME]} {localpart}")
    return DirectoryEntry(user_id, server_name, name, avatar, search)
