"""An account has proven an e-mail address: its owner is told, and invitations that waited for it become real."""

from __future__ import annotations

from chappe.homeserver.accounts.fresh_proof import FreshProof, OwnerMail
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.homeserver.policy import Policy
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import Forbidden
from chappe.matrix.identifiers import UserId


class BindThreepid:
    def __init__(self, accounts: AccountStore, invites: ThirdPartyInvites, policy: Policy, tell_owner: OwnerMail) -> None:
        self._accounts, self._invites, self._policy, self._tell_owner = accounts, invites, policy, tell_owner

    async def __call__(self, user_id: UserId, medium: str, address: str, now_ms: int) -> None:
        """`address` has been proven by its holder, whose account is new, or whom an administrator or provider vouches for.

        Raises M_INVALID_PARAM for what is none, M_FORBIDDEN for an account that is nobody's.
        """
        address = parse_email(address) if medium == "email" else address
        user = await self._accounts.find_user(user_id)
        if user is not None and user.is_nobodys:
            raise Forbidden("Accounts of functions and bots have no address")
        beside = None
        old = [row.address for row in await self._accounts.threepids(user_id) if row.medium == "email"]
        if old and address not in old:
            also = [address] if medium == "email" else []
            beside = (await self._tell_owner.notice(user_id, "address_added", address, also)).put
        await self._accounts.add_threepid(user_id, medium, address, now_ms, beside)
        if await self._accounts.user_by_threepid(medium, address) == user_id:
            await self._policy.has_proven(user_id, medium, address)
            await self._invites.redeem(user_id, medium, address)

    async def by_owner(self, proof: FreshProof, medium: str, address: str, now_ms: int) -> None:
        """The person adds it to their account, which not everybody may. Raises Forbidden."""
        user_id = UserId(proof.user_id)
        await self._policy.may_prove(user_id, medium, address)
        await self(user_id, medium, address, now_ms)

    async def remove(self, user_id: UserId, medium: str, address: str) -> None:
        """By an administrator, whose right has been checked."""
        beside = None
        if medium == "email":
            beside = (await self._tell_owner.notice(user_id, "address_removed", address, [address])).put
        await self._accounts.remove_threepid(user_id, medium, address, beside)

    async def remove_by_owner(self, proof: FreshProof, medium: str, address: str) -> None:
        """The person takes it away from their account, which not everybody may. Raises Forbidden."""
        user_id = UserId(proof.user_id)
        await self._policy.may_remove_address(user_id, medium, address)
        await self.remove(user_id, medium, address)
