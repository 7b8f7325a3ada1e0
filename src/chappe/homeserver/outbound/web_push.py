"""Web Push: a message to a browser, encrypted for it (RFC 8291), signed by this server (VAPID, RFC 8292)."""

from __future__ import annotations

import base64
import os
import struct
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

RECORD = 4096
ROOM = RECORD - 17 - 86  # bytes of a message, less the tag, the delimiter and the header
_POINT = (Encoding.X962, PublicFormat.UncompressedPoint)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def encrypt(
    message: bytes, p256dh: bytes, auth: bytes, private: ec.EllipticCurvePrivateKey | None = None, salt: bytes | None = None
) -> bytes:
    """One record of `aes128gcm` for a subscription's key and secret. `private`, `salt`: for test vectors. Raises ValueError."""
    private, salt = private or ec.generate_private_key(ec.SECP256R1()), salt or os.urandom(16)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    ours = private.public_key().public_bytes(*_POINT)
    shared = private.exchange(ec.ECDH(), theirs)
    secret = _hkdf(shared, auth, b"WebPush: info\0" + p256dh + ours, 32)
    key = _hkdf(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _hkdf(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + struct.pack(">IB", RECORD, len(ours)) + ours
    return header + AESGCM(key).encrypt(nonce, message + b"\x02", None)


def _hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


class Vapid:
    """The server's key for Web Push, made from a secret of the installation: all its processes have the same."""

    def __init__(self, secret: bytes, contact: str) -> None:
        number = int.from_bytes(HKDF(hashes.SHA256(), 48, b"", b"web push").derive(secret), "big") % (_ORDER - 1) + 1
        private = ec.derive_private_key(number, ec.SECP256R1())
        self._key = ECKey.import_key(private)
        self.public = _b64(private.public_key().public_bytes(*_POINT))
        self._contact = contact

    def authorization(self, endpoint: str, now_s: int) -> str:
        """The Authorization header for a push service."""
        parts = urlsplit(endpoint)
        claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": now_s + 12 * 3600, "sub": self._contact}
        return f"vapid t={jwt.encode({'alg': 'ES256', 'typ': 'JWT'}, claims, self._key)}, k={self.public}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
