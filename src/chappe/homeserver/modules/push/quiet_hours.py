"""Quiet hours: when nothing may ring, by a user's own setting (account data) or that of the hosted domain."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from chappe.config import QuietHours as Settings
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.user_cache import UserCache
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import domain_of

TYPE = "org.chappe.quiet_hours"
Load = Callable[[Sequence[str], str], Awaitable[Mapping[str, dict[str, Any]]]]
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """`days`: on which quiet begins (Monday is 0). From `start` to `end`, over midnight where that is earlier."""

    start: time
    end: time
    zone: str
    days: frozenset[int]
    allows_highlights: bool

    def ends(self, now_ms: int) -> int | None:
        """When the present quiet ends, in ms; None where it is not quiet now."""
        now = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(self.zone))
        for back in (0, 1):
            day = now.date() - timedelta(days=back)
            if day.weekday() not in self.days:
                continue
            begin = datetime.combine(day, self.start, now.tzinfo)
            over = timedelta(days=1) if self.end <= self.start else timedelta()
            end = datetime.combine(day + over, self.end, now.tzinfo)
            if begin <= now < end:
                return int(end.timestamp() * 1000)
        return None


class QuietHours:
    def __init__(self, clock: Clock, load: Load, domains: Mapping[str, Settings]) -> None:
        """`load`: the account data of this type, for those who have it."""

        async def load_all(users: list[str]) -> dict[str, dict[str, Any]]:
            return {**{user: {} for user in users}, **await load(users, TYPE)}

        self._cache = UserCache(clock, ("account_data",), load_all)
        self._domains = {name: parse(_plain(settings)) for name, settings in domains.items()}

    async def of(self, user_id: str) -> Hours | None:
        """The user's own, else the domain's; `{"enabled": false}` switches the domain's off, if the domain allows."""
        content = await self._cache.get(user_id)
        if content:
            try:
                return parse(content) if content.get("enabled", True) else None
            except BadRequest:
                pass
        return self._domains.get(domain_of(user_id))


def parse(content: Mapping[str, Any]) -> Hours:
    """Raises M_INVALID_PARAM."""
    start, end = _time(content.get("start")), _time(content.get("end"))
    zone, days = content.get("timezone", "Europe/Paris"), content.get("days", list(range(7)))
    if zone not in available_timezones():
        raise BadRequest("`timezone` is not known", "M_INVALID_PARAM")
    if type(days) is not list or not all(type(d) is int and 0 <= d < 7 for d in days):
        raise BadRequest("`days` must be a list of 0 (Monday) to 6", "M_INVALID_PARAM")
    return Hours(start, end, str(zone), frozenset(days), content.get("allow_highlights", True) is True)


def _time(value: object) -> time:
    match = _TIME.fullmatch(value) if type(value) is str else None
    if match is None:
        raise BadRequest("`start` and `end` must be times such as 22:00", "M_INVALID_PARAM")
    return time(int(match[1]), int(match[2]))


def _plain(settings: Settings) -> dict[str, Any]:
    return {
        "start": settings.start,
        "end": settings.end,
        "timezone": settings.timezone,
        "days": list(settings.days),
        "allow_highlights": settings.allow_highlights,
    }
