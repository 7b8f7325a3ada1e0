"""In whose right something was done, and who may undo it: one rule for locks, holds, blocks, quarantine and ends.

A right is an organisation's, by its name, or the installation's (None), which is above all. Whatever is done to somebody keeps it
(`Actor.right`); an action that undoes says so here, and is asked before it is done and before it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chappe.agency.console.scope import Actor
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.matrix.errors import Forbidden

_END = "SELECT nullif(expires_by, 'all') AS whose FROM users WHERE user_id = $1 AND expires_by IS NOT NULL"
_QUARANTINE = (
    "SELECT quarantined_whose AS whose FROM media WHERE server_name = $1 AND media_id = $2 AND quarantined_by IS NOT NULL"
)
_FILE = ("server_name", "media_id")
# Each act that undoes: what it undoes of what its arguments name. A row for each thing, with in whose right it was done.
UNDOES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "unlock": ("SELECT locked_by AS whose FROM users WHERE user_id = $1 AND locked", ("user_id",)),
    "reactivate": (
        "SELECT whose FROM former_accounts WHERE user_id = $1 AND ended_by IN ('organisation', 'installation')",
        ("user_id",),
    ),
    "unblock": ("SELECT whose FROM blocked_rooms WHERE room_id = $1", ("room_id",)),
    "unquarantine_file": (_QUARANTINE, _FILE),
    "release_file": (_QUARANTINE, _FILE),
    "delete_file": (_QUARANTINE, _FILE),  # what is kept back may have to be shown to somebody
    "renew": (_END, ("user_id",)),
    "renew_guest": (_END, ("user_id",)),
    # what cannot be undone at all asks for every right in which the account is held back
    "erase": (
        """SELECT locked_by AS whose FROM users WHERE user_id = $1 AND locked
           UNION ALL SELECT suspended_by FROM users WHERE user_id = $1 AND suspended
           UNION ALL SELECT nullif(expires_by, 'all') FROM users WHERE user_id = $1 AND expires_by IS NOT NULL
           UNION ALL SELECT whose FROM former_accounts WHERE user_id = $1 AND ended_by IN ('organisation', 'installation')""",
        ("user_id",),
    ),
    "lift_hold": ("SELECT whose FROM legal_holds WHERE id = $1 AND lifted_ts IS NULL", ("hold",)),
}
# Of these, what was done in the right of the installation is undone by two persons, whatever one of them can prove.
BY_TWO = frozenset({"lift_hold"})
_NOT_YOURS = "This was done in the right of the installation, or of another organisation: ask one of its administrators"


def may_undo(actor: Actor, right: str | None) -> bool:
    """In the right in which it was done, or above."""
    return actor.is_everywhere or (right is not None and right == actor.organisation)


class Undone(Row):
    """What would be undone. `whose`: in whose right it was done, an organisation's; None: the installation's."""

    whose: str | None


class Rights:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def require_may_undo(self, actor: Actor, act: str, arguments: Any) -> None:
        """Raises Forbidden. Whose person, room or file it is has been asked."""
        if not all(may_undo(actor, whose) for whose in await self._done(act, arguments)):
            raise Forbidden(_NOT_YOURS, reason="not_your_right")

    async def needs_two(self, act: str, arguments: Any) -> bool:
        if act not in BY_TWO:
            return False
        return None in await self._done(act, arguments)

    async def _done(self, act: str, arguments: Any) -> list[str | None]:
        """In whose rights what the act would undo was done; empty where there is nothing."""
        if act not in UNDOES:
            return []
        statement, names = UNDOES[act]
        rows = await read(self._database, Undone, statement, *(getattr(arguments, name) for name in names))
        return [row.whose for row in rows]
