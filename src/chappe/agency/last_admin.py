"""When the last administrator leaves, others take over, so that no room is left without anybody who can look after it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.matrix.event_auth import CREATE, creators_of

ADMINISTRATOR = 100


def handed_over(room: LiveRoom, leaver: str, is_guest: Callable[[str], bool], everybody: bool) -> dict[str, Any] | None:
    """The power levels that the leaver sends before leaving; None where another administrator stays, or nobody does.

    Those with most power take over, guests never. Where nobody has any, everybody does (`everybody`), one by one where
    guests are among them.
    """
    levels, create, now = room.power_levels(), room.get(CREATE), room.get(("m.room.power_levels", ""))
    if create is None or now is None or levels.of(leaver) < ADMINISTRATOR:
        return None
    staying = _staying(room, leaver)
    if not staying or any(levels.of(user) >= ADMINISTRATOR or user in creators_of(create, room.version) for user in staying):
        return None
    content = dict(now.content)
    users = dict(content["users"]) if type(content.get("users")) is dict else {}
    default = levels.level("users_default")
    able = {user: levels.of(user) for user in staying if levels.of(user) > default and not is_guest(user)}
    if able:
        users.update(dict.fromkeys(_most_powerful(able), ADMINISTRATOR))
    elif not everybody or any(is_guest(user) for user in staying):
        users.update({user: ADMINISTRATOR for user in staying if not is_guest(user)})
    else:
        content["users_default"] = ADMINISTRATOR
    changed = {**content, "users": users}
    return changed if changed != now.content else None


def _staying(room: LiveRoom, leaver: str) -> set[str]:
    """Who is in the room or invited, but for who leaves."""
    return {
        key
        for (kind, key), e in room.state.items()
        if kind == "m.room.member" and key != leaver and e.membership in ("join", "invite")
    }


def _most_powerful(levels: Mapping[str, float]) -> list[str]:
    most = max(levels.values())
    return [user for user, level in levels.items() if level == most]
