"""Who else vouches for people: OpenID Connect providers and directories."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


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


IDENTITY_PROVIDERS = """\
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
"""


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


LDAP = """\
# [[ldap]]
# uri = "ldaps://ldap.example.org"
# base = "ou=people,dc=example,dc=org"
# bind_dn = "cn=chappe,dc=example,dc=org"
# bind_password = "…"
# filter = "(|(uid={{login}})(mail={{login}}))"
"""
