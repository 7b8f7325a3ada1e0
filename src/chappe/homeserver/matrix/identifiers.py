"""Identifiers as types, parsed once at the edge (specification, appendices: "Identifier grammar").

Two grammars of user ids. Those that we *make* (`is_new_localpart`) are strict. Those that we are *given* may be of another
server's past (appendices, "Historical User IDs"): whatever stands before the first colon, nothing too, but NUL. Events by such
people are accepted, or rooms would split; beside events, clients are not told of them (`is_compliant`).
"""

from __future__ import annotations

import ipaddress
import re
from typing import NewType

from chappe.homeserver.matrix.errors import BadRequest

ServerName = NewType("ServerName", str)
UserId = NewType("UserId", str)
RoomId = NewType("RoomId", str)
EventId = NewType("EventId", str)
RoomAlias = NewType("RoomAlias", str)
DeviceId = NewType("DeviceId", str)

MAX_LENGTH = 255
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[0-9A-Za-z.\-]{1,230}))(?::(?P<port>[0-9]{1,5}))?")
_LOCALPART = re.compile(r"[a-z0-9._=\-/+]+")
_COMPLIANT_LOCALPART = re.compile(r"[\x21-\x39\x3B-\x7E]+")
_OPAQUE = re.compile(r"[0-9a-zA-Z.=_\-]{1,255}")


def is_server_name(text: object) -> bool:
    """Whether a value is a host name or address literal with an optional port."""
    match = _HOST.fullmatch(text) if isinstance(text, str) else None
    if (
        match is None
        or not isinstance(text, str)
        or len(text) > MAX_LENGTH
        or (match["port"] and int(match["port"]) > 65535)
    ):
        return False
    if match["v6"]:
        try:
            ipaddress.IPv6Address(match["v6"])
        except ValueError:
            return False
    return True


def _invalid(kind: str, text: object) -> BadRequest:
    return BadRequest(f"{str(text)[:80]!r} is not a valid {kind}", "M_INVALID_PARAM")


def _split(sigil: str, text: str, kind: str) -> tuple[str, str]:
    local, colon, domain = text[1:].partition(":")
    if not text.startswith(sigil) or not colon or not is_server_name(domain) or "\0" in local or not _fits(text):
        raise _invalid(kind, text)
    return local, domain


def _fits(text: str) -> bool:
    """Whether an identifier is Unicode text (no lone surrogates) of at most 255 bytes."""
    try:
        return len(text.encode()) <= MAX_LENGTH
    except UnicodeEncodeError:
        return False


def parse_server_name(text: str) -> ServerName:
    """Raises BadRequest (M_INVALID_PARAM) where `text` is not a server name."""
    if not is_server_name(text):
        raise _invalid("server name", text)
    return ServerName(text)


def parse_user_id(text: str) -> UserId:
    """A user id that we are given: historical ones too. Raises BadRequest (M_INVALID_PARAM)."""
    _split("@", text, "user id")
    return UserId(text)


def is_compliant(user_id: str) -> bool:
    """Whether clients may be told of this user beside events: in typing, receipts, presence, changed devices."""
    return _COMPLIANT_LOCALPART.fullmatch(localpart_of(user_id)) is not None


def parse_room_id(text: str) -> RoomId:
    """Room ids are opaque: with a domain up to room version 11, a bare hash from version 12 on."""
    if len(text) < 2 or text[0] != "!" or not _fits(text) or "\0" in text:
        raise _invalid("room id", text)
    return RoomId(text)


def parse_event_id(text: str) -> EventId:
    if len(text) < 2 or text[0] != "$" or not _fits(text) or "\0" in text:
        raise _invalid("event id", text)
    return EventId(text)


def parse_room_alias(text: str) -> RoomAlias:
    local, _ = _split("#", text, "room alias")
    if not local:
        raise _invalid("room alias", text)
    return RoomAlias(text)


def is_user_id(text: object) -> bool:
    """Whether `text` is a user id that may appear in events (power levels, additional creators)."""
    if type(text) is not str:
        return False
    try:
        parse_user_id(text)
    except BadRequest:
        return False
    return True


def domain_of(identifier: str) -> ServerName:
    """The server name of a user id or alias: all that follows the first colon ("" where there is none)."""
    return ServerName(identifier.partition(":")[2])


def localpart_of(identifier: str) -> str:
    return identifier[1:].partition(":")[0]


def is_new_localpart(text: str) -> bool:
    """Whether an account with this localpart may be created today."""
    return _LOCALPART.fullmatch(text) is not None


def is_opaque_id(text: str) -> bool:
    """The grammar of media ids, client secrets and session ids."""
    return _OPAQUE.fullmatch(text) is not None


def split_server_name(server_name: str) -> tuple[str, int | None]:
    """Host (an IPv6 literal keeps its brackets) and port, if one is named. For names that were parsed before."""
    match = _HOST.fullmatch(server_name)
    if match is None:
        raise _invalid("server name", server_name)
    port = int(match["port"]) if match["port"] else None
    return f"[{match['v6']}]" if match["v6"] else match["name"], port


def is_ip_literal(host: str) -> bool:
    """Whether the host of a server name is an address and not a name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
