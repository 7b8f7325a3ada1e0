"""Signing JSON (specification, appendices: "Signing JSON"; Ed25519, unpadded base64)."""

from __future__ import annotations

import base64
from typing import Any

import nacl.exceptions
import nacl.signing

from chappe.matrix.canonical_json import canonical_json


def encode_base64(raw: bytes) -> str:
    """Unpadded standard base64."""
    return base64.b64encode(raw).decode().rstrip("=")


def encode_base64_url(raw: bytes) -> str:
    """Unpadded URL-safe base64, used by event ids since room version 4."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_base64(text: str) -> bytes:
    """Reads both alphabets, padded or not. Raises ValueError."""
    cleaned = text.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(cleaned + "=" * (-len(cleaned) % 4), validate=True)


class SigningKey:
    """An Ed25519 key with its Matrix key id, for example `ed25519:a_1`."""

    def __init__(self, seed: bytes, version: str) -> None:
        self._key = nacl.signing.SigningKey(seed)
        self.key_id = f"ed25519:{version}"

    @property
    def public(self) -> str:
        """The public key, unpadded base64."""
        return encode_base64(self._key.verify_key.encode())

    def sign(self, message: bytes) -> str:
        return encode_base64(self._key.sign(message).signature)


def signed_bytes(value: dict[str, Any]) -> bytes:
    """What a signature covers: the canonical JSON without `signatures` and `unsigned`."""
    return canonical_json({k: v for k, v in value.items() if k != "signatures" and k != "unsigned"})


def sign_json(value: dict[str, Any], entity: str, key: SigningKey) -> dict[str, Any]:
    """A copy of `value` with the entity's signature added to those it has."""
    signatures = {name: dict(keys) for name, keys in value.get("signatures", {}).items()}
    signatures.setdefault(entity, {})[key.key_id] = key.sign(signed_bytes(value))
    return {**value, "signatures": signatures}


def is_signed(message: bytes, signature: str, public_key: str) -> bool:
    """Whether a signature of some bytes is good (both unpadded base64)."""
    try:
        nacl.signing.VerifyKey(decode_base64(public_key)).verify(message, decode_base64(signature))
    except (TypeError, ValueError, nacl.exceptions.BadSignatureError):
        return False
    return True


def verify_json(value: dict[str, Any], entity: str, key_id: str, public_key: str) -> bool:
    """Whether `value` carries a valid signature of `entity` by the given public key (unpadded base64)."""
    try:
        signature = decode_base64(value["signatures"][entity][key_id])
        nacl.signing.VerifyKey(decode_base64(public_key)).verify(signed_bytes(value), signature)
    except (KeyError, TypeError, ValueError, AttributeError, nacl.exceptions.BadSignatureError):
        return False
    return True
