"""Who is of which organisation, and what becomes of somebody who goes from one to another: the same account, the same rooms, another
organisation behind the name, and a record of the change.
"""

from __future__ import annotations

import logging
from typing import Any

from msgspec.structs import asdict

from chappe.agency import organisation_people
from chappe.agency.console import administrators
from chappe.agency.function_accounts import remove_holder
from chappe.agency.guests import Guests
from chappe.agency.names import display_name, label_of, name_of_address, without_brackets
from chappe.agency.organisations import Organisation, Organisations
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.profiles import Profiles
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.actions.set_profile_field import SetProfileField
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import Forbidden, NotFound
from chappe.matrix.identifiers import UserId, domain_of

log = logging.getLogger(__name__)
AT_ONCE = 500
# The rooms that somebody has made belong to the organisation that they leave, where it is not said already.
_KEEP_ROOMS = """INSERT INTO room_organisations (room_id, organisation)
    SELECT r.room_id, $2 FROM events e JOIN rooms r USING (room_nid) WHERE e.sender = $1 AND e.type = 'm.room.create'
    ON CONFLICT DO NOTHING"""


class LabelledPerson(Row):
    user_id: str
    label: str
    display_name: str


class PersonAddress(Row):
    user_id: str
    address: str


class OrganisationMove(Row):
    from_organisation: str | None
    to_organisation: str
    by_whom: str
    ts: int


