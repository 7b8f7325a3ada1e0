"""The configuration file: TOML, every setting typed, every mistake reported with its line.

A file for each concern. A setting is written once: its type, default, range, unit, meaning and what happens with a wrong value stand
together (`values.says`); `first_file.py` makes the file that is written at first start from that, and `page.py` docs/settings.md.
"""

from __future__ import annotations

from chappe.config.accounts import Passwords, Registration, SecondFactor
from chappe.config.administration import Administration
from chappe.config.agency import AccountValidity, Agency, Classification, ReadGuard, RoomRetention
from chappe.config.antivirus import Antivirus
from chappe.config.brands import Brand
from chappe.config.calls import Calls, LiveKit
from chappe.config.config import Config, dev_config, limits_of, load_config, waiting_of, warnings_of
from chappe.config.email import Email
from chappe.config.features import Bots, Contact, DelayedEventsConfig, IdentityService, PresenceConfig, Support
from chappe.config.federation import Boundary, Federation
from chappe.config.first_file import template
from chappe.config.gateway import GatewaySettings, Outgoing, PinnedPeer
from chappe.config.identity_providers import IdentityProvider, Ldap
from chappe.config.limits import Limit, Limits, Shares
from chappe.config.listeners import Listener
from chappe.config.media import Media, UrlPreviews
from chappe.config.push import Push, QuietHours
from chappe.config.reading import ConfigError, parse_toml

__all__ = (
    "AccountValidity",
    "Administration",
    "Agency",
    "Antivirus",
    "Bots",
    "Boundary",
    "Brand",
    "Calls",
    "Classification",
    "Config",
    "ConfigError",
    "Contact",
    "DelayedEventsConfig",
    "Email",
    "Federation",
    "GatewaySettings",
    "IdentityProvider",
    "IdentityService",
    "Ldap",
    "Limit",
    "Limits",
    "Listener",
    "LiveKit",
    "Media",
    "Outgoing",
    "Passwords",
    "PinnedPeer",
    "PresenceConfig",
    "Push",
    "QuietHours",
    "ReadGuard",
    "Registration",
    "RoomRetention",
    "SecondFactor",
    "Shares",
    "Support",
    "UrlPreviews",
    "dev_config",
    "limits_of",
    "load_config",
    "parse_toml",
    "template",
    "waiting_of",
    "warnings_of",
)
