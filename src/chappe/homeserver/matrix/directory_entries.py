"""How people are found by name: what of a profile is kept for it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

# a row of the user directory: user, server's name, display name, picture, what it is searched by
DirectoryEntry = tuple[str, str, str | None, str | None, str]


def directory_words(text: str) -> str:
    """What names are searched by: words without accents, case and punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()
    return " ".join(re.findall(r"[^\W_]+", plain))


def directory_entry(user_id: str, profile: Mapping[str, Any]) -> DirectoryEntry:
    """A row of the user directory."""
    localpart, _, server_name = user_id[1:].partition(":")
    name, avatar = profile.get("displayname"), profile.get("avatar_url")
    name = name.replace("\0", "") if type(name) is str else None
    avatar = avatar.replace("\0", "") if type(avatar) is str else None
    return user_id, server_name, name, avatar, directory_words(f"{name or ''} {localpart}")
