"""Who may in: a token for each person, a signed cookie for browsers, and proof that a command comes from our own page.

Pure but for the file. Tokens are compared in constant time and never logged. Nothing here knows a route.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
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

NAME: Final = r"[A-Za-z0-9_-]{1,20}"
"""What a person may be called in the token file: it stands in the ledger with everything that they command."""

TRIES: Final = 10
TRIES_WITHIN_NS: Final = 60 * SECOND


def token_path(ledger: Path) -> Path:
    """Where a generated token is kept: beside the ledger."""
    return ledger.with_name(ledger.name + ".token")


def own_access(ledger: Path) -> Access:
    """Who may see a ledger's page: as its token file says, which is made with one token at the first call.

    Raises CredentialsError for a file that others may read, or that is no such file.
    """
    path = token_path(ledger)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            raise CredentialsError(f"{path}: others can read it; `chmod 600` it, or delete it for a new one") from None
        return read_access(path.read_text(encoding="utf-8"), str(path))
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        token = secrets.token_urlsafe(24)
        file.write(token + "\n")
    return Access(token)


def read_access(text: str, where: str) -> Access:
    """One person a line: a token, or a name and a token. Raises CredentialsError without echoing a token."""
    people: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, token = line.rpartition(" ")
        name = name.strip()
        if len(token) < SHORTEST or not token.isascii():
            raise CredentialsError(f"{where}: a token has at least {SHORTEST} characters, plain ASCII")
        if name and not re.fullmatch(NAME, name):
            raise CredentialsError(
                f"{where}: a name before a token has up to 20 letters, digits, - and _ (and no space)"
            )
        if name in people or token in people.values():
            raise CredentialsError(f"{where}: every line needs a name and a token of its own")
        people[name] = token
    if not people:
        raise CredentialsError(f"{where}: holds no token; delete it for a new one")
    return Access(next(iter(people.values())), people)


@dataclass(slots=True)
class Access:
    """Judges tokens and cookies, and says whose they are. Times are wall nanoseconds.

    `token` is the first person's; `people` are all of them by name, the empty name for a token without one.
    """

    token: str = field(repr=False)
    people: Mapping[str, str] = field(default_factory=dict, repr=False)
    _failures: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.people = self.people or {"": self.token}

    def _sign(self, purpose: str, text: str, token: str) -> str:
        return hmac.new(token.encode(), f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()

    def knows(self, token: str) -> str | None:
        """Whose token this is, as the ledger names them: `web:anna`, or `web`; None for nobody's.

        Takes a time that does not tell how much of a token is right, nor whose.
        """
        right = [name for name, each in self.people.items() if hmac.compare_digest(token.encode(), each.encode())]
        return _by(right[0]) if right else None

    def locked(self, now_ns: int) -> bool:
        """Whether too many wrong tokens came lately; then none is looked at."""
        self._failures = [at for at in self._failures if now_ns - at < TRIES_WITHIN_NS]
        return len(self._failures) >= TRIES

    def failed(self, now_ns: int) -> None:
        """A wrong token came."""
        self._failures.append(now_ns)

    def session(self, by: str, now_ns: int) -> str:
        """A new cookie: when it ends, whose it is, a name nobody can guess, and a signature with that person's token."""
        name = by.partition(":")[2]
        plain = f"{now_ns // SECOND + SESSION_S}.{name}.{secrets.token_urlsafe(9)}"
        return f"{plain}.{self._sign('session', plain, self.people[name])}"

    def valid(self, cookie: str, now_ns: int) -> str | None:
        """Whose cookie this is, as `knows` says it; None for one that is not ours, has ended, or whose token is gone."""
        plain, _, signature = cookie.rpartition(".")
        ends, _, rest = plain.partition(".")
        name = rest.partition(".")[0]
        token = self.people.get(name)
        if token is None or not hmac.compare_digest(signature.encode(), self._sign("session", plain, token).encode()):
            return None
        return _by(name) if int(ends) > now_ns // SECOND else None

    def proof(self, cookie: str) -> str:
        """What our own page sends with a command, and another site cannot know."""
        return self._sign("proof", cookie, self.token)

    def proves(self, cookie: str, proof: str) -> bool:
        return hmac.compare_digest(proof.encode(), self.proof(cookie).encode())


def _by(name: str) -> str:
    return f"web:{name}" if name else "web"


def same_origin(origin: str | None, host: str | None, fetch_site: str | None) -> bool:
    """Whether a browser's request comes from our own page: the Origin names our host, and the browser agrees.

    A request without either header is from no browser page.
    """
    if fetch_site is not None and fetch_site not in ("same-origin", "none"):
        return False
    if origin is None:
        return True
    return host is not None and urlsplit(origin).netloc.lower() == host.lower()
