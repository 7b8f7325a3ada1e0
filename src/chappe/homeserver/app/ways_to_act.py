"""Which part of a node ends which of the ways by which an account acts (`accounts/ways_to_act.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chappe.homeserver.accounts.account_states import End, Entry, of_user

if TYPE_CHECKING:
    from chappe.homeserver.app.parts import Parts


def ends_of(parts: Parts) -> Mapping[str, End]:
    """Of what is not a part yet; the public-sector layer adds its own."""

    async def browser_sessions(entry: Entry) -> None:
        await parts.browser_sessions.end_all(entry.user_id, entry.but_browser)

    return {
        "access tokens": parts.sessions.end,
        "OAuth codes and device codes": of_user(parts.grants.end_all),
        "login tokens": of_user(parts.login_tokens.end_all),
        "browser sessions": browser_sessions,
        "known browsers": of_user(parts.browser_sessions.forget_browsers),
        "proofs under way": of_user(parts.uia.end_all),
        "links to a new password": of_user(parts.threepids.end_links),
        "addresses": of_user(parts.accounts.store.remove_threepids),
        "second factors": of_user(parts.second_factors.reset),
        "requests for a second person": of_user(parts.critical_acts.requests.withdraw_all),
        "invitations by address": of_user(parts.third_party_invites.forget_sender),
        "reservations for files": of_user(parts.media.forget_reservations),
    }
