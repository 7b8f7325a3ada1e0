"""What adds or takes away a way into an account asks for a fresh proof of who asks; and its owner is told by mail.

Ways in: addresses, passwords, second factors and passkeys, the keys that vouch for devices. The functions that change one take a
`FreshProof`: without one there is nothing to call them with. An access token, or a cookie of this morning, is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg.pool import PoolConnectionProxy

from chappe.homeserver.accounts.device_names import in_words
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.group_writer import Write
from chappe.homeserver.outbound.mail.letters import named
from chappe.homeserver.outbound.mail.queue import Mail, MailQueue
from chappe.i18n import InWords, moment
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import domain_of

# how somebody has just proven to be the owner of an account, or may act for them
INTERACTIVE = "user-interactive authentication"
SIGNED_IN = "a sign-in of the last minutes on the pages"
PASSWORD = "the account's password"
MAILBOX = "a link in a mail to the account's address"
PROVIDER = "the account's provider or directory"
SERVICE = "an application service, for an account that it made"
ADMINISTRATOR = "an administrator, whose right has been checked"


@dataclass(frozen=True, slots=True)
class FreshProof:
    """`user_id`: whose account may be changed. `by`: one of the above.

    `session`: (user, device) of who has given it in a request; None where nobody is signed in to do so.
    """

    user_id: str
    by: str
    session: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Letters about what is about to happen to an account, which are queued in the commit with which it happens."""

    _queue: MailQueue
    mails: tuple[Mail, ...]

    async def put(self, connection: PoolConnectionProxy) -> None:
        await self._queue.put(connection, *self.mails)

    def put_with(self, write: Write) -> None:
        self._queue.put_with(write, *self.mails)


class OwnerMail:
    """Letters to the addresses of an account about what happens to it."""

    def __init__(self, store: AccountStore, mail: MailQueue) -> None:
        self._store, self._mail = store, mail

    async def new_sign_in(self, user_id: str, name: str | None, program: str | None, now_ms: int) -> Notice:
        """Of a device that has come beside others: `name`, as it calls itself; `program`: its User-Agent."""
        return await self.notice(user_id, "new_sign_in", in_words(name, program, self._mail.names), (), moment(now_ms))

    async def notice(
        self, user_id: str, kind: str, changed: str | InWords = "", also: Sequence[str] = (), when: InWords | None = None
    ) -> Notice:
        """One of the letters. `changed`: which address, or what was made; `also`: an address that is not the account's yet."""
        if not self._mail.is_on:
            return Notice(self._mail, ())
        mails: list[Mail] = []
        user = await self._store.find_user(user_id)
        called = named(user.profile.get("displayname") if user is not None else None, user_id)
        said = {"user": called, "address": changed, "what": changed, "when": when or ""}
        language = user.language if user is not None else None
        known = [row.address for row in await self._store.threepids(user_id) if row.medium == "email"]
        for address in dict.fromkeys([*known, *also]):
            try:
                mails.append(self._mail.compose(kind, address, domain_of(user_id), language, None, (), **said))
            except BadRequest:  # of an older grammar
                continue
        return Notice(self._mail, tuple(mails))
