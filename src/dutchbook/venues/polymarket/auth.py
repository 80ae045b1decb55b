"""Request headers: L1 (a wallet signature, to make or derive API credentials) and L2 (HMAC, every private request).

Functions on bytes; the time is given. Nothing here sends, and nothing keeps a secret beyond its arguments.
"""

from __future__ import annotations

import base64
import hmac
from typing import Final

from dutchbook.core.clock import SECOND
from dutchbook.venues.polymarket.config import ApiCredentials, PolymarketKey, keccak256

ATTESTATION: Final = "This message attests that I control the given wallet"

_DOMAIN_TYPE: Final = keccak256(b"EIP712Domain(string name,string version,uint256 chainId)")
_AUTH_TYPE: Final = keccak256(b"ClobAuth(address address,string timestamp,uint256 nonce,string message)")
_NAME: Final = keccak256(b"ClobAuthDomain")
_VERSION: Final = keccak256(b"1")
_ATTESTATION: Final = keccak256(ATTESTATION.encode())


def clob_auth_signature(key: PolymarketKey, chain_id: int, timestamp: str, nonce: int) -> str:
    """The EIP-712 signature that proves the wallet; `timestamp` is unix seconds as text."""
    domain = keccak256(_DOMAIN_TYPE + _NAME + _VERSION + chain_id.to_bytes(32, "big"))
    struct = keccak256(
        _AUTH_TYPE
        + bytes(12)
        + bytes.fromhex(key.address[2:])
        + keccak256(timestamp.encode())
        + nonce.to_bytes(32, "big")
        + _ATTESTATION
    )
    return "0x" + key.sign(keccak256(b"\x19\x01" + domain + struct)).hex()


def l1_headers(key: PolymarketKey, chain_id: int, wall_ns: int) -> dict[str, str]:
    """Headers that create or derive API credentials; nonce 0 always names the same ones."""
    timestamp = str(wall_ns // SECOND)
    return {
        "POLY_ADDRESS": key.address,
        "POLY_SIGNATURE": clob_auth_signature(key, chain_id, timestamp, 0),
        "POLY_TIMESTAMP": timestamp,
        "POLY_NONCE": "0",
    }


def hmac_signature(secret: bytes, timestamp: str, method: str, path: str, body: bytes = b"") -> str:
    """URL-safe base64 of HMAC-SHA256 over timestamp, method, path (no host, no query) and the exact body."""
    message = f"{timestamp}{method}{path}".encode() + body
    return base64.urlsafe_b64encode(hmac.digest(secret, message, "sha256")).decode()


def l2_headers(
    address: str, credentials: ApiCredentials, wall_ns: int, method: str, path: str, body: bytes = b""
) -> dict[str, str]:
    """Headers of a private request. `address` is the key's own, also when a deposit wallet pays."""
    timestamp = str(wall_ns // SECOND)
    return {
        "POLY_ADDRESS": address,
        "POLY_API_KEY": credentials.key,
        "POLY_PASSPHRASE": credentials.passphrase,
        "POLY_TIMESTAMP": timestamp,
        "POLY_SIGNATURE": hmac_signature(credentials.secret, timestamp, method, path, body),
    }
