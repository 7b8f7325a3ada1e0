"""What administrators are shown, as statements read it. Times are in ms."""

from __future__ import annotations

from datetime import datetime

from chappe.homeserver.database.rows import Row


class Account(Row):
    """Of the table `users`."""

    user_id: str
    kind: str | None
    is_guest: bool
    is_admin: bool
    deactivated: bool
    erased: bool
    locked: bool
    suspended: bool
    created: datetime
    appservice: str | None
    expires_ts: int | None
    owner: str | None
    purpose: str | None


class ListedAccount(Account):
    """`seen`: when one of its devices asked for something last, in ms."""

    display_name: str | None
    avatar_url: str | None
    seen: int | None


class ListedRoom(Row):
    room_id: str
    version: str
    name: str | None
    topic: str | None
    avatar: str | None
    canonical_alias: str | None
    joined: int
    encryption: str | None
    join_rule: str
    guest_access: str
    history_visibility: str
    room_type: str | None
    creator: str | None
    public: bool


class KnownAddress(Row):
    medium: str
    address: str
    added_at: int
    validated_at: int


class KnownIdentity(Row):
    provider: str
    subject: str


class GuestNotAdmitted(Row):
    user_id: str
    room_id: str


class SentEvent(Row):
    room_id: str
    event_id: str


class AccountCounts(Row):
    accounts: int
    deactivated: int
    bots: int
    bridged: int


class RoomCounts(Row):
    rooms: int
    encrypted_rooms: int


class FileCounts(Row):
    files: int
    bytes: int


class WaitingCounts(Row):
    mail: int
    pushes: int
    transactions: int
    reports: int
