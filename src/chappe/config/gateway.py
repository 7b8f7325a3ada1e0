"""What a border gateway is told (`chappe gateway --config FILE`)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chappe.config.listeners import Listener
from chappe.config.values import Port, says


class PinnedPeer(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A server on the other side; each is a table of its own."""

    server_name: Annotated[
        str,
        says("Its Matrix name.", example="culture.example", wrong="Requests of a server that is not named are refused (403)."),
    ]
    keys: Annotated[
        dict[str, str],
        says(
            "Its public keys by their ids, as it has told you by another way than the network.",
            example={"ed25519:a1b2c3": "…"},
            wrong="No key, or one of another kind, is refused at the start; with a wrong one its requests are refused (401).",
        ),
    ]
    endpoints: Annotated[
        list[str],
        says(
            "Where the inner server may connect to: `host:port`.",
            example=["matrix.culture.example:8448"],
            wrong="The way there stays shut, and what is for that server waits.",
        ),
    ] = []


class Outgoing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The way out. The inner server's `federation.proxy` leads here; without this table there is no way out."""

    address: Annotated[
        str,
        says(
            "The address of the inner side on which it listens.", wrong="One that this machine does not have stops the start."
        ),
    ] = "127.0.0.1"
    port: Annotated[Port, says("The port of the inner side.")] = 3128


class GatewaySettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a border gateway (operator.md) is told, in a file of its own: `chappe gateway --config gateway.toml`.

    Its `[[listeners]]` are those of the server.
    """

    inner: Annotated[
        str,
        says(
            "The address of the inner server's federation listener.",
            example="https://10.0.0.5:8448",
            wrong="What is no http:// or https:// address is refused at the start; where nobody answers, requests get 502.",
        ),
    ]
    domains: Annotated[
        list[str],
        says(
            "The hosted domains that may be asked for.",
            example=["example.org"],
            wrong="Requests for another are refused (403).",
        ),
    ]
    listeners: list[Listener]
    peers: list[PinnedPeer]
    inner_ca_file: Annotated[
        str | None,
        says(
            "The file with the authority that has signed the inner server's certificate. Left out: those of the system count.",
            example="/etc/chappe/inner-ca.pem",
            wrong="The inner server is not believed, and requests get 502.",
        ),
    ] = None
    outgoing: Outgoing | None = None
    log_level: Annotated[
        str,
        says("How much the gateway's log tells: `debug`, `info`, `warning` or `error`.", wrong="Another word stops the start."),
    ] = "info"
    access_log: Annotated[bool, says("The gateway's log has a line for each request that it passes or refuses.")] = True
