"""The questions that a homeserver asks before it acts, and the specification's answers.

An organisation layer answers otherwise by giving the app its own `Policy`. A refusal is a raised MatrixError. They are
asked inside the engine and the accounts, so that no path (client, bridge, administration, federation) escapes them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chappe.matrix.identifiers import UserId
from chappe.matrix.reader import Finds, Guest, Reader

StateItem = tuple[str, str, dict[str, Any]]  # type, state key, content
# by type and state key: what a room says, that is there or is being made
ContentOf = Callable[[tuple[str, str]], Mapping[str, Any] | None]
Amount = float | Callable[[], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class InvitationTerms:
    """What an address was invited for, and until when (ms; None: without an end)."""

    purpose: str
    ends_ts: int | None


class Policy:
    """The default: what the specification allows, everybody may."""

    # types of state that a room's replacement gets, beside the specification's
    carried_over: frozenset[str] = frozenset()
    # types of state that nobody redacts, since what is left would be other rules
    never_redacted: frozenset[str] = frozenset()
    # entries of a room's state that the answers about its other state hang on: they must still be so when it is written
    stands_on: frozenset[tuple[str, str]] = frozenset()
    # of the profile: people cannot change them themselves (`m.profile_fields`)
    fixed_fields: frozenset[str] = frozenset()
    # whether the first keys that vouch for an account's devices ask for a fresh proof, like those that replace them
    first_keys_need_proof = False
    # days for which an administrator can bring back what was deleted from a key backup, or written over (0: not at all)
    deleted_keys_days = 0

    async def may_register(self, user_id: UserId, facts: Mapping[str, Any]) -> None:
        """`facts`: how the person proved who they are (token, e-mail), and their address."""

    async def may_make_bot(self, owner: UserId) -> None:
        """Asked before somebody makes a bot, or a webhook that speaks."""

    async def may_have_webhook(self, owner: UserId, room_id: str) -> None:
        """Asked before a room gets a webhook, and whenever one speaks there or tells an address what is said."""

    async def localpart(self, facts: Mapping[str, Any]) -> str | None:
        """The name that an account gets by what was proven; None: the one that was asked for."""

    async def home_of(self, address: str) -> tuple[str, str] | None:
        """The server that the accounts with an address are on, and what its organisation is called.

        None: the policy does not know addresses. Raises M_NOT_FOUND for an address that nobody uses here.
        """
        return None

    async def former_account(self, facts: Mapping[str, Any]) -> UserId | None:
        """The ended account of whoever proves, in the way in which they did before, to be the same person.

        An address proves it not: it may be somebody else's by now.
        """
        return None

    async def comes_back(self, user_id: UserId) -> None:
        """Brings the ended account back as it was. Raises Forbidden where it does not come back so."""

    async def display_name(self, user_id: UserId, facts: Mapping[str, Any], wanted: str | None) -> str | None:
        """How a new account is called; None: by its user name."""
        return wanted

    async def name_given(self, user_id: UserId, wanted: str | None) -> str | None:
        """How an account is called to which an administrator gives a name; None: by none."""
        return wanted

    async def may_prove(self, user_id: UserId, medium: str, address: str) -> None:
        """Asked before somebody adds an address to their own account."""

    async def may_remove_address(self, user_id: UserId, medium: str, address: str) -> None:
        """Asked before somebody takes an address away from their own account."""

    async def has_proven(self, user_id: UserId, medium: str, address: str) -> None:
        """Told when an account has proven an address, while the invitations to it still wait."""

    async def may_set_profile(self, user_id: UserId, field: str, value: Any) -> None:
        """Asked where people change their own profile. Of the name that an administrator gives: `name_given`."""

    async def may_create_room(self, user_id: UserId, request: Mapping[str, Any]) -> None: ...

    async def shape_room(self, user_id: UserId, request: Mapping[str, Any], state: Sequence[StateItem]) -> Sequence[StateItem]:
        """The state that a new room begins with, from the power levels on: as it was asked for, or otherwise."""
        return state

    async def may_empower(self, user_id: UserId, creators: Collection[str], state: Sequence[StateItem]) -> None:
        """Asked of every room that is made, also by an upgrade. `creators`: who has power for ever, by its version."""

    async def may_join(self, user_id: UserId, room_id: str, before: str) -> None:
        """Somebody comes into a room by themselves, or knocks. `before`: their membership until now, of rooms elsewhere as well;
        "leave" for an invitation of which the room knows nothing."""

    async def may_invite(self, user_id: UserId, room_id: str, target: UserId) -> None: ...

    async def may_invite_address(self, user_id: UserId, room_id: str, medium: str, address: str) -> None:
        """Somebody of whom only an address is known. `room_id` is "" for a room that is being made.

        `medium` and `address` are "" where somebody writes the event themselves and only another server knows whom it means.
        """

    async def invitation_terms(self, address: str) -> InvitationTerms | None:
        """On which terms an address has been invited; None where there are none."""
        return None

    async def before_leaving(self, user_id: UserId, room_id: str) -> None:
        """Told before somebody leaves a room, while they can still act in it."""

    async def reads(self, user_id: UserId, what: str, amount: Amount = 1) -> None:
        """Somebody enters a room uninvited ("rooms"), takes a whole file ("files"), looks into a directory ("searches").

        Events are told of by `Visibility.reads`. A refusal ends the request. An amount that has to be looked up is so only where
        somebody counts.
        """

    async def may_publish(self, user_id: UserId, content_of: ContentOf) -> None:
        """Asked before somebody lists a room in a directory: the server's, or that of a bridge's network."""

    async def may_send(
        self, user_id: UserId, room_id: str, event_type: str, content: Mapping[str, Any], state_key: str | None = None
    ) -> None: ...

    async def may_call(self, user_id: UserId, room_id: str) -> None:
        """Asked before somebody of a room, from here or elsewhere, is let into a call of it, and again while they are in it."""

    async def may_upload(self, user_id: UserId, content_type: str, size: int | None) -> None: ...

    async def may_download(self, user_id: UserId | None, server_name: str, media_id: str) -> None: ...

    def finds(self, reader: Reader) -> Finds:
        """How far somebody sees in directories and look-ups. Nobody sees more than a guest, who sees no more than a person."""
        return Finds.PUBLISHED

    def reaches_strangers(self, sender: Reader, event_type: str) -> bool:
        """Whether messages to devices go to people with whom their sender is in no room."""
        return not isinstance(sender, Guest)

    async def hidden(self, searcher: UserId, people: Collection[str]) -> Collection[str]:
        """Whom of some people a search must not show to somebody."""
        return ()
