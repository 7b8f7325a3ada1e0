"""Which part of a node ends which of the ways by which an account acts (`accounts/ways_to_act.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chappe.homeserver.accounts.account_states import End, Entry, of_user
from chappe.homeserver.accounts.endings import THEMSELVES
from chappe.homeserver.accounts.ways_to_act import State
from chappe.matrix.identifiers import UserId

if TYPE_CHECKING:
    from chappe.homeserver.app.parts import Parts


def ends_of(parts: Parts) -> Mapping[str, End]:
    """Of what is not a part yet; the public-sector layer adds its own."""

    async def browser_sessions(entry: Entry) -> None:
        await parts.browser_sessions.end_all(entry.user_id, entry.but_browser)

    async def bots(entry: Entry) -> None:
        for bot in await parts.bots.of(entry.user_id):
            if entry.state is not State.SIGNED_OUT_EVERYWHERE:
                await parts.deactivate_account(UserId(bot), False, THEMSELVES)
            elif await parts.accounts.store.devices(bot):  # one that speaks for a webhook has none
                await parts.account_states.enter(bot, entry.state)

    async def webhooks(entry: Entry) -> None:
        signed_out = entry.state is State.SIGNED_OUT_EVERYWHERE
        await (parts.webhooks.disable_all if signed_out else parts.webhooks.forget_owner)(entry.user_id)

    return {
        "access tokens": parts.sessions.end,
        "OAuth codes and device codes": of_user(parts.grants.end_all),
        "login tokens": of_user(parts.login_tokens.end_all),
        "identity-service tokens": of_user(parts.identity.end_all),
        "browser sessions": browser_sessions,
        "known browsers": of_user(parts.browser_sessions.forget_browsers),
        "proofs under way": of_user(parts.uia.end_all),
        "links to a new password": of_user(parts.threepids.end_links),
        "addresses": of_user(parts.accounts.store.remove_threepids),
        "second factors": of_user(parts.second_factors.reset),
        "bots": bots,
        "webhooks": webhooks,
        "requests for a second person": of_user(parts.critical_acts.requests.withdraw_all),
        "invitations by address": of_user(parts.third_party_invites.forget_sender),
        "reservations for files": of_user(parts.media.forget_reservations),
    }
