"""Encrypted attachments (client-server API, "Sending encrypted attachments"), decrypted while they stream; and how clients send
the key so that no proxy reads it (`encrypted_body`: Olm's PkEncryption, with the flaw that all of them share: its MAC is over
nothing, so TLS must carry it)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MALFORMED = "MCS_MALFORMED_JSON"


class Malformed(Exception):
    """What a client sent is no description of an encrypted file."""


class NotDecrypted(Exception):
    """The key does not fit, or the file is not what its description says."""


@dataclass(frozen=True, slots=True)
class EncryptedFile:
    server_name: str
    media_id: str
    key: bytes
    iv: bytes
    sha256: bytes

    @property
    def fingerprint(self) -> bytes:
        """Which description of the file this is: another key is another file."""
        return hashlib.sha256(self.key + self.iv + self.sha256).digest()


def parse_file(value: Any) -> EncryptedFile:
    """Raises Malformed."""
    try:
        key, url = value["key"], value["url"]
        server_name, _, media_id = url.removeprefix("mxc://").partition("/")
        good = (
            value["v"] == "v2"
            and key["alg"] == "A256CTR"
            and key["kty"] == "oct"
            and key["ext"] is True
            and {"encrypt", "decrypt"} <= set(key["key_ops"])
            and url.startswith("mxc://")
            and server_name
            and media_id
        )
        found = EncryptedFile(
            server_name, media_id, _base64(key["k"]), _base64(value["iv"]), _base64(value["hashes"]["sha256"])
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Malformed("`file` is no description of an encrypted file") from None
    if not good or "/" in media_id or (len(found.key), len(found.iv), len(found.sha256)) != (32, 16, 32):
        raise Malformed("`file` is no description of an encrypted file")
    return found


async def decrypted(file: EncryptedFile, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Raises NotDecrypted at the end where the file is not the one that was described."""
    decryptor = Cipher(algorithms.AES256(file.key), modes.CTR(file.iv)).decryptor()
    digest = hashlib.sha256()
    async for chunk in chunks:
        digest.update(chunk)
        yield decryptor.update(chunk)
    if not hmac.compare_digest(digest.digest(), file.sha256):
        raise NotDecrypted("the file's hash is another one")


class Envelope:
    """Opens what clients seal for the scanner. `secret`: 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        self._key = X25519PrivateKey.from_private_bytes(secret)

    @property
    def public_key(self) -> str:
        raw = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return base64.b64encode(raw).rstrip(b"=").decode()

    def open(self, body: Any) -> Any:
        """The JSON in an `encrypted_body`. Raises Malformed, NotDecrypted."""
        try:
            ephemeral, ciphertext, mac = (_base64(body[name]) for name in ("ephemeral", "ciphertext", "mac"))
            shared = self._key.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        except (KeyError, TypeError, ValueError):
            raise Malformed("`encrypted_body` is malformed") from None
        keys = HKDF(hashes.SHA256(), 80, bytes(32), b"").derive(shared)
        expected = hmac.digest(keys[32:64], b"", "sha256")[:8]
        if not hmac.compare_digest(mac, expected):
            raise NotDecrypted("it was sealed for another key")
        try:
            decryptor = Cipher(algorithms.AES256(keys[:32]), modes.CBC(keys[64:])).decryptor()
            unpadder = padding.PKCS7(128).unpadder()
            plain = unpadder.update(decryptor.update(ciphertext) + decryptor.finalize()) + unpadder.finalize()
            return orjson.loads(plain)
        except (ValueError, orjson.JSONDecodeError):
            raise NotDecrypted("it was sealed for another key") from None


def _base64(text: str) -> bytes:
    """Either alphabet, padded or not."""
    return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
