"""What administrators do to accounts: of agents, of guests, of functions; and who administers."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chappe.agency.account_validity import AccountValidity
from chappe.agency.awaited_guests import AwaitedGuests
from chappe.agency.console.actions import action
from chappe.agency.console.scope import Actor, ConsoleScope
from chappe.agency.console.targets import Plain, TargetKind
from chappe.agency.former_accounts import FormerAccounts
from chappe.agency.function_accounts import FunctionAccounts
from chappe.agency.people import People
from chappe.agency.read_guard import ReadGuard
from chappe.agency.records.erasure import Erasure
from chappe.agency.sponsors import Sponsors
from chappe.homeserver.accounts.account_states import AccountStates
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.endings import THE_WHOLE, in_right_of
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.actions.restore_keys import RestoreKeys
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.identifiers import UserId


class PersonTarget(msgspec.Struct):
    user_id: Annotated[str, TargetKind.PERSON]


class Administrator(msgspec.Struct):
    user_id: Annotated[str, TargetKind.ADMINISTRATOR]


class Device(msgspec.Struct):
    user_id: Annotated[str, TargetKind.PERSON]
    device_id: Plain[str]


class End(msgspec.Struct):
    """`ends_ts`: in ms; left out, as late as may be."""

    user_id: Annotated[str, TargetKind.PERSON]
    ends_ts: Plain[int | None] = None


class KeysRestoration(msgspec.Struct):
    """`at_ts`: in ms; secrets as they were then. Left out: those that are empty now, as they last were."""

    user_id: Annotated[str, TargetKind.PERSON]
    at_ts: Plain[int | None] = None


class OrganisationMove(msgspec.Struct):
    user_id: Annotated[str, TargetKind.PERSON]
    to: Annotated[str, TargetKind.ORGANISATION]


class NewSponsor(msgspec.Struct):
    user_id: Annotated[str, TargetKind.PERSON]
    sponsor: Annotated[str, TargetKind.COLLEAGUE]


class AccountActions:
    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        factors: SecondFactors,
        deactivate: DeactivateAccount,
        erasure: Erasure,
        former: FormerAccounts,
        people: People,
        validity: AccountValidity | None,
        guard: ReadGuard | None,
        restore_keys: RestoreKeys,
    ) -> None:
        self._accounts, self._sessions, self._factors = accounts, sessions, factors
        self._deactivate, self._erasure, self._former = deactivate, erasure, former
        self._people, self._validity, self._guard, self._restore_keys = people, validity, guard, restore_keys

    @action()
    async def lock(self, actor: Actor, who: PersonTarget) -> None:
        """Lock an account: its holder can do nothing until it is unlocked; nothing is lost."""
        await self._accounts.set_state(who.user_id, locked=True, by=actor.right)

    @action()
    async def unlock(self, actor: Actor, who: PersonTarget) -> None:
        """Unlock an account, and forget what the read guard has counted of it."""
        if self._guard is not None:
            await self._guard.forgive(who.user_id)
        await self._accounts.set_state(who.user_id, locked=False, by=actor.right)

    @action(critical=False)
    async def sign_out(self, actor: Actor, who: PersonTarget) -> None:
        """Sign somebody out on every device."""
        await self._accounts.states.enter(who.user_id, AccountState.SIGNED_OUT_EVERYWHERE)

    @action()
    async def remove_device(self, actor: Actor, device: Device) -> None:
        """Sign somebody out on one device, which was lost, say."""
        known = [row.device_id for row in await self._accounts.store.sessions.devices(device.user_id)]
        if device.device_id not in known:
            raise NotFound("This account has no such device")
        await self._sessions.remove_devices(device.user_id, [device.device_id])

    @action()
    async def renew(self, actor: Actor, end: End) -> dict[str, Any]:
        """Renew an account that ends, or has."""
        if self._validity is None:
            raise BadRequest("Accounts do not end here", "M_INVALID_PARAM")
        return {"ends_ts": await self._validity.set_end(end.user_id, end.ends_ts, None, actor.organisation)}

    @action(critical=True)
    async def move(self, actor: Actor, move: OrganisationMove) -> None:
        """Move somebody to another organisation that one administers too: same account, same rooms."""
        await self._people.assign(UserId(move.user_id), move.to, actor.user_id)

    @action()
    async def reset_second_factor(self, actor: Actor, who: PersonTarget) -> None:
        """Take the second factor away from somebody who has lost it."""
        await self._accounts.states.enter(who.user_id, AccountState.SECOND_FACTOR_RESET)

    @action()
    async def deactivate(self, actor: Actor, who: PersonTarget) -> None:
        """End an account: signed out, out of its rooms; name and addresses are kept for a while in case it comes back."""
        await self._deactivate(UserId(who.user_id), False, in_right_of(actor.right))

    @action()
    async def reactivate(self, actor: Actor, who: PersonTarget) -> dict[str, Any]:
        """Bring an ended account back."""
        return await self._former.reactivate(UserId(who.user_id))

    @action(critical=True)
    async def restore_keys(self, actor: Actor, keys: KeysRestoration) -> dict[str, Any]:
        """Bring back what was deleted of somebody's key backup and of its secrets in the last thirty days; only they can read it."""
        return await self._restore_keys(keys.user_id, keys.at_ts)

    @action()
    async def erase(self, actor: Actor, who: PersonTarget) -> dict[str, Any]:
        """End an account for good: its name, its files, and what it said are deleted."""
        return await self._erasure(UserId(who.user_id), actor.right or THE_WHOLE)


