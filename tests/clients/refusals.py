"""Every request of a real client that is refused, and why that is right: by client (`*` for all), method, route, status, errcode."""

from __future__ import annotations

from tests.clients.watched import Refusal

_V3, _MEDIA, _ADMIN = "/_matrix/client/v3", "/_matrix/client/v1/media", "/_synapse/admin/v1"
_RTC = "/_matrix/client/unstable/org.matrix.msc4143"
_ROOM = f"{_V3}/rooms/{{roomId}}"
_SEND = f"{_ROOM}/send/{{eventType}}/{{txnId}}"
TABLE: tuple[tuple[str, str, str, int, str | None, str], ...] = (
    ("*", "POST", f"{_V3}/register", 401, None, "it asks for the ways to prove who one is: they come with a refusal"),
    ("*", "POST", f"{_V3}/keys/device_signing/upload", 401, None, "the same"),
    ("*", "GET", f"{_V3}/room_keys/version", 404, "M_NOT_FOUND", "it asks for a key backup before it makes the first"),
    ("*", "GET", f"{_RTC}/rtc/transports", 404, "M_UNRECOGNIZED", "no SFU here: it looks into the well-known document then"),
    ("heisenbridge", "POST", f"{_V3}/register", 400, "M_USER_IN_USE", "it registers what may be there already"),
    ("heisenbridge", "GET", f"{_ADMIN}/users/{{userId}}/admin", 403, "M_FORBIDDEN", "it asks whether it administers"),
    ("heisenbridge", "GET", f"{_V3}/user/{{userId}}/account_data/{{type}}", 404, "M_NOT_FOUND", "its first start"),
    ("heisenbridge", "POST", f"{_V3}/join/{{roomIdOrAlias}}", 403, "M_FORBIDDEN", "it tries, then has itself invited"),
    ("mautrix-telegram", "GET", f"{_V3}/account/whoami", 403, "M_FORBIDDEN", "it asks before it registers its bot"),
    ("rust-sdk", "POST", f"{_V3}/register", 400, "M_USER_IN_USE", "it registers what may be there already, and signs in"),
    ("rust-sdk", "GET", f"{_V3}/user/{{userId}}/account_data/{{type}}", 404, "M_NOT_FOUND", "a setting that nobody made yet"),
    ("rust-sdk", "GET", f"{_ROOM}/state/{{eventType}}/", 404, "M_NOT_FOUND", "it asks whether a room is encrypted"),
    (
        "rust-sdk",
        "GET",
        f"{_V3}/room_keys/keys/{{roomId}}/{{sessionId}}",
        404,
        "M_NOT_FOUND",
        "a key that nobody backed up yet",
    ),
    ("rust-sdk", "GET", f"{_V3}/directory/room/{{roomAlias}}", 404, "M_NOT_FOUND", "the play asks whether an address is free"),
    ("rust-sdk", "GET", f"{_V3}/profile/{{userId}}/{{keyName}}", 401, "M_UNKNOWN_TOKEN", "the play has signed out before"),
    ("rust-sdk", "GET", f"{_ROOM}/context/{{eventId}}", 404, "M_NOT_FOUND", "the play asks for an event that is none"),
    ("rust-sdk", "GET", f"{_ROOM}/context/{{eventId}}", 403, "M_FORBIDDEN", "who is only invited tries it, then sliding sync"),
    ("rust-sdk", "GET", f"{_ROOM}/state", 403, "M_FORBIDDEN", "the play looks into a room that it is not in"),
    ("rust-sdk", "GET", f"{_ROOM}/joined_members", 403, "M_FORBIDDEN", "the same"),
    ("matrix-js-sdk", "GET", f"{_MEDIA}/download/{{serverName}}/{{mediaId}}", 401, "M_MISSING_TOKEN", "the play tries it"),
    ("matrix-js-sdk", "PUT", _SEND, 400, "M_DUPLICATE_ANNOTATION", "the play reacts twice with the same"),
)


def reason_of(client: str, refusal: Refusal) -> str | None:
    for who, method, path, status, errcode, why in TABLE:
        if who in ("*", client) and Refusal(method, path, status, errcode) == refusal:
            return why
    return None
