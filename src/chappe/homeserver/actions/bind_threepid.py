"""An account has proven an e-mail address: invitations that waited for it become real."""

from __future__ import annotations

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.matrix.email_address import parse_email
from chappe.homeserver.matrix.identifiers import UserId
from chappe.homeserver.modules.third_party_invites import ThirdPartyInvites
from chappe.homeserver.policy import Policy


class BindThreepid:
    def __init__(self, accounts: AccountStore, invites: ThirdPartyInvites, policy: Policy) -> None:
        self._accounts, self._invites, self._policy = accounts, invites, policy

    async def __call__(self, user_id: UserId, medium: str, address: str, now_ms: int) -> None:
        """`address` has been proven by its holder. Raises M_INVALID_PARAM for what is none."""
        address = parse_email(address) if medium == "email" else address
        await self._accounts.add_threepid(user_id, medium, address, now_ms)
        if await self._accounts.user_by_threepid(medium, address) == user_id:
            await self._policy.has_proven(user_id, medium, address)
            await self._invites.redeem(user_id, medium, address)

    async def by_owner(self, user_id: UserId, medium: str, address: str, now_ms: int) -> None:
        """The person adds it to their account, which not everybody may. Raises Forbidden."""
        await self._policy.may_prove(user_id, medium, address)
        await self(user_id, medium, address, now_ms)

    async def remove_by_owner(self, user_id: UserId, medium: str, address: str) -> None:
        """The person takes it away from their account, which not everybody may. Raises Forbidden."""
        await self._policy.may_remove_address(user_id, medium, address)
        await self._accounts.remove_threepid(user_id, medium, address)