class Awaited(msgspec.Struct, forbid_unknown_fields=True):
    address: Annotated[str, TargetKind.AWAITED]


class GuestActions:
    def __init__(self, sponsors: Sponsors, awaited: AwaitedGuests) -> None:
        self._sponsors, self._awaited = sponsors, awaited

    @action(critical=False)
    async def remind_awaited(self, actor: Actor, who: Awaited) -> dict[str, Any]:
        """Send the mail of an invitation again to somebody who has not come yet."""
        return {"sent": await self._awaited.remind(None if actor.is_everywhere else actor.organisation, who.address)}

    @action(critical=False)
    async def withdraw_awaited(self, actor: Actor, who: Awaited) -> None:
        """Withdraw the invitation of somebody who has not come yet."""
        await self._awaited.withdraw(None if actor.is_everywhere else actor.organisation, who.address)

    @action(critical=False)
    async def end_guest(self, actor: Actor, who: PersonTarget) -> dict[str, Any]:
        """End a guest's account now."""
        return await self._sponsors.set_end(UserId(who.user_id), 1, actor.organisation)

    @action(critical=False)
    async def renew_guest(self, actor: Actor, end: End) -> dict[str, Any]:
        """Renew a guest's account."""
        return await self._sponsors.set_end(UserId(end.user_id), end.ends_ts, actor.organisation)

    @action(critical=False)
    async def give_guest(self, actor: Actor, new: NewSponsor) -> None:
        """Give a guest another sponsor, of the same organisation."""
        await self._sponsors.give(UserId(new.user_id), UserId(new.sponsor))


class NewFunction(msgspec.Struct, forbid_unknown_fields=True):
    """`name`: of the account, such as permanence-cabinet; `called`: how it is shown. Who may hold it is another act."""

    name: Plain[str]
    called: Plain[str]


class Holders(msgspec.Struct):
    user_id: Annotated[str, TargetKind.PERSON]
    holders: Annotated[list[str], TargetKind.COLLEAGUE]


class FunctionActions:
    def __init__(self, functions: FunctionAccounts) -> None:
        self._functions = functions

    @action(critical=False)
    async def add_function_account(self, actor: Actor, new: NewFunction) -> dict[str, Any]:
        """Make an account of a post, which several people hold in turn: those whom set_holders names."""
        return {"user_id": await self._functions.add(actor.organisation, new.name, new.called)}

    @action(critical=True)
    async def set_holders(self, actor: Actor, to: Holders) -> None:
        """Say who may hold an account of a post."""
        await self._functions.set_holders(UserId(to.user_id), to.holders)


class AdministratorActions:
    def __init__(self, scope: ConsoleScope, states: AccountStates) -> None:
        self._scope, self._states = scope, states

    @action(critical=True)
    async def grant(self, actor: Actor, who: PersonTarget) -> None:
        """Make somebody an administrator of the organisation."""
        await self._scope.grant(actor, UserId(who.user_id))

    @action(critical=True)
    async def revoke(self, actor: Actor, who: Administrator) -> None:
        """Take an administrator's rights away, one's own too."""
        await self._scope.revoke(actor, who.user_id)
        await self._states.enter(who.user_id, AccountState.CONSOLE_RIGHT_WITHDRAWN)
