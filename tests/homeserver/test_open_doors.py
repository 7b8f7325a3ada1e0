"""Who asks is found at one door (`http/application.py`), with the standing of the account. What stands open says why."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import chappe
from chappe.homeserver.http.router import NO_AUTH, Endpoint, endpoints_of

SOURCES = Path(chappe.__file__).parent

# Every endpoint that is open to anybody, by the class that has it: why, and which.
OPEN: dict[str, tuple[str, ...]] = {
    "AccountPages": (
        "a browser's cookie, asked for by `Pages`, with the account's standing",
        "GET /account",
        "GET /account/password",
        "POST /account/deactivate",
        "POST /account/devices/end",
        "POST /account/password",
        "POST /account/profile",
        "POST /account/reset-keys",
    ),
    "AddressPages": (
        "a browser's cookie, asked for by `Pages`, with the account's standing",
        "GET /account/addresses/added",
        "POST /account/addresses",
        "POST /account/addresses/remove",
    ),
    "AdminRest": ("the name of the program, as Synapse says it to anybody", "GET /_synapse/admin/v1/server_version"),
    "AdministrativeContact": (
        "a mail to an address, before there is an account or without its password",
        "POST /_matrix/client/v3/account/3pid/email/requestToken",
        "POST /_matrix/client/v3/account/3pid/msisdn/requestToken",
        "POST /_matrix/client/v3/account/password/email/requestToken",
        "POST /_matrix/client/v3/account/password/msisdn/requestToken",
        "POST /_matrix/client/v3/register/email/requestToken",
        "POST /_matrix/client/v3/register/msisdn/requestToken",
    ),
    "BackChannelLogout": ("a provider's signature is the proof", "POST /login/oidc/{provider}/backchannel-logout"),
    "BotsApi": ("the address holds a secret", "POST /_chappe/hooks/{webhookId}/{secret}"),
    "CallService": (
        "an OpenID token is the proof, with the account's standing; of webhooks LiveKit's signature",
        "POST /_chappe/livekit/{sfu}/delegate_delayed_leave",
        "POST /_chappe/livekit/{sfu}/get_token",
        "POST /_chappe/livekit/{sfu}/sfu/get",
        "POST /_chappe/livekit/{sfu}/sfu_webhook",
    ),
    "ConsentPages": (
        "a browser's cookie, asked for by `Pages`, with the account's standing",
        "GET /link",
        "GET /oauth2/authorize",
        "GET /switch-account",
        "POST /link",
        "POST /oauth2/authorize",
        "POST /switch-account",
    ),
    "DelayedEventsApi": (
        "the id is a secret: whoever has it may only hold back or let go",
        "POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delayId}",
        "POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delayId}/{action}",
        "POST /_matrix/client/v1/delayed_events/{delayId}",
    ),
    "IdentityAccounts": (
        "an identity service has tokens of its own (`asker`), which the standing of the account bounds as well",
        "GET /_matrix/identity/v2",
        "GET /_matrix/identity/v2/account",
        "GET /_matrix/identity/v2/hash_details",
        "GET /_matrix/identity/v2/pubkey/isvalid",
        "GET /_matrix/identity/v2/pubkey/{keyId}",
        "GET /_matrix/identity/v2/terms",
        "GET /_matrix/identity/versions",
        "POST /_matrix/identity/v2/account/logout",
        "POST /_matrix/identity/v2/account/register",
        "POST /_matrix/identity/v2/lookup",
        "POST /_matrix/identity/v2/terms",
    ),
    "IdentityAddresses": (
        "the same; addresses are proven by the secret of who asked",
        "GET /_matrix/identity/v2/3pid/getValidated3pid",
        "GET /_matrix/identity/v2/validate/email/submitToken",
        "GET /_matrix/identity/v2/validate/msisdn/submitToken",
        "POST /_matrix/identity/v2/3pid/bind",
        "POST /_matrix/identity/v2/3pid/unbind",
        "POST /_matrix/identity/v2/sign-ed25519",
        "POST /_matrix/identity/v2/store-invite",
        "POST /_matrix/identity/v2/validate/email/requestToken",
        "POST /_matrix/identity/v2/validate/email/submitToken",
        "POST /_matrix/identity/v2/validate/msisdn/requestToken",
        "POST /_matrix/identity/v2/validate/msisdn/submitToken",
    ),
    "IdentityKeys": (
        "whether a public key is valid, asked by anybody's server",
        "GET /_matrix/identity/v2/pubkey/ephemeral/isvalid",
    ),
    "ServerKeysQuery": ("keys of servers are public", "GET /_matrix/key/v2/query/{serverName}", "POST /_matrix/key/v2/query"),
    "KeysServer": ("keys of servers are public", "GET /_matrix/key/v2/server", "GET /_matrix/key/v2/server/{keyId}"),
    "LegacySsoPages": (
        "a browser's cookie, asked for by `Pages`, with the account's standing",
        "GET /_matrix/client/v3/auth/{authType}/fallback/web",
        "GET /_matrix/client/v3/login/sso/redirect",
        "GET /_matrix/client/v3/login/sso/redirect/{idpId}",
        "GET /login/continue",
        "POST /_matrix/client/v3/auth/{authType}/fallback/web",
        "POST /login/continue",
    ),
    "Login": (
        "signs in: there is no token yet; application services are asked for theirs",
        "GET /_matrix/client/v3/login",
        "POST /_matrix/client/v1/refresh",
        "POST /_matrix/client/v3/login",
        "POST /_matrix/client/v3/refresh",
    ),
    "MailLinkPages": (
        "a link in a mail is the proof",
        "GET /forgot-password",
        "GET /reset-password",
        "GET /verify-email",
        "POST /forgot-password",
        "POST /reset-password",
        "POST /verify-email",
    ),
    "MediaProxy": (
        "a public key, as clients take it before they ask for a file",
        "GET /_matrix/media_proxy/unstable/public_key",
    ),
    "OAuthApi": (
        "there is no token yet; what is sent is the proof",
        "GET /.well-known/oauth-authorization-server",
        "GET /.well-known/openid-configuration",
        "GET /_matrix/client/unstable/org.matrix.msc2965/auth_issuer",
        "GET /_matrix/client/unstable/org.matrix.msc2965/auth_metadata",
        "GET /_matrix/client/v1/auth_metadata",
        "POST /oauth2/device",
        "POST /oauth2/registration",
        "POST /oauth2/revoke",
        "POST /oauth2/token",
    ),
    "OpenIdApi": (
        "the token is an OpenID token, which says who and nothing else",
        "GET /_matrix/federation/v1/openid/userinfo",
    ),
    "OrganisationInfo": (
        "to which server an address belongs: asked before there is an account",
        "GET /_matrix/identity/api/v1/info",
    ),
    "RegisterPages": ("there is no account yet", "GET /register", "POST /register"),
    "Registration": (
        "there is no account yet; application services are asked for their token",
        "GET /_matrix/client/v1/register/m.login.registration_token/validity",
        "GET /_matrix/client/v3/password_policy",
        "GET /_matrix/client/v3/register/available",
        "POST /_matrix/client/v3/register",
    ),
    "RendezvousApi": (
        "two devices of which one has no account yet; the id is a secret",
        "DELETE /_matrix/client/unstable/io.element.msc4388/rendezvous/{rendezvousId}",
        "DELETE /_matrix/client/unstable/org.matrix.msc4108/rendezvous/{rendezvousId}",
        "DELETE /_matrix/client/v1/rendezvous/{rendezvousId}",
        "GET /_matrix/client/unstable/io.element.msc4388/rendezvous",
        "GET /_matrix/client/unstable/io.element.msc4388/rendezvous/{rendezvousId}",
        "GET /_matrix/client/unstable/org.matrix.msc4108/rendezvous/{rendezvousId}",
        "GET /_matrix/client/v1/rendezvous",
        "GET /_matrix/client/v1/rendezvous/{rendezvousId}",
        "POST /_matrix/client/unstable/io.element.msc4388/rendezvous",
        "POST /_matrix/client/unstable/org.matrix.msc4108/rendezvous",
        "POST /_matrix/client/v1/rendezvous",
        "PUT /_matrix/client/unstable/io.element.msc4388/rendezvous/{rendezvousId}",
        "PUT /_matrix/client/unstable/org.matrix.msc4108/rendezvous/{rendezvousId}",
        "PUT /_matrix/client/v1/rendezvous/{rendezvousId}",
    ),
    "SecondFactorPages": (
        "a browser's cookie, asked for by `Pages`, with the account's standing",
        "GET /account/passkeys",
        "GET /account/second-factor",
        "POST /account/passkeys",
        "POST /account/passkeys/remove",
        "POST /account/recovery-codes",
        "POST /account/second-factor",
        "POST /account/second-factor/remove",
    ),
    "SharedSecretRegistration": (
        "a secret of the operator stands for a token",
        "GET /_synapse/admin/v1/register",
        "POST /_synapse/admin/v1/register",
    ),
    "SignInPages": (
        "signs in: there is no cookie yet",
        "GET /login",
        "GET /login/oidc/{provider}",
        "GET /login/oidc/{provider}/callback",
        "GET /login/second-factor",
        "POST /login",
        "POST /login/second-factor",
        "POST /logout",
    ),
    "ThirdPartyInviteApi": (
        "an identity service tells what it signed: the signature is the proof",
        "POST /_matrix/federation/v1/3pid/onbind",
        "PUT /_matrix/federation/v1/3pid/onbind",
    ),
    "Version": ("the name of the program, as the specification says", "GET /_matrix/federation/v1/version"),
    "Versions": ("what this server speaks: asked before signing in", "GET /_matrix/client/versions"),
    "InvitationPages": (
        "the link of a mail is the secret: it shows who has invited whom where, and opening it changes nothing",
        "GET /invitation",
        "POST /invitation",
    ),
    "WebClient": (
        "the web client itself, and what it shows before somebody signs in",
        "GET /",
        "GET /_chappe/client/v1/configuration",
        "GET /_chappe/client/v1/organisation",
        "GET /assets/{name}",
        "GET /favicon.ico",
        "GET /icons/{name}",
        "GET /licences.txt",
        "GET /look.css",
        "GET /manifest.webmanifest",
        "GET /sw.js",
    ),
    "WellKnown": (
        "where to find this server, and whether it is well",
        "GET /.well-known/matrix/client",
        "GET /.well-known/matrix/server",
        "GET /.well-known/matrix/support",
        "GET /health",
    ),
}


def endpoints() -> Iterator[tuple[str, Endpoint]]:
    """Every endpoint of the code, whatever the configuration, with the name of its class."""
    for module in pkgutil.walk_packages(chappe.__path__, "chappe."):
        if module.name.endswith("__main__"):
            continue
        for name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ == module.name:
                yield from ((name, endpoint) for endpoint in endpoints_of(kind))


def test_what_is_open_to_anybody_says_why() -> None:
    found: dict[str, set[str]] = {}
    for owner, endpoint in endpoints():
        if endpoint.auth == NO_AUTH:
            path = endpoint.path.replace("/r0/", "/v3/")
            found.setdefault(owner, set()).add(f"{endpoint.method} {path}")
    assert found == {owner: set(paths) for owner, (_, *paths) in OPEN.items()}


def test_nobody_asks_for_a_token_beside_the_door() -> None:
    """The door asks as well whether the account is locked, expired or suspended, and counts: whoever asks alone does not."""
    askers = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "authenticate" and ast.unparse(node.value) != "self":
                askers.add(path.relative_to(SOURCES).as_posix())
    assert askers == {
        "homeserver/app/node.py",  # the door
        "homeserver/accounts/api/login.py",  # application services, of themselves
        "homeserver/accounts/api/registration.py",  # the same
    }
