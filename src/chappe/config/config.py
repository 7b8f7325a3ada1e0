"""Everything an operator can set: the settings of the whole server, and the sections that stand in files of their own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from chappe.config.accounts import Passwords, Registration, SecondFactor
from chappe.config.administration import Administration
from chappe.config.agency import AccountValidity, Agency, ReadGuard
from chappe.config.antivirus import Antivirus
from chappe.config.brands import Brand
from chappe.config.email import Email
from chappe.config.features import Bots, Calls, DelayedEventsConfig, IdentityService, PresenceConfig, Support
from chappe.config.federation import Federation
from chappe.config.identity_providers import IdentityProvider, Ldap
from chappe.config.limits import Limits, Shares
from chappe.config.listeners import Listener, listener_mistakes
from chappe.config.media import Media, UrlPreviews
from chappe.config.push import Push
from chappe.config.reading import ConfigError, located, parse_toml
from chappe.config.values import Positive

_SERVER_NAME = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9a-z.-]{1,230})(:[0-9]{1,5})?")  # checked fully when it is hosted


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Everything an operator can set. Defaults are for a small installation behind a reverse proxy."""

    server_name: str = "localhost"
    public_url: str | None = None
    database: str | None = None
    default_room_version: str = "12"
    access_token_minutes: Positive = 60
    extra_ca_file: str | None = None
    log_level: str = "info"
    access_log: bool = True
    rate_limits_enabled: bool = True
    live_rooms: Positive = 5000
    server_notices_name: str = "Notices"
    listeners: list[Listener] = msgspec.field(default_factory=lambda: [Listener()])
    registration: Registration = Registration()
    passwords: Passwords = Passwords()
    limits: Limits = Limits()
    shares: Shares = Shares()
    media: Media = Media()
    calls: Calls = Calls()
    presence: PresenceConfig = PresenceConfig()
    delayed_events: DelayedEventsConfig = DelayedEventsConfig()
    url_previews: UrlPreviews = UrlPreviews()
    email: Email = Email()
    brands: dict[str, Brand] = {}
    organisations_elsewhere: dict[str, str] = {}  # domain of e-mail addresses -> address of that organisation's own Chappe
    web_client: bool = True
    identity_providers: list[IdentityProvider] = []
    ldap: list[Ldap] = []
    second_factor: SecondFactor = SecondFactor()
    administration: Administration = Administration()
    application_services: list[str] = []
    push: Push = Push()
    bots: Bots = Bots()
    identity_service: IdentityService = IdentityService()
    support: Support = Support()
    federation: Federation = Federation()
    agency: Agency = Agency()
    antivirus: Antivirus = Antivirus()
    read_guard: ReadGuard = ReadGuard()
    account_validity: AccountValidity = AccountValidity()


SERVER = """\
# Chappe. Lines that begin with # show the defaults. Check changes with: chappe config check

# The name in people's addresses, as in @first.last:{server_name}. It cannot change later; more domains can be
# added with: chappe admin domain add NAME
server_name = "{server_name}"

# The address at which people and clients reach this server. Mails hold links only where it is set.
# public_url = "https://matrix.example.org"

# A PostgreSQL to use instead of the embedded one.
# database = "postgresql://user:password@host/database"

# default_room_version = "12"
# access_token_minutes = 60          # for clients that can refresh their token
# extra_ca_file = "/etc/ssl/internal-ca.pem"
# log_level = "info"
# access_log = true
# rate_limits_enabled = true
# live_rooms = 5000                  # rooms kept in memory
# application_services = []          # registration files of bridges and bots
# server_notices_name = "Notices"    # who writes to people in the name of the service: chappe admin notice
"""


def dev_config(server_name: str = "localhost") -> Config:
    """A throw-away server: open registration, no rate limits, cheap hashes."""
    return Config(
        server_name=server_name,
        registration=Registration(open=True, guests=True),
        passwords=Passwords(memory_kib=8, passes=1, minimum_length=1),
        rate_limits_enabled=False,
        access_log=False,
        log_level="warning",
    )


def load_config(path: Path) -> Config:
    """Raises ConfigError naming file, line and what is wrong there."""
    config = parse_toml(path, Config)
    for where, message in _mistakes(config):
        raise ConfigError(located(path, path.read_text(), where, message))
    return config


def _mistakes(config: Config) -> list[tuple[str, str]]:
    """What types cannot say: (setting, mistake)."""
    found = []
    if not _SERVER_NAME.fullmatch(config.server_name):
        found.append(("server_name", f"{config.server_name!r} is not a server name"))
    if config.default_room_version not in [str(v) for v in range(1, 13)]:
        found.append(("default_room_version", 'must be a room version from "1" to "12"'))
    if config.log_level.lower() not in ("debug", "info", "warning", "error"):
        found.append(("log_level", "must be debug, info, warning or error"))
    if config.database is not None and not re.match(r"postgres(ql)?://", config.database):
        found.append(("database", "must be a postgresql:// URL (leave it out for the embedded database)"))
    if config.public_url is not None and not re.match(r"https?://[^/]+$", config.public_url.rstrip("/")):
        found.append(("public_url", "must be an http:// or https:// URL without a path"))
    for name in ("extra_ca_file",):
        value = getattr(config, name)
        if value is not None and not Path(value).is_file():
            found.append((name, f"the file {value} does not exist"))
    if not config.listeners:
        found.append(("listeners", "there must be at least one listener"))
    for index, listener in enumerate(config.listeners):
        found += listener_mistakes(f"listeners[{index}]", listener)
    return found


def warnings_of(config: Config) -> list[str]:
    """What is allowed, but hardly meant: for the log at start, and `chappe config check`."""
    found = []
    if config.email.host is not None and config.public_url is None:
        found.append(
            "[email] is on and public_url is not set: no mail holds a link, so nobody can prove an address or reset a password"
        )
    return found


def waiting_of(config: Config) -> tuple[int, int, int]:
    """How many requests for news may wait: of a device, of an account, in all."""
    shares = config.shares
    return shares.waiting_syncs_per_device, shares.waiting_syncs_per_account, shares.waiting_syncs


def limits_of(config: Config) -> dict[str, tuple[float, int]]:
    """For the rate limiter; empty where limits are off."""
    if not config.rate_limits_enabled:
        return {}
    values: dict[str, Any] = msgspec.structs.asdict(config.limits)
    return {name: (limit.per_second, limit.burst) for name, limit in values.items()}
