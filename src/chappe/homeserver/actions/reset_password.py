"""A new password: sessions end, and the mailbox of the account is told."""

from __future__ import annotations

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.fresh_proof import MAILBOX, FreshProof, OwnerMail
from chappe.homeserver.accounts.threepids import Threepids
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.matrix.errors import BadRequest


class ResetPassword:
    def __init__(self, accounts: Accounts, threepids: Threepids, tell_owner: OwnerMail) -> None:
        self._accounts, self._threepids, self._tell_owner = accounts, threepids, tell_owner

    async def __call__(
        self, proof: FreshProof, password: str, keep_device: str | None, logout: bool, keep_browser: bytes | None = None
    ) -> None:
        """`logout`: also ends every session but the ones to keep. Raises M_WEAK_PASSWORD."""
        user_id = proof.user_id
        notice = await self._tell_owner.notice(user_id, "password_changed")
        await self._accounts.change(user_id, password=password, notice=notice)
        if logout:
            await self._accounts.states.enter(
                user_id,
                AccountState.SIGNED_OUT_EVERYWHERE,
                but_device=keep_device,
                but_browser=keep_browser,
                cause=AccountState.PASSWORD_CHANGED,
            )

    async def by_address(self, address: str, sid: str, password: str, logout: bool) -> None:
        """For somebody who has proven the address of an account. Raises M_THREEPID_NOT_FOUND."""
        self._accounts.passwords.check_strength(password)
        user_id = await self._accounts.store.user_by_threepid("email", address)
        user = await self._accounts.store.find_user(user_id) if user_id else None
        if user is None or user.deactivated:
            raise BadRequest("No account has this address", "M_THREEPID_NOT_FOUND")
        if not await self._threepids.use(sid):
            raise BadRequest("This proof of an address has been used", "M_NO_VALID_SESSION")
        await self(FreshProof(user.user_id, MAILBOX), password, None, logout)
