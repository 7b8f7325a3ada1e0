"""What belongs to a hosted domain, table by table, in an order in which it can be written again.

A test holds this list to the schema: a table is in it, or among those that stay with the installation, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass


def of_domain(column: str) -> str:
    """A condition: the user id in a column is of the domain ($1)."""
    return f"right({column}, length($1) + 1) = ':' || $1"


_USER, _ROOM = of_domain("user_id"), "room_nid IN (SELECT room_nid FROM moving_rooms)"
_ROOM_ID = "room_id IN (SELECT r.room_id FROM rooms r JOIN moving_rooms USING (room_nid))"


@dataclass(frozen=True, slots=True)
class Table:
    """`rows`: which go along. `leaves`: whether they leave the old installation too: what is of a shared room stays there."""

    name: str
    rows: str
    leaves: bool = True


def _of_users(*names: str) -> list[Table]:
    return [Table(name, _USER) for name in names]


def _of_rooms(*names: str) -> list[Table]:
    return [Table(name, _ROOM, leaves=False) for name in names]


TABLES = [
    Table("domains", "server_name = $1"), Table("old_signing_keys", "server_name = $1"), Table("users", _USER),
    Table("oauth_clients", "true", leaves=False),
    *_of_users(
        "threepids", "devices", "access_tokens", "refresh_tokens", "filters", "account_data", "push_rules", "push_hits",
        "to_device", "device_list_changes", "device_keys", "one_time_keys", "fallback_keys", "cross_signing_keys", "key_signatures",
        "key_backups", "key_backup_sessions", "thread_subscriptions", "presence", "dehydrated_devices", "delayed_events",
        "server_notice_rooms", "browser_sessions", "upstream_links", "totp_secrets", "passkeys", "recovery_codes", "oauth_sessions",
        "pushers", "identity_tokens", "identity_terms", "invitations", "account_validity",
    ),
    *_of_rooms("rooms", "events", "state_packs", "auth_events", "auth_bases", "memberships", "threads", "relations",
               "room_summaries", "event_search", "state_moves", "missing_events"),
    Table("receipts", f"{_ROOM} AND (type <> 'm.read.private' OR {_USER})", leaves=False),
    Table("held_redactions", _ROOM, leaves=False), Table("federation_inbox", _ROOM_ID, leaves=False),
    Table("blocked_rooms", _ROOM_ID, leaves=False),
    Table("room_aliases", of_domain("alias")), Table("published_rooms", "server_name = $1"),
    Table("user_directory", "server_name = $1"), Table("media", "server_name = $1", leaves=False),
    Table("third_party_invites", of_domain("sender")), Table("webhooks", of_domain("owner")),
    Table("secrets", "true", leaves=False),
]  # fmt: skip

STAY = {
    "schema_migrations": "the schema's own", "journal": "the new installation begins its own where this one ends",
    "sent": "transaction ids, forgotten soon", "registration_tokens": "of the installation", "registration_nonces": "last a minute",
    "uia_sessions": "last minutes", "openid_tokens": "last an hour", "login_tokens": "last minutes", "oauth_codes": "last minutes",
    "device_grants": "last minutes", "rendezvous": "last minutes", "upstream_logins": "last minutes",
    "upstream_logout_tokens": "last minutes", "passkey_challenges": "last minutes", "validation_sessions": "last hours",
    "outgoing_mail": "sent from where it was written", "push_queue": "sent from where it was queued",
    "webhook_queue": "sent from where it was queued", "federation_queue": "the other servers ask for what they miss",
    "federation_edus": "sent from where they were queued", "federation_progress": "of the installation",
    "destinations": "learnt anew", "server_keys": "fetched anew", "server_key_documents": "fetched anew",
    "remote_device_lists": "fetched anew", "remote_devices": "fetched anew", "remote_cross_signing_keys": "fetched anew",
    "url_previews": "fetched anew", "progress": "of the installation's loops", "reports": "for those who run the installation",
    "appservice_transactions": "of the installation's bridges", "appservice_progress": "of the installation's bridges",
    "appservice_rooms": "of the installation's bridges", "bound_elsewhere": "people of other servers",
    "organisations": "of the installation: the new one is told its own", "organisation_addresses": "likewise",
    "guests": "of the installation, whose agents sponsor them", "guest_invitations": "likewise",
    "audit": "of the installation, whose seals it holds",
    "organisation_people": "of the installation's organisations", "organisation_moves": "likewise",
    "function_accounts": "likewise", "function_holders": "likewise", "function_turns": "likewise", "administrators": "likewise",
    "former_accounts": "for those who run the installation", "critical_requests": "likewise", "announcements": "likewise",
    "announcement_queue": "sent from where it was written", "monthly_statistics": "of the installation",
    "legal_holds": "an authority has asked this installation", "held_events": "likewise",
    "exports": "asked for here, gone after a week",
    "encrypted_files": "of the installation's retention",
    "read_guard": "lasts a day", "read_guard_alerts": "for those who run the installation",
    "scan_results": "files are scanned anew",
    "partial_rooms": "fetched anew where it matters: an export waits until there are none",
}  # fmt: skip