class People:
    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        profiles: Profiles,
        organisations: Organisations,
        guests: Guests,
        set_name: SetProfileField,
        now_ms: NowMs,
    ) -> None:
        self._database, self._accounts, self._organisations, self._guests = database, accounts, organisations, guests
        self._profiles, self._set_name, self._now_ms = profiles, set_name, now_ms
        self._registry: str | None = None  # as it was when accounts were last compared with it

    async def organisation_of(self, user_id: str) -> str | None:
        """Its short name."""
        return await organisation_people.organisation_of(self._database, user_id)

    async def called(self, user_id: UserId, wanted: str | None) -> str | None:
        """The name that an administrator gives, with the label of the person's own organisation and no other."""
        label, address = await self._label_of(user_id)
        if label is None:
            return without_brackets(wanted or "") or None
        name = wanted or ""
        return display_name(address, label, _without_label(name) if label_of(name) == label else name)

    async def _label_of(self, user_id: UserId) -> tuple[str | None, str]:
        """(the label of somebody's organisation, an address of theirs there, "" where they have none)."""
        name, found = await self.organisation_of(user_id), None
        for row in await self._accounts.store.threepids(user_id):
            of = await self._organisations.of_address(row.address) if row.medium == "email" else None
            if of is not None and name in (None, of.name):
                return of.label, row.address
        if name is not None:
            found = await self._organisations.find(name)
        return (found.label if found is not None else None), ""

    async def require_may_remove(self, user_id: UserId, address: str) -> None:
        """Agents keep an address of their organisation. Raises Forbidden."""
        own = await self.organisation_of(user_id)
        if own is None:
            return
        for row in await self._accounts.store.threepids(user_id):
            if row.medium == "email" and row.address != address:
                of = await self._organisations.of_address(row.address)
                if of is not None and of.name == own:
                    return
        raise Forbidden("This is the address by which you are of your organisation: add another one first")

    async def require_may_prove(self, user_id: UserId, address: str) -> None:
        """Whether somebody may add an address: one of an organisation that is at home where they are. Raises Forbidden."""
        organisation = await self._organisations.of_address(address)
        if organisation is None:
            raise Forbidden("This is not a professional address that this service knows")
        if not self._is_home(user_id, organisation):
            raise Forbidden(f"The accounts of {organisation.label} are on {organisation.home}")

    def _is_home(self, user_id: UserId, organisation: Organisation) -> bool:
        """Guests may prove any address that somebody knows; who has become an agent stays where they are."""
        if self._guests.is_guest(user_id) or self._guests.is_guest_home(domain_of(user_id)):
            return True
        return organisation.home == domain_of(user_id)

    async def proven(self, user_id: UserId, address: str) -> None:
        """An account has proven an address: its first one says where it belongs, a later one may move it."""
        organisation = await self._organisations.of_address(address)
        if organisation is None or self._guests.is_guest(user_id) or self._guests.is_guest_home(organisation.home):
            return
        if self._is_home(user_id, organisation):
            await self._place(user_id, organisation, user_id, address)

    async def assign(self, user_id: UserId, name: str, by: str) -> None:
        """By an administrator, whatever their address. Raises M_NOT_FOUND, Forbidden for guests."""
        organisation = next((one for one in await self._organisations.all() if one.name == name), None)
        if organisation is None:
            raise NotFound(f"There is no organisation {name}")
        user = await self._accounts.store.find_user(user_id)
        if user is None or user.deactivated:
            raise NotFound("There is no such account")
        if self._guests.is_guest(user_id) or self._guests.is_guest_home(organisation.home):
            raise Forbidden("Guests become agents once their address is an organisation's")
        if not self._is_home(user_id, organisation):
            raise Forbidden(f"The accounts of {organisation.label} are on {organisation.home}")
        await self._place(user_id, organisation, by, None)

    async def _place(self, user_id: UserId, organisation: Organisation, by: str, address: str | None) -> None:
        before = await self.organisation_of(user_id)
        if before == organisation.name:
            return
        async with self._database.transaction() as connection:
            await organisation_people.place(connection, user_id, organisation.name, self._now_ms())
            if before is not None:
                await connection.execute(
                    """INSERT INTO organisation_moves (user_id, from_organisation, to_organisation, by_whom, ts)
                       VALUES ($1, $2, $3, $4, $5)""",
                    user_id,
                    before,
                    organisation.name,
                    by,
                    self._now_ms(),
                )
                await connection.execute(_KEEP_ROOMS, user_id, before)
                # rights over the organisation that is left go in the same commit; the rest follows
                await administrators.dismiss_everywhere(connection, user_id)
                await remove_holder(connection, user_id)
        if before is not None:
            await self._accounts.states.enter(user_id, AccountState.MOVED)
        if before is None:
            await self._name_after(user_id, organisation, address)
        else:
            await self._leave_behind(user_id, before, organisation, address)
            log.info("somebody has moved", extra={"fields": {"user": user_id, "from": before, "to": organisation.name}})

    async def _name_after(self, user_id: UserId, organisation: Organisation, address: str | None) -> None:
        """Whoever had an account before it was of an organisation bears its name from now on."""
        display = (await self._profiles.of(user_id)).get("displayname") or ""
        if label_of(display) == organisation.label:
            return
        called = _without_label(display) or (name_of_address(address) if address is not None else "")
        await self._set_name(user_id, "displayname", f"{called} [{organisation.label}]".strip())

    async def give_room(self, room_id: str, name: str) -> None:
        """By an administrator of both organisations. Raises M_NOT_FOUND."""
        if await self._organisations.find(name) is None:
            raise NotFound(f"There is no organisation {name}")
        await self._database.execute(
            """INSERT INTO room_organisations (room_id, organisation) VALUES ($1, $2)
               ON CONFLICT (room_id) DO UPDATE SET organisation = $2""",
            room_id,
            name,
        )

    async def _leave_behind(self, user_id: UserId, before: str, now: Organisation, address: str | None) -> None:
        """The addresses of the organisation that was left, and its name; the person's own name stays."""
        old_addresses = []
        for row in await self._accounts.store.threepids(user_id):
            of = await self._organisations.of_address(row.address) if row.medium == "email" else None
            if of is not None and of.name == before and row.address != address:
                old_addresses.append(row.address)
                if address is not None:
                    await self._accounts.store.remove_threepid(user_id, "email", row.address)
        profile = await self._profiles.of(user_id)
        called = _without_label(profile.get("displayname") or "")
        derived = {name_of_address(old) for old in old_addresses}
        if address is not None and (called in derived or not called):
            called = name_of_address(address)
        await self._set_name(user_id, "displayname", f"{called} [{now.label}]".strip())

    async def moves(self, user_id: str) -> list[dict[str, Any]]:
        """The latest first."""
        rows = await read(
            self._database,
            OrganisationMove,
            """SELECT from_organisation, to_organisation, by_whom, ts FROM organisation_moves WHERE user_id = $1
                ORDER BY id DESC""",
            user_id,
        )
        return [asdict(row) for row in rows]

    async def follow_registry(self) -> None:
        """Accounts from before the registry knew their address; names after an organisation has changed its own."""
        registry = await self._organisations.fingerprint()
        if registry != self._registry:
            await self._place_all()
            await self._rename_all()
            self._registry = registry

    async def _rename_all(self) -> None:
        last = ""
        while rows := await read(
            self._database,
            LabelledPerson,
            """SELECT p.user_id, o.label, d.display_name FROM organisation_people p JOIN organisations o ON o.name = p.organisation
                 JOIN user_directory d USING (user_id)
                WHERE right(d.display_name, length(o.label) + 2) <> '[' || o.label || ']' AND p.user_id > $1
                ORDER BY p.user_id LIMIT $2""",
            last,
            AT_ONCE,
        ):
            for row in rows:
                called = _without_label(row.display_name)
                await self._set_name(UserId(row.user_id), "displayname", f"{called} [{row.label}]".strip())
            last = rows[-1].user_id

    async def _place_all(self) -> None:
        last = ""
        while rows := await read(
            self._database,
            PersonAddress,
            """SELECT t.user_id, t.address FROM threepids t JOIN users u USING (user_id)
                 LEFT JOIN organisation_people p USING (user_id)
                WHERE p.user_id IS NULL AND t.medium = 'email' AND NOT u.deactivated AND t.user_id > $1
                ORDER BY t.user_id LIMIT $2""",
            last,
            AT_ONCE,
        ):
            for row in rows:
                await self.proven(UserId(row.user_id), row.address)
            last = rows[-1].user_id

    async def forget(self, user_id: str) -> None:
        """The account has ended. What it has made stays its organisation's."""
        async with self._database.transaction() as connection:
            before = await organisation_people.remove(connection, user_id)
            if before is not None:
                await connection.execute(_KEEP_ROOMS, user_id, before)


def _without_label(display: str) -> str:
    return display.rpartition("[")[0].strip() if label_of(display) is not None else display.strip()
