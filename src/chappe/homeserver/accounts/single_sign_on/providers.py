"""OpenID Connect providers (OpenID Connect Core 1.0, PKCE, Back-Channel Logout 1.0), any number per hosted domain."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from chappe.config import IdentityProvider
from chappe.homeserver.accounts.given_fields import read_facts
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.parsing import read_answer
from chappe.homeserver.outbound.fetchers import TrustedFetcher
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import Forbidden, MatrixError, NotFound

log = logging.getLogger(__name__)
LOGIN_MS = 15 * 60_000
METADATA_SECONDS = 3600
LEEWAY = 60
ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "RS384", "RS512", "EdDSA"]
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, slots=True)
class ProvenIdentity:
    """What a provider or a directory says of a person. `email`: only if it vouches for it; rewritten by the rules.

    `seen_ts` (ms): when the provider last saw them prove who they are; None: it does not say.

    Of a directory: `also`, other names of the entry that stay its own; `place`, its distinguished name, which a namesake may be
    given after them; `made_ts` (ms), when the entry was made; None: it does not say.

    `asked_ts` (ms): when a provider was asked, before it answered; None for a directory, which signs nobody out.

    `facts`: by field of the profile, what it says of them; None where it says nothing any more.
    """

    provider: str
    subject: str
    email: str | None
    display_name: str | None
    localpart: str | None
    session: str | None
    creates: bool
    links_by_email: bool
    seen_ts: int | None = None
    also: tuple[str, ...] = ()
    place: str | None = None
    made_ts: int | None = None
    asked_ts: int | None = None
    facts: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class _Metadata:
    """A provider's published metadata and keys."""

    metadata: dict[str, Any] = field(default_factory=dict)
    keys: Any = None
    until: float = 0.0


class UpstreamLogin(Row):
    state_hash: bytes
    browser_hash: bytes
    provider: str
    nonce: str
    verifier: str
    next: str
    expires_ts: int
    fresh_since_ts: int | None


