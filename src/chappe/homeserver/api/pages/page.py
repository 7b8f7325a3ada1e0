"""What every page needs: the visitor's language, brand and session; forms that only our own pages can send."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from chappe.config import Brand
from chappe.homeserver.accounts.browser_sessions import BrowserSession, BrowserSessions, hash_cookie
from chappe.homeserver.accounts.fresh_proof import SIGNED_IN, FreshProof
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.api.pages.refusals import in_french
from chappe.homeserver.api.pages.texts import words
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.guesses import Guesses
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.mail.queue import MailQueue
from chappe.i18n import curled, day, spoken
from chappe.matrix.errors import BadRequest, Forbidden, LimitExceeded, MatrixError

BROWSER, SESSION, LANGUAGE = "chappe_browser", "chappe_session", "chappe_language"
LOOK = "chappe_look"  # set by our own web client: how somebody has chosen to see it
CHALLENGE = "chappe_challenge"  # set by our own web client, before it sends somebody here to sign in
YEAR = 31_536_000


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody has chosen in the web client: attributes of the page (theme, contrast), size of text in percent, language."""

    attributes: Mapping[str, str]
    size: int | None
    language: str | None


@dataclass(slots=True)
class Visit:
    """A request to a page. `browser`: a random name of this browser; `cookies`: what the answer sets.

    `challenge`: of the sign-in that our own web client has begun in this browser (RFC 7636).
    """

    request: Request
    server_name: str
    brand: Brand
    language: str
    base_url: str
    browser: str
    session_cookie: str
    session: BrowserSession | None
    cookies: list[tuple[str, str, int]] = field(default_factory=list)
    challenge: str | None = None
    look: Look = field(default_factory=lambda: Look({}, None, None))
    next_path: str | None = None  # where to go on, if the query does not say it

    @property
    def browser_hash(self) -> bytes:
        return hash_cookie(self.browser)

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or "localhost"

    def text(self, key: str, **values: object) -> str:
        return words(key, self.language == "fr", **values)

    def day(self, ts: int) -> str:
        """Of a time in milliseconds."""
        return day(ts, self.language == "fr")


