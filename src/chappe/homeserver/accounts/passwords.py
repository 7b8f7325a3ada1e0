"""Password hashing: argon2id, in a thread, few at a time, since each takes tens of megabytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import argon2

from chappe.matrix.errors import BadRequest

MAX_PASSWORD = 512
MIN_PASSWORD = 8


# what a password may have to hold: (a test, the code that Synapse's and Tchap's clients know, in words)
REQUIREMENTS: dict[str, tuple[Callable[[str], bool], str, str]] = {
    "digit": (str.isdigit, "M_PASSWORD_NO_DIGIT", "a digit"),
    "symbol": (lambda each: not each.isalnum(), "M_PASSWORD_NO_SYMBOL", "a symbol"),
    "lowercase": (str.islower, "M_PASSWORD_NO_LOWERCASE", "a lower-case letter"),
    "uppercase": (str.isupper, "M_PASSWORD_NO_UPPERCASE", "an upper-case letter"),
}


class Passwords:
    """`memory_kib`, `passes`: argon2id's costs. Hashes made with other costs stay valid. `requires`: names of REQUIREMENTS."""

    def __init__(
        self, memory_kib: int, passes: int, minimum_length: int = MIN_PASSWORD, requires: Collection[str] = ()
    ) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self.minimum, self.requires = minimum_length, [name for name in REQUIREMENTS if name in requires]
        self._slots = asyncio.Semaphore(2)
        self._nobody: str | None = None

    def check_strength(self, password: str) -> None:
        """Raises M_WEAK_PASSWORD; where something is required of passwords, the code that says what is missing."""
        if len(password) < self.minimum:
            code = "M_PASSWORD_TOO_SHORT" if self.requires else "M_WEAK_PASSWORD"
            raise BadRequest(f"The password must have at least {self.minimum} characters", code)
        for name in self.requires:
            holds, code, words = REQUIREMENTS[name]
            if not any(map(holds, password)):
                raise BadRequest(f"The password must have {words}", code)
        if len(password) > MAX_PASSWORD:
            raise BadRequest(f"The password must have at most {MAX_PASSWORD} characters", "M_WEAK_PASSWORD")

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Takes as long for an account that does not exist (`stored` None) as for one that does."""
        async with self._slots:
            return await asyncio.to_thread(self._verify, stored, password[:MAX_PASSWORD])

    def _verify(self, stored: str | None, password: str) -> bool:
        if stored is None:
            if self._nobody is None:
                self._nobody = self._hasher.hash("nobody")
            target = self._nobody
        else:
            target = stored
        try:
            self._hasher.verify(target, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
        return stored is not None
