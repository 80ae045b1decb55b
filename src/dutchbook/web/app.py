"""The web application: routes of the pages, the API, push, and the files that the page loads. All of them are local.

Puts the parts together; what a page tells is in `room.py`, how it looks in `pages.py`, who may in `access.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Final

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException

import dutchbook
from dutchbook.web import api
from dutchbook.web.access import COOKIE
from dutchbook.web.pages import HERE, PAGES, Painter
from dutchbook.web.room import Room
from dutchbook.web.shield import LOOPBACK, Shield
from dutchbook.web.streaming import Pushes
from dutchbook.web.watchdog import Watchdog

pages = APIRouter(include_in_schema=False)

ABOUT: Final = Query(max_length=500)


def _painted(request: Request, name: str, about: str = "") -> Response:
    """A page for whoever is signed in; the door for everybody else."""
    if not api.signed_in(request):
        return RedirectResponse(f"/login?to={request.url.path}", 303)
    painter: Painter = request.app.state.painter
    proof = api.room_of(request).access.proof(request.cookies.get(COOKIE, ""))
    html = painter.page(PAGES[name], about, proof)
    if html is None:
        raise HTTPException(404, "there is no such thing in this ledger")
    return HTMLResponse(html)


@pages.get("/")
async def now(request: Request) -> Response:
    return _painted(request, "now")


@pages.get("/login")
async def login(request: Request) -> Response:
    painter: Painter = request.app.state.painter
    return HTMLResponse(painter.alone("login"))


@pages.get("/healthz")
async def healthz() -> Response:
    """For whoever watches this process; tells nothing about the engine."""
    return JSONResponse({"ok": True})


@pages.get("/trades")
async def trades(request: Request, after: Annotated[int, Query(ge=0, le=10**9)] = 0) -> Response:
    return _painted(request, "trades", str(after))


@pages.get("/trades/{trade}")
async def trade(request: Request, trade: api.TradeId) -> Response:
    return _painted(request, "trade", trade)


@pages.get("/links")
async def links(request: Request, standing: Annotated[str, Query(max_length=20)] = "") -> Response:
    return _painted(request, "links", standing)


@pages.get("/links/{link:path}")
async def link(request: Request, link: str) -> Response:
    return _painted(request, "link", link)


@pages.get("/push/{name}")
async def push(request: Request, name: str, about: Annotated[str, ABOUT] = "") -> Response:
    """What an open page listens to."""
    if not api.signed_in(request):
        # an EventSource gives up for good on 204: a page that is signed out must not knock for ever
        return Response(status_code=204)
    if name not in PAGES:
        raise HTTPException(404, "there is no such page")
    if name == "trades" and not (about.isdecimal() and len(about) < 10):
        about = "0"
    pushes: Pushes = request.app.state.pushes
    stream = pushes.page(PAGES[name], about)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@pages.get("/{name}")
async def page(request: Request, name: str) -> Response:
    if name not in PAGES or name in ("now", "trade", "link"):
        raise HTTPException(404, "there is no such page")
    return _painted(request, name)


def create_app(room: Room, *, watchdog: Watchdog | None = None, names: frozenset[str] | None = LOOPBACK) -> FastAPI:
    """The application for one ledger. It starts to listen to the engine when it is served. `names` as in `Shield`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        room.live.catch_up()
        tasks = [asyncio.create_task(room.live.run(room.live.view.path))]
        if watchdog is not None:
            tasks.append(asyncio.create_task(watchdog.run()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)

    app = FastAPI(
        title="dutchbook",
        version=dutchbook.__version__,
        description=api.__doc__ or "",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.room = room
    app.state.painter = painter = Painter(room)
    app.state.pushes = Pushes(room, painter)

    @app.get("/api/v1/openapi.json", include_in_schema=False, dependencies=[Depends(api.visitor)])
    async def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    app.include_router(api.router)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.include_router(pages)
    app.add_exception_handler(StarletteHTTPException, _problem)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_middleware(Shield, names=names)
    return app


async def _problem(request: Request, error: Exception) -> Response:
    """An error as JSON under /api, as a page elsewhere."""
    assert isinstance(error, StarletteHTTPException)
    if request.url.path.startswith("/api/"):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    painter: Painter = request.app.state.painter
    html = painter.alone("problem", status=error.status_code, text=str(error.detail))
    return HTMLResponse(html, error.status_code, error.headers)


async def _malformed(request: Request, error: Exception) -> Response:
    """422 that says which value is wrong, without repeating what was sent."""
    assert isinstance(error, RequestValidationError)
    detail = [{"where": ".".join(map(str, each["loc"])), "text": each["msg"]} for each in error.errors()]
    if request.url.path.startswith("/api/"):
        status = 400 if any(each["type"] == "json_invalid" for each in error.errors()) else 422
        return JSONResponse({"detail": detail}, status)
    painter: Painter = request.app.state.painter
    return HTMLResponse(painter.alone("problem", status=422, text="the address has a value of the wrong shape"), 422)
