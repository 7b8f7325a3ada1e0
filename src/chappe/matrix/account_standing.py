"""How an account stands, and what it may still do (client-server API, "Account moderation"): the one predicate, pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from chappe.matrix.errors import Forbidden, MatrixError


class Doing(IntEnum):
    """What is about to be done, from what most accounts may to what fewest may."""

    HOLD = 0  # have a session, begin or renew one: an account that has expired does, so that it can be renewed
    READ = 1
    ACT = 2  # be seen by others, change what others see


@dataclass(frozen=True, slots=True)
class Standing:
    """Of an account and of whoever answers for it (`owner`) together. `expires_ts`: in ms; None: it does not expire."""

    locked: bool = False
    suspended: bool = False
    expires_ts: int | None = None
    ended: bool = False
    owner: str | None = None

    def refusal(self, doing: Doing, now_ms: int) -> MatrixError | None:
        """Why not; None where it may."""
        if self.ended:
            return MatrixError(401, "M_UNKNOWN_TOKEN", "This account has ended", soft_logout=False)
        if self.locked:
            return MatrixError(401, "M_USER_LOCKED", "This account is locked: ask your administrator", soft_logout=True)
        if doing >= Doing.READ and self.expires_ts is not None and self.expires_ts <= now_ms:
            return Forbidden("This account has expired and must be renewed", "ORG_MATRIX_EXPIRED_ACCOUNT")
        if doing >= Doing.ACT and self.suspended:
            return Forbidden("Your account is suspended: you can read, but not act", "M_USER_SUSPENDED")
        return None


WELL = Standing()
UNKNOWN = Standing(ended=True)  # there is no such account
