"""Who may in: one token, a signed cookie for browsers, and proof that a command comes from our own page. Pure but for the file.

The token is compared in constant time and never logged. Nothing here knows a route.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import CredentialsError

COOKIE: Final = "dutchbook"
SESSION_S: Final = 14 * 24 * 3600
SHORTEST: Final = 16
"""Characters that a token of the operator's own must have."""

TRIES: Final = 10
TRIES_WITHIN_NS: Final = 60 * SECOND


def token_path(ledger: Path) -> Path:
    """Where a generated token is kept: beside the ledger."""
    return ledger.with_name(ledger.name + ".token")


def own_token(ledger: Path) -> str:
    """The token of a ledger's page, made at the first call. Raises CredentialsError for a file that others may read."""
    path = token_path(ledger)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            raise CredentialsError(f"{path}: others can read it; `chmod 600` it, or delete it for a new one") from None
        return check_token(path.read_text(encoding="utf-8").strip(), str(path))
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        token = secrets.token_urlsafe(24)
        file.write(token + "\n")
    return token


def check_token(token: str, where: str) -> str:
    """The token, when it is long enough to be one. Raises CredentialsError without echoing it."""
    if len(token) < SHORTEST or not token.isascii():
        raise CredentialsError(f"{where}: a token has at least {SHORTEST} characters, plain ASCII")
    return token


@dataclass(slots=True)
class Access:
    """Judges tokens and cookies. Times are wall nanoseconds."""

    token: str = field(repr=False)
    _failures: list[int] = field(default_factory=list)

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self.token.encode(), f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()

    def knows(self, token: str) -> bool:
        """Whether this is the token, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def locked(self, now_ns: int) -> bool:
        """Whether too many wrong tokens came lately; then none is looked at."""
        self._failures = [at for at in self._failures if now_ns - at < TRIES_WITHIN_NS]
        return len(self._failures) >= TRIES

    def failed(self, now_ns: int) -> None:
        """A wrong token came."""
        self._failures.append(now_ns)

    def session(self, now_ns: int) -> str:
        """A new cookie: when it ends, a name nobody can guess, and our signature over both."""
        plain = f"{now_ns // SECOND + SESSION_S}.{secrets.token_urlsafe(9)}"
        return f"{plain}.{self._sign('session', plain)}"

    def valid(self, cookie: str, now_ns: int) -> bool:
        """Whether a cookie is ours and has not ended."""
        plain, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign("session", plain).encode()):
            return False
        return int(plain.partition(".")[0]) > now_ns // SECOND

    def proof(self, cookie: str) -> str:
        """What our own page sends with a command, and another site cannot know."""
        return self._sign("proof", cookie)

    def proves(self, cookie: str, proof: str) -> bool:
        return hmac.compare_digest(proof.encode(), self.proof(cookie).encode())


def same_origin(origin: str | None, host: str | None, fetch_site: str | None) -> bool:
    """Whether a browser's request comes from our own page: the Origin names our host, and the browser agrees.

    A request without either header is from no browser page.
    """
    if fetch_site is not None and fetch_site not in ("same-origin", "none"):
        return False
    if origin is None:
        return True
    return host is not None and urlsplit(origin).netloc.lower() == host.lower()
