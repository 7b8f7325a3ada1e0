"""The public-sector layer: people, guests, kinds and markings of rooms, accounts that end, the read guard."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chappe.config.values import ANY_TEXT, Count, Positive, says, shaped


class Classification(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A marking of rooms that binds whoever asks. Each is a table of its own; the lowest comes first."""

    name: Annotated[
        str,
        shaped(r"^[a-z0-9][a-z0-9_-]{0,39}$", "up to 40 of a-z, 0-9, _ and -; the first a letter or digit"),
        says(
            "What rooms say that bear it. It must not change while there are such rooms.",
            example="restricted",
            wrong="Rooms that bear a name that is no longer here count as of the strictest marking.",
        ),
    ]
    labels: Annotated[
        dict[str, str],
        says("What people are shown, by language.", example={"fr": "Diffusion restreinte", "en": "Restricted"}, wrong=ANY_TEXT),
    ] = {}
    guests: Annotated[bool, says("External guests may be in such a room.")] = False
    organisations: Annotated[
        list[str],
        says(
            "Whose people may be in such a room. Empty: those of all.",
            example=["culture"],
            wrong="An organisation that does not exist has no people, who therefore cannot be in it.",
        ),
    ] = []
    retention_days: Annotated[Count, says("After how long messages in it go. 0: the marking sets no limit.")] = 0
    forwarding: Annotated[bool, says("Messages may be passed on to other rooms; the web client holds to it.")] = False
    link_sharing: Annotated[bool, says("Whoever has the link may enter.")] = False
    history_sharing: Annotated[bool, says("The web client may give whom it invites the keys of messages from before.")] = False
    calls: Annotated[bool, says("Calls may be made in it.")] = True
    files: Annotated[bool, says("Files may be sent in it.")] = True
    file_types: Annotated[
        list[str],
        says(
            "The types of files that may be sent. Empty: all.",
            example=["application/pdf", "image/*"],
            wrong="A type that does not exist lets nothing through.",
        ),
    ] = []


class RoomRetention(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """After how long messages go, by the kind of room, where the room itself says nothing stricter. 0: they stay."""

    forum_days: Annotated[Count, says("In forums, which every agent may enter.")] = 0
    private_days: Annotated[Count, says("In private rooms of agents.")] = 0
    open_days: Annotated[Count, says("In rooms that are open to guests.")] = 0
    direct_days: Annotated[Count, says("In conversations of two people.")] = 0


class Agency(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The public-sector layer: organisations, what people are called, kinds of rooms, external guests, the console."""

    enabled: Annotated[bool, says("The layer is there. An account then needs a professional e-mail address.")] = False
    guest_domains: Annotated[
        list[str],
        says(
            "The servers whose people are external guests, hosted here or elsewhere.",
            example=["externe.example.org"],
            wrong="People of a server that is not named count as agents.",
        ),
    ] = []
    guest_days: Annotated[
        Count, says("How long a guest stays at most before the agent who invited them renews. 0: for ever.")
    ] = 180
    guest_keep_days: Annotated[
        Count, says("How long after its end a guest's account can still be renewed; then it is deactivated. 0: for ever.")
    ] = 90
    former_profile_days: Annotated[
        Count, says("How long the name and the addresses of an ended account are kept, so that it can come back as it was.")
    ] = 1095
    retention: RoomRetention = RoomRetention()
    classifications: list[Classification] = []


class AccountValidity(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Accounts that end unless their people confirm by mail that they still need them."""

    period_days: Annotated[
        Count, says("How long an account with a proven address lives after it was made or confirmed. 0: accounts do not end.")
    ] = 0
    reminder_days: Annotated[
        list[Positive], says("How long before the end a mail is sent; one for each number.", unit="days")
    ] = msgspec.field(default_factory=lambda: [28, 7, 1])
    deactivate_after_days: Annotated[
        Positive | None, says("How long after its end an account is deactivated for good. Left out: never.", example=120)
    ] = None
    send_links: Annotated[
        bool, says("The mail holds a link. `false`: a code of eight digits, which is typed in the client.")
    ] = True
    excluded: Annotated[
        list[str],
        says(
            "Accounts that never end: parts of their user ids.",
            example=["@direction."],
            wrong="A part that is in no user id excludes nobody; one letter may exclude everybody.",
        ),
    ] = []


class ReadGuard(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Budgets of what an account may read in an hour; operator.md, “The read guard”, says what happens beyond them. 0: any number."""

    enabled: Annotated[bool, says("What accounts read is weighed, and those that read too much are stopped.")] = False
    events_per_hour: Annotated[
        Count,
        says(
            "Old messages. What was said before the account came in by itself counts fully, on the day it is first read; the "
            "rest a tenth.",
            unit="messages",
        ),
    ] = 3000
    past_events_per_month: Annotated[
        Count,
        says(
            "What was said before the account came in by itself, in thirty days, each message once: for the patient thief.",
            unit="messages in thirty days",
        ),
    ] = 3000
    rooms_per_hour: Annotated[Count, says("Rooms entered without an invitation.", unit="rooms")] = 40
    files_per_hour: Annotated[Count, says("Files that are downloaded.", unit="files")] = 250
    searches_per_hour: Annotated[Count, says("Searches in the directories of people and rooms.", unit="searches")] = 600
    organisation_events_per_hour: Annotated[
        Count,
        says(
            "Old messages that all accounts of an organisation read together. Beyond it its administrators are told; nobody is slowed.",
            unit="messages",
        ),
    ] = 0
    excluded: Annotated[
        list[str],
        says(
            "Accounts that may read any number, such as an archivist's: their user ids.",
            example=["@archives:example.org"],
            wrong="A user id that does not exist excludes nobody.",
        ),
    ] = []
