"""The REST API under /api/v1: everything that the page tells and does. Amounts of the ledger are decimal text; figures of the
state stream are integers in millionths, rates over 1e-12, times nanoseconds.

Reading needs the token or the cookie; a command from a browser also needs the page's proof.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from dutchbook.core.errors import DutchbookError, LedgerError, Skip
from dutchbook.web.access import COOKIE, SESSION_S, same_origin
from dutchbook.web.curve import plain as curve_points
from dutchbook.web.room import Room
from dutchbook.web.streaming import Pushes

Plain = dict[str, Any]

_Text = Annotated[str, Field(max_length=300)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Login(_Body):
    """The token of this page."""

    token: Annotated[str, Field(min_length=1, max_length=400)]


class Stop(_Body):
    """`hold`: no new entries. `cancel`: also cancel what rests. `flatten`: also sell what can be sold."""

    then: Literal["hold", "cancel", "flatten"] = "hold"
    reason: _Text = ""


class Start(_Body):
    """`seen` is the record up to which the operator had looked: with it, a stop that came later wins."""

    confirm: bool = False
    seen: Annotated[int, Field(ge=0, le=2**53)] | None = None


class Done(BaseModel):
    """The engine's answer in one sentence."""

    done: bool
    text: str


class Problem(BaseModel):
    """Why not."""

    detail: Any


class Decision(_Body):
    """A person's word about a link. `seen` is the review code of what was read: another text stands now, and it is refused."""

    link: Annotated[str, Field(min_length=1, max_length=400)]
    turn: Literal["approve", "reject", "suspend"]
    reason: _Text = ""
    seen: Annotated[str, Field(max_length=64)] = ""


TradeId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="A trade's name.")]

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is not JSON."},
    401: {"model": Problem, "description": "No valid token or cookie."},
    403: {"model": Problem, "description": "From another site, without proof, or this page is read-only."},
    404: {"model": Problem, "description": "There is no such thing."},
    409: {"model": Problem, "description": "Not done, with the reason."},
    413: {"model": Problem, "description": "The body is too large."},
    422: {"model": Problem, "description": "A value has the wrong shape."},
    429: {"model": Problem, "description": "Too many wrong tokens; wait a minute."},
    503: {"model": Problem, "description": "The ledger cannot be used now."},
}


def room_of(request: Request) -> Room:
    """The room that this process serves."""
    room: Room = request.app.state.room
    return room


def signed_in(request: Request) -> str | None:
    """Who it is, as the ledger names them, when a request carries a token or a valid cookie."""
    room = room_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        now = time.time_ns()
        if room.access.locked(now):
            raise HTTPException(429, "too many wrong tokens; wait a minute")
        by = room.access.knows(token.strip())
        if by is None:
            room.access.failed(now)
        return by
    return room.access.valid(request.cookies.get(COOKIE, ""), time.time_ns())


async def visitor(request: Request) -> Room:
    """The room, for whoever may look. Raises 401."""
    by = signed_in(request)
    if by is None:
        raise HTTPException(401, "sign in first", {"WWW-Authenticate": "Bearer"})
    request.state.by = by
    return room_of(request)


async def own_page(request: Request) -> None:
    """Raises 403 for a request that another site's page has made."""
    headers = request.headers
    if not same_origin(headers.get("origin"), headers.get("host"), headers.get("sec-fetch-site")):
        raise HTTPException(403, "this request does not come from this page")


@dataclass(frozen=True, slots=True)
class Seat:
    """Where somebody commands from: the room, and their name in the ledger."""

    room: Room
    by: str


async def operator(request: Request, room: Annotated[Room, Depends(visitor)]) -> Seat:
    """The seat of whoever may command. Raises 401 and 403."""
    await own_page(request)
    if room.read_only:
        raise HTTPException(403, "this page is read-only: it was started with --read-only")
    if not request.headers.get("authorization"):
        proof = request.headers.get("x-dutchbook-proof", "")
        if not room.access.proves(request.cookies.get(COOKIE, ""), proof):
            raise HTTPException(403, "the proof that this page asked is missing; load the page again")
    return Seat(room, request.state.by)


Visitor = Annotated[Room, Depends(visitor)]
Operator = Annotated[Seat, Depends(operator)]

router = APIRouter(prefix="/api/v1", responses=REFUSALS)


