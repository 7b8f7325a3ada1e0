"""Ignoring users, and who may invite (client-server API, "Ignoring Users", "Invite permission"; MSC4155).

Both are a user's own account data, read here wherever events or invitations are about to reach that user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.user_cache import UserCache
from chappe.homeserver.rooms.ignoring import Ignoring
from chappe.matrix.errors import Forbidden
from chappe.matrix.globs import glob
from chappe.matrix.identifiers import domain_of

IGNORED, PERMISSION, FILTERING = (
    "m.ignored_user_list",
    "m.invite_permission_config",
    "org.matrix.msc4155.invite_permission_config",
)
STABLE_BLOCKING = "org.matrix.msc4380.invite_permission_config"
MAX_PATTERNS = 1000  # of one list of an invitation filter: what follows is not looked at
ALLOW, IGNORE, BLOCK = "allow", "ignore", "block"


@dataclass(frozen=True, slots=True)
class IgnorePreferences:
    ignored: frozenset[str]
    blocks_all: bool
    rules: Mapping[str, Any]


_NOTHING = IgnorePreferences(frozenset(), False, {})


class IgnoringRow(Row):
    user_id: str
    type: str
    content: bytes


class IgnoredUsers(Ignoring):
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._cache = UserCache(clock, ("account_data",), self._load)

    async def _load(self, users: list[str]) -> dict[str, IgnorePreferences]:
        rows = await read(
            self._database,
            IgnoringRow,
            """SELECT user_id, type, content FROM account_data WHERE user_id = ANY($1::text[]) AND room_id = ''
                AND type = ANY($2::text[]) AND NOT deleted""",
            users,
            [IGNORED, PERMISSION, STABLE_BLOCKING, FILTERING],
        )
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            found.setdefault(row.user_id, {})[row.type] = orjson.loads(row.content)
        return {user: _preferences(found[user]) if user in found else _NOTHING for user in users}

    async def of(self, user_id: str) -> frozenset[str]:
        return (await self._cache.get(user_id)).ignored

    async def invitation_from(self, target: str, sender: str) -> str:
        """What becomes of an invitation: "allow", "ignore" (it is made and the target never sees it) or "block"."""
        wishes = await self._cache.get(target)
        if wishes.blocks_all:
            return BLOCK
        if sender in wishes.ignored:
            return IGNORE
        return _by_rules(wishes.rules, sender)

    async def hides_invitation(self, target: str, sender: str) -> bool:
        """Whether an invitation that stands is nothing to the target: nobody tells of it, counts it or rings for it."""
        return await self.invitation_from(target, sender) != ALLOW

    async def require_may_invite(self, target: str, sender: str) -> None:
        """Raises M_INVITE_BLOCKED."""
        if await self.invitation_from(target, sender) == BLOCK:
            raise Forbidden(f"{target} does not accept invitations", "M_INVITE_BLOCKED")


def _preferences(data: Mapping[str, Any]) -> IgnorePreferences:
    listed = data.get(IGNORED, {}).get("ignored_users")
    blocks = any(data.get(kind, {}).get("default_action") == "block" for kind in (PERMISSION, STABLE_BLOCKING))
    rules = data.get(FILTERING, {})
    return IgnorePreferences(frozenset(listed) if type(listed) is dict else frozenset(), blocks, rules)


def _by_rules(rules: Mapping[str, Any], sender: str) -> str:
    """MSC4155: users before servers; within each, allowed before ignored before blocked."""
    if rules.get("enabled", True) is not True:
        return ALLOW
    for kind, name in (("users", sender), ("servers", domain_of(sender))):
        for word, action in (("allowed", ALLOW), ("ignored", IGNORE), ("blocked", BLOCK)):
            globs = rules.get(f"{word}_{kind}")
            if type(globs) is list and any(type(g) is str and glob(g).matches(name) for g in globs[:MAX_PATTERNS]):
                return action
    return ALLOW
