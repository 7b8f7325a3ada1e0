"""What ends the ways to act that the public-sector layer gives (`homeserver/accounts/ways_to_act.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chappe.agency.former_accounts import FormerAccounts
from chappe.agency.function_accounts import FunctionAccounts
from chappe.agency.people import People
from chappe.agency.sponsors import Sponsors
from chappe.homeserver.accounts.account_states import End, Entry
from chappe.homeserver.accounts.ways_to_act import State
from chappe.homeserver.database.pool import Database


def ends_of_layer(
    database: Database, functions: FunctionAccounts, people: People, former: FormerAccounts, sponsors: Sponsors,
    now_ms: Callable[[], int],
) -> Mapping[str, End]:  # fmt: skip
    async def turns(entry: Entry) -> None:
        # a duty account that is signed out everywhere is given back by that: see `FunctionAccounts`
        await functions.end_turns(
            entry.user_id,
            of_itself=entry.state is not State.SIGNED_OUT_EVERYWHERE,
            only_without_right=entry.state is State.DUTY_RIGHT_WITHDRAWN,
        )

    async def belonging(entry: Entry) -> None:
        await people.forget(entry.user_id)
        await sponsors.forget(entry.user_id)

    def sql(statement: str) -> End:
        async def run(entry: Entry) -> None:
            await database.execute(statement, entry.user_id)

        return run

    async def requests(entry: Entry) -> None:
        await database.execute(
            """UPDATE critical_requests SET decided_by = $1, decided_ts = $2, outcome = 'withdrawn'
                WHERE asked_by = $1 AND decided_ts IS NULL""",
            entry.user_id, now_ms(),
        )  # fmt: skip

    return {
        "duty accounts held": turns,
        "duty accounts that may be held": sql("DELETE FROM function_holders WHERE holder = $1 OR user_id = $1"),
        "belonging to an organisation": belonging,
        "administration of organisations": sql("DELETE FROM administrators WHERE user_id = $1"),
        "requests for a second person": requests,
        "packages asked for": sql(
            """UPDATE exports SET state = 'failed', detail = '{"error": "Whoever asked for it may not any more"}'
                WHERE asked_by = $1 AND state = 'waiting'"""
        ),
        "renewal by mail": sql("DELETE FROM account_validity WHERE user_id = $1"),
        "coming back": sql("DELETE FROM former_accounts WHERE user_id = $1"),
    }
