"""The routes of Tchap's clients and tools for account validity (`/_synapse/client/email_account_validity`)."""

from __future__ import annotations

import msgspec

from chappe.agency.account_validity import ALREADY, PATH, RENEWED, UNKNOWN, AccountValidity
from chappe.homeserver.api.pages.page import Pages, Visit
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import ADMIN_AUTH, AUTH, OPTIONAL_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import parse_user_id

# outcome: language: (title, text)
_PAGES = {
    RENEWED: {
        "fr": ("Votre compte est confirmé", "Vous pouvez fermer cette page et continuer."),
        "en": ("Your account is confirmed", "You may close this page and go on."),
    },
    ALREADY: {
        "fr": ("Votre compte était déjà confirmé", "Ce lien a déjà servi. Il n’y a rien d’autre à faire."),
        "en": ("Your account was confirmed before", "This link has been used. There is nothing else to do."),
    },
    "unknown": {
        "fr": ("Ce lien n’est pas valable", "Demandez un nouveau message depuis l’application."),
        "en": ("This link is not valid", "Ask for another mail in the application."),
    },
}


class ValidityChange(msgspec.Struct):
    user_id: str
    expiration_ts: int | None = None
    enable_renewal_emails: bool | None = None


class AccountValidityApi:
    def __init__(self, validity: AccountValidity, pages: Pages) -> None:
        self._validity, self._pages = validity, pages

    @endpoint(
        "POST",
        PATH + "/send_mail",
        "/_matrix/client/unstable/account_validity/send_mail",
        auth=AUTH,
        when_locked=True,
        limit="email",
        body_limit=SMALL_LIMIT,
    )
    async def send_mail(self, request: Request) -> Answer:
        """Works for accounts that have expired, too."""
        await self._validity.send_mail(request.user_id)
        return {}

    @endpoint(
        "GET",
        PATH + "/renew",
        "/_matrix/client/unstable/account_validity/renew",
        auth=OPTIONAL_AUTH,
        when_locked=True,
        limit="account",
    )
    async def renew(self, request: Request) -> Answer:
        """A page for people: 200, or 400 for a token that is unknown."""
        token = request.query("token")
        if not token:
            raise BadRequest("`token` is missing", "M_MISSING_PARAM")
        requester = request.optional_requester
        account, device = (requester.user_id, requester.device_id) if requester else (None, None)
        with self._pages.guesses.counted(request, account, device) as guess:
            renewal = await self._validity.renew(token, account)
            if renewal.outcome == UNKNOWN:
                guess.wrong()

        async def page(visit: Visit) -> Response:
            title, text = _PAGES[renewal.outcome]["fr" if visit.language.startswith("fr") else "en"]
            return self._pages.message(visit, title, text, status=200 if renewal.outcome in (RENEWED, ALREADY) else 400)

        return await self._pages.answer(request, page)

    @endpoint("POST", PATH + "/admin", auth=ADMIN_AUTH, does="renew", body_limit=SMALL_LIMIT)
    async def admin(self, request: Request) -> Answer:
        body = await request.body_as(ValidityChange)
        if body.expiration_ts is not None and body.expiration_ts < 0:
            raise BadRequest("`expiration_ts` must not be negative", "M_INVALID_PARAM")
        user_id = parse_user_id(body.user_id)
        return {"expiration_ts": await self._validity.set_end(user_id, body.expiration_ts, body.enable_renewal_emails)}