@router.post("/session", tags=["access"])
async def login(request: Request, response: Response, body: Login) -> Done:
    """Exchange the token for a cookie."""
    await own_page(request)
    room, now = room_of(request), time.time_ns()
    if room.access.locked(now):
        raise HTTPException(429, "too many wrong tokens; wait a minute")
    by = room.access.knows(body.token)
    if by is None:
        room.access.failed(now)
        raise HTTPException(401, "this is not the token", {"WWW-Authenticate": "Bearer"})
    response.set_cookie(
        COOKIE,
        room.access.session(by, now),
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return Done(done=True, text="signed in")


@router.delete("/session", tags=["access"])
async def logout(request: Request, response: Response) -> Done:
    """Forget the cookie."""
    await own_page(request)
    response.delete_cookie(COOKIE)
    return Done(done=True, text="signed out")


@router.get("/status", tags=["reading"])
async def status(room: Visitor) -> Plain:
    """Mode, engine, health, breakers, balances, exposure, capital, today, what is open, alarms."""
    return room.now()


@router.get("/opportunities", tags=["reading"])
async def opportunities(room: Visitor) -> Plain:
    """The bundle table as it is now, and the funnel with the first reason of everything not traded."""
    return room.opportunities()


@router.get("/trades", tags=["reading"])
async def trades(
    room: Visitor,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    after: Annotated[int, Query(ge=0, le=10**9, description="Leave out so many of the newest.")] = 0,
) -> Plain:
    """The trades, the newest first."""
    return room.trades(limit, after)


@router.get("/trades/{trade}", tags=["reading"])
async def trade(room: Visitor, trade: TradeId) -> Plain:
    """One trade: legs, orders, fills, states, timeline."""
    told = room.trade(trade)
    if told is None:
        raise HTTPException(404, f"there is no trade {trade}")
    return told


@router.get("/positions", tags=["reading"])
async def positions(
    room: Visitor, everything: Annotated[bool, Query(alias="all", description="Also those that are over.")] = False
) -> Plain:
    """What is held: by trade, and leg by leg."""
    return {**room.positions(), "legs": room.figures.positions(room.live.view.ledger, everything=everything)}


@router.get("/orders", tags=["reading"])
async def orders(room: Visitor) -> Plain:
    """Orders that are out, and the newest that have ended; each with its reason. All others stand with their trades."""
    return room.orders()


@router.get("/pnl", tags=["reading"])
async def pnl(room: Visitor, day: Annotated[date | None, Query(description="One day only.")] = None) -> Plain:
    """Profit and loss in all, by day and by kind, and the curve."""
    told = room.profit()
    days = [row for row in told["days"] if day is None or row["day"] == day.isoformat()]
    return {**told, "days": days, "curve": curve_points(told["curve"])}


@router.get("/links", tags=["reading"])
async def links(
    room: Visitor, standing: Annotated[Literal["proposed", "approved", "rejected", "suspended"] | None, Query()] = None
) -> Plain:
    """The link registry: how many stand where, and the first of them."""
    return room.links(standing or "")


@router.get("/links/{link:path}", tags=["reading"])
async def link(room: Visitor, link: Annotated[str, Path(max_length=400)]) -> Plain:
    """One link for a decision: rules side by side, states, doubts, prior, history."""
    told = room.link(link)
    if told is None:
        raise HTTPException(404, "there is no such link")
    return told


@router.get("/system", tags=["reading"])
async def system(room: Visitor) -> Plain:
    """Feeds and their ages, latencies, rate limits, reconciliation."""
    return room.system()


@router.get("/log", tags=["reading"])
async def log(room: Visitor, lines: Annotated[int, Query(ge=1, le=1000)] = 100) -> Plain:
    """The end of the engine's log file."""
    return room.log(lines)


@router.get("/settings", tags=["reading"])
async def settings(room: Visitor) -> list[Plain]:
    """Every setting; of secrets only whether they are there."""
    return room.figures.settings()


TOPICS = (
    "engine",
    "ledger",
    "health",
    "funnel",
    "opportunities",
    "latency",
    "buckets",
    "balances",
    "breakers",
    "exposure",
    "capital",
    "exits",
    "reconciliation",
)


@router.get(
    "/live",
    tags=["reading"],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def live(
    request: Request,
    room: Visitor,
    topics: Annotated[
        str, Query(max_length=300, description=f"Which, with commas: {', '.join(TOPICS)}. Without: all of them.")
    ] = "",
) -> StreamingResponse:
    """Push: server-sent events as things change."""
    wanted = frozenset(topics.split(",")) if topics else frozenset(TOPICS)
    if wanted - frozenset(TOPICS):
        raise HTTPException(
            422, f"topics: {', '.join(sorted(wanted - frozenset(TOPICS)))} is none of {', '.join(TOPICS)}"
        )
    pushes: Pushes = request.app.state.pushes
    return StreamingResponse(pushes.topics(wanted), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def ask(seat: Seat, verb: str, arguments: dict[str, str], seen: int | None = None) -> Done:
    """Have a command done. 409 with the sentence when it was not, 503 when the ledger cannot be used."""
    try:
        answer = await seat.room.do(verb, arguments, seen, seat.by)
    except LedgerError as error:
        raise HTTPException(503, str(error)) from None
    except (Skip, DutchbookError) as error:
        raise HTTPException(409, str(error)) from None
    if not answer.done:
        raise HTTPException(409, answer.text)
    return Done(done=True, text=answer.text)


@router.post("/commands/stop", tags=["commands"])
async def stop(seat: Operator, body: Stop) -> Done:
    """No new entries, until `start`."""
    return await ask(seat, "stop", {"then": body.then, **({"reason": body.reason} if body.reason else {})})


@router.post("/commands/start", tags=["commands"])
async def start(seat: Operator, body: Start) -> Done:
    """Take the kill switch back; after a stop by the loss limit only with `confirm`."""
    return await ask(seat, "start", {"confirm": "yes"} if body.confirm else {}, body.seen)


@router.post("/commands/reconcile", tags=["commands"])
async def reconcile(seat: Operator) -> Done:
    """Compare the ledger with both venues now."""
    return await ask(seat, "reconcile", {})


@router.post("/trades/{trade}/{what}", tags=["commands"])
async def repair(seat: Operator, trade: TradeId, what: Literal["complete", "unwind", "hand_over"]) -> Done:
    """Mend a trade: buy what is missing, sell the surplus (or all of a locked one), or take it over."""
    if trade not in seat.room.live.view.ledger.trades:
        raise HTTPException(404, f"there is no trade {trade}")
    return await ask(seat, f"trade_{what}", {"trade": trade, "reason": "asked for on the page"})


@router.post("/links", tags=["commands"])
async def decide(seat: Operator, body: Decision) -> Done:
    """Approve, reject or suspend a link."""
    words = {"link": body.link, "reason": body.reason, "seen": body.seen}
    return await ask(seat, f"link_{body.turn}", {key: text for key, text in words.items() if text})
