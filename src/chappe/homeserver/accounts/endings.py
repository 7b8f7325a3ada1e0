"""Who ends an account: of this it depends who brings it back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class By(Enum):
    PERSON = "person"  # whose account it is, or who answers for it: a bot's owner
    CALENDAR = "calendar"  # its end came, and was not put off
    ORGANISATION = "organisation"  # an administrator of one
    INSTALLATION = "installation"


@dataclass(frozen=True, slots=True)
class Ending:
    """`whose`: of an organisation, its name."""

    by: By
    whose: str | None = None


THE_WHOLE = "all"  # of what the installation does in its own right, where it stands beside the names of organisations
THEMSELVES, THE_CALENDAR, THE_INSTALLATION = Ending(By.PERSON), Ending(By.CALENDAR), Ending(By.INSTALLATION)


def in_right_of(organisation: str | None) -> Ending:
    """By an administrator, of an organisation or (None) of the installation."""
    return THE_INSTALLATION if organisation is None else Ending(By.ORGANISATION, organisation)


def on_its_day(said_by: str | None) -> Ending:
    """Of an account whose day has come: of whoever had said that day (`users.expires_by`), else the calendar's."""
    if said_by is None:
        return THE_CALENDAR
    return THE_INSTALLATION if said_by == THE_WHOLE else Ending(By.ORGANISATION, said_by)
