"""Everything an operator can set: the settings of the whole server, and the sections that stand in files of their own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import msgspec

from chappe.config.accounts import Passwords, Registration, SecondFactor
from chappe.config.administration import Administration
from chappe.config.agency import AccountValidity, Agency, ReadGuard
from chappe.config.antivirus import Antivirus
from chappe.config.brands import Brand
from chappe.config.calls import Calls, livekit_mistakes
from chappe.config.email import Email
from chappe.config.features import Bots, DelayedEventsConfig, IdentityService, PresenceConfig, Support
from chappe.config.federation import Federation
from chappe.config.identity_providers import IdentityProvider, Ldap
from chappe.config.limits import Limits, Shares
from chappe.config.listeners import Listener, listener_mistakes
from chappe.config.media import Media, UrlPreviews
from chappe.config.push import Push
from chappe.config.reading import ConfigError, located, parse_toml
from chappe.config.values import ANY_TEXT, Positive, says

_LOCALPART = re.compile(r"[a-z0-9._=\-/+]{1,64}")
_SERVER_NAME = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9a-z.-]{1,230})(:[0-9]{1,5})?")  # checked fully when it is hosted


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Settings of the whole server. The defaults are for a small installation behind a reverse proxy."""

    server_name: Annotated[
        str,
        says(
            "The name in people's addresses, as in @first.last:example.org. It never changes; `chappe admin domain add` adds more.",
            wrong="What is no server name is refused at the start.",
        ),
    ] = "localhost"
    public_url: Annotated[
        str | None,
        says(
            "The address at which people and clients reach this server. Mails hold links only where it is set.",
            example="https://matrix.example.org",
            wrong="What is no http:// or https:// address, or has a path, is refused at the start.",
        ),
    ] = None
    database: Annotated[
        str | None,
        says(
            "A PostgreSQL of your own. Left out: the embedded one.",
            example="postgresql://user:password@host/database",
            wrong="What is no postgresql:// address is refused at the start, as is a database that cannot be reached.",
        ),
    ] = None
    default_room_version: Annotated[
        str,
        says(
            "The version of the rooms that people make, where their clients ask for none.",
            wrong="Only 1 to 12 are versions; anything else is refused at the start.",
        ),
    ] = "12"
    access_token_minutes: Annotated[
        Positive, says("How long a client that can renew its access token may use it before it does.")
    ] = 60
    extra_ca_file: Annotated[
        str | None,
        says(
            "The file with an authority of your own, which is believed beside those of the system when others are asked or written to.",
            example="/etc/ssl/internal-ca.pem",
            wrong="A file that is not there is refused at the start.",
        ),
    ] = None
    log_level: Annotated[
        str,
        says("How much the log tells: `debug`, `info`, `warning` or `error`.", wrong="Any other word is refused at the start."),
    ] = "info"
    access_log: Annotated[bool, says("The log has a line for each request.")] = True
    rate_limits_enabled: Annotated[bool, says("The section `[limits]` holds. Switch it off for tests only.")] = True
    live_rooms: Annotated[
        Positive,
        says(
            "How many rooms are kept in memory; beyond, the one that was used longest ago is read again when needed.",
            unit="rooms",
        ),
    ] = 5000
    application_services: Annotated[
        list[str],
        says(
            "The registration files of bridges.",
            example=["/etc/chappe/irc.yaml"],
            wrong="A file that cannot be read, or clashes with another, stops the start.",
        ),
    ] = []
    server_notices_name: Annotated[
        str, says("Who writes to people in the name of the service (`chappe admin notice`).", wrong=ANY_TEXT)
    ] = "Notices"
    server_notices_account: Annotated[
        str,
        says(
            "The user name of whoever writes them, on each hosted domain.",
            wrong="With the name of somebody's account, notices come from them. After a change, people get theirs in another room.",
        ),
    ] = "notices"
    server_notices_by_invitation: Annotated[
        bool,
        says(
            "People are invited to the room of these notices, and read them once they have accepted. Otherwise they are in it at once."
        ),
    ] = False
    people_find_colleagues: Annotated[
        bool,
        says(
            "People find everybody of their own domain by name. Otherwise whom they share a room with, and who is in a public room: "
            "for a server where anybody may register."
        ),
    ] = True
    web_client: Annotated[bool, says("The web client is served at `/`.")] = True
    organisations_elsewhere: Annotated[
        dict[str, str],
        says(
            "People whose e-mail addresses end so are sent to their own organisation's Chappe.",
            example={"ville.example": "https://messages.ville.example"},
            wrong="People are sent to where nothing is.",
        ),
    ] = {}
    listeners: list[Listener] = msgspec.field(default_factory=lambda: [Listener()])
    registration: Registration = Registration()
    passwords: Passwords = Passwords()
    second_factor: SecondFactor = SecondFactor()
    identity_providers: list[IdentityProvider] = []
    ldap: list[Ldap] = []
    email: Email = Email()
    brands: dict[str, Brand] = {}
    media: Media = Media()
    url_previews: UrlPreviews = UrlPreviews()
    calls: Calls = Calls()
    presence: PresenceConfig = PresenceConfig()
    delayed_events: DelayedEventsConfig = DelayedEventsConfig()
    push: Push = Push()
    bots: Bots = Bots()
    identity_service: IdentityService = IdentityService()
    support: Support = Support()
    federation: Federation = Federation()
    agency: Agency = Agency()
    antivirus: Antivirus = Antivirus()
    account_validity: AccountValidity = AccountValidity()
    read_guard: ReadGuard = ReadGuard()
    administration: Administration = Administration()
    shares: Shares = Shares()
    limits: Limits = Limits()


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
    if not _LOCALPART.fullmatch(config.server_notices_account):
        found.append(("server_notices_account", "a user name holds a-z, 0-9 and . _ = - / + only"))
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
    found += livekit_mistakes(config.calls)
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
