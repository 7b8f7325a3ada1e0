"""The page behind the link of an invitation's mail: who invites, what for, until when; and what has become of it."""

from __future__ import annotations

from urllib.parse import urlencode

from chappe.config import Config
from chappe.config import Registration as RegistrationSettings
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.threepids import REGISTER, Threepids
from chappe.homeserver.api.pages.page import Pages, Visit
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.third_party_invites.links import PATH, InvitationLink
from chappe.homeserver.modules.third_party_invites.third_party_invites import Invited, ThirdPartyInvites
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.errors import MatrixError, NotFound


class InvitationPages:
    def __init__(
        self,
        pages: Pages,
        accounts: Accounts,
        invites: ThirdPartyInvites,
        threepids: Threepids,
        domains: Domains,
        registration: RegistrationSettings,
        config: Config,
    ) -> None:
        self._pages, self._accounts, self._invites, self._threepids = pages, accounts, invites, threepids
        self._domains, self._elsewhere = domains, config.organisations_elsewhere
        self._begins = "/" if config.web_client else "/login"
        self._may_register = registration.open or registration.by_token or registration.email_required

    @endpoint("GET", PATH, auth=NO_AUTH)
    async def page(self, request: Request) -> Answer:
        """Opening the link changes nothing: programs that read mail open links, too."""
        return await self._pages.answer(request, self._page)

    async def _page(self, visit: Visit) -> Response:
        found = await self._invites.of_link(visit.request.query("link") or "")
        if found is None:
            return self._say(visit, "foreign", status=404)
        link, invited = found
        if await self._accounts.store.user_by_threepid("email", link.address) is not None:
            return self._to_sign_in(visit, link)
        if invited is None:
            return self._say(visit, "withdrawn", status=410)
        if self._has_ended(invited):
            return self._say(visit, "ended", facts_of(visit, invited), status=410, who=invited.who)
        try:
            return await self._open(visit, link, invited)
        except MatrixError as error:
            return self._refused(visit, error)

    async def _open(self, visit: Visit, link: InvitationLink, invited: Invited) -> Response:
        """Raises what refuses the account."""
        home = await self._accounts.home_of(link.address)
        if home is not None and not self._domains.is_hosted(home[0]):
            domain = link.address.rpartition("@")[2]
            there = (self._elsewhere.get(domain) or f"https://{home[0]}").rstrip("/")
            facts = facts_of(visit, invited)
            return self._say(
                visit, "elsewhere", facts, f"{there}/?{urlencode({'address': link.address})}", organisation=home[1]
            )
        if not self._may_register:
            return self._say(visit, "closed", facts_of(visit, invited), status=403)
        user_id = await self._accounts.user_id_of({"email": link.address}, visit.server_name)
        if user_id is not None:
            await self._accounts.require_may_register(user_id, {"email": link.address})
        return self._pages.render(
            visit,
            "invitation.html",
            title=visit.text("invited_title", who=invited.who),
            facts=facts_of(visit, invited),
            address=link.address,
            is_fresh=link.is_fresh,
            action=f"{PATH}?{urlencode({'link': visit.request.query('link')})}" if link.is_fresh else self._register(link),
            sign_in=self._sign_in(link),
        )

    @endpoint("POST", PATH, auth=NO_AUTH, limit="register", body_limit=SMALL_LIMIT)
    async def accept(self, request: Request) -> Answer:
        """The link has proven the address: on to the account, of which only the password is missing."""
        return await self._pages.answer(request, self._accept)

    async def _accept(self, visit: Visit) -> Response:
        await self._pages.form(visit)
        with self._pages.guesses.counted(visit.request) as guess:
            found = await self._invites.of_link(visit.request.query("link") or "")
            if found is None:
                guess.wrong()
        if found is None or found[1] is None or not found[0].is_fresh or self._has_ended(found[1]):
            return await self._page(visit)  # which says what has become of it
        link = found[0]
        if await self._accounts.store.user_by_threepid("email", link.address) is not None:
            return self._to_sign_in(visit, link)
        sid, secret = await self._threepids.prove(REGISTER, link.address, visit.server_name)
        return self._pages.redirect(visit, f"{self._register(link)}&{urlencode({'sid': sid, 'client_secret': secret})}")

    # ------------------------------------------------------------------------------------------------------ what is said

    def _has_ended(self, invited: Invited) -> bool:
        ends_ts = invited.terms.ends_ts if invited.terms is not None else None
        return ends_ts is not None and ends_ts <= self._pages.now_ms()

    def _register(self, link: InvitationLink) -> str:
        """Where the account is made. The client, which has begun nothing in this browser yet, begins as soon as that is done."""
        after = f"/?{urlencode({'address': link.address, 'enter': 1})}" if self._begins == "/" else "/account"
        return f"/register?{urlencode({'next': after})}"

    def _sign_in(self, link: InvitationLink) -> str:
        name = "address" if self._begins == "/" else "login_hint"
        return f"{self._begins}?{urlencode({name: link.address})}"

    def _to_sign_in(self, visit: Visit, link: InvitationLink) -> Response:
        title, text = visit.text("invited_known_title"), visit.text("invited_known", address=link.address)
        return self._pages.message(visit, title, text, self._sign_in(link), visit.text("sign_in"))

    def _say(
        self,
        visit: Visit,
        what: str,
        facts: list[tuple[str, str]] | None = None,
        link: str | None = None,
        status: int = 200,
        **values: object,
    ) -> Response:
        title, text = visit.text(f"invited_{what}_title"), visit.text(f"invited_{what}", **values)
        label = visit.text("continue") if link is not None else None
        return self._pages.message(visit, title, text, link, label, status, facts=facts or [])

    def _refused(self, visit: Visit, error: MatrixError) -> Response:
        text = visit.text("invited_no_organisation") if isinstance(error, NotFound) else self._pages.refusal(visit, error)
        return self._pages.message(visit, visit.text("something_wrong"), text, status=error.status)


def facts_of(visit: Visit, invited: Invited) -> list[tuple[str, str]]:
    """What an invitation says, as (of what, what it is)."""
    facts = [(visit.text("invited_by"), invited.who)]
    if invited.what:
        facts.append((visit.text("invited_into"), invited.what))
    if invited.terms is not None:
        facts.append((visit.text("invited_for"), invited.terms.purpose))
        if invited.terms.ends_ts is not None:
            facts.append((visit.text("invited_until"), visit.day(invited.terms.ends_ts)))
    return facts
