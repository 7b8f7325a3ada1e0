"""Identifiers as types, parsed once at the edge (specification, appendices: "Identifier grammar").

Two grammars of user ids. Those that we *make* (`is_new_localpart`) are strict. Those that we are *given* may be of another
server's past (appendices, "Historical User IDs"): whatever stands before the first colon, nothing too, but NUL. Events by such
people are accepted, or rooms would split; beside events, clients are not told of them (`is_compliant`).

Of server names alike: the grammar (`is_server_name`) lets one host be written in many ways, and old events may hold any of
them. A server that asks, is asked, or is let in has its name in the one plain form (`is_plain_server_name`).
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from functools import lru_cache
from typing import NewType

from chappe.matrix.errors import BadRequest

ServerName = NewType("ServerName", str)
UserId = NewType("UserId", str)
RoomId = NewType("RoomId", str)
EventId = NewType("EventId", str)
RoomAlias = NewType("RoomAlias", str)
DeviceId = NewType("DeviceId", str)

MAX_LENGTH = 255
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[0-9A-Za-z.\-]{1,230}))(?::(?P<port>[0-9]{1,5}))?")
_NUMERIC = re.compile(r"[0-9a-fx.]+", re.IGNORECASE)
_LOCALPART = re.compile(r"[a-z0-9._=\-/+]+")
_COMPLIANT_LOCALPART = re.compile(r"[\x21-\x39\x3B-\x7E]+")
_OPAQUE = re.compile(r"[0-9a-zA-Z.=_\-]{1,255}")


def is_server_name(text: object) -> bool:
    """Whether a value is a host name or address literal with an optional port."""
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        return False
    match = _HOST.fullmatch(text)
    if match is None or (match["port"] and int(match["port"]) > 65535):
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
    """The name of a server that asks, is asked, or is let in. Raises BadRequest (M_INVALID_PARAM) for any other form."""
    if not is_server_name(text):
        raise _invalid("server name", text)
    if not is_plain_server_name(text):
        raise BadRequest(
            f"{text[:80]!r} is not how servers are named: lower case, no final dot, an address in its usual form",
            "M_INVALID_PARAM",
        )
    return ServerName(text)


@lru_cache(maxsize=16_384)
def is_plain_server_name(text: str) -> bool:
    """Whether a server's name is the one that its host and port have, among all that lead to them."""
    return is_server_name(text) and plain_form(text) == text


def plain_form(server_name: str) -> str:
    """A server name as it should be written, for what operators have written."""
    match = _HOST.fullmatch(server_name)
    port = match["port"] if match is not None else None
    return host_of(server_name) if port is None else f"{host_of(server_name)}:{int(port)}"


@lru_cache(maxsize=16_384)
def host_of(server_name: str) -> str:
    """The host of a server name in its plain form, an IPv6 address in brackets: what questions about a machine compare.

    For names that were never parsed, too.
    """
    match = _HOST.fullmatch(server_name)
    if match is None:
        return server_name.lower()
    host = (match["v6"] or match["name"]).lower().rstrip(".")
    address = literal_of(host)
    if address is None:
        return host
    return f"[{address}]" if ":" in address else address


def parse_user_id(text: str) -> UserId:
    """A user id that we are given: historical ones too. Raises BadRequest (M_INVALID_PARAM)."""
    _split("@", text, "user id")
    return UserId(text)


def is_compliant(user_id: str) -> bool:
    """Whether clients may be told of this user beside events: in typing, receipts, presence, changed devices."""
    return _COMPLIANT_LOCALPART.fullmatch(localpart_of(user_id)) is not None


def parse_room_id(text: str) -> RoomId:
    """Room ids are opaque: with a domain up to room version 11, a bare hash from version 12 on."""
    if not is_room_id(text):
        raise _invalid("room id", text)
    return RoomId(text)


def is_room_id(value: object) -> bool:
    return type(value) is str and len(value) > 1 and value[0] == "!" and _fits(value) and "\0" not in value


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


def is_picture_url(text: str) -> bool:
    """Whether somebody's picture may have this address: a file of a server; the web, as old bridges write it; "" for none."""
    return text == "" or text.startswith(("mxc://", "https://", "http://"))


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
    return literal_of(host) is not None


def literal_of(host: str) -> str | None:
    """The IP address that a host is, in any notation that some library takes for one (`127.1`, `0x7f.1`, `2130706433`)."""
    with contextlib.suppress(ValueError):
        ip = ipaddress.ip_address(host.strip("[]").rstrip("."))
        return str((ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None) or ip)
    if _NUMERIC.fullmatch(host):
        with contextlib.suppress(OSError):
            return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    return None
