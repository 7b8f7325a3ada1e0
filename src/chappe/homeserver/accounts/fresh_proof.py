"""What adds or takes away a way into an account asks for a fresh proof of who asks; and its owner is told by mail.

Ways in: addresses, passwords, second factors and passkeys, the keys that vouch for devices. The functions that change one take a
`FreshProof`: without one there is nothing to call them with. An access token, or a cookie of this morning, is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.matrix.errors import BadRequest
from chappe.homeserver.matrix.identifiers import domain_of
from chappe.homeserver.outbound.mail.queue import MailQueue

# how somebody has just proven to be the owner of an account, or may act for them
INTERACTIVE = "user-interactive authentication"
SIGNED_IN = "a sign-in of the last minutes on the pages"
PASSWORD = "the account's password"
MAILBOX = "a link in a mail to the account's address"
PROVIDER = "the account's provider or directory"
SERVICE = "an application service, for its own user"
ADMINISTRATOR = "an administrator, whose right has been checked"


@dataclass(frozen=True, slots=True)
class FreshProof:
    """`user_id`: whose account may be changed. `by`: one of the above."""

    user_id: str
    by: str


class OwnerMail:
    """Mails to the addresses of an account about what happened to it."""

    def __init__(self, store: AccountStore, mail: MailQueue) -> None:
        self._store, self._mail = store, mail

    async def __call__(self, user_id: str, kind: str, changed: str = "", also: Sequence[str] = ()) -> None:
        """One of the letters. `changed`: which address, or what was made; `also`: addresses that are the account's no longer."""
        if not self._mail.is_on:
            return
        known = [row["address"] for row in await self._store.threepids(user_id) if row["medium"] == "email"]
        for address in dict.fromkeys([*known, *also]):
            try:
                await self._mail.write(
                    kind, address, domain_of(user_id), None, user=user_id, address=changed, what=changed
                )
            except BadRequest:  # of an older grammar
                continue
