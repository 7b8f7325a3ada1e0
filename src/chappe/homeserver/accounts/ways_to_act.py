"""Everything by which an account acts, and what becomes of each when something happens to the account. Data; no I/O.

A test holds this list to the schema: every table that names a user is here, or among those that do not act, with the reason.
`account_states.py` walks it; docs/security.md shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class AccountState(Enum):
    """What happens to an account. The first three last and can be lifted; the others happen."""

    LOCKED = "locked"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    ENDED = "ended"
    ERASED = "erased"
    MOVED = "moved to another organisation"
    CONSOLE_RIGHT_WITHDRAWN = "right to administer withdrawn"
    DUTY_RIGHT_WITHDRAWN = "right to hold a duty account withdrawn"
    PASSWORD_CHANGED = "password changed"
    SIGNED_OUT_EVERYWHERE = "signed out everywhere"
    DEVICE_SIGNED_OUT = "signed out on one device"
    CHALLENGED = "must sign in again"
    SECOND_FACTOR_RESET = "second factor reset"


class Effect(Enum):
    ENDS = "ends"  # at once, for good
    WAITS = "waits"  # is kept and refused while the state lasts: judged when it is used (`Standing`)
    READS = "reads"  # is kept: reading is allowed, acting is refused
    STAYS = "stays"  # goes on as before, for the reason that the way gives


@dataclass(frozen=True, slots=True)
class Way:
    """`columns`: where the database keeps it, as `table.column`. `note`: why it stays where it stays, or how it is judged.

    `ends_with`: another way, or the commit of the state itself, with which it ends; empty: `AccountStates.ends` has its own end.
    `is_of_layer`: the public-sector layer ends it; a server without that layer has none.
    """

    name: str
    columns: tuple[str, ...]
    on: Mapping[AccountState, Effect]
    note: str
    ends_with: str = ""
    is_of_layer: bool = False


_SHORT = {"-": Effect.STAYS, "E": Effect.ENDS, "w": Effect.WAITS, "r": Effect.READS}


def _row(cells: str) -> Mapping[AccountState, Effect]:
    """One letter per state, in their order. Raises ValueError where one is missing."""
    return {state: _SHORT[cell] for state, cell in zip(AccountState, cells.split(), strict=True)}


# In the order in which they end: what becomes a session first, each before what it becomes, and then the sessions (`SIGNS_IN`).
# Columns: lock suspend expire | end erase | move console duty | password everywhere device challenge factor
WAYS = (
    Way(
        "browser sessions",
        ("browser_sessions.user_id", "passkey_challenges.user_id"),
        _row("w - -  E E  - - -  - E - E E"),
        "an account that has expired is renewed there; not of one device",
    ),
    Way("links to a new password", (), _row("E - -  E E  - - -  E E - - -"), "sent to the account's own mailbox"),
    Way("proofs under way", ("uia_sessions.user_id",), _row("E E E  E E  - - -  E E - E E"), "begun by a request, minutes"),
    Way(
        "OAuth codes and device codes",
        ("oauth_codes.user_id", "device_grants.user_id"),
        _row("E - E  E E  - - -  E E - E E"),
        "a minute and twenty minutes; bound to their client",
    ),
    Way("login tokens", ("login_tokens.user_id",), _row("E - E  E E  - - -  E E E E E"), "two minutes"),
    Way(
        "access tokens",
        ("devices.user_id", "access_tokens.user_id"),
        _row("w r w  E E  - - -  - E E E -"),
        "a lock keeps them (client-server API, Account locking); a changed password signs out everywhere unless its owner says no",
    ),
    Way(
        "refresh tokens",
        ("refresh_tokens.user_id",),
        _row("w - -  E E  - - -  - E E E -"),
        "an account that has expired keeps its sessions, to be renewed; as access tokens else",
        ends_with="access tokens",
    ),
    Way(
        "long polls",
        (),
        _row("w r w  E E  - - -  - E E E -"),
        "/sync, sliding sync and /events are judged again when they wake, before anything is answered",
        ends_with="access tokens",
    ),
    Way(
        "OAuth sessions",
        ("oauth_sessions.user_id",),
        _row("- - -  E E  - - -  - E E E -"),
        "live by their refresh tokens, which a lock leaves: the access tokens that come of them are refused",
        ends_with="access tokens",
    ),
    Way(
        "OpenID tokens",
        ("openid_tokens.user_id",),
        _row("E E E  E E  - - -  E E E E -"),
        "an hour; prove nothing of an account that may not act",
    ),
    Way("identity-service tokens", ("identity_tokens.user_id",), _row("E r E  E E  - - -  E E E E -"), "a day at most"),
    Way(
        "known browsers",
        ("known_browsers.user_id",),
        _row("- - -  E E  - - -  E E - E E"),
        "they sign nobody in: there a guess at the password is counted by the browser, not with those of strangers",
    ),
    Way(
        "rendezvous",
        (),
        _row("- - -  - -  - - -  - - - - -"),
        "a letter box of five minutes that belongs to nobody: what is signed in through it is a device code",
    ),
    Way(
        "password",
        ("users.password_hash",),
        _row("w - -  E E  - - -  - - - - -"),
        "it is the account's; duty accounts and bots have none, and none can be given to them",
        ends_with="the commit that ends the account",
    ),
    Way(
        "identities at providers",
        ("upstream_links.user_id",),
        _row("w - -  w w  - - -  - - - - -"),
        "who is brought back is who they were; until then nobody signs in",
    ),
    Way(
        "addresses",
        ("threepids.user_id",),
        _row("w - -  E E  - - -  - - - - -"),
        "of the account; a move takes away those of the organisation that was left",
    ),
    Way(
        "second factors",
        ("totp_secrets.user_id", "passkeys.user_id", "recovery_codes.user_id"),
        _row("- - -  E E  - - -  - - - - E"),
        "no way to act by themselves: what they are shown beside is judged",
    ),
    Way(
        "pushers",
        ("pushers.user_id",),
        _row("w - w  E E  - - -  - E E - -"),
        "whoever is suspended goes on reading; what would be pushed meanwhile is dropped",
    ),
    Way(
        "bots",
        ("users.owner",),
        _row("w r w  E E  - - -  - E - - -"),
        "made and given a token with a fresh proof, so no stolen device has made one; signed out everywhere, so are its bots: their "
        "accounts stay, without a token until their owner asks for one",
    ),
    Way(
        "webhooks",
        ("webhooks.owner", "webhooks.user_id"),
        _row("w w w  E E  - - -  - E - - -"),
        "made with a fresh proof, so no stolen device has made one; signed out everywhere, they are disabled until their owner "
        "enables them again, with another",
    ),
    Way(
        "delayed events",
        ("delayed_events.user_id",),
        _row("w w w  E E  - - -  - E - - -"),
        "sent when a client is gone, which is what they are for; refused when they are due while the account may not act; signed out "
        "everywhere, leaving a call is sent at once, and the others are cancelled but for those of a session that goes on",
    ),
    Way(
        "calls",
        ("call_participants.user_id",),
        _row("E E E  E E  w - -  - E E E -"),
        "put out of the SFU within two seconds, and kept out for as long as what they were given there would let them in again; judged "
        "every second: after a move, by what the other organisation may",
    ),
    Way(
        "duty accounts held",
        ("function_accounts.holder", "function_turns.holder", "function_accounts.user_id", "function_turns.user_id"),
        _row("E E E  E E  E - E  - E E E -"),
        "the session of the duty account ends with the session that took it, and with it the turn",
        is_of_layer=True,
    ),
    Way(
        "duty accounts that may be held",
        ("function_holders.holder", "function_holders.user_id"),
        _row("w w w  E E  E - E  - - - - -"),
        "judged when one is taken",
        is_of_layer=True,
    ),
    Way(
        "application services",
        ("users.appservice",),
        _row("w r w  w w  - - -  - - - - -"),
        "judged at each request that acts as the account, which the service has made",
    ),
    Way(
        "belonging to an organisation",
        ("organisation_people.user_id", "guests.user_id"),
        _row("w w w  E E  - - -  - - - - -"),
        "who belongs finds and enters what is the organisation's, by requests of a session; a move writes the new one",
        is_of_layer=True,
    ),
    Way(
        "administration of organisations",
        ("administrators.user_id",),
        _row("w w w  E E  E - -  - - - - -"),
        "judged at each action",
        is_of_layer=True,
    ),
    Way(
        "requests for a second person",
        ("critical_requests.asked_by",),
        _row("E E E  E E  E E -  - E - E -"),
        "another administrator reads and decides; whoever decides is judged then",
    ),
    Way(
        "packages asked for",
        ("exports.asked_by",),
        _row("E E E  E E  - E -  - - - - -"),
        "those that are still to be made; a finished one is fetched by who has the right at that time",
        is_of_layer=True,
    ),
    Way(
        "invitations by address",
        ("third_party_invites.sender", "guest_invitations.sponsor"),
        _row("w w w  E E  - - -  - - - - -"),
        "invite when the address arrives, with the rights that their sender has then",
    ),
    Way(
        "sponsorship of guests",
        ("guests.sponsor",),
        _row("w w w  w w  - - -  - - - - -"),
        "the guests stay; another agent takes them over",
        is_of_layer=True,
    ),
    Way(
        "reservations for files",
        ("media.user_id",),
        _row("w w w  E E  - - -  - - - - -"),
        "an upload is a request of a session; what is uploaded stays",
    ),
    Way(
        "renewal by mail",
        ("account_validity.user_id",),
        _row("- - -  E E  - - -  - - - - -"),
        "renews the account, signs nobody in",
        is_of_layer=True,
    ),
    Way(
        "coming back",
        ("former_accounts.user_id",),
        _row("- - -  - E  - - -  - - - - -"),
        "whoever signs in by the same identity at a provider is who they were, while the profile is kept, where they left by "
        "themselves or their end came; never one that was locked or suspended, or that an administrator has ended",
        is_of_layer=True,
    ),
    Way(
        "announcements under way",
        ("announcements.sender",),
        _row("- - -  - -  - - -  - - - - -"),
        "said in the name of the service, and written in the audit log",
        is_of_layer=True,
    ),
)

# Of these comes a session, or another of them that is listed later. A code and a token are used up, and a browser session is held,
# in the transaction that writes what comes of them: whoever ends them in this order finds what has come of them.
SIGNS_IN = ("browser sessions", "links to a new password", "proofs under way", "OAuth codes and device codes", "login tokens")

_SAID = "what was said or done: nobody acts by it again"
_MADE = "a record of who did something"
_KEYS = "what others encrypt to and verify by; used from a session"
_KEPT = "data of the account, read and written from a session"
_WHERE = "where the account is; judged when somebody does something there"

# Columns that name users and by which nobody acts, with the reason.
DOES_NOT_ACT = {
    **dict.fromkeys(
        (
            "events.sender",
            "event_search.sender",
            "relations.sender",
            "receipts.user_id",
            "held_events.sender",
            "presence.user_id",
            "memberships.sender",
            "reports.reporter",
            "reports.user_id",
        ),
        _SAID,
    ),
    **dict.fromkeys(
        (
            "accounts_opened.by",
            "accounts_opened.user_id",
            "administrators.granted_by",
            "audit.actor",
            "audit_authors.actor",
            "blocked_rooms.blocked_by",
            "critical_requests.decided_by",
            "room_purges.asked_by",
            "legal_holds.lifted_by",
            "legal_holds.lifted_for",
            "legal_holds.placed_by",
            "media.quarantined_by",
            "order_letters.user_id",
            "organisation_moves.by_whom",
            "organisation_moves.user_id",
            "room_aliases.creator",
            "scan_results.released_by",
            "read_guard_alerts.user_id",
            "read_guard.user_id",
            "read_guard_past.user_id",
        ),
        _MADE,
    ),
    **dict.fromkeys(
        (
            "cross_signing_keys.user_id",
            "device_keys.user_id",
            "fallback_keys.user_id",
            "one_time_keys.user_id",
            "key_signatures.signer",
            "key_signatures.user_id",
            "key_backups.user_id",
            "sealed_index.user_id",
            "key_backup_sessions.user_id",
            "device_list_changes.user_id",
        ),
        _KEYS,
    ),
    **dict.fromkeys(
        (
            "account_data.user_id",
            "kept_secrets.user_id",
            "filters.user_id",
            "push_rules.user_id",
            "push_hits.user_id",
            "thread_subscriptions.user_id",
            "to_device.user_id",
            "user_directory.user_id",
            "identity_terms.user_id",
            "server_notice_rooms.user_id",
            "announcement_queue.user_id",
            "users.user_id",
        ),
        _KEPT,
    ),
    **dict.fromkeys(("memberships.user_id", "invitations.user_id"), _WHERE),
    **dict.fromkeys(
        (
            "remote_cross_signing_keys.user_id",
            "remote_device_lists.user_id",
            "remote_devices.user_id",
            "bound_elsewhere.user_id",
        ),
        "people of other servers, whose accounts are judged there",
    ),
    "dehydrated_devices.user_id": "a device without a session: it goes with the account's devices",
    "claimed_keys.user_id": "whose key somebody has taken, so that it is given once",
    "profile_carries.user_id": "a name on its way into the rooms: no act of the account",
    "untold_leaves.user_id": "what somebody has declined or left already, on its way to a server that was down",
    "exports.target": "whom a package is about; who asked for it is judged",
    "legal_holds.target": "what the account is under, not what it does",
    "unfinished_erasures.user_id": "what is still to be erased of an account that has ended",
}
