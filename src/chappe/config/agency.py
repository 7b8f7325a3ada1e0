"""The public-sector layer: people, guests, kinds and markings of rooms, accounts that end, the read guard."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chappe.config.values import Positive


class Classification(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A marking of rooms that binds, such as "restricted". In the configuration the lowest comes first.

    `labels`: how it is shown, by language. `guests`: whether guests may be in such a room. `organisations`: whose people may be in
    it; empty: all. `retention_days`: how long messages are kept; 0: no limit of its own. `forwarding`: whether messages may be
    passed on to other rooms. `link_sharing`: whether whoever has the link may enter. `file_types`: such as `application/pdf`,
    `image/*`; empty: all.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    labels: dict[str, str] = {}
    guests: bool = False
    organisations: list[str] = []
    retention_days: Annotated[int, Meta(ge=0)] = 0
    forwarding: bool = False
    link_sharing: bool = False
    calls: bool = True
    files: bool = True
    file_types: list[str] = []


CLASSIFICATIONS = """\
# [[agency.classifications]]         # markings of rooms that bind, the lowest first
# name = "restricted"
# labels = {{fr = "Diffusion restreinte", en = "Restricted"}}
# guests = false
# organisations = []                 # whose people may be in such a room; empty: all
# retention_days = 90                # 0: no limit of its own
# forwarding = false                 # to other rooms
# link_sharing = false               # whoever has the link may enter
# calls = true
# files = true
# file_types = []                    # such as "application/pdf", "image/*"; empty: all
"""


class RoomRetention(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """After how many days messages go, by the kind of room, where a room says nothing stricter; 0: they stay."""

    forum_days: Annotated[int, Meta(ge=0)] = 0
    private_days: Annotated[int, Meta(ge=0)] = 0
    open_days: Annotated[int, Meta(ge=0)] = 0
    direct_days: Annotated[int, Meta(ge=0)] = 0


RETENTION = """\
# [agency.retention]                 # after how many days messages go where a room says nothing stricter; 0: they stay
# forum_days = 0
# private_days = 0
# open_days = 0                      # rooms that are open to guests
# direct_days = 0
"""


class Agency(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The public-sector layer. `guest_domains`: the servers (hosted here, or others) whose people are external guests.

    `guest_days`: how long a guest may stay before the sponsor renews; 0: for ever. `guest_keep_days`: how long after its end a
    guest's account can still be renewed; 0: for ever. `former_profile_days`: how long the name and
    the addresses of an ended account are kept, so that it can be reactivated as it was. `classifications`: the lowest first.
    """

    enabled: bool = False
    guest_domains: list[str] = []
    guest_days: Annotated[int, Meta(ge=0)] = 180
    guest_keep_days: Annotated[int, Meta(ge=0)] = 90
    former_profile_days: Annotated[int, Meta(ge=0)] = 1095
    classifications: list[Classification] = []
    retention: RoomRetention = RoomRetention()


AGENCY = """\
[agency]
# enabled = false                    # accounts by proven professional e-mail, names with the organisation, kinds of rooms, guests
# guest_domains = []                 # the servers whose people are external guests, such as "externe.example.org"
# guest_days = 180                   # how long a guest may stay before the agent who invited them renews; 0: for ever
# guest_keep_days = 90               # after so many days without renewal an ended guest's account is deactivated
# former_profile_days = 1095         # how long an ended account's name is kept, so that it can come back as it was
"""


class AccountValidity(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Accounts end `period_days` after they were made or renewed; 0: never. Reminders go out so many days before.

    `send_links`: a link in the mail; otherwise a code of eight digits to be typed. `excluded`: parts of user ids.
    """

    period_days: Annotated[int, Meta(ge=0)] = 0
    reminder_days: list[Positive] = msgspec.field(default_factory=lambda: [28, 7, 1])
    deactivate_after_days: Positive | None = None
    send_links: bool = True
    excluded: list[str] = []


ACCOUNT_VALIDITY = """\
[account_validity]
# period_days = 0                    # accounts of people with a proven address end after so many days unless renewed; 0: never
# reminder_days = [28, 7, 1]         # a mail with a link so many days before
# deactivate_after_days = 120        # after the end; left out: never
# send_links = true                  # false: a code of eight digits, to be typed in the client
# excluded = ["@direction."]         # parts of user ids that never end
"""


class ReadGuard(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What an account may read in an hour before it is slowed; at one and a half times it signs in again, at twice it is frozen.

    Four times that in a day. Events count fully in rooms entered by oneself in the last day, a tenth where one belongs. 0: any
    number. `organisation_events_per_hour`: of an organisation's accounts together; administrators are told. `excluded`: user ids.
    """

    enabled: bool = False
    events_per_hour: Annotated[int, Meta(ge=0)] = 3000
    rooms_per_hour: Annotated[int, Meta(ge=0)] = 40
    files_per_hour: Annotated[int, Meta(ge=0)] = 250
    searches_per_hour: Annotated[int, Meta(ge=0)] = 600
    organisation_events_per_hour: Annotated[int, Meta(ge=0)] = 0
    excluded: list[str] = []


READ_GUARD = """\
[read_guard]
# enabled = false                    # an account that reads too much is slowed, must sign in again, is frozen (docs/operator.md)
# events_per_hour = 3000             # old messages; those of rooms where one belongs count a tenth
# rooms_per_hour = 40                # entered without an invitation
# files_per_hour = 250
# searches_per_hour = 600            # in directories
# organisation_events_per_hour = 0   # of an organisation's accounts together: administrators are told
# excluded = []                      # user ids, such as an archivist's
"""