class Pages:
    def __init__(
        self,
        browsers: BrowserSessions,
        factors: SecondFactors,
        domains: Domains,
        mail: MailQueue,
        public_url: PublicUrl,
        guesses: Guesses,
        now_ms: NowMs,
    ) -> None:
        self.guesses = guesses
        self.browsers, self.factors, self.now_ms = browsers, factors, now_ms
        self._domains, self._mail, self._public_url = domains, mail, public_url
        self._templates = Environment(
            loader=PackageLoader("chappe.homeserver.api.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def answer(self, request: Request, page: Callable[[Visit], Awaitable[Response]]) -> Response:
        """Runs a page; what goes wrong becomes a page as well."""
        visit = await self.visit(request)
        try:
            return await page(visit)
        except SignInFirst as first:
            return self.redirect(visit, first.location)
        except MatrixError as error:
            return self.message(visit, visit.text("something_wrong"), self.refusal(visit, error), status=error.status)

    @staticmethod
    def refusal(visit: Visit, error: MatrixError) -> str:
        """What was refused, in the reader's language."""
        if isinstance(error, LimitExceeded):
            return visit.text("too_often", seconds=error.headers["Retry-After"])
        return in_french(error) if visit.language == "fr" else curled(error.message)

    def message(
        self,
        visit: Visit,
        title: str,
        text: str = "",
        link: str | None = None,
        label: str | None = None,
        status: int = 200,
        **values: Any,
    ) -> Response:
        if link is None and "links" not in values:  # no page leads nowhere
            values["links"] = [("/", visit.text("open_client", name=visit.brand.name))]
        return self.render(visit, "message.html", status, title=title, text=text, link=link, label=label, **values)

    @property
    def has_mail(self) -> bool:
        return self._mail.is_on

    async def visit(self, request: Request) -> Visit:
        domain = self._domains.of_host(request.host)
        brand = self._mail.brand(domain)
        base = self._public_url.of(request)
        cookies = _cookies(request, base.startswith("https:"))
        value = cookies.get(SESSION, "")
        session = await self.browsers.find(value) if value else None
        visit = Visit(
            request,
            domain,
            brand,
            _language(request, cookies, brand),
            base,
            cookies.get(BROWSER, ""),
            value if session else "",
            session,
            challenge=cookies.get(CHALLENGE),
            look=parse_look(cookies.get(LOOK, "")),
        )
        if len(visit.browser) < 20:
            visit.browser = secrets.token_urlsafe(24)
            visit.cookies.append((BROWSER, visit.browser, YEAR))
        if request.query("lang") in ("fr", "en"):
            visit.cookies.append((LANGUAGE, visit.language, YEAR))
        return visit

    # ------------------------------------------------------------------------------------------------------- forms

    async def form(self, visit: Visit) -> dict[str, str]:
        """What a form of ours sent. Raises M_FORBIDDEN for one that another site sent."""
        request = visit.request
        origin = request.header(b"origin")
        # a proxy may have ended the TLS: the host is what counts
        if origin is not None and origin != "null" and urlsplit(origin).netloc != urlsplit(visit.base_url).netloc:
            raise Forbidden("This form was sent by another site")
        if request.header(b"sec-fetch-site") in ("cross-site", "same-site"):
            raise Forbidden("This form was sent by another site")
        try:
            pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, errors="strict", max_num_fields=100)
        except ValueError:
            raise BadRequest("The form could not be read", "M_INVALID_PARAM") from None
        if any("\0" in value for _, value in pairs):
            raise BadRequest("U+0000 is not allowed in a form", "M_INVALID_PARAM")
        form = dict(pairs)
        expected = self.browsers.form_token(visit.browser, visit.session_cookie)
        if not secrets.compare_digest(form.get("form_token", ""), expected):
            raise Forbidden(visit.text("stale_form"))
        return form

    # ----------------------------------------------------------------------------------------------------- sessions

    async def needs(self, visit: Visit) -> str | None:
        """Where somebody must go before they count as signed in; None where nothing is left to do."""
        session = visit.session
        if session is None:
            return "/login"
        if session.provider is not None:
            return None  # the provider sees to it
        factors = await self.factors.of(session.user_id)
        if factors.any:
            return None if session.second_factor_ts is not None else "/login/second-factor"
        if self.factors.are_required(session.user.server_name, session.user.is_admin):
            return "/account/second-factor"
        return None

    async def require(self, visit: Visit, fresh: bool = False, enrolling: bool = False) -> BrowserSession:
        """Who is signed in, completely. Raises SignInFirst. `fresh`: within the last minutes."""
        where = await self.needs(visit)
        if where is not None and not (enrolling and where == "/account/second-factor"):
            raise SignInFirst(where, here(visit.request))
        assert visit.session is not None
        if fresh and not self.browsers.is_fresh(visit.session):
            raise SignInFirst("/login", here(visit.request), again=True)
        return visit.session

    def signed_in(self, visit: Visit, cookie: str) -> None:
        visit.session_cookie = cookie
        visit.cookies.append((SESSION, cookie, 0))

    def signed_out(self, visit: Visit) -> None:
        visit.session_cookie, visit.session = "", None
        visit.cookies.append((SESSION, "", -1))

    async def known_browser(self, visit: Visit, user_id: str) -> str | None:
        """The name of the visitor's browser, where the account has signed in from it before."""
        is_known = await self.browsers.knows(user_id, visit.browser_hash)
        return visit.browser_hash.hex() if is_known else None

    async def proof(self, visit: Visit, enrolling: bool = False, back: str | None = None) -> FreshProof:
        """Who has signed in within the last minutes. Raises SignInFirst. `back`: where to go on then; None: here."""
        session = await self.require(visit, enrolling=enrolling)
        if not self.browsers.is_fresh(session):
            raise SignInFirst("/login", back or here(visit.request), again=True)
        return FreshProof(session.user_id, SIGNED_IN)

    # ------------------------------------------------------------------------------------------------------ answers

    def render(self, visit: Visit, template: str, status: int = 200, leads_to: str | None = None, **values: Any) -> Response:
        """A page. `leads_to`: the address outside of this server where the answer to its form redirects, if it does."""
        nonce = secrets.token_urlsafe(12)
        has_field = template not in _WITHOUT_FIELDS and values.get("fields", True)
        body = self._templates.get_template(template).render(
            t=visit.text,
            visit=visit,
            brand=visit.brand,
            language=visit.language,
            nonce=nonce,
            form_token=self.browsers.form_token(visit.browser, visit.session_cookie),
            here=here(visit.request),
            look=visit.look,
            focus_heading=not has_field,  # so that whoever does not see the page hears which it is
            **{"error": None, "notice": None, "wide": False, **values},
        )
        policy = (
            f"default-src 'none'; style-src 'self' 'nonce-{nonce}'; font-src 'self'; script-src 'nonce-{nonce}'; "
            f"img-src 'self' https: data:; connect-src 'self'; form-action 'self'{form_target(leads_to)}; "
            f"base-uri 'none'; frame-ancestors 'none'"
        )
        headers = [(b"content-security-policy", policy.encode()), *_HEADERS, *self._set_cookies(visit)]
        return Response(status, body.encode(), "text/html; charset=utf-8", tuple(headers))

    def asked_first(self, visit: Visit, form: Mapping[str, str], what: str, action: str, **values: str) -> Response | None:
        """A page that asks whether what a form of the account takes away is meant; None once that is confirmed.

        `what`: of which the texts `sure_…` and `sure_…_text` speak; `values`: what they say, sent again with the form.
        """
        if form.get("decision") == "yes":
            return None
        button = {"address": "remove", "passkey": "remove", "totp": "switch_off", "codes": "new_codes"}[what]
        return self.render(
            visit,
            "confirm.html",
            title=visit.text(f"sure_{what}"),
            text=visit.text(f"sure_{what}_text", **values),
            action=action,
            button=visit.text(button),
            kept={name: value for name, value in form.items() if name in ("address", "id")},
        )

    def redirect(self, visit: Visit, location: str, status: int = 303) -> Response:
        headers = [(b"location", as_sent(location).encode()), *_HEADERS, *self._set_cookies(visit)]
        return Response(status, b"", "text/plain", tuple(headers))

    def _set_cookies(self, visit: Visit) -> list[tuple[bytes, bytes]]:
        is_secure = visit.base_url.startswith("https:")
        secure = "; Secure" if is_secure else ""
        result = []
        for name, value, age in visit.cookies:
            lifetime = "; Max-Age=0" if age < 0 else f"; Max-Age={age}" if age else ""
            result.append(
                (
                    b"set-cookie",
                    f"{cookie_name(name, is_secure)}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{lifetime}".encode(),
                )
            )
        return result


_WITHOUT_FIELDS = ("message.html", "check_mail.html", "invitation.html", "fallback_done.html", "account.html", "confirm.html")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")  # a policy can hold no other: neither IPv6 nor what is not ASCII
_URL_CHARACTERS = "%/:?#[]@!$&'()*+,;=-._~"  # those of RFC 3986, and what is encoded already
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
)


