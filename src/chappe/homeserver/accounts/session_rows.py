"""Devices and tokens, as statements read them. Times are in ms."""

from __future__ import annotations

from chappe.homeserver.database.rows import Row


class DeviceToken(Row):
    token_hash: bytes
    device_id: str


class Device(Row):
    device_id: str
    display_name: str | None
    last_seen_ts: int | None
    last_seen_ip: str | None
    user_agent: str | None


class SessionKey(Row):
    user_id: str
    device_id: str


class AccessToken(Row):
    user_id: str
    device_id: str
    expires_ts: int | None
    refresh_hash: bytes | None
    is_admin: bool
    is_guest: bool
    locked: bool
    suspended: bool
    account_expires_ts: int | None
    deactivated: bool
    client_id: str | None
    scope: str | None


class RefreshToken(Row):
    user_id: str
    device_id: str
    client_id: str | None


class ReplacedToken(Row):
    user_id: str
    device_id: str
    successor_hash: bytes | None
