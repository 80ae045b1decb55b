"""A secret that does not show itself: not in repr, str, formats, pickles, copies or the locals of a traceback.

The text is read in exactly one way, `reveal()`, by the code that signs or sends it. It must never be logged or journaled.
"""

from __future__ import annotations

import hmac
import re
from typing import Final, NoReturn

from dutchbook.core.errors import CredentialsError

_HEX_KEY: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_PEM_KEY: Final = re.compile(
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----.+-----END (?:[A-Z]+ )?PRIVATE KEY-----", re.DOTALL
)
_CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order of secp256k1 (SEC 2, section 2.4.1): a private key is 1 .. order - 1."""


class Secret:
    """A secret text."""

    __slots__ = ("_text",)

    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other.reveal().encode())

    __hash__ = None  # type: ignore[assignment]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret cannot be changed")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")


def check_hex_key(name: str, secret: Secret) -> Secret:
    """`secret` when it is a secp256k1 key as `0x` and 64 hex digits; otherwise CredentialsError without echoing it."""
    valid = _HEX_KEY.fullmatch(secret.reveal()) is not None and 0 < int(secret.reveal(), 16) < _CURVE_ORDER
    if not valid:
        raise CredentialsError(f"{name}: Invalid private key; it must be 0x followed by 64 hexadecimal digits")
    return secret


def check_pem_key(name: str, secret: Secret) -> Secret:
    """`secret` when it looks like a PEM private key; otherwise CredentialsError without echoing it."""
    if _PEM_KEY.search(secret.reveal()) is None:
        raise CredentialsError(f"{name}: Invalid private key; it must be the PEM file that Kalshi gave with the key id")
    return secret
