"""Who is calling: the wallet signature that makes a key (L1) and the HMAC on every private call (L2).

Compares what a client sent with what the venue would compute; it keeps no session and reads no clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from dutchbook.simulator.polymarket.amounts import digits
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.signing import POLYGON, address_bytes, hex_bytes, keccak256, recover, word

MESSAGE = "This message attests that I control the given wallet"
TOLERANCE_S = 30
"""How far a request's timestamp may be from the server's clock, either way."""

_SECOND_NS = 1_000_000_000
_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId)"
_AUTH_TYPE = b"ClobAuth(address address,string timestamp,uint256 nonce,string message)"


@dataclass(frozen=True, slots=True)
class Credentials:
    """One API key of one wallet; `secret` is urlsafe base64."""

    key: str
    secret: str
    passphrase: str

    def body(self) -> dict[str, str]:
        """The answer of the key endpoints."""
        return {"apiKey": self.key, "secret": self.secret, "passphrase": self.passphrase}


def make_credentials(seed: int, address: str, nonce: int) -> Credentials:
    """The same wallet and nonce always give the same key."""
    origin = f"{seed}:{address.lower()}:{nonce}".encode()
    key, secret, phrase = (hashlib.sha256(part + origin).digest() for part in (b"key:", b"secret:", b"phrase:"))
    return Credentials(str(UUID(bytes=key[:16], version=4)), base64.urlsafe_b64encode(secret).decode(), phrase.hex())


def clob_auth_digest(address: str, timestamp: str, nonce: int, chain_id: int = POLYGON) -> bytes:
    """The EIP-712 digest of ClobAuth, which has no verifying contract in its domain."""
    domain = keccak256(keccak256(_DOMAIN_TYPE) + keccak256(b"ClobAuthDomain") + keccak256(b"1") + word(chain_id))
    content = keccak256(
        keccak256(_AUTH_TYPE)
        + address_bytes(address).rjust(32, b"\0")
        + keccak256(timestamp.encode())
        + word(nonce)
        + keccak256(MESSAGE.encode())
    )
    return keccak256(b"\x19\x01" + domain + content)


def l2_signature(secret: str, timestamp: str, method: str, path: str, body: bytes) -> str:
    """Padded urlsafe base64 of HMAC-SHA256 over timestamp, method, path without query, and the exact body bytes."""
    message = f"{timestamp}{method}{path}".encode() + body
    return base64.urlsafe_b64encode(
        hmac.new(base64.urlsafe_b64decode(secret), message, hashlib.sha256).digest()
    ).decode()


def _fresh(timestamp: str, now: int) -> bool:
    seconds = digits(timestamp)
    return seconds is not None and abs(seconds * _SECOND_NS - now) <= TOLERANCE_S * _SECOND_NS


def check_l1(headers: Mapping[str, str], now: int) -> tuple[str, int]:
    """The wallet address (lower case) and nonce of a key request; 401 when the wallet did not sign it just now."""
    address = headers.get("poly_address", "")
    timestamp = headers.get("poly_timestamp", "")
    nonce = digits(headers.get("poly_nonce", "0"))
    try:
        if nonce is None or not _fresh(timestamp, now):
            raise ValueError("stale timestamp or bad nonce")
        signer = recover(clob_auth_digest(address, timestamp, nonce), hex_bytes(headers.get("poly_signature", "")))
    except (ValueError, OverflowError):
        signer = None
    if nonce is None or signer is None or signer.lower() != address.lower():
        raise Refused(401, "Invalid L1 Request headers")
    return address.lower(), nonce


def check_l2(
    headers: Mapping[str, str], credentials: Credentials | None, method: str, path: str, body: bytes, now: int
) -> None:
    """401 unless the call was signed with these credentials within the tolerance."""
    timestamp = headers.get("poly_timestamp", "")
    try:
        sent = headers.get("poly_signature", "").encode("ascii")
    except UnicodeEncodeError:
        sent = b""
    if (
        credentials is None
        or headers.get("poly_passphrase") != credentials.passphrase
        or not _fresh(timestamp, now)
        or not hmac.compare_digest(sent, l2_signature(credentials.secret, timestamp, method, path, body).encode())
    ):
        raise Refused(401, "Unauthorized/Invalid api key")
