"""Third-party invites (client-server API, "Third-party invites"): by e-mail address, for hosted domains.

The server is its own identity server here: it knows whose address is whose, keeps the invitations that wait for an
address to be proven, and signs the proof with a key made for each.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from msgspec.structs import astuple

from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find, read, values
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.modules.third_party_invites.links import PATH, InvitationLink, InvitationLinks
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.mail.letters import named
from chappe.homeserver.outbound.mail.queue import Mail, MailQueue
from chappe.homeserver.policy import InvitationTerms
from chappe.homeserver.rooms.create_event import Draft
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import THIRD_PARTY_INVITE, Rooms
from chappe.i18n import until_day
from chappe.matrix.account_standing import Doing
from chappe.matrix.email_address import masked, parse_email
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.matrix.event_auth import invitation_keys
from chappe.matrix.identifiers import UserId, domain_of
from chappe.matrix.signing import SigningKey, sign_json


class InviteRow(Row):
    token: str
    medium: str
    address: str
    room_id: str
    sender: str
    seed: bytes
    public_key: str
    display_name: str
    created_ts: int


_KEPT_KEYS = "SELECT public_key FROM third_party_invites WHERE token = $1 AND room_id = $2 AND sender = $3"
_INSERT = f"INSERT INTO third_party_invites ({columns(InviteRow)})"
FRAGMENT = Fragment(
    "third_party_invites",
    InviteRow,
    f"""
    {_INSERT} SELECT {columns(InviteRow, "i")}
      FROM unnest(third_party_invites_rows) i WHERE i._lane <> ALL (bad);""",
)
log = logging.getLogger(__name__)
IS_VALID = "/_matrix/identity/v2/pubkey/ephemeral/isvalid"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An invitation that waits for an address. `content`: of the event that announces it. `row`: what is kept."""

    token: str
    content: dict[str, Any]
    row: InviteRow


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that waits, as it is told to whoever it is for: who invites, into which room ("": one without a name)."""

    row: InviteRow
    who: str
    what: str
    terms: InvitationTerms | None


class ThirdPartyInvites:
    def __init__(
        self,
        database: Database,
        accounts: AccountStore,
        rooms: Rooms,
        membership: MembershipChanges,
        domains: Domains,
        public_url: str | None,
        mail: MailQueue,
        standings: Standings,
        links: InvitationLinks,
    ) -> None:
        self._standings, self._links = standings, links
        self._database, self._accounts, self._rooms = database, accounts, rooms
        self._membership, self._domains, self._public_url = membership, domains, public_url
        self._mail = mail
        rooms.ask_before(THIRD_PARTY_INVITE, self.require_may_announce)

    async def check(self, user_id: UserId, medium: str, address: str, id_server: str) -> None:
        """Before a room is made into which somebody invites an address. Raises as `invite`."""
        await self._require_may_invite_address(user_id, "", medium, self._checked_here(medium, address, id_server))

    def _checked_here(self, medium: str, address: str, id_server: str) -> str:
        """The address as it is compared. Raises M_INVALID_PARAM, M_THREEPID_DENIED, M_THREEPID_MEDIUM_NOT_SUPPORTED."""
        if not self._domains.is_hosted(id_server):
            raise BadRequest("Addresses are looked up on this server only", "M_THREEPID_DENIED")
        return _checked(medium, address)

    async def _require_may_invite_address(self, user_id: UserId, room_id: str, medium: str, address: str) -> None:
        """`room_id` is "" for a room that is being made. Raises what the policy refuses it with."""
        await self._rooms.policy.may_invite_address(user_id, room_id, medium, address)

    async def require_may_announce(self, user_id: UserId, room_id: str, token: str, content: Mapping[str, Any]) -> None:
        """Before somebody writes the event of an invitation themselves. Raises what the policy refuses it with.

        Of what is kept here it has been asked (`store`). Of any other only another server knows the address. Without keys it
        withdraws the invitation, which ends here with it.
        """
        keys = set(invitation_keys(content))
        if not keys:
            await self._withdraw(user_id, room_id, token)
        if keys and keys != await self._kept_keys(user_id, room_id, token):
            await self._require_may_invite_address(user_id, room_id, "", "")

    async def _withdraw(self, user_id: str, room_id: str, token: str) -> None:
        room = await self._rooms.require_joined(user_id, room_id)
        if room.power_levels().of(user_id) >= room.power_levels().level("invite"):  # as the rule of the event has it
            await self._database.execute("DELETE FROM third_party_invites WHERE token = $1 AND room_id = $2", token, room_id)

    async def _kept_keys(self, user_id: UserId, room_id: str, token: str) -> set[str]:
        return set(await values(self._database, str, _KEPT_KEYS, token, room_id, user_id)) if room_id else set()

    async def invite(
        self, user_id: UserId, room_id: str, medium: str, address: str, id_server: str, terms: InvitationTerms | None = None
    ) -> None:
        """Invites the account that has proven the address, or leaves an invitation for it. `terms`: what its mail says of them,
        which their owner keeps. Raises M_THREEPID_DENIED."""
        address = self._checked_here(medium, address, id_server)
        room = await self._rooms.require_joined(user_id, room_id)
        await self._require_may_invite_address(user_id, room_id, medium, address)
        known = await self._accounts.user_by_threepid(medium, address)
        if known is not None:
            await self._membership.invite(user_id, room_id, UserId(known), {})
            return
        waiting = self._waiting(user_id, room_id, medium, address)
        # nothing is kept of what is refused, and nothing is announced that is not kept
        beside: list[Row] = [waiting.row]
        beside += [mail.row for mail in await self._letters(waiting.row, room, terms)]
        draft = Draft(THIRD_PARTY_INVITE, user_id, waiting.content, waiting.token, beside=beside)
        await self._rooms.submit(room, [draft])
        self._mail.send_soon()

    def _waiting(self, user_id: UserId, room_id: str, medium: str, address: str) -> Waiting:
        token, seed = secrets.token_urlsafe(24), secrets.token_bytes(32)
        key, shown = SigningKey(seed, "0"), masked(address)
        base = self._public_url or f"https://{domain_of(user_id)}"
        url = base.rstrip("/") + IS_VALID
        content = {
            "display_name": shown,
            "key_validity_url": url,
            "public_key": key.public,
            "public_keys": [{"key_validity_url": url, "public_key": key.public}],
        }
        row = InviteRow(
            token=token,
            medium=medium,
            address=address,
            room_id=room_id,
            sender=user_id,
            seed=seed,
            public_key=key.public,
            display_name=shown,
            created_ts=self._rooms.now_ms(),
        )
        return Waiting(token, content, row)

    async def store(self, user_id: UserId, room_id: str, medium: str, address: str) -> dict[str, Any]:
        """For a client, or a server, that announces the invitation itself. Raises M_THREEPID_IN_USE with the user id."""
        address = _checked(medium, address)
        room = await self._rooms.require_joined(user_id, room_id)
        await self._require_may_invite_address(user_id, room_id, medium, address)
        known = await self._accounts.user_by_threepid(medium, address)
        if known is not None:
            raise BadRequest("This address belongs to an account: invite it", "M_THREEPID_IN_USE", mxid=known)
        if room.power_levels().of(user_id) < room.power_levels().level("invite"):
            raise Forbidden("You may not invite anybody into this room")
        waiting = self._waiting(user_id, room_id, medium, address)
        letters = await self._letters(waiting.row, room, None)
        async with self._database.transaction() as connection:
            await connection.execute(f"{_INSERT} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", *astuple(waiting.row))
            await self._mail.put(connection, *letters)
        shown, keys = waiting.content["display_name"], waiting.content["public_keys"]
        return {"token": waiting.token, "display_name": shown, "public_keys": keys}

    async def _letters(self, row: InviteRow, room: LiveRoom, terms: InvitationTerms | None) -> list[Mail]:
        """The one to the address; none where the server sends no mail."""
        if not self._mail.is_on:
            return []
        server_name = domain_of(row.sender)
        base = (self._public_url or f"https://{server_name}").rstrip("/")
        link = f"{base}{PATH}?{urlencode({'link': self._links.make(row.token, row.address)})}"
        said: dict[str, object] = {"who": await self._name(row.sender), "what": _room_name(room) or "…"}
        kind = "invitation" if terms is None else "invitation_guest" if terms.ends_ts is None else "invitation_guest_until"
        if terms is not None:
            said |= {"purpose": terms.purpose, "until": until_day(terms.ends_ts or 0)}
        return [self._mail.compose(kind, row.address, server_name, None, link, (), **said)]

    async def _name(self, user_id: str) -> str:
        user = await self._accounts.find_user(user_id)
        return named(user.profile.get("displayname") if user else None, user_id)

    # ---------------------------------------------------------------------------------------------- while it waits

    async def of_link(self, link: str) -> tuple[InvitationLink, Invited | None] | None:
        """What the link of a mail is of, and the invitation while it waits; None where this installation has not made the link."""
        found = self._links.read(link)
        if found is None:
            return None
        row = await find(
            self._database, InviteRow, f"SELECT {columns(InviteRow)} FROM third_party_invites WHERE token = $1", found.token
        )
        return found, await self._told(row) if row is not None and await self._is_in_force(row) else None

    async def waiting_for(self, address: str) -> Invited | None:
        """The oldest invitation of an address."""
        for row in await self._of_address("email", address):
            if await self._is_in_force(row):
                return await self._told(row)
        return None

    async def in_room(self, user_id: UserId, room_id: str) -> list[Invited]:
        """Who is awaited in a room. Raises M_FORBIDDEN for who is not in it."""
        room = await self._rooms.require_joined(user_id, room_id)
        rows = await read(
            self._database,
            InviteRow,
            f"SELECT {columns(InviteRow)} FROM third_party_invites WHERE room_id = $1 ORDER BY created_ts",
            room_id,
        )
        return [await self._told(row) for row in rows if _stands(room, row.token)]

    async def send_again(self, user_id: UserId, room_id: str, token: str) -> None:
        """The mail of an invitation, with a new link. Raises M_NOT_FOUND, M_FORBIDDEN for who may invite nobody."""
        room = await self._rooms.require_joined(user_id, room_id)
        row = await find(
            self._database,
            InviteRow,
            f"SELECT {columns(InviteRow)} FROM third_party_invites WHERE token = $1 AND room_id = $2",
            token,
            room_id,
        )
        if row is None or not _stands(room, token):
            raise NotFound("This invitation waits no more")
        await self._require_may_invite_address(user_id, room_id, row.medium, row.address)
        if row.sender != user_id and room.power_levels().of(user_id) < room.power_levels().level("invite"):
            raise Forbidden("You may not invite anybody into this room")
        letters = await self._letters(row, room, await self._terms(row.address))
        async with self._database.transaction() as connection:
            await self._mail.put(connection, *letters)

    async def send_all_again(self, sender: str, address: str) -> int:
        """The mails of somebody's invitations of an address that still wait. Raises M_THREEPID_MEDIUM_NOT_SUPPORTED."""
        self._mail.require_on()
        letters: list[Mail] = []
        for row in await self._of_address("email", address):
            if row.sender == sender and await self._is_in_force(row):
                letters += await self._letters(row, await self._rooms.require(row.room_id), await self._terms(address))
        async with self._database.transaction() as connection:
            await self._mail.put(connection, *letters)
        return len(letters)

    async def withdraw(self, sender: str, address: str) -> None:
        """All that somebody has invited an address to."""
        await self._database.execute(
            "DELETE FROM third_party_invites WHERE medium = 'email' AND address = $1 AND sender = $2", address, sender
        )

    async def _told(self, row: InviteRow) -> Invited:
        room = await self._rooms.require(row.room_id)
        return Invited(row, await self._name(row.sender), _room_name(room), await self._terms(row.address))

    async def _terms(self, address: str) -> InvitationTerms | None:
        return await self._rooms.policy.invitation_terms(address)

    async def _is_in_force(self, row: InviteRow) -> bool:
        """Whether it would still be an invitation if its address were proven now."""
        is_own = self._domains.is_hosted(domain_of(row.sender))
        if is_own and not await self._standings.who_may([row.sender], Doing.ACT):
            return False
        return _stands(await self._rooms.require(row.room_id), row.token)

    async def _of_address(self, medium: str, address: str) -> list[InviteRow]:
        return await read(
            self._database,
            InviteRow,
            f"SELECT {columns(InviteRow)} FROM third_party_invites WHERE medium = $1 AND address = $2 ORDER BY created_ts",
            medium,
            address,
        )

    # -------------------------------------------------------------------------------------------------- once proven

    async def redeem(self, user_id: UserId, medium: str, address: str) -> int:
        """An account has proven an address: turns what waited for it into invitations. Returns how many."""
        done = 0
        for invite in await self.proofs(user_id, medium, address):
            proof = {"display_name": invite["display_name"], "signed": invite["signed"]}
            try:
                await self._membership.invite(
                    UserId(invite["sender"]), invite["room_id"], user_id, {"third_party_invite": proof}
                )
                done += 1
            except MatrixError as error:  # the inviter has left, say
                log.warning("an invitation by e-mail failed", extra={"fields": {"error": error.errcode}})
                if error.status >= 500 or error.status == 429:
                    continue  # it is kept: the address can be proven again when the room can be reached
            await self.forget([invite["signed"]["token"]])
        return done

    async def proofs(self, user_id: UserId, medium: str, address: str) -> list[dict[str, Any]]:
        """The invitations that wait for an address, each signed for whoever has proven to hold it (`3pid/onbind`)."""
        rows = await self._of_address(medium, address)
        senders = {row.sender for row in rows}
        own = {sender for sender in senders if self._domains.is_hosted(domain_of(sender))}
        acting = senders - own | await self._standings.who_may(own, Doing.ACT)
        return [
            {
                "medium": medium,
                "address": address,
                "mxid": user_id,
                "room_id": row.room_id,
                "sender": row.sender,
                "display_name": row.display_name,
                "signed": sign_json({"mxid": user_id, "token": row.token}, domain_of(row.sender), SigningKey(row.seed, "0")),
            }
            for row in rows
            if row.sender in acting
        ]

    async def require_may_invite(self, sender: str) -> None:
        """Somebody of here who has invited an address, when it arrives. Raises what refuses their account by then."""
        await self._standings.require(sender, Doing.ACT)

    async def forget(self, tokens: list[str]) -> None:
        """Invitations that have been redeemed."""
        await self._database.execute("DELETE FROM third_party_invites WHERE token = ANY($1::text[])", tokens)

    async def forget_sender(self, user_id: str) -> None:
        """The account that invited has ended."""
        await self._database.execute("DELETE FROM third_party_invites WHERE sender = $1", user_id)

    async def is_valid_key(self, public_key: str) -> bool:
        """Whether a public key is that of an invitation that still waits."""
        return bool(
            await self._database.fetchval("SELECT EXISTS (SELECT 1 FROM third_party_invites WHERE public_key = $1)", public_key)
        )


def _room_name(room: LiveRoom) -> str:
    event = room.get(("m.room.name", ""))
    name = event.content.get("name") if event is not None else None
    return name if isinstance(name, str) else ""


def _stands(room: LiveRoom, token: str) -> bool:
    """Whether the room announces it. What another server announces for us (`store`) may not have come yet, and counts not before."""
    event = room.get((THIRD_PARTY_INVITE, token))
    return event is not None and bool(invitation_keys(event.content))


def _checked(medium: str, address: str) -> str:
    if medium != "email":
        raise BadRequest("People can be invited by e-mail address only", "M_THREEPID_MEDIUM_NOT_SUPPORTED")
    return parse_email(address)
