"""Where Polymarket is and who trades there: hosts, settings, the wallet key and the API credentials.

Secrets live in memory only: nothing here prints, logs or serialises them, and no error repeats them.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from coincurve import PrivateKey
from Crypto.Hash import keccak

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import CredentialsError
from dutchbook.core.money import MICRO, Cash

NAME: Final = "polymarket"
POOL: Final = "polymarket:pusd"
"""The one pool of cash: the wallet's pUSD."""

EOA: Final = 0
POLY_PROXY: Final = 1
POLY_GNOSIS_SAFE: Final = 2
DEPOSIT_WALLET: Final = 3

_PRIVATE_KEY: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class PolymarketConfig:
    """Hosts and settings; the defaults are production on Polygon.

    `min_marketable_cash` is the smallest marketable purchase (about a dollar, unverified, hence a setting).
    `absence_margin_ns` is how long after an order's deadline a "not found" counts as evidence: the venue states no
    as-of time for its private reads.
    """

    clob_url: str = "https://clob.polymarket.com"
    gamma_url: str = "https://gamma-api.polymarket.com"
    data_url: str = "https://data-api.polymarket.com"
    market_ws_url: str = "wss://ws-subscriptions-clob.polymarket.com/ws/market"
    user_ws_url: str = "wss://ws-subscriptions-clob.polymarket.com/ws/user"
    geoblock_url: str = "https://polymarket.com/api/geoblock"
    chain_id: int = 137
    min_marketable_cash: Cash = Cash(MICRO)
    absence_margin_ns: int = 60 * SECOND
    order_timeout_ns: int = 10 * SECOND
    read_timeout_ns: int = 10 * SECOND


class ApiCredentials:
    """What signs private requests (L2): the key's id, its secret already decoded, its passphrase."""

    __slots__ = ("key", "passphrase", "secret", "secret_text")

    def __init__(self, key: str, secret: str, passphrase: str) -> None:
        """`secret` is URL-safe base64. Raises CredentialsError naming the part that is wrong, never showing it."""
        if not key or not passphrase:
            raise CredentialsError("Polymarket API credentials: the key or the passphrase is empty")
        try:
            self.secret = base64.urlsafe_b64decode(secret)
        except (binascii.Error, ValueError):
            raise CredentialsError("Polymarket API credentials: the secret is not URL-safe base64") from None
        if not self.secret:
            raise CredentialsError("Polymarket API credentials: the secret is empty")
        self.key = key
        self.secret_text = secret
        self.passphrase = passphrase

    def __repr__(self) -> str:
        return "ApiCredentials(hidden)"


class PolymarketKey:
    """The signing wallet: a private key, the wallet that pays (`funder`) and how the two belong together.

    `signature_type`: 0 the key's own address pays, 1 proxy wallet, 2 Safe, 3 deposit wallet (new API accounts).
    """

    __slots__ = ("_key", "address", "credentials", "funder", "signature_type")

    def __init__(
        self,
        private_key: str,
        funder: str = "",
        signature_type: int = EOA,
        credentials: ApiCredentials | None = None,
    ) -> None:
        """Raises CredentialsError for a key that is not `0x` and 64 hex digits, or a wallet that does not fit."""
        if not _PRIVATE_KEY.fullmatch(private_key):
            raise CredentialsError("Invalid private key")
        try:
            self._key = PrivateKey(bytes.fromhex(private_key[2:]))
        except ValueError:
            # zero, or not below the curve's order
            raise CredentialsError("Invalid private key") from None
        point = self._key.public_key.format(compressed=False)[1:]
        self.address = checksum_address(keccak256(point)[12:])
        if signature_type not in (EOA, POLY_PROXY, POLY_GNOSIS_SAFE, DEPOSIT_WALLET):
            raise CredentialsError(f"signature type {signature_type} is none of 0, 1, 2, 3")
        if funder and not _ADDRESS.fullmatch(funder):
            raise CredentialsError("the funder address is not 0x and 40 hex digits")
        if signature_type == EOA and funder and funder.lower() != self.address.lower():
            raise CredentialsError("signature type 0 pays from the key's own address: leave the funder empty")
        if signature_type != EOA and not funder:
            raise CredentialsError(f"signature type {signature_type} needs the funder address (the wallet that pays)")
        self.funder = checksum_address(bytes.fromhex(funder[2:])) if funder else self.address
        self.signature_type = signature_type
        self.credentials = credentials

    def __repr__(self) -> str:
        return f"PolymarketKey({self.address}, type {self.signature_type})"

    @property
    def order_signer(self) -> str:
        """The `signer` field of an order: the deposit wallet signs for itself, else the key's address."""
        return self.funder if self.signature_type == DEPOSIT_WALLET else self.address

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r, s, v (27 or 28) over a 32-byte digest; deterministic (RFC 6979)."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + (b"\x1c" if signature[64] else b"\x1b")


def keccak256(data: bytes) -> bytes:
    """Ethereum's hash, which is not SHA3-256."""
    return keccak.new(data=data, digest_bits=256).digest()


def checksum_address(address: bytes) -> str:
    """Mixed-case text of a 20-byte address (EIP-55)."""
    digits = address.hex()
    mask = keccak256(digits.encode()).hex()
    return "0x" + "".join(c.upper() if m >= "8" else c for c, m in zip(digits, mask, strict=False))
