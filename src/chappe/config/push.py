"""What wakes telephones and browsers, and when nothing does."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chappe.config.values import says, shaped

_TIME = shaped("^([01][0-9]|2[0-3]):[0-5][0-9]$", "hour and minute, 00:00 to 23:59")


class QuietHours(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When nothing rings on a hosted domain, for the people who have not set hours of their own."""

    start: Annotated[str, _TIME, says("When the silence begins.", example="20:00")]
    end: Annotated[str, _TIME, says("When it ends; earlier than the start: on the next day.", example="07:30")]
    timezone: Annotated[
        str, says("Whose clock it is (a name of the IANA's list).", wrong="A name that is not in the list stops the start.")
    ] = "Europe/Paris"
    days: Annotated[
        tuple[int, ...],
        says("On which days; 0 is Monday.", unit="day of the week, 0 to 6", wrong="A number beyond 6 stops the start."),
    ] = (0, 1, 2, 3, 4, 5, 6)
    allow_highlights: Annotated[bool, says("A message that names its reader rings nevertheless.")] = True


class Push(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What wakes telephones and browsers."""

    contact: Annotated[
        str,
        says(
            "Whom the push services of browsers can write to when something is wrong: a `mailto:` or `https:` address.",
            example="mailto:admin@example.org",
            wrong="Some push services refuse the service, and browsers are not woken.",
        ),
    ] = "mailto:admin@localhost"
    allowed_private_hosts: Annotated[
        list[str],
        says(
            "Push gateways that may be reached although their addresses are private.",
            example=["push.example.org"],
            wrong="A private gateway that is not named is not reached, and its telephones are not woken.",
        ),
    ] = []
    quiet_hours: dict[str, QuietHours] = {}