def called(session: BrowserSession) -> str:
    """How the person who is signed in knows themselves."""
    return session.user.profile.get("displayname") or session.user_id


class SignInFirst(Exception):
    """The visitor must go somewhere first, and then come back."""

    def __init__(self, where: str, next_path: str, again: bool = False) -> None:
        super().__init__(where)
        self.location = f"{where}?{urlencode({'next': next_path} | ({'again': '1'} if again else {}))}"


def here(request: Request) -> str:
    """The request's own path and query, to come back to."""
    path = request.raw_path.decode("ascii", "ignore")
    query = request.query_string
    return f"{path}?{query}" if query else path


def safe_next(text: str | None, default: str = "/account") -> str:
    """A path of this server, as it is sent; anything that a browser could take for another site becomes the default."""
    if not text or "\\" in text or not text.isprintable():
        return default
    sent = as_sent(text)
    try:
        parts = urlsplit(sent)
    except ValueError:
        return default
    return sent if sent.startswith("/") and not sent.startswith("//") and not parts.scheme and not parts.netloc else default


def form_target(address: str | None) -> str:
    """An address as a source of `form-action`, after a space: its origin; the scheme alone where not every browser knows a host."""
    if address is None:
        return ""
    parts = urlsplit(address)
    try:
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return ""
    if parts.scheme in ("http", "https") and _HOST.fullmatch(parts.hostname or ""):
        return f" {parts.scheme}://{parts.hostname}{port}"
    return f" {parts.scheme}:" if parts.scheme else ""


def as_sent(location: str) -> str:
    """An address as a header holds it: nothing of it is left out, what is not ASCII is percent-encoded."""
    return quote(location, safe=_URL_CHARACTERS)


def cookie_name(name: str, is_secure: bool) -> str:
    """With a prefix that browsers keep other hosts of the domain from setting, where there is TLS."""
    return f"__Host-{name}" if is_secure else name


def _cookies(request: Request, is_secure: bool) -> dict[str, str]:
    """Ours, by name; with TLS, only those that no other host can have set."""
    found: dict[str, str] = {}
    for part in (request.header(b"cookie") or "").split(";"):
        name, _, value = part.strip().partition("=")
        found.setdefault(name, value)
    known = (BROWSER, SESSION, LANGUAGE, CHALLENGE, LOOK)
    return {name: found[sent] for name in known if (sent := cookie_name(name, is_secure)) in found}


def _language(request: Request, cookies: Mapping[str, str], brand: Brand) -> str:
    chosen = parse_look(cookies.get(LOOK, "")).language
    for wanted in (request.query("lang"), request.query("ui_locales"), cookies.get(LANGUAGE), chosen):
        if wanted and wanted[:2] in ("fr", "en"):
            return wanted[:2]
    return spoken(request.header(b"accept-language")) or brand.language


def parse_look(cookie: str) -> Look:
    """Of `fr.dark.more.125`: what is none of these words says nothing."""
    attributes, size, language = {}, None, None
    for word in cookie.split(".")[:8]:
        if word in ("light", "dark"):
            attributes["theme"] = word
        elif word == "more":
            attributes["contrast"] = word
        elif word in ("fr", "en"):
            language = word
        elif re.fullmatch(r"[0-9]{2,3}", word, re.ASCII) and 75 <= int(word) <= 200:
            size = int(word)
    return Look(attributes, size, language)
