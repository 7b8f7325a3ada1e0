"""The configuration file: TOML, every setting typed, every mistake reported with its line."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")
Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
_SERVER_NAME = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9a-z.-]{1,230})(:[0-9]{1,5})?")  # checked fully when it is hosted
API_NAMES = ("client", "federation", "media", "admin", "health", "metrics")


class ConfigError(Exception):
    """The configuration cannot be used; the message names file and line."""


class Listener(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    address: str = "127.0.0.1"
    port: Port = 8008
    tls_certificate: str | None = None
    tls_key: str | None = None
    apis: list[str] = msgspec.field(default_factory=lambda: list(API_NAMES))
    behind_proxy: bool = False
    trusted_proxies: list[str] = msgspec.field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])

    @property
    def proxies(self) -> list[str]:
        """Networks whose `X-Forwarded-For` is believed."""
        return self.trusted_proxies if self.behind_proxy else []


class Registration(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    open: bool = False
    by_token: bool = False
    guests: bool = False
    email_required: bool = False
    shared_secret: str | None = None


class Passwords(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    memory_kib: Annotated[int, Meta(ge=8, le=4_194_304)] = 65_536
    passes: Annotated[int, Meta(ge=1, le=100)] = 3
    minimum_length: Annotated[int, Meta(ge=1, le=512)] = 8
    requires: list[Literal["digit", "symbol", "lowercase", "uppercase"]] = []


class Limit(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    per_second: Annotated[float, Meta(gt=0)]
    burst: Positive


class Limits(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    message: Limit = Limit(10, 100)
    join: Limit = Limit(1, 30)
    invite: Limit = Limit(1, 50)
    invited: Limit = Limit(0.02, 30)  # one person, by all the people of another server
    invited_from: Limit = Limit(5, 500)  # anybody, by one other server
    files_by_strangers: Limit = Limit(0.1, 250)  # by a server, of people with whom it shares no room
    create_room: Limit = Limit(0.2, 20)
    login: Limit = Limit(0.5, 20)
    failed_login: Limit = Limit(0.1, 10)  # wrong guesses at a secret: at one account from one network
    failed_login_account: Limit = Limit(0.05, 100)  # at one account, from everywhere
    failed_login_network: Limit = Limit(0.5, 100)  # from one network, at whatever
    register: Limit = Limit(0.2, 10)
    upload: Limit = Limit(5, 50)
    keys: Limit = Limit(20, 200)
    account: Limit = Limit(1, 30)
    search: Limit = Limit(2, 30)
    delayed_events: Limit = Limit(2, 60)
    url_preview: Limit = Limit(1, 30)
    email: Limit = Limit(0.05, 5)
    rendezvous: Limit = Limit(1, 30)
    oauth: Limit = Limit(2, 60)
    webhook: Limit = Limit(1, 30)
    webhook_address: Limit = Limit(5, 100)
    lookup: Limit = Limit(0.5, 3000)
    lookup_from: Limit = Limit(5, 30_000)  # by all the people of another server together
    key_lookup: Limit = Limit(1, 30)
    to_device: Limit = Limit(20, 400)
    failed_federation: Limit = Limit(1, 60)


class Shares(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What one device or account may have, so that there is enough for all. Docs: operator.md, "Shares"."""

    waiting_syncs_per_device: Positive = 4
    waiting_syncs_per_account: Positive = 50
    waiting_syncs: Positive = 50_000
    unread_mib_per_account: Positive = 64
    unread_mib: Positive = 1024
    upload_mib_per_day: Annotated[int, Meta(ge=0)] = 5120
    upload_gib_per_day: Annotated[int, Meta(ge=0)] = 0
    disk_reserve_mib: Annotated[int, Meta(ge=0)] = 1024
    devices: Positive = 1000
    to_device_messages: Positive = 20_000
    to_device_mib: Positive = 200
    account_data_mib: Positive = 50
    filters: Positive = 1000


