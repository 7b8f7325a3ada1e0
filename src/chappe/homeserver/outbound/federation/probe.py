"""Why a server can or cannot be reached, step by step, in words."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient, PeerRefused
from chappe.homeserver.outbound.federation.keyring import Keyring
from chappe.matrix.errors import MatrixError


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried. `text`: what came of it, and where it failed what to look at."""

    is_good: bool
    text: str


async def probe(
    server_name: str, origin: str, boundaries: Boundaries, client: FederationClient, keyring: Keyring
) -> list[Step]:
    """Tries a server as the hosted domain `origin`, up to the first step that fails."""
    steps: list[Step] = []
    if not boundaries.allows(server_name):
        return [Step(False, f"{server_name} is not allowed here: add it to federation.allowed, or open federation.mode.")]
    steps.append(Step(True, f"{server_name} is allowed by the settings of this server."))
    for place in await client.discovery.find(server_name):
        steps.append(Step(True, f"It should be at {place.host}, port {place.port}, as {place.tls_name}."))
    try:
        answer = await client.get_unsigned(server_name, "/_matrix/federation/v1/version")
        steps.append(Step(True, f"It answers: {_named(answer)}."))
    except PeerRefused as error:
        steps.append(Step(True, f"It answers, but does not tell its version ({error.peer_status})."))
    except MatrixError as error:
        return [*steps, Step(False, error.message)]
    document = await keyring.latest_document(server_name)
    if document is None:
        text = "Its keys cannot be had, or are not validly signed (/_matrix/key/v2/server): nothing it says can be believed."
        return [*steps, Step(False, text)]
    steps.append(Step(True, f"Its keys: {', '.join(sorted(document['verify_keys']))}."))
    return [*steps, await _signed(server_name, origin, client)]


async def _signed(server_name: str, origin: str, client: FederationClient) -> Step:
    """Something that cannot exist is asked for: "not found" means that our signature was believed."""
    alias = quote(f"#chappe federation test:{server_name}".replace(" ", "-"))
    path = f"/_matrix/federation/v1/query/directory?room_alias={alias}"
    try:
        await client.request(origin, server_name, "GET", path)
    except PeerRefused as error:
        if error.peer_status == 404:
            return Step(True, f"It believes what {origin} signs.")
        if error.peer_status == 401:
            text = f"It does not believe what {origin} signs: can it reach {origin} and read /_matrix/key/v2/server there?"
            return Step(False, f"{text} ({error.message})")
        if error.peer_status == 403:
            return Step(False, f"It does not talk to {origin}: its operators must allow it. ({error.message})")
        return Step(False, error.message)
    except MatrixError as error:
        return Step(False, error.message)
    return Step(True, f"It believes what {origin} signs.")


def _named(answer: object) -> str:
    server = answer.get("server") if isinstance(answer, dict) else None
    if not isinstance(server, dict):
        return "a Matrix server that does not tell its name"
    return f"{str(server.get('name'))[:80]} {str(server.get('version'))[:80]}"
