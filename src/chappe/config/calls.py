"""Calls: the servers by which they reach through firewalls, and those that carry the calls of groups."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from chappe.config.values import Positive, says, shaped

_NO_TURN = "Calls between people whose networks do not reach each other fail."
_NOBODY_ENTERS = "Clients offer calls of groups that nobody can enter."
LEAST_SECRET = 32  # characters: what LiveKit itself asks for


class LiveKit(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A LiveKit server, which carries calls of groups; any number, each a table of its own. This server lets people in and puts them
    out: nothing else need run beside LiveKit, whose own configuration must say `room.auto_create: false`.
    """

    name: Annotated[
        str,
        shaped("^[a-z0-9_-]{1,64}$", "1 to 64 of a-z, 0-9, _ and -"),
        says(
            "A short name of your own, which stands in the address where clients and LiveKit ask this server.",
            example="paris",
            wrong="When it changes, calls that are under way are left by those who are in them.",
        ),
    ]
    url: Annotated[
        str,
        says(
            "Where clients connect.",
            example="wss://livekit.example.org",
            wrong="What is no ws:// or wss:// address is refused at the start; one that leads nowhere: nobody can enter.",
        ),
    ]
    api_key: Annotated[
        str, says("The name of the key, one of `keys` in LiveKit's configuration.", example="chappe", wrong=_NOBODY_ENTERS)
    ]
    api_secret: Annotated[
        str,
        says(
            "The key itself.",
            example="…",
            wrong="Fewer than 32 characters are refused at the start; with another key nobody can enter.",
        ),
    ]
    api_url: Annotated[
        str | None,
        says(
            "Where this server reaches LiveKit, if not where clients do.",
            example="http://livekit.internal:7880",
            wrong="What is no http:// or https:// address is refused at the start; one that leads nowhere: nobody can enter.",
        ),
    ] = None
    domains: Annotated[
        list[str],
        says(
            "The hosted domains whose people speak by it. Empty: all.",
            example=["example.org"],
            wrong="A domain that is not hosted here adds nobody.",
        ),
    ] = []
    region: Annotated[
        str,
        says(
            "Where it stands, in a word of yours: domains of the same region (`regions`) are sent to it first.",
            example="paris",
            wrong="A region that no domain has is nobody's first.",
        ),
    ] = ""
    weight: Annotated[
        Positive, says("How many people it gets of those who could as well be sent to another one.", unit="shares")
    ] = 1


class Calls(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The servers by which calls reach through firewalls (TURN), and those of calls in groups (LiveKit)."""

    turn_uris: Annotated[
        list[str],
        says(
            "The TURN servers that clients are told of. Empty: none, and calls work within one network only.",
            example=["turn:turn.example.org:3478?transport=udp"],
            wrong=_NO_TURN,
        ),
    ] = []
    turn_shared_secret: Annotated[
        str | None,
        says(
            "The secret that makes passwords which end by themselves: coturn's static-auth-secret.", example="…", wrong=_NO_TURN
        ),
    ] = None
    turn_username: Annotated[
        str | None,
        says("The one name for everybody, where the TURN server has no shared secret.", example="chappe", wrong=_NO_TURN),
    ] = None
    turn_password: Annotated[str | None, says("The password of that name.", example="…", wrong=_NO_TURN)] = None
    turn_lifetime_minutes: Annotated[Positive, says("How long clients may use what they were told before they ask again.")] = 60
    livekit: list[LiveKit] = []
    regions: Annotated[
        dict[str, str],
        says(
            "The region of a hosted domain: its people are sent to the LiveKit servers of that region first.",
            example={"example.org": "paris"},
            wrong="With a region where no LiveKit server stands, the domain is treated as one without.",
        ),
    ] = {}
    livekit_service_urls: Annotated[
        list[str],
        says(
            "Services of others that let people into calls of groups, where this server does not do it itself (`[[calls.livekit]]`).",
            example=["https://rtc.example.org"],
            wrong=_NOBODY_ENTERS,
        ),
    ] = []


def livekit_mistakes(calls: Calls) -> list[tuple[str, str]]:
    """What types cannot say of the LiveKit servers: (setting, mistake)."""
    found = []
    for index, one in enumerate(calls.livekit):
        where = f"calls.livekit[{index}]"
        if not re.match(r"wss?://[^/]+", one.url):
            found.append((f"{where}.url", "must be a ws:// or wss:// URL"))
        if one.api_url is not None and not re.match(r"https?://[^/]+", one.api_url):
            found.append((f"{where}.api_url", "must be an http:// or https:// URL"))
        if len(one.api_secret) < LEAST_SECRET:
            found.append((f"{where}.api_secret", f"must have {LEAST_SECRET} characters at least"))
        if any(other.name == one.name or other.url == one.url for other in calls.livekit[:index]):
            found.append((f"{where}.name", "another LiveKit server has this name or this address"))
    return found
