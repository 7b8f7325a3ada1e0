"""Guests, as statements read them. Times are in ms."""

from __future__ import annotations

from chappe.homeserver.database.rows import Row


class Invitation(Row):
    sponsor: str
    purpose: str
    ends_ts: int | None


class GuestOfSponsor(Row):
    user_id: str
    purpose: str | None
    ends_ts: int | None
    created_ts: int


class InvitedGuest(Row):
    address: str
    purpose: str
    ends_ts: int | None


class ListedGuest(Row):
    user_id: str
    display_name: str | None
    sponsor: str
    purpose: str | None
    ends_ts: int | None
    created_ts: int
    sponsor_has_left: bool


class Guest(Row):
    """Times are in ms. `reminded_days`: how many days before the end the sponsor was reminded last."""

    user_id: str
    sponsor: str
    purpose: str | None
    ends_ts: int | None
    created_ts: int
    reminded_days: int | None
    agent_since: int | None


class GuestRow(Guest):
    """With the end of the account, and who has said it (`Accounts.set_state`)."""

    expires_ts: int | None
    expires_by: str | None


class EndingGuest(Row):
    user_id: str
    sponsor: str
    purpose: str | None
    ends_ts: int
    reminded_days: int | None


class EndedGuest(Row):
    user_id: str
    expires_by: str | None


class GuestAddress(Row):
    user_id: str
    address: str
    expires_by: str | None
