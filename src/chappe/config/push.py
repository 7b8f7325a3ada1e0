"""What wakes telephones and browsers, and when nothing does."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class QuietHours(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When nothing rings on a hosted domain, for those who have not set it themselves. Days: Monday is 0."""

    start: Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    end: Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    timezone: str = "Europe/Paris"
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    allow_highlights: bool = True


class Push(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    contact: str = "mailto:admin@localhost"  # told to browsers' push services
    allowed_private_hosts: list[str] = []
    quiet_hours: dict[str, QuietHours] = {}


PUSH = """\
[push]
# contact = "mailto:admin@example.org" # told to browsers' push services
# allowed_private_hosts = []         # push gateways with private addresses
# [push.quiet_hours."example.org"]   # of a hosted domain, for those who have not set it themselves
# start = "20:00"
# end = "07:30"
# timezone = "Europe/Paris"
# days = [0, 1, 2, 3, 4, 5, 6]       # 0: Monday
# allow_highlights = true
"""
