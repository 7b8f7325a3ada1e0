"""The account page's second factors: an app that makes codes, codes on paper, passkeys."""

from __future__ import annotations

from urllib.parse import urlencode

from chappe.homeserver.accounts.fresh_proof import FreshProof
from chappe.homeserver.api.pages.page import Pages, Visit, safe_next
from chappe.homeserver.api.pages.sign_in import script_json
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.errors import BadRequest


class SecondFactorPages:
    """The second factors of an account: one-time codes, recovery codes, passkeys. Each page asks for a fresh proof."""

    def __init__(self, pages: Pages) -> None:
        self._pages, self._factors = pages, pages.factors

    @endpoint("GET", "/account/second-factor", auth=NO_AUTH)
    async def enrol(self, request: Request) -> Answer:
        """Shows the secret for an app that makes one-time codes."""
        return await self._pages.answer(request, self._enrol)

    async def _enrol(self, visit: Visit, error: str | None = None) -> Response:
        proof = await self._pages.proof(visit, enrolling=True)
        session = await self._pages.require(visit, enrolling=True)
        secret, address = await self._factors.begin_totp(proof, visit.brand.name)
        required = self._factors.are_required(session.user.server_name, session.user.is_admin)
        return self._pages.render(
            visit,
            "enrol.html",
            403 if error else 200,
            error=error,
            secret=secret,
            address=address,
            required=required,
            query=urlencode({"next": safe_next(visit.request.query("next"))}),
        )

    @endpoint("POST", "/account/second-factor", auth=NO_AUTH, limit="login", body_limit=SMALL_LIMIT)
    async def confirm(self, request: Request) -> Answer:
        """Turns one-time codes on, where the first is right, and shows the recovery codes."""
        return await self._pages.answer(request, self._confirm)

    async def _confirm(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        proof = await self._pages.proof(visit, enrolling=True)
        session = await self._pages.require(visit, enrolling=True)
        with self._pages.guesses.counted(visit.request, session.user_id, session.id_hash.hex()) as guess:
            is_right = await self._factors.confirm_totp(proof, form.get("code", ""))
            if not is_right:
                guess.wrong()
        if not is_right:
            return await self._enrol(visit, visit.text("wrong_code"))
        await self._pages.browsers.passed_second_factor(session)
        return await self._codes(visit, proof)

    async def _codes(self, visit: Visit, proof: FreshProof) -> Response:
        codes = await self._factors.new_recovery_codes(proof)
        link = safe_next(visit.request.query("next"))
        return self._pages.message(
            visit, visit.text("codes_title"), visit.text("codes_text"), link, visit.text("codes_kept"), codes=codes
        )

    @endpoint("POST", "/account/second-factor/remove", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def remove(self, request: Request) -> Answer:
        """Turns one-time codes off."""
        return await self._pages.answer(request, self._remove)

    async def _remove(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        proof = await self._pages.proof(visit, back="/account")
        if (asked := self._pages.asked_first(visit, form, "totp", "/account/second-factor/remove")) is not None:
            return asked
        await self._factors.remove_totp(proof)
        return self._pages.redirect(visit, "/account?saved=1")

    @endpoint("POST", "/account/recovery-codes", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def new_codes(self, request: Request) -> Answer:
        """Makes new recovery codes and shows them; the old ones end."""
        return await self._pages.answer(request, self._new_codes)

    async def _new_codes(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        proof = await self._pages.proof(visit, back="/account")
        asked = self._pages.asked_first(visit, form, "codes", "/account/recovery-codes")
        return asked if asked is not None else await self._codes(visit, proof)

    @endpoint("GET", "/account/passkeys", auth=NO_AUTH)
    async def passkey(self, request: Request) -> Answer:
        """Asks the browser to make a passkey."""
        return await self._pages.answer(request, self._passkey)

    async def _passkey(self, visit: Visit) -> Response:
        proof = await self._pages.proof(visit, enrolling=True)
        options = await self._factors.begin_passkey(visit.browser_hash, proof, visit.host, visit.brand.name)
        return self._pages.render(visit, "passkey.html", passkey_options=script_json(options))

    @endpoint("POST", "/account/passkeys", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def add_passkey(self, request: Request) -> Answer:
        """Adds a passkey, and shows recovery codes where it is the account's first factor."""
        return await self._pages.answer(request, self._add_passkey)

    async def _add_passkey(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        proof = await self._pages.proof(visit, enrolling=True, back="/account/passkeys")
        session = await self._pages.require(visit, enrolling=True)
        had = await self._factors.of(session.user_id)
        await self._factors.add_passkey(
            visit.browser_hash, proof, form.get("credential", ""), visit.host, visit.base_url, form.get("name", "")
        )
        await self._pages.browsers.passed_second_factor(session)
        if had.any:
            return self._pages.redirect(visit, "/account?saved=1")
        return await self._codes(visit, proof)

    @endpoint("POST", "/account/passkeys/remove", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def remove_passkey(self, request: Request) -> Answer:
        """Removes a passkey."""
        return await self._pages.answer(request, self._remove_passkey)

    async def _remove_passkey(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        proof = await self._pages.proof(visit, back="/account")
        try:
            credential = bytes.fromhex(form.get("id", ""))
        except ValueError:
            raise BadRequest("There is no such passkey", "M_INVALID_PARAM") from None
        if (asked := self._pages.asked_first(visit, form, "passkey", "/account/passkeys/remove")) is not None:
            return asked
        await self._factors.remove_passkey(proof, credential)
        return self._pages.redirect(visit, "/account?saved=1")
