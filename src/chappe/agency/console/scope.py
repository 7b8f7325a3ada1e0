"""Who administers what: an organisation each, or the whole installation (`users.is_admin`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import asdict

from chappe.agency.console.administrators import appoint, dismiss
from chappe.agency.organisations import EVERYWHERE
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.critical_acts.proofs import Administrators
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import UserId

# of an organisation ($2; EVERYWHERE: all): its people, those whose account has ended, the guests whom its people sponsor
_PERSON = """SELECT $2 = 'all' OR EXISTS (SELECT 1 FROM organisation_people WHERE user_id = $1 AND organisation = $2)
    OR EXISTS (SELECT 1 FROM former_accounts JOIN users USING (user_id)
                WHERE user_id = $1 AND organisation = $2 AND deactivated)
    OR EXISTS (SELECT 1 FROM guests g JOIN organisation_people p ON p.user_id = g.sponsor
                WHERE g.user_id = $1 AND g.agent_since IS NULL AND p.organisation = $2)"""
# whose a room (r) is that somebody (p) has made: of the organisation that they were of, which keeps it when they go
ROOM_OF = "coalesce((SELECT o.organisation FROM room_organisations o WHERE o.room_id = r.room_id), p.organisation)"
_ROOM = f"""SELECT EXISTS (SELECT 1 FROM rooms WHERE room_id = $1) AND ($2 = 'all' OR EXISTS (
    SELECT 1 FROM rooms r JOIN events e USING (room_nid) LEFT JOIN organisation_people p ON p.user_id = e.sender
     WHERE r.room_id = $1 AND e.type = 'm.room.create' AND {ROOM_OF} = $2))"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts (a user id, or who uses the command line), for which organisation."""

    user_id: str
    organisation: str

    @property
    def is_everywhere(self) -> bool:
        return self.organisation == EVERYWHERE

    @property
    def right(self) -> str | None:
        """In whose right they act (`rights.py`): None is the whole installation's."""
        return None if self.is_everywhere else self.organisation


class OrganisationLabel(Row):
    name: str
    label: str


class Administrator(Row):
    user_id: str
    display_name: str | None


class OrganisationAdministrator(Row):
    user_id: str
    display_name: str | None
    granted_by: str
    granted_ts: int


