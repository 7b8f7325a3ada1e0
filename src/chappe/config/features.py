"""Modules of the specification that an operator can turn: presence, calls, delayed events, bots, lookups, support."""

from __future__ import annotations

import msgspec

from chappe.config.values import Positive


class Calls(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    turn_uris: list[str] = []
    turn_shared_secret: str | None = None
    turn_username: str | None = None
    turn_password: str | None = None
    turn_lifetime_minutes: Positive = 60
    livekit_service_urls: list[str] = []


CALLS = """\
[calls]
# turn_uris = ["turn:turn.example.org:3478?transport=udp"]
# turn_shared_secret = "…"           # coturn's static-auth-secret
# livekit_service_urls = ["https://rtc.example.org"]
"""


class PresenceConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    enabled: bool = True
    disabled_domains: list[str] = []


PRESENCE = """\
[presence]
# enabled = true                     # who is online
# disabled_domains = []              # hosted domains that do not want it
"""


class DelayedEventsConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    max_delay_hours: Positive = 24
    max_scheduled: Positive = 100


DELAYED_EVENTS = """\
[delayed_events]
# max_delay_hours = 24
# max_scheduled = 100                # per account
"""


class Bots(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    enabled: bool = True
    max_per_user: Positive = 10
    max_webhooks_per_user: Positive = 50


BOTS = """\
[bots]
# enabled = true                     # people may make bots, and webhooks in rooms that they run
# max_per_user = 10
# max_webhooks_per_user = 50
"""


class IdentityService(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Terms that people accept before they look others up; none without `terms_url`."""

    terms_url: str | None = None
    terms_name: str = "Terms"
    terms_version: str = "1"


IDENTITY_SERVICE = """\
[identity_service]
# terms_url = "https://…"            # to be accepted before looking people up by address
# terms_name = "Terms"
# terms_version = "1"
"""


class Contact(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    role: str = "m.role.admin"
    matrix_id: str | None = None
    email_address: str | None = None


class Support(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    contacts: list[Contact] = []
    page: str | None = None


SUPPORT = """\
[support]
# page = "https://help.example.org"
# contacts = [{{ role = "m.role.admin", email_address = "admin@example.org" }}]
"""
