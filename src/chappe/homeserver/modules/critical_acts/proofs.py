"""What a critical act needs: a code of one's own second factor, or the agreement of a second administrator."""

from __future__ import annotations

from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.critical_acts.requests import WHOLE, CriticalRequests
from chappe.matrix.errors import Forbidden

OPEN, SECOND_FACTOR, TWO_PERSONS = "open", "second_factor", "two_persons"
HOUR_MS = 3_600_000


class Administrators:
    """Who administers what. Here everybody who administers does so everywhere; the public-sector layer knows organisations."""

    def __init__(self, accounts: AccountStore) -> None:
        self._accounts = accounts

    async def administers(self, user_id: str) -> bool:
        """Whether somebody administers anything."""
        return await self._accounts.administers_since(user_id) is not None

    async def rights_since(self, user_id: str, organisation: str) -> int | None:
        """Since when (ms) somebody administers an organisation; None: they do not."""
        if organisation != WHOLE:
            return None
        return await self._accounts.administers_since(user_id)


class Proofs:
    """`level`: OPEN, nothing is asked; SECOND_FACTOR, a code or a second person; TWO_PERSONS, a second person in any case.

    `approver_hours`: how old rights and second factor of the second person are at least.
    """

    def __init__(
        self,
        administrators: Administrators,
        factors: SecondFactors,
        requests: CriticalRequests,
        level: str,
        approver_hours: int,
        now_ms: NowMs,
    ) -> None:
        self._administrators, self._factors, self._requests, self._now_ms = administrators, factors, requests, now_ms
        self.level, self._approver_ms = level, approver_hours * HOUR_MS

    @property
    def takes_codes(self) -> bool:
        """Whether one's own code is enough."""
        return self.level != TWO_PERSONS

    async def are_needed(self, is_critical: bool, by: str, done_to: str | None) -> bool:
        """Whether an act asks for a proof: where it is critical by itself, or is done to another administrator.

        Whoever could lock, end, rename or sign out their colleagues alone would have none who refuse, agree or look into the
        log. `done_to`: an account; None: it is done to none.
        """
        return is_critical or (done_to is not None and done_to != by and await self._administrators.administers(done_to))

    async def require_code(self, user_id: str, code: str) -> None:
        """Raises M_FORBIDDEN, and M_LIMIT_EXCEEDED after some wrong ones."""
        if not await self._factors.check_totp(user_id, code):
            raise Forbidden("This code is not right: codes change every 30 seconds and serve once", reason="wrong_code")

    async def require_may_agree(self, approver: str, asker: str, organisation: str, code: str | None) -> None:
        """Whoever agrees is another person, in possession of their account for a while. Raises M_FORBIDDEN, with a `reason`."""
        since = self._now_ms() - self._approver_ms
        if approver == asker:
            raise Forbidden("Somebody else must agree", reason="somebody_else")
        rights = await self._administrators.rights_since(approver, organisation)
        if rights is None:
            raise Forbidden("You do not administer this")
        hours = self._approver_ms // HOUR_MS
        if rights > since:
            text = f"You have had your rights for less than {hours} hours: ask another administrator to agree"
            raise Forbidden(text, reason="young_rights")
        if await self._requests.opened_since(approver, asker, since):
            text = "Who asks has changed your account lately: ask another administrator to agree"
            raise Forbidden(text, reason="changed_lately")
        enrolled = await self._factors.codes_since(approver)
        if enrolled is None or code is None:
            raise Forbidden("Agreeing needs a code of your own second factor", needs_code=True)
        if enrolled > since:
            text = f"Your second factor is less than {hours} hours old: ask another administrator to agree"
            raise Forbidden(text, reason="young_factor")
        await self.require_code(approver, code)