class Providers:
    def __init__(
        self, database: Database, settings: Sequence[IdentityProvider], fetcher: TrustedFetcher, now_ms: NowMs
    ) -> None:
        """`fetcher`: a trusted one, since operators name the addresses."""
        self._database, self._fetcher, self._now_ms = database, fetcher, now_ms
        self._settings = {s.id: s for s in settings}
        self._known: dict[str, _Metadata] = {}

    def of(self, server_name: str) -> list[IdentityProvider]:
        """Those that a hosted domain offers."""
        return [s for s in self._settings.values() if not s.domains or server_name in s.domains]

    def require(self, provider: str, server_name: str) -> IdentityProvider:
        """Raises M_NOT_FOUND."""
        found = self._settings.get(provider)
        if found is None or (found.domains and server_name not in found.domains):
            raise NotFound("There is no such way to sign in here")
        return found

    # ------------------------------------------------------------------------------------------------- signing in

    async def begin(
        self, provider: IdentityProvider, browser: bytes, next_path: str, callback: str, fresh: bool = False
    ) -> str:
        """Where to send the browser. What comes back counts in this browser only, and once.

        `fresh`: the provider is to ask who it is again, whatever session it has (OpenID Connect Core, 3.1.2.1).
        """
        metadata = (await self._load(provider)).metadata
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        await self._database.execute(
            "INSERT INTO upstream_logins VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            _hash(state),
            browser,
            provider.id,
            nonce,
            verifier,
            next_path,
            self._now_ms() + LOGIN_MS,
            self._now_ms() if fresh else None,
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": callback,
            "scope": " ".join(provider.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **provider.extra_parameters,
        }
        if fresh:
            query |= {"prompt": "login", "max_age": "0"}
        endpoint = str(metadata["authorization_endpoint"])
        return endpoint + ("&" if "?" in endpoint else "?") + urlencode(query)

    async def finish(
        self, provider: IdentityProvider, browser: bytes, state: str, code: str, callback: str, issuer: str | None
    ) -> tuple[ProvenIdentity, str]:
        """(who it is, where to go on). Raises M_FORBIDDEN for answers that do not fit a question of this browser."""
        row = await find(
            self._database,
            UpstreamLogin,
            f"DELETE FROM upstream_logins WHERE state_hash = $1 RETURNING {columns(UpstreamLogin)}",
            _hash(state),
        )
        if row is None or row.browser_hash != browser or row.provider != provider.id or row.expires_ts < self._now_ms():
            raise Forbidden("This sign-in has expired or was begun in another browser: please start again")
        if issuer is not None and issuer != provider.issuer:
            raise Forbidden("This answer comes from another provider")
        asked_ts = self._now_ms()
        answer = await self._exchange(provider, code, row.verifier, callback)
        claims = await self._claims(provider, str(answer.get("id_token", "")))
        if claims.get("nonce") != row.nonce:
            raise Forbidden("This answer belongs to another sign-in")
        merged = _merged(await self._userinfo(provider, answer, claims), claims, provider.email_claim)
        seen_ts = self._seen(provider, claims, row.fresh_since_ts)
        return replace(_proven(provider, merged, seen_ts), asked_ts=asked_ts), row.next

    async def has_signed_out(self, proven: ProvenIdentity) -> bool:
        """Whether a provider has said meanwhile that whom it has vouched for is signed out.

        To be asked once the browser's session is written: a logout that comes later ends that. So one of the two sees the other.
        """
        return bool(
            await self._database.fetchval(
                """SELECT EXISTS (SELECT 1 FROM upstream_logout_tokens WHERE provider = $1 AND seen_ts >= $2
                      AND (subject IS NULL OR subject = $3) AND (session IS NULL OR session = $4))""",
                proven.provider,
                proven.asked_ts,
                proven.subject,
                proven.session,
            )
        )

    def _seen(self, provider: IdentityProvider, claims: Mapping[str, Any], fresh_since_ts: int | None) -> int | None:
        """When the provider saw who it is: by its word, never because somebody comes back from there.

        Raises M_FORBIDDEN where it was asked to look again, since `fresh_since_ts`, and has not, or does not say so.
        """
        said = claims.get("auth_time")
        seen_ts = None if said is None else min(int(said * 1000), self._now_ms())
        if fresh_since_ts is None:
            return seen_ts
        if seen_ts is None and provider.tells_no_auth_time:
            return self._now_ms()
        if seen_ts is None:
            log.warning("a provider does not say when it asked (auth_time)", extra={"fields": {"provider": provider.id}})
            raise Forbidden("Your provider does not say when it asked who you are: tell your administrator")
        if seen_ts < fresh_since_ts - LEEWAY * 1000:
            raise Forbidden("Your provider has not asked you again who you are: please sign out there first")
        return seen_ts

    async def _exchange(self, provider: IdentityProvider, code: str, verifier: str, callback: str) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": callback, "code_verifier": verifier}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if provider.client_secret is None:
            form["client_id"] = provider.client_id
        elif provider.token_auth == "client_secret_post":
            form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
        else:
            pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        endpoint = (await self._load(provider)).metadata["token_endpoint"]
        status, body = await self._fetcher.post(endpoint, urlencode(form).encode(), headers)
        if status != 200:
            raise Forbidden("The provider did not confirm this sign-in")
        return await _object(body)

    async def _userinfo(
        self, provider: IdentityProvider, answer: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        endpoint, token = (await self._load(provider)).metadata.get("userinfo_endpoint"), answer.get("access_token")
        if endpoint is None or type(token) is not str:
            return {}
        body = await self._fetcher.get_bytes(endpoint, {"Authorization": f"Bearer {token}"})
        if body[:1] != b"{":  # ProConnect signs it
            found = await self._verified(provider, body.decode("ascii", "replace").strip())
        else:
            found = await _object(body)
        if found.get("sub") != claims.get("sub"):
            raise Forbidden("The provider's answers are about different people")
        return found

    # ------------------------------------------------------------------------------------------------------ tokens

    async def _claims(self, provider: IdentityProvider, token: str, needed: tuple[str, ...] = ("sub",)) -> dict[str, Any]:
        """What a token says that the provider has signed for this service, now. `needed`: one of these claims at least."""
        claims, now = await self._verified(provider, token), self._now_ms() / 1000
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        good = (
            claims.get("iss") == provider.issuer
            and provider.client_id in audiences
            and (len(audiences) == 1 or claims.get("azp") == provider.client_id)
            and any(_word(claims, name) for name in needed)
            and all(_is_time(claims[name]) for name in ("exp", "iat", "auth_time") if claims.get(name) is not None)
            and (claims.get("exp") or 0) > now - LEEWAY
            and (claims.get("iat") or now) < now + LEEWAY
        )
        if not good:
            raise Forbidden("The provider's token is not meant for this service, or has expired")
        return claims

    async def _verified(self, provider: IdentityProvider, token: str) -> dict[str, Any]:
        for fresh in (False, True):  # keys rotate
            keys = (await self._load(provider, fresh)).keys
            try:
                return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
            except (JoseError, ValueError, KeyError):
                continue
        raise Forbidden("The provider's signature is not right")

    async def logout_token(self, provider: IdentityProvider, token: str) -> tuple[str | None, str | None]:
        """(subject, session) that a provider has signed out: one of them, or both. Raises M_FORBIDDEN; a token counts once."""
        claims = await self._claims(provider, token, needed=("sub", "sid"))
        events = claims.get("events")
        good = type(events) is dict and LOGOUT_EVENT in events and "nonce" not in claims
        if not good or type(claims.get("jti")) is not str:
            raise Forbidden("This is not a logout token")
        result = await self._database.execute(
            """INSERT INTO upstream_logout_tokens (provider, jti, expires_ts, subject, session, seen_ts)
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING""",
            provider.id,
            claims["jti"],
            self._now_ms() + 86_400_000,
            _word(claims, "sub"),
            _word(claims, "sid"),
            self._now_ms(),
        )
        if not result.endswith(" 1"):
            raise Forbidden("This logout token has been used")
        return _word(claims, "sub"), _word(claims, "sid")

    # ---------------------------------------------------------------------------------------------------- discovery

    async def _load(self, provider: IdentityProvider, fresh: bool = False) -> _Metadata:
        known = self._known.get(provider.id)
        if known is not None and known.until > time.monotonic() and not fresh:
            return known
        url = provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        metadata = await _object(await self._fetcher.get_bytes(url))
        if metadata.get("issuer") != provider.issuer:
            raise MatrixError(502, "M_UNKNOWN", "The provider's metadata names another issuer")
        listed = await _object(await self._fetcher.get_bytes(str(metadata["jwks_uri"])))
        keys = KeySet.import_key_set(listed)  # type: ignore[arg-type]
        self._known[provider.id] = _Metadata(metadata, keys, time.monotonic() + METADATA_SECONDS)
        return self._known[provider.id]

    async def prune(self) -> None:
        for table in ("upstream_logins", "upstream_logout_tokens"):
            await self._database.execute(f"DELETE FROM {table} WHERE expires_ts < $1", self._now_ms())


def _word(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if type(value) is str and value else None


def _is_time(value: Any) -> bool:
    """Seconds since 1970, as JSON numbers: `Infinity` and `true` are none."""
    return type(value) in (int, float) and 0 <= value < 1e12


def _merged(userinfo: Mapping[str, Any], claims: Mapping[str, Any], email_claim: str) -> dict[str, Any]:
    """What the provider says in its two answers, first in the ID token. Each vouches for the address in it, not for another."""
    merged = {**userinfo, **claims}
    of_address = [said for said in (userinfo, claims) if said.get(email_claim) == merged.get(email_claim)]
    verified = [said["email_verified"] for said in of_address if "email_verified" in said]
    return {**merged, "email_verified": verified[-1] if verified else None}


def _proven(provider: IdentityProvider, claims: Mapping[str, Any], seen_ts: int | None) -> ProvenIdentity:
    raw = claims.get(provider.email_claim)
    email = None
    if type(raw) is str and (claims.get("email_verified") is True or not provider.require_verified_email):
        email = rewrite(raw, provider.rewrite)
    localpart = claims.get(provider.localpart_claim) if provider.localpart_claim else None
    if localpart is None and email is not None:
        localpart = email.partition("@")[0]
    session = claims.get("sid")
    return ProvenIdentity(
        provider.id,
        str(claims["sub"]),
        email,
        fill(provider.display_name, claims),
        str(localpart) if localpart is not None else None,
        session if type(session) is str else None,
        provider.create_accounts,
        provider.link_by_email,
        seen_ts,
        facts=read_facts(provider, claims.get),
    )


def rewrite(address: str, rules: Sequence[tuple[str, str]]) -> str | None:
    """An address after the first rule that fits. None for what is no address."""
    for pattern, replacement in rules:
        if re.fullmatch(pattern, address, re.IGNORECASE):
            address = re.sub(pattern, replacement, address, flags=re.IGNORECASE)
            break
    try:
        return parse_email(address)
    except MatrixError:
        return None


def fill(template: str, claims: Mapping[str, Any]) -> str | None:
    """`{given_name} {usual_name}` with the claims; None where nothing is left."""
    text = re.sub(r"\{(\w+)\}", lambda m: str(claims.get(m[1]) or ""), template)
    return " ".join(text.split())[:256] or None


async def _object(body: bytes) -> dict[str, Any]:
    try:
        value = await read_answer(body)
    except ValueError:
        value = None
    if type(value) is not dict:
        raise MatrixError(502, "M_UNKNOWN", "The provider's answer could not be understood")
    return value


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
