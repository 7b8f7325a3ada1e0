"""The policy server that a room names (server-server API, "Policy Servers"), and what bears its signature."""

from __future__ import annotations

from dataclasses import dataclass

import nacl.exceptions
import nacl.signing

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.matrix.events import Pdu
from chappe.matrix.identifiers import domain_of
from chappe.matrix.redaction import redact
from chappe.matrix.signing import decode_base64, signed_bytes

POLICY_SERVER = ("m.room.policy", "")
KEY_ID = "ed25519:policy_server"


@dataclass(frozen=True, slots=True)
class PolicyServer:
    server_name: str
    public_key: str

    def has_signed(self, pdu: Pdu, room: LiveRoom) -> bool:
        given = pdu.get("signatures", {}).get(self.server_name)
        signature = given.get(KEY_ID) if type(given) is dict else None
        if type(signature) is not str:
            return False
        try:
            key = nacl.signing.VerifyKey(decode_base64(self.public_key))
            key.verify(signed_bytes(redact(pdu, room.version)), decode_base64(signature))
        except (ValueError, TypeError, nacl.exceptions.BadSignatureError):
            return False
        return True


def policy_server_of(room: LiveRoom) -> PolicyServer | None:
    """The one that the room uses: named, with a key, and with somebody in the room."""
    event = room.get(POLICY_SERVER)
    if event is None:
        return None
    via, keys = event.content.get("via"), event.content.get("public_keys")
    key = keys.get("ed25519") if type(keys) is dict else None
    if type(via) is not str or type(key) is not str or not any(domain_of(user) == via for user in room.joined):
        return None
    return PolicyServer(via, key)