class ConsoleScope(Administrators):
    def __init__(self, database: Database, accounts: AccountStore, now_ms: NowMs) -> None:
        super().__init__(accounts)
        self._database, self._now_ms = database, now_ms

    async def rights(self, user_id: str) -> dict[str, Any]:
        """What somebody may administer: `{"everywhere": …, "organisations": [{"name", "label"} …]}`."""
        everywhere = await self.find(user_id, EVERYWHERE) is not None
        rows = await read(
            self._database,
            OrganisationLabel,
            """SELECT o.name, o.label FROM organisations o WHERE $2 OR EXISTS (
                   SELECT 1 FROM administrators a WHERE a.organisation = o.name AND a.user_id = $1) ORDER BY o.label""",
            user_id,
            everywhere,
        )
        return {"everywhere": everywhere, "organisations": [asdict(row) for row in rows]}

    async def require(self, user_id: str, organisation: str) -> Actor:
        """Raises M_FORBIDDEN, for organisations that there are not as well: who is not trusted learns nothing."""
        if (actor := await self.find(user_id, organisation)) is None:
            raise Forbidden("You do not administer this organisation")
        return actor

    async def find(self, user_id: str, organisation: str) -> Actor | None:
        """Whoever administers an organisation, with an account that may act."""
        user = await self._accounts.find_user(user_id)
        if user is None or user.deactivated or user.locked or user.suspended:
            return None
        if user.expires_ts is not None and user.expires_ts <= self._now_ms():
            return None
        return Actor(user_id, organisation) if await self.rights_since(user_id, organisation) is not None else None

    async def rights_since(self, user_id: str, organisation: str) -> int | None:
        """Since when (ms) somebody administers an organisation (EVERYWHERE: all of them); None: they do not."""
        since: int | None = await self._database.fetchval(
            """SELECT min(since) FROM (
                   SELECT granted_ts AS since FROM administrators WHERE user_id = $1 AND organisation = $2
                   UNION ALL SELECT coalesce(admin_since_ts, 0) FROM users WHERE user_id = $1 AND is_admin AND NOT deactivated
                      AND ($2 = 'all' OR EXISTS (SELECT 1 FROM organisations WHERE name = $2))) AS rights""",
            user_id,
            organisation,
        )
        return since

    async def administers(self, user_id: str) -> bool:
        """Whether somebody administers anything, whatever the state of their account."""
        return bool(
            await self._database.fetchval(
                """SELECT EXISTS (SELECT 1 FROM administrators WHERE user_id = $1)
                   OR EXISTS (SELECT 1 FROM users WHERE user_id = $1 AND is_admin)""",
                user_id,
            )
        )

    async def require_person(self, actor: Actor, user_id: str) -> None:
        """An account that the actor administers, and not their own. Raises M_NOT_FOUND, Forbidden."""
        user = await self._accounts.find_user(user_id)
        if user is None or not await self._database.fetchval(_PERSON, user_id, actor.organisation):
            raise NotFound("There is no such account in your organisation")
        if user_id == actor.user_id:
            raise Forbidden("Nobody does this to their own account: ask another administrator")
        if user.is_admin and not actor.is_everywhere:
            raise Forbidden("This account administers the whole installation")

    async def require_room(self, actor: Actor, room_id: str) -> None:
        """A room that somebody has made who was of the organisation then. Raises M_NOT_FOUND."""
        if not await self._database.fetchval(_ROOM, room_id, actor.organisation):
            raise NotFound("There is no such room of your organisation")

    # ------------------------------------------------------------------------------------------------ administrators

    async def administrators(self, organisation: str) -> Sequence[dict[str, Any]]:
        if organisation == EVERYWHERE:
            everywhere = await read(
                self._database,
                Administrator,
                """SELECT u.user_id, d.display_name FROM users u LEFT JOIN user_directory d USING (user_id)
                    WHERE u.is_admin AND NOT u.deactivated ORDER BY 1""",
            )
            return [asdict(row) for row in everywhere]
        rows = await read(
            self._database,
            OrganisationAdministrator,
            """SELECT a.user_id, d.display_name, a.granted_by, a.granted_ts FROM administrators a
                 LEFT JOIN user_directory d USING (user_id) WHERE a.organisation = $1 ORDER BY 1""",
            organisation,
        )
        return [asdict(row) for row in rows]

    async def able(self, organisation: str) -> list[str]:
        """Who administers an organisation, with an account that may act: those whom `find` finds."""
        return await values(
            self._database,
            str,
            """SELECT u.user_id FROM users u WHERE NOT u.deactivated AND NOT u.locked AND NOT u.suspended
                  AND (u.expires_ts IS NULL OR u.expires_ts > $2)
                  AND (EXISTS (SELECT 1 FROM administrators a WHERE a.user_id = u.user_id AND a.organisation = $1)
                       OR u.is_admin AND ($1 = 'all' OR EXISTS (SELECT 1 FROM organisations WHERE name = $1))) ORDER BY 1""",
            organisation,
            self._now_ms(),
        )

    async def grant(self, actor: Actor, user_id: UserId) -> None:
        """Raises M_INVALID_PARAM where it is for the whole installation, M_NOT_FOUND."""
        if actor.is_everywhere:
            raise BadRequest("Say of which organisation: `chappe admin user admin` makes one of all", "M_INVALID_PARAM")
        user = await self._accounts.find_user(user_id)
        if user is None or user.deactivated or user.kind is not None:
            raise NotFound("There is no such account")
        await appoint(self._database, user_id, actor.organisation, actor.user_id, self._now_ms())

    async def revoke(self, actor: Actor, user_id: str) -> None:
        """Raises M_NOT_FOUND."""
        if not await dismiss(self._database, user_id, actor.organisation):
            raise NotFound("This is no administrator of the organisation")
