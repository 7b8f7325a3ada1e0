"""What ends the ways to act that the public-sector layer gives (`homeserver/accounts/ways_to_act.py`)."""

from __future__ import annotations

from collections.abc import Mapping

from chappe.agency import account_validity
from chappe.agency.former_accounts import FormerAccounts
from chappe.agency.function_accounts import FunctionAccounts
from chappe.agency.people import People
from chappe.agency.sponsors import Sponsors
from chappe.homeserver.accounts.account_states import AccountStateEntry, End, of_user
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.database.pool import Database


def ends_of_layer(
    database: Database, functions: FunctionAccounts, people: People, former: FormerAccounts, sponsors: Sponsors
) -> Mapping[str, End]:
    async def turns(entry: AccountStateEntry) -> None:
        # a duty account that is signed out everywhere is given back by that: see `FunctionAccounts`
        await functions.end_turns(
            entry.user_id,
            of_itself=entry.state is not AccountState.SIGNED_OUT_EVERYWHERE,
            only_without_right=entry.state is AccountState.DUTY_RIGHT_WITHDRAWN,
        )

    async def belonging(entry: AccountStateEntry) -> None:
        await people.forget(entry.user_id)
        await sponsors.forget(entry.user_id)

    async def renewal(entry: AccountStateEntry) -> None:
        await account_validity.forget(database, entry.user_id)

    return {
        "duty accounts held": turns,
        "duty accounts that may be held": of_user(functions.end_rights),
        "belonging to an organisation": belonging,
        "renewal by mail": renewal,
        "coming back": of_user(former.forget),
    }
