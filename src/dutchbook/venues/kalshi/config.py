"""Where Kalshi is and how long to wait for it, and the member's key. No I/O; a key never shows itself.

Hosts and key types: Kalshi API documentation (getting started, API keys). Hosts are configuration, never constants
in other modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import CredentialsError, SettingsError
from dutchbook.core.fees import Precision

VENUE: Final = "kalshi"


@dataclass(frozen=True, slots=True)
class KalshiConfig:
    """One environment of the venue. URLs carry the API root and no trailing slash (the venue answers those with 301).

    `read_as_of_margin_ns` is how far the venue's own as-of time must be past an order's deadline before "not found" is
    evidence. It must exceed `order_timeout_ns`: a connection that was slow to open may be written until then.
    """

    rest_url: str
    ws_url: str
    precision: Precision = Precision.NON_DIRECT
    order_timeout_ns: int = 5 * SECOND
    read_timeout_ns: int = 10 * SECOND
    read_as_of_margin_ns: int = 10 * SECOND
    markets_per_subscription: int = 25
    thursday_pause: bool = True
    """Whether this exchange pauses every Thursday, 03:00 to 05:00 in New York, whatever its schedule says."""

    def __post_init__(self) -> None:
        if self.read_as_of_margin_ns <= self.order_timeout_ns:
            raise SettingsError(
                "kalshi read_as_of_margin must be longer than order_timeout: a late write would count as never sent"
            )
        if self.markets_per_subscription < 1:
            raise SettingsError("kalshi markets_per_subscription must be at least 1")
        for name, url in (("rest_url", self.rest_url), ("ws_url", self.ws_url)):
            if not url or url.endswith("/"):
                raise SettingsError(f"kalshi {name} must be set and must not end with a slash")


PRODUCTION: Final = KalshiConfig(
    rest_url="https://external-api.kalshi.com/trade-api/v2",
    ws_url="wss://external-api-ws.kalshi.com/trade-api/ws/v2",
)
DEMO: Final = KalshiConfig(
    rest_url="https://external-api.demo.kalshi.co/trade-api/v2",
    ws_url="wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2",
)

_PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)


class KalshiKey:
    """A member's API key: its public id and a private RSA or Ed25519 key. Ed25519 signs about ten times faster."""

    __slots__ = ("_private", "key_id")

    def __init__(self, key_id: str, pem: bytes) -> None:
        """Read a PEM (PKCS#1 or PKCS#8). Raises CredentialsError naming the setting, never showing the content."""
        key_id = key_id.strip()
        if not key_id:
            raise CredentialsError("KALSHI_API_KEY_ID is empty: set it to the key id shown by Kalshi")
        fix = "KALSHI_PRIVATE_KEY_PATH must name an unencrypted PEM file as downloaded from Kalshi"
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The cause is dropped on purpose: its text and frames could carry parts of the key.
            raise CredentialsError(f"Kalshi private key cannot be read: {fix}") from None
        if not isinstance(private, (rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey)):
            raise CredentialsError(f"Kalshi private key is neither RSA nor Ed25519: {fix}")
        self.key_id = key_id
        self._private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey = private

    def __repr__(self) -> str:
        return "KalshiKey(hidden)"

    @property
    def slow(self) -> bool:
        """Whether signing takes so long (RSA) that it is better done before it is needed."""
        return isinstance(self._private, rsa.RSAPrivateKey)

    def sign(self, message: bytes) -> bytes:
        """RSA-PSS over SHA-256 with a 32-byte salt, or plain Ed25519 (RFC 8032)."""
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(message)
        return self._private.sign(message, _PSS, hashes.SHA256())
