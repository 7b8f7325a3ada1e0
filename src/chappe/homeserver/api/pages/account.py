"""The account page (client-server API, "Account management"): profile, devices, password, keys, the end."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.endings import THEMSELVES
from chappe.homeserver.accounts.fresh_proof import PASSWORD, FreshProof
from chappe.homeserver.accounts.session_rows import Device
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.store import User
from chappe.homeserver.accounts.uia import CROSS_SIGNING_RESET, UserInteractiveAuth
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.actions.reset_password import ResetPassword
from chappe.homeserver.actions.set_profile_field import SetProfileField
from chappe.homeserver.api.pages.fields import field
from chappe.homeserver.api.pages.page import Pages, Visit
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import UserId


class AccountPages:
    """The pages of an account: its profile, devices, password, the reset of its keys, its end."""

    def __init__(
        self,
        pages: Pages,
        accounts: Accounts,
        sessions: Sessions,
        set_profile_field: SetProfileField,
        deactivate: DeactivateAccount,
        reset_password: ResetPassword,
        uia: UserInteractiveAuth,
    ) -> None:
        self._pages, self._accounts, self._sessions = pages, accounts, sessions
        self._set_profile_field, self._deactivate = set_profile_field, deactivate
        self._reset_password, self._uia = reset_password, uia

    @endpoint("GET", "/account", auth=NO_AUTH)
    async def account(self, request: Request) -> Answer:
        """Shows the account, or what a client sends its owner here for (the parameter `action`)."""
        return await self._pages.answer(request, self._account)

    async def _account(self, visit: Visit) -> Response:
        action, device = visit.request.query("action"), visit.request.query("device_id")
        if action in ("org.matrix.device_delete", "org.matrix.session_end") and device:
            return await self._ask_about_device(visit, device)
        if action == CROSS_SIGNING_RESET:
            return await self._ask_about_keys(visit)
        if action == "org.matrix.account_deactivate":
            return await self._ask_about_end(visit)
        return await self._show(visit, visit.text("saved") if visit.request.query("saved") else None)

    async def _show(self, visit: Visit, notice: str | None = None) -> Response:
        session = await self._pages.require(visit)
        user_id = session.user_id
        passkeys = [{"id": r.credential_id.hex(), "name": r.name} for r in await self._pages.factors.passkeys(user_id)]
        return self._pages.render(
            visit,
            "account.html",
            user=session.user,
            notice=notice,
            has_mail=self._pages.has_mail,
            passkeys=passkeys,
            devices=[_device(visit, row) for row in await self._accounts.store.sessions.devices(user_id)],
            addresses=[r.address for r in await self._accounts.store.threepids(user_id)],
            factors=await self._pages.factors.of(user_id),
            is_local=session.provider is None,
            name_is_fixed="displayname" in self._accounts.policy.fixed_fields,
            wide=True,
        )

    # ------------------------------------------------------------------------------------------------------ profile

    @endpoint("POST", "/account/profile", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def profile(self, request: Request) -> Answer:
        """Changes the name that others see. A suspended account may not."""
        return await self._pages.answer(request, self._profile)

    async def _profile(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        session = await self._pages.require(visit)
        if session.user.suspended:
            raise Forbidden("Your account is suspended: you can read, but not act", "M_USER_SUSPENDED")
        await self._set_profile_field(
            UserId(session.user_id), "displayname", form.get("display_name", "").strip() or None, by_owner=True
        )
        return self._pages.redirect(visit, "/account?saved=1")

    # ------------------------------------------------------------------------------------------------------ devices

    async def _ask_about_device(self, visit: Visit, device_id: str) -> Response:
        session = await self._pages.require(visit)
        device = await self._accounts.store.sessions.device(session.user_id, device_id)
        if device is None:
            return await self._show(visit, visit.text("no_device"))
        return self._pages.render(
            visit,
            "field.html",
            title=visit.text("end_session_title"),
            text=visit.text("end_session_text"),
            items=[device.display_name or device_id],
            fields=[],
            action=f"/account/devices/end?{_query(device_id)}",
            button=visit.text("end_session"),
            links=[("/account", visit.text("back"))],
        )

    @endpoint("POST", "/account/devices/end", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def end_device(self, request: Request) -> Answer:
        """Signs a device out."""
        return await self._pages.answer(request, self._end_device)

    async def _end_device(self, visit: Visit) -> Response:
        await self._pages.form(visit)
        session = await self._pages.require(visit)
        device_id = visit.request.query("device_id") or ""
        device = await self._accounts.store.sessions.device(session.user_id, device_id)
        await self._sessions.remove_devices(session.user_id, [device_id])
        called = (device.display_name if device is not None else None) or device_id
        text = visit.text("session_ended", device=called)
        return self._pages.message(visit, visit.text("devices"), text, "/account", visit.text("back"))

    # ----------------------------------------------------------------------------------------------------- password

    @endpoint("GET", "/account/password", auth=NO_AUTH)
    async def password(self, request: Request) -> Answer:
        """Shows the form for another password."""
        return await self._pages.answer(request, self._password)

    async def _password(self, visit: Visit, error: str | None = None) -> Response:
        await self._pages.require(visit)
        fields = [
            field("current", visit.text("current_password"), "password", "current-password"),
            field("password", visit.text("new_password"), "password", "new-password"),
        ]
        return self._pages.render(
            visit,
            "field.html",
            400 if error else 200,
            title=visit.text("change_password"),
            error=error,
            fields=fields,
            text=visit.text("password_hint", count=self._accounts.passwords.minimum),
            action="/account/password",
            warning=visit.text("password_signs_out"),
            button=visit.text("change_password"),
            links=[("/account", visit.text("back"))],
        )

    @endpoint("POST", "/account/password", auth=NO_AUTH, limit="login", body_limit=SMALL_LIMIT)
    async def change_password(self, request: Request) -> Answer:
        """Sets another password, where the present one is right, and signs out everything but this browser."""
        return await self._pages.answer(request, self._change_password)

    async def _change_password(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        session = await self._pages.require(visit)
        try:
            device = session.id_hash.hex()
            with self._pages.guesses.counted(visit.request, session.user_id, device):
                await self._accounts.check_password(session.user_id, form.get("current", ""))
            proof = FreshProof(session.user_id, PASSWORD)
            await self._reset_password(proof, form.get("password", ""), None, True, session.id_hash)
        except MatrixError as error:
            wrong = error.errcode == "M_FORBIDDEN"
            text = visit.text("wrong_current_password") if wrong else self._pages.refusal(visit, error)
            return await self._password(visit, text)
        text = visit.text("password_changed")
        return self._pages.message(visit, visit.text("change_password"), text, "/account", visit.text("back"))

    # ---------------------------------------------------------------------------------------- encryption, the end

    async def _ask_about_keys(self, visit: Visit) -> Response:
        """Of one device: the one that the address names, else the one that waits for it; where it is not one alone, which."""
        proof = await self._pages.proof(visit)
        asked = visit.request.query("device_id")
        wanted = {asked} if asked else await self._uia.key_resets(proof.user_id)
        devices = await self._accounts.store.sessions.devices(proof.user_id)
        names = {d.device_id: d.display_name or d.device_id for d in devices}
        among = [device for device in names if device in wanted] or list(names)
        title = visit.text("reset_keys")
        if len(among) != 1:
            links = [(f"/account?{_query(device, action=CROSS_SIGNING_RESET)}", names[device]) for device in among]
            return self._pages.message(visit, title, visit.text("reset_keys_which"), links=links)
        text = visit.text("reset_keys_of", device=names[among[0]])
        return self._pages.render(
            visit,
            "field.html",
            title=title,
            warning=visit.text("reset_keys_text"),
            text=text,
            fields=[],
            action=f"/account/reset-keys?{_query(among[0])}",
            button=visit.text("allow"),
            links=[("/account", visit.text("back"))],
        )

    @endpoint("POST", "/account/reset-keys", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def reset_keys(self, request: Request) -> Answer:
        """Allows one device to replace the account's keys for cross-signing, without the old ones."""
        return await self._pages.answer(request, self._reset_keys)

    async def _reset_keys(self, visit: Visit) -> Response:
        await self._pages.form(visit)
        device = visit.request.query("device_id") or ""
        proof = await self._pages.proof(visit, back=f"/account?{_query(device, action=CROSS_SIGNING_RESET)}")
        if await self._accounts.store.sessions.device(proof.user_id, device) is None:
            return await self._ask_about_keys(visit)
        await self._uia.approve_key_reset(proof, device)
        return self._pages.message(visit, visit.text("reset_keys"), visit.text("reset_keys_done"))

    async def _ask_about_end(self, visit: Visit, error: str | None = None) -> Response:
        session = await self._pages.require(visit, fresh=True)
        text = visit.text("deactivate_text", user=_called(session.user))
        return self._pages.render(
            visit,
            "field.html",
            400 if error else 200,
            title=visit.text("deactivate"),
            text="",
            warning=text,
            error=error,
            action="/account/deactivate",
            button=visit.text("deactivate"),
            erase=visit.text("erase"),
            fields=[field("confirm", visit.text("your_name"), "text", "off")],
            links=[("/account", visit.text("back"))],
        )

    @endpoint("POST", "/account/deactivate", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def deactivate(self, request: Request) -> Answer:
        """Ends the account, where its owner has typed what they are called (or its user id)."""
        return await self._pages.answer(request, self._end_account)

    async def _end_account(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        await self._pages.proof(visit, back="/account?action=org.matrix.account_deactivate")
        session = await self._pages.require(visit)
        if _plainly(form.get("confirm", "")) not in (_plainly(_called(session.user)), session.user_id):
            return await self._ask_about_end(visit, visit.text("deactivate_text", user=_called(session.user)))
        await self._deactivate(UserId(session.user_id), form.get("erase") == "1", THEMSELVES)
        self._pages.signed_out(visit)
        return self._pages.message(visit, visit.text("deactivate"), visit.text("deactivated"))


def _called(user: User) -> str:
    """The name that somebody knows themselves by: theirs, without their organisation's; the user id where there is none."""
    name = str(user.profile.get("displayname") or "").partition(" [")[0].strip()
    return name or user.user_id


def _plainly(text: str) -> str:
    return " ".join(text.casefold().split())


def _query(device_id: str, **more: str) -> str:
    return urlencode({**more, "device_id": device_id})


def _device(visit: Visit, row: Device) -> dict[str, Any]:
    seen = row.last_seen_ts
    day = visit.day(seen) if seen else None
    return {"device_id": row.device_id, "display_name": row.display_name, "seen": day}
