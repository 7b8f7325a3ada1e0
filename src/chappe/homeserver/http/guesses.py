"""Guesses at secrets are counted in one place, whatever the secret is and whichever route checks it.

A guess takes from up to three buckets before it is looked at, and gives back what it took where it was right, so that many at
once count as well: by account and network (or device that the account knows), by account alone, by network over all accounts.
A network is what one customer of a provider may have whole (`crowd_of`): a /48 of IPv6 has 65,536 times the addresses that count
as one client elsewhere. A stranger elsewhere therefore cannot keep the owner out for long, and a device that is known is not kept
out by strangers at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from chappe.homeserver.http.proxies import crowd_of
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request
from chappe.matrix.errors import LimitExceeded, MatrixError

CLOSE, ACCOUNT, NETWORK = "failed_login", "failed_login_account", "failed_login_network"


class Guess:
    """A guess that is being checked. Call `wrong` where the check says so without raising an error."""

    def __init__(self) -> None:
        self.is_wrong = False

    def wrong(self) -> None:
        self.is_wrong = True


class Guesses:
    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits

    @contextlib.contextmanager
    def counted(self, request: Request, account: str | None = None, device: str | None = None) -> Iterator[Guess]:
        """Put it around what checks a secret. A refusal (4xx) but `NotYet` is a wrong guess; anything else gives back what was taken.

        `account`: whose secret it is, where that is known; `device`: a device or browser that has shown that the account knows
        it. Raises LimitExceeded before the secret is looked at.
        """
        buckets = self._buckets(request, account, device)
        self._take(buckets)
        guess = Guess()
        try:
            yield guess
        except MatrixError as error:
            if error.status >= 500 or isinstance(error, LimitExceeded) or error.waits:
                self._give_back(buckets)
            raise
        except BaseException:
            self._give_back(buckets)
            raise
        if not guess.is_wrong:
            self._give_back(buckets)

    @staticmethod
    def _buckets(request: Request, account: str | None, device: str | None) -> list[tuple[str, str]]:
        network = crowd_of(request.network)
        if account is None:
            return [(NETWORK, network)]
        if device is not None:
            return [(CLOSE, f"{account} device {device}")]
        return [(CLOSE, f"{account} {network}"), (ACCOUNT, account), (NETWORK, network)]

    def _take(self, buckets: list[tuple[str, str]]) -> None:
        for action, key in buckets:
            self._limits.require(action, key)
        for action, key in buckets:
            self._limits.check(action, key)

    def _give_back(self, buckets: list[tuple[str, str]]) -> None:
        for action, key in buckets:
            self._limits.give_back(action, key)
