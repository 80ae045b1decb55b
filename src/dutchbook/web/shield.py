"""What stands before every route: the page's own names, bodies of a bounded size, headers that let it load its own files only.

Plain ASGI, so that a body is refused while it comes, not when it has come.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY: Final = 16 * 1024

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class _TooLarge(Exception):
    pass


class Shield:
    """The middleware. `names` are the hosts that this page answers to, None for any: another site's name that was made to point
    here (DNS rebinding) is no way in."""

    def __init__(self, app: ASGIApp, names: frozenset[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LARGEST_BODY:
                raise _TooLarge
            return message

        async def guarded(message: Message) -> None:
            nonlocal begun
            if taken > LARGEST_BODY and not begun:
                return  # whatever the route makes of a body that was cut off: the answer is that it is too large
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        async def refuse(status: int = 413, text: str = f"the body is larger than {LARGEST_BODY} bytes") -> None:
            nonlocal taken
            taken = 0
            await JSONResponse({"detail": text}, status_code=status)(scope, receive, guarded)

        headers = dict(scope["headers"])
        if self._names is not None and _name(headers.get(b"host", b"")) not in self._names:
            await refuse(421, "this page does not answer to that name; `dutchbook web --name` gives it another")
            return
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            await refuse()
            return
        with suppress(_TooLarge):
            await self._app(scope, counted, guarded)
        if taken > LARGEST_BODY and not begun:
            await refuse()


def _name(host: bytes) -> str:
    """The name in a Host header, without its port and in small letters."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
