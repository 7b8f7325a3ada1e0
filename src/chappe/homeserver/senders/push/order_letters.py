"""Mails to those who have not answered an order: that a message awaits their answer, and nothing of what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from asyncpg.pool import PoolConnectionProxy

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.modules.orders.orders import Orders
from chappe.homeserver.modules.push.store import PusherStore
from chappe.homeserver.outbound.mail.queue import Mail, MailQueue
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import domain_of


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Somebody who is to be told by mail of an order (`event_id`)."""

    user_id: str
    room: LiveRoom
    event_id: str


@dataclass(frozen=True, slots=True)
class OrderLetter:
    of: Unanswered
    mails: tuple[Mail, ...]


class OrderLetters:
    def __init__(
        self, database: Database, accounts: AccountStore, orders: Orders, mail: MailQueue, public_url: PublicUrl
    ) -> None:
        self._accounts, self._orders, self._mail, self._public_url = accounts, orders, mail, public_url
        self._pushers = PusherStore(database)

    @property
    def is_on(self) -> bool:
        return self._mail.is_on

    async def compose(self, wanted: Sequence[Unanswered]) -> list[OrderLetter]:
        """To the addresses that people have proven to be theirs, in their language; else in that of the latest device."""
        users = await self._orders.few_letters(list(dict.fromkeys(each.user_id for each in wanted)))
        if not users:
            return []
        addresses = await self._accounts.mailboxes(users)
        languages = await self._pushers.languages(users) | await self._accounts.languages(users)
        found: list[OrderLetter] = []
        for each in wanted:
            mails = [self._letter(each, address, languages) for address in addresses.get(each.user_id, ())]
            if written := tuple(mail for mail in mails if mail is not None):
                found.append(OrderLetter(each, written))
        return found

    def _letter(self, wanted: Unanswered, address: str, languages: Mapping[str, str]) -> Mail | None:
        server_name = domain_of(wanted.user_id)
        place = f"#/room/{quote(wanted.room.room_id, safe='')}/{quote(wanted.event_id, safe='')}"
        link = f"{self._public_url.for_domain(server_name)}/{place}"
        try:
            return self._mail.compose("order_waits", address, server_name, languages.get(wanted.user_id), link)
        except BadRequest:  # an address of an older grammar
            return None

    async def put(self, connection: PoolConnectionProxy, letters: Sequence[OrderLetter]) -> None:
        """In the transaction that says how far the log was followed: each person is told of an order once."""
        for letter in letters:
            if await self._orders.note_letter(connection, letter.of.user_id, letter.of.event_id, letter.of.room):
                await self._mail.put(connection, *letter.mails)
