"""Who asks to see something: a parameter of everything that lists, counts, searches or looks up.

Made once from the request (`Request.reader`). Whoever comes later in this list sees at least what those before see: nobody
(no token), a guest, a person with an account here. A server sees what it may tell its people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from chappe.matrix.identifiers import ServerName, UserId


@dataclass(frozen=True, slots=True)
class Nobody:
    """Without a token."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest account (client-server API, "Guest Access"). Guests of the public sector are people with accounts."""

    user_id: UserId


@dataclass(frozen=True, slots=True)
class Person:
    user_id: UserId


@dataclass(frozen=True, slots=True)
class ServerReader:
    """Another server, by its signature."""

    server_name: ServerName


Reader = Nobody | Guest | Person | ServerReader


class Finds(Enum):
    """How far a reader sees beyond what they are told unasked."""

    PUBLISHED = "published"  # what is published, and whoever they can name
    SHARED = "shared"  # rooms they are in or invited to, and the people there
    NOTHING = "nothing"