class Media(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    location: str | None = None
    max_upload_mib: Positive = 100
    s3_endpoint: str | None = None
    s3_region: str = "us-east-1"
    s3_access_key: str | None = None
    s3_secret_key: str | None = None
    presigned: bool = False  # downloads straight from the object store, for clients that allow a redirect


class Calls(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    turn_uris: list[str] = []
    turn_shared_secret: str | None = None
    turn_username: str | None = None
    turn_password: str | None = None
    turn_lifetime_minutes: Positive = 60
    livekit_service_urls: list[str] = []


class PresenceConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    enabled: bool = True
    disabled_domains: list[str] = []


class DelayedEventsConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    max_delay_hours: Positive = 24
    max_scheduled: Positive = 100


class UrlPreviews(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    enabled: bool = True
    blocked_hosts: list[str] = []
    allowed_private_hosts: list[str] = []
    cache_hours: Positive = 24


class Email(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the service sends mail. Without `host` it sends none, and what needs a proven address is switched off."""

    host: str | None = None
    port: Port = 25
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: str | None = None
    password: str | None = None
    sender: str = "no-reply@localhost"
    link_minutes: Positive = 60
    digest_minutes: Positive = 10  # how long a message waits unread before its reader gets a mail


class Boundary(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """With whom one hosted domain talks, where that differs from the others."""

    mode: Literal["open", "listed", "closed"] = "listed"
    allowed: list[str] = []


class Federation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """With whom this installation talks. `allowed`: patterns of server names (`*.gouv.fr`), for the mode "listed".

    `delegate_to`: by hosted domain, the `m.server` that its well-known page names. `notaries`: servers that are asked for
    the keys of others that do not answer. `allow_private_addresses`: for test networks and intranets. `domains`: by hosted
    domain, boundaries of its own. `people_of`: servers whose people are found here by name, and that may find ours.
    `device_names`: whether other servers are told what people call their devices.
    """

    mode: Literal["open", "listed", "closed"] = "listed"
    allowed: list[str] = []
    delegate_to: dict[str, str] = {}
    notaries: list[str] = []
    allow_private_addresses: bool = False
    proxy: str | None = None
    domains: dict[str, Boundary] = {}
    people_of: list[str] = []
    device_names: bool = False


class Classification(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A marking of rooms that binds, such as "restricted". In the configuration the lowest comes first.

    `labels`: how it is shown, by language. `guests`: whether guests may be in such a room. `organisations`: whose people may be in
    it; empty: all. `retention_days`: how long messages are kept; 0: no limit of its own. `forwarding`: whether messages may be
    passed on to other rooms. `link_sharing`: whether whoever has the link may enter. `file_types`: such as `application/pdf`,
    `image/*`; empty: all.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    labels: dict[str, str] = {}
    guests: bool = False
    organisations: list[str] = []
    retention_days: Annotated[int, Meta(ge=0)] = 0
    forwarding: bool = False
    link_sharing: bool = False
    calls: bool = True
    files: bool = True
    file_types: list[str] = []


class RoomRetention(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """After how many days messages go, by the kind of room, where a room says nothing stricter; 0: they stay."""

    forum_days: Annotated[int, Meta(ge=0)] = 0
    private_days: Annotated[int, Meta(ge=0)] = 0
    open_days: Annotated[int, Meta(ge=0)] = 0
    direct_days: Annotated[int, Meta(ge=0)] = 0


class Agency(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The public-sector layer. `guest_domains`: the servers (hosted here, or others) whose people are external guests.

    `guest_days`: how long a guest may stay before the sponsor renews; 0: for ever. `guest_keep_days`: how long after its end a
    guest's account can still be renewed; 0: for ever. `former_profile_days`: how long the name and
    the addresses of an ended account are kept, so that it can be reactivated as it was. `classifications`: the lowest first.
    """

    enabled: bool = False
    guest_domains: list[str] = []
    guest_days: Annotated[int, Meta(ge=0)] = 180
    guest_keep_days: Annotated[int, Meta(ge=0)] = 90
    former_profile_days: Annotated[int, Meta(ge=0)] = 1095
    classifications: list[Classification] = []
    retention: RoomRetention = RoomRetention()


class AccountValidity(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Accounts end `period_days` after they were made or renewed; 0: never. Reminders go out so many days before.

    `send_links`: a link in the mail; otherwise a code of eight digits to be typed. `excluded`: parts of user ids.
    """

    period_days: Annotated[int, Meta(ge=0)] = 0
    reminder_days: list[Positive] = msgspec.field(default_factory=lambda: [28, 7, 1])
    deactivate_after_days: Positive | None = None
    send_links: bool = True
    excluded: list[str] = []


class ReadGuard(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What an account may read in an hour before it is slowed; at one and a half times it signs in again, at twice it is frozen.

    Four times that in a day. Events count fully in rooms entered by oneself in the last day, a tenth where one belongs. 0: any
    number. `organisation_events_per_hour`: of an organisation's accounts together; administrators are told. `excluded`: user ids.
    """

    enabled: bool = False
    events_per_hour: Annotated[int, Meta(ge=0)] = 3000
    rooms_per_hour: Annotated[int, Meta(ge=0)] = 40
    files_per_hour: Annotated[int, Meta(ge=0)] = 250
    searches_per_hour: Annotated[int, Meta(ge=0)] = 600
    organisation_events_per_hour: Annotated[int, Meta(ge=0)] = 0
    excluded: list[str] = []


class Antivirus(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`engine`: `clamd:///run/clamav/clamd.ctl`, `clamd://host:3310` or `icap://host:1344/service`; without one nothing is scanned.

    `scans_at_once`: more of them delay messages where the engine runs on the same cores; an appliance elsewhere takes more.
    `allowed_types`, `blocked_types`: of the (decrypted) bytes, such as `image/*`. `signatures`: change it, and every file is
    scanned anew.
    """

    engine: Annotated[str, Meta(pattern=r"^(clamd|icap)://.+")] | None = None
    max_size_mib: Positive = 100
    scans_at_once: Positive = 2
    allowed_types: list[str] = []
    blocked_types: list[str] = []
    signatures: str = ""


class Brand(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How a hosted domain calls itself: in its pages, its mail and the web client.

    `email_domains`: whose addresses are its people's. `links`: help, accessibility, privacy, source, status, terms.
    `features`: what the web client offers, each `true` unless said otherwise.
    """

    name: str = "Chappe"
    colour: Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$")] = "#0d6478"
    logo_url: str | None = None
    sender: str | None = None
    language: Literal["fr", "en"] = "fr"
    email_domains: list[str] = []
    welcome: str | None = None
    links: dict[str, str] = {}
    features: dict[str, bool] = {}


class IdentityProvider(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An OpenID Connect provider that people may sign in with. No `domains`: for every hosted domain."""

    id: Annotated[str, Meta(pattern="^[a-z0-9_-]{1,64}$")]
    name: str
    issuer: str
    client_id: str
    client_secret: str | None = None
    domains: list[str] = []
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    token_auth: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    icon: str | None = None
    email_claim: str = "email"
    require_verified_email: bool = True
    rewrite: list[tuple[str, str]] = []  # (regular expression, replacement) of addresses
    localpart_claim: str | None = None
    display_name: str = "{name}"
    create_accounts: bool = True
    link_by_email: bool = True
    extra_parameters: dict[str, str] = {}
    # it asks again who somebody is when it is told to (`prompt=login`), but does not say when it did (`auth_time`)
    tells_no_auth_time: bool = False


class Ldap(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A directory that checks passwords."""

    uri: Annotated[str, Meta(pattern="^ldaps?://")]
    base: str
    id: str = "directory"
    domains: list[str] = []
    bind_dn: str | None = None
    bind_password: str | None = None
    filter: str = "(|(uid={login})(mail={login}))"
    start_tls: bool = False
    ca_file: str | None = None
    email_attribute: str = "mail"
    localpart_attribute: str = "uid"
    display_name: str = "{displayName}"
    rewrite: list[tuple[str, str]] = []
    create_accounts: bool = True
    link_by_email: bool = True


class SecondFactor(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who must have a second factor; anybody may."""

    required_domains: list[str] = []
    required_for_admins: bool = False


class Administration(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`critical`: what a critical act needs. Unset: nothing, and with [agency] a code of a second factor or a second person.

    `approver_hours`: how old the rights and the second factor of whoever agrees are at least.
    """

    critical: Literal["open", "second_factor", "two_persons"] | None = None
    approver_hours: Annotated[int, Meta(ge=0, le=8760)] = 24
    audit_key: str | None = None  # files; in the data folder where they are not set
    audit_log: str | None = None
    audit_syslog: str | None = None


class QuietHours(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When nothing rings on a hosted domain, for those who have not set it themselves. Days: Monday is 0."""

    start: Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    end: Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    timezone: str = "Europe/Paris"
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    allow_highlights: bool = True


class Push(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    contact: str = "mailto:admin@localhost"  # told to browsers' push services
    allowed_private_hosts: list[str] = []
    quiet_hours: dict[str, QuietHours] = {}


class Bots(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    enabled: bool = True
    max_per_user: Positive = 10
    max_webhooks_per_user: Positive = 50


class IdentityService(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Terms that people accept before they look others up; none without `terms_url`."""

    terms_url: str | None = None
    terms_name: str = "Terms"
    terms_version: str = "1"


class Contact(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    role: str = "m.role.admin"
    matrix_id: str | None = None
    email_address: str | None = None


class Support(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    contacts: list[Contact] = []
    page: str | None = None


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
        raise ConfigError(_located(path, path.read_text(), where, message))
    return config


def parse_toml(path: Path, kind: type[T]) -> T:
    """A file as a typed structure. Raises ConfigError naming file, line and what is wrong there."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        raise ConfigError(_located(path, text, where.rstrip("`").lstrip("."), message)) from None


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
        found += _listener_mistakes(f"listeners[{index}]", listener)
    return found


def warnings_of(config: Config) -> list[str]:
    """What is allowed, but hardly meant: for the log at start, and `chappe config check`."""
    found = []
    if config.email.host is not None and config.public_url is None:
        found.append(
            "[email] is on and public_url is not set: no mail holds a link, so nobody can prove an address or reset a password"
        )
    return found


def _listener_mistakes(where: str, listener: Listener) -> list[tuple[str, str]]:
    found = []
    if (listener.tls_certificate is None) != (listener.tls_key is None):
        found.append((where, "tls_certificate and tls_key belong together"))
    for name in ("tls_certificate", "tls_key"):
        value = getattr(listener, name)
        if value is not None and not Path(value).is_file():
            found.append((f"{where}.{name}", f"the file {value} does not exist"))
    for api in listener.apis:
        if api not in API_NAMES:
            found.append((f"{where}.apis", f"{api!r} is none of {', '.join(API_NAMES)}"))
    for network in listener.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            found.append((f"{where}.trusted_proxies", f"{network!r} is no network such as 10.0.0.0/8"))
    return found


def _located(path: Path, text: str, where: str, message: str) -> str:
    unknown = re.search(r"unknown field `([^`]+)`", message)
    setting = ".".join(filter(None, (where, unknown[1] if unknown else ""))) or "the file"
    line = _line_of(text, where, unknown[1] if unknown else None)
    return f"{path}{f', line {line}' if line else ''}: {setting}: {message}"


def _line_of(text: str, where: str, extra: str | None) -> int | None:
    """The line of a setting such as `listeners[1].port`, found by reading tables and keys."""
    parts: list[str] = re.findall(r"[^.\[\]]+", where)
    wanted = [p for p in parts if not p.isdigit()] + ([extra] if extra else [])
    index = next((int(p) for p in parts if p.isdigit()), 0)
    table: list[str] = []
    seen: dict[str, int] = {}
    best: int | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#", 1)[0].strip()
        if match := re.match(r"\[\[\s*([\w.]+)\s*\]\]", line):
            table = match[1].split(".")
            seen[match[1]] = seen.get(match[1], -1) + 1
        elif match := re.match(r"\[\s*([\w.]+)\s*\]", line):
            table = match[1].split(".")
        key = re.match(r"([\w-]+)\s*=", line)
        path = table + ([key[1]] if key else [])
        if path == wanted[: len(path)] and path and seen.get(".".join(table), 0) in (index, 0 if not seen else index):
            if path == wanted:
                return number
            best = number
    return best


TEMPLATE = """\
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

[[listeners]]
address = "{address}"
port = {port}
# tls_certificate = "/etc/chappe/cert.pem"
# tls_key = "/etc/chappe/key.pem"
# apis = ["client", "media", "admin", "health", "metrics"]
# behind_proxy = false               # clients come through reverse proxies, which say who asks (X-Forwarded-For)
# trusted_proxies = ["127.0.0.0/8", "::1/128"]   # networks of these proxies: what others say is not believed

[registration]
# open = false                       # anybody may create an account
# by_token = false                   # whoever has a token: chappe admin token add
# guests = false
# email_required = false             # accounts need a proven e-mail address; also opens registration
# shared_secret = "…"                # for scripts, through /_synapse/admin/v1/register

[passwords]
# memory_kib = 65536                 # argon2id
# passes = 3
# minimum_length = 8
# requires = []                      # "digit", "symbol", "lowercase", "uppercase"

[media]
# location = "…"                     # a folder, or s3://bucket/prefix; default: media/ beside this file
# max_upload_mib = 100
# s3_endpoint = "https://s3.example.org"  # with location = "s3://…"; without it, Amazon's
# s3_region = "us-east-1"
# s3_access_key = "…"
# s3_secret_key = "…"
# presigned = false                  # clients that allow it download straight from the object store
# To move what is stored: chappe media migrate s3://bucket/prefix; then change location and start again.

[shares]                             # what one device or account may have, so that there is enough for all
# waiting_syncs_per_device = 4       # requests that wait for news; beyond, the longest waiting is answered
# waiting_syncs_per_account = 50
# waiting_syncs = 50000              # of everybody, on each node
# unread_mib_per_account = 64        # large answers that the client has not taken yet
# unread_mib = 1024                  # of everybody, on each node
# upload_mib_per_day = 5120          # of an account; 0: any amount
# upload_gib_per_day = 0             # of everybody; 0: any amount
# disk_reserve_mib = 1024            # uploads are refused while less is free, so that messages can still be written
# devices = 1000                     # of an account: beyond, the one that was used longest ago is signed out
# to_device_messages = 20000         # waiting for a device: beyond, the oldest go
# to_device_mib = 200                # the same in MiB
# account_data_mib = 50              # settings of clients, of an account
# filters = 1000                     # of an account

[calls]
# turn_uris = ["turn:turn.example.org:3478?transport=udp"]
# turn_shared_secret = "…"           # coturn's static-auth-secret
# livekit_service_urls = ["https://rtc.example.org"]

[presence]
# enabled = true                     # who is online
# disabled_domains = []              # hosted domains that do not want it

[delayed_events]
# max_delay_hours = 24
# max_scheduled = 100                # per account

[url_previews]
# enabled = true                     # the server opens links that people send in unencrypted rooms
# blocked_hosts = []                 # "intranet.example.org", "*.example.org"
# allowed_private_hosts = []         # hosts with private addresses that may be opened nevertheless
# cache_hours = 24

[email]
# host = "smtp.example.org"          # without it the service sends no mail
# port = 25
# security = "starttls"              # or "tls", or "none"
# username = "…"
# password = "…"
# sender = "no-reply@example.org"
# link_minutes = 60                  # how long the links in mails are valid
# digest_minutes = 10                # how long a message waits unread before its reader gets a mail

# [organisations_elsewhere]          # people whose addresses end so are sent to their own organisation's Chappe
# "ville.example" = "https://messages.ville.example"

# [brands."example.org"]             # of a hosted domain, in its pages, its mails and the web client
# name = "Chappe"
# colour = "#0d6478"
# logo_url = "https://…"
# sender = "no-reply@example.org"
# language = "fr"
# email_domains = ["example.org"]    # whose addresses are its people's; once one domain has some, others are refused
# welcome = "…"                      # said beside the sign-in form
# [brands."example.org".links]       # shown in the web client; also accessibility, privacy, source, status, terms
# help = "https://…"
# [brands."example.org".features]    # what the web client offers; also voice_messages, polls
# forums = true

[federation]
# mode = "listed"                    # "open": with every server; "closed": with none
# allowed = []                       # with these, in the mode "listed": names or patterns such as "*.gouv.fr"
# notaries = []                      # servers asked for the keys of others that do not answer
# allow_private_addresses = false    # true on a test network or an intranet
# proxy = "http://proxy:3128"        # for everything that goes to other servers
# people_of = []                     # servers whose people are found here by name, and that may search for ours (they name us, too)
# device_names = false               # whether other servers are told what people call their devices ("Bob's phone")
# [federation.domains."example.org"] # of one hosted domain, in place of the two first lines
# mode = "closed"
# allowed = []
# [federation.delegate_to]           # what /.well-known/matrix/server says, by hosted domain; by default this address
# "example.org" = "matrix.example.org:443"

[agency]
# enabled = false                    # accounts by proven professional e-mail, names with the organisation, kinds of rooms, guests
# guest_domains = []                 # the servers whose people are external guests, such as "externe.example.org"
# guest_days = 180                   # how long a guest may stay before the agent who invited them renews; 0: for ever
# guest_keep_days = 90               # after so many days without renewal an ended guest's account is deactivated
# former_profile_days = 1095         # how long an ended account's name is kept, so that it can come back as it was

# [agency.retention]                 # after how many days messages go where a room says nothing stricter; 0: they stay
# forum_days = 0
# private_days = 0
# open_days = 0                      # rooms that are open to guests
# direct_days = 0

# [[agency.classifications]]         # markings of rooms that bind, the lowest first
# name = "restricted"
# labels = {{fr = "Diffusion restreinte", en = "Restricted"}}
# guests = false
# organisations = []                 # whose people may be in such a room; empty: all
# retention_days = 90                # 0: no limit of its own
# forwarding = false                 # to other rooms
# link_sharing = false               # whoever has the link may enter
# calls = true
# files = true
# file_types = []                    # such as "application/pdf", "image/*"; empty: all

[antivirus]
# engine = "clamd:///run/clamav/clamd.ctl"  # or clamd://host:3310, icap://host:1344/service; every file is scanned before it is seen
# max_size_mib = 100                 # what is larger cannot be scanned, and is not given out
# scans_at_once = 2                  # an appliance with cores of its own takes more
# allowed_types = []                 # only these, such as "image/*", by the file's own bytes; or:
# blocked_types = []                 # all but these, such as "application/x-msdownload"
# signatures = ""                    # change it (a date, say), and every file is scanned anew

[account_validity]
# period_days = 0                    # accounts of people with a proven address end after so many days unless renewed; 0: never
# reminder_days = [28, 7, 1]         # a mail with a link so many days before
# deactivate_after_days = 120        # after the end; left out: never
# send_links = true                  # false: a code of eight digits, to be typed in the client
# excluded = ["@direction."]         # parts of user ids that never end

[read_guard]
# enabled = false                    # an account that reads too much is slowed, must sign in again, is frozen (docs/operator.md)
# events_per_hour = 3000             # old messages; those of rooms where one belongs count a tenth
# rooms_per_hour = 40                # entered without an invitation
# files_per_hour = 250
# searches_per_hour = 600            # in directories
# organisation_events_per_hour = 0   # of an organisation's accounts together: administrators are told
# excluded = []                      # user ids, such as an archivist's

[bots]
# enabled = true                     # people may make bots, and webhooks in rooms that they run
# max_per_user = 10
# max_webhooks_per_user = 50

[identity_service]
# terms_url = "https://…"            # to be accepted before looking people up by address
# terms_name = "Terms"
# terms_version = "1"

[push]
# contact = "mailto:admin@example.org" # told to browsers' push services
# allowed_private_hosts = []         # push gateways with private addresses
# [push.quiet_hours."example.org"]   # of a hosted domain, for those who have not set it themselves
# start = "20:00"
# end = "07:30"
# timezone = "Europe/Paris"
# days = [0, 1, 2, 3, 4, 5, 6]       # 0: Monday
# allow_highlights = true

[second_factor]                      # one-time codes and passkeys; anybody may have them
# required_domains = []              # hosted domains where everybody must
# required_for_admins = false

[administration]
# critical = "open"                  # what critical acts need (docs/security.md): "open", "second_factor", "two_persons"
                                     # public-sector layer: "second_factor", a code of one's own or a second administrator
# approver_hours = 24                # how old the rights and the second factor of whoever agrees are at least
# audit_key = "/etc/chappe/audit.key"     # what seals the audit log: the same file on every node; default: in the data folder
# audit_log = "/var/log/chappe/audit.log" # each seal, outside of the database; default: in the data folder
# audit_syslog = "/dev/log"          # each seal to syslog as well: a socket, or host:port

# [[identity_providers]]             # OpenID Connect; any number
# id = "proconnect"
# name = "ProConnect"
# issuer = "https://…"
# client_id = "…"
# client_secret = "…"
# domains = []                       # hosted domains that offer it; none: all
# scopes = ["openid", "email", "profile"]
# rewrite = [['(.*)@old\\.example\\.org', '\\1@example.org']]
# display_name = "{{given_name}} {{usual_name}}"
# create_accounts = true
# link_by_email = true

# [[ldap]]
# uri = "ldaps://ldap.example.org"
# base = "ou=people,dc=example,dc=org"
# bind_dn = "cn=chappe,dc=example,dc=org"
# bind_password = "…"
# filter = "(|(uid={{login}})(mail={{login}}))"

[support]
# page = "https://help.example.org"
# contacts = [{{ role = "m.role.admin", email_address = "admin@example.org" }}]

# [limits.message]                   # also: join, invite, invited, invited_from (by another server),
                                   # files_by_strangers (by another server), create_room, login, failed_login,
                                   # failed_login_account, failed_login_network, register, upload, keys, account, search,
                                   # delayed_events, url_preview, email, rendezvous, oauth, webhook, webhook_address, to_device,
                                   # failed_federation,
                                   # key_lookup, lookup and lookup_from (of so many addresses, not requests; the
                                   # latter by all the people of another server)
# per_second = 10
# burst = 100
"""


def template(server_name: str, address: str, port: int) -> str:
    """The file written at first start."""
    return TEMPLATE.format(server_name=server_name, address=address, port=port)


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
