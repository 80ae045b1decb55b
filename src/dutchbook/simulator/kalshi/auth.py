"""Verifies Kalshi's signed headers for RSA-PSS and Ed25519 keys. Holds public keys only; never signs.

Source: facts §3. The message is timestamp + METHOD + path without query; the body is not signed.
"""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from dutchbook.simulator.kalshi.text import Refusal, milliseconds

PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey
SKEW_MS = 30_000
"""REST documents no limit; FIX allows 30 s, and a strict exchange is the better test (`KeyRing.skew_ms`)."""


def _refused(details: str) -> Refusal:
    return Refusal(401, "authentication_error", "authentication_error", details)


def _verify(key: PublicKey, signature: bytes, message: bytes) -> None:
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
    else:
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
        key.verify(signature, message, pss, hashes.SHA256())


class KeyRing:
    """Public keys by key id, each with the name of the account it belongs to."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[PublicKey, str]] = {}
        self.skew_ms = SKEW_MS

    def register(self, key_id: str, public_key: PublicKey, account: str) -> None:
        """Let `key_id` speak for `account`."""
        self._keys[key_id] = (public_key, account)

    def owner(self, key_id: str) -> str:
        """The account of a key, empty for an unknown one. Proves nothing: see `authenticate`."""
        return self._keys[key_id][1] if key_id in self._keys else ""

    def authenticate(self, method: str, path: str, headers: Mapping[str, str], now: int) -> str:
        """The account that signed this request. Raises Refusal 401 with the reason in `details`."""
        lower = {name.lower(): value for name, value in headers.items()}
        key_id = lower.get("kalshi-access-key", "")
        stamp = lower.get("kalshi-access-timestamp", "")
        text = lower.get("kalshi-access-signature", "")
        if not (key_id and stamp and text):
            raise _refused("MISSING_AUTHENTICATION_HEADERS")
        known = self._keys.get(key_id)
        if known is None:
            raise _refused("NOT_FOUND")
        if not (stamp.isascii() and stamp.isdigit()) or abs(int(stamp) - milliseconds(now)) > self.skew_ms:
            raise _refused("TIMESTAMP_OUT_OF_RANGE")
        key, account = known
        try:
            _verify(key, base64.b64decode(text, validate=True), f"{stamp}{method.upper()}{path}".encode())
        except (InvalidSignature, binascii.Error):
            raise _refused("INCORRECT_API_KEY_SIGNATURE") from None
        return account


def new_key(entropy: random.Random) -> tuple[PublicKey, str]:
    """A throw-away Ed25519 key from given randomness: the public half and the private PKCS#8 PEM."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(entropy.randbytes(32))
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.public_key(), pem.decode()


def public_key_from(pem: str) -> PublicKey:
    """The public half of a PEM, private or public. Raises ValueError for any other key type."""
    data = pem.encode()
    if b"PRIVATE" in data:
        key: object = serialization.load_pem_private_key(data, password=None).public_key()
    else:
        key = serialization.load_pem_public_key(data)
    if not isinstance(key, (rsa.RSAPublicKey, ed25519.Ed25519PublicKey)):
        raise ValueError("Kalshi keys are RSA or Ed25519")
    return key
