"""`dutchbook sim`: the simulated venues on their own, for the demo, for your own client, or for `dutchbook run`.

Standard output carries JSON lines and nothing else. Serves on this machine only; the accounts it makes are worth nothing.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from dutchbook.core.clock import MILLISECOND
from dutchbook.core.errors import SettingsError

if TYPE_CHECKING:
    from dutchbook.simulator.delivery import Latency


class Venue(Enum):
    """What to serve."""

    KALSHI = "kalshi"
    POLYMARKET = "polymarket"
    BOTH = "both"


def sim(
    venue: Annotated[Venue, typer.Argument(help="Which venue to serve; `both` share one world.")],
    port: Annotated[
        int, typer.Option(min=0, max=65534, help="Port to listen on; `both` also takes the next one. 0: any free port.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 0,
    speed: Annotated[float, typer.Option(min=0.01, max=1000, help="How fast the world runs; 2 is twice as fast.")] = 1,
    latency_ms: Annotated[
        str, typer.Option(metavar="LOW:HIGH", help="Artificial network time each way, in milliseconds.")
    ] = "2:12",
    control: Annotated[bool, typer.Option(help="Open POST /__control, which switches faults on and off.")] = False,
    rate_limits: Annotated[bool, typer.Option(help="Enforce Kalshi's token buckets.")] = False,
    silence: Annotated[
        float | None, typer.Option(min=1, help="End when no line has come on standard input for so many seconds.")
    ] = None,
) -> None:
    """Serve simulated venues (REST and WebSocket) on this machine.

    Prints one JSON line with addresses, test accounts and markets, then obeys lines on standard input: `settle`,
    `statement`, `stop`. Ends with the input, or on Ctrl-C.
    """
    from dutchbook.simulator.process import run_exchange, run_world

    latency = _latency(latency_ms, seed)
    try:
        if venue is Venue.BOTH:
            ports = {"kalshi": port, "polymarket": port + 1 if port else 0}
            asyncio.run(
                run_world(
                    seed,
                    speed,
                    ports=ports,
                    latency=latency,
                    control=control,
                    rate_limits=rate_limits,
                    silence_s=silence,
                )
            )
        else:
            asyncio.run(
                run_exchange(
                    venue.value,
                    port,
                    seed,
                    speed,
                    latency=latency,
                    control=control,
                    rate_limits=rate_limits,
                    silence_s=silence,
                )
            )
    except OSError as error:
        raise SettingsError(f"--port {port}: cannot listen there ({error.strerror}); choose another port") from error


def _latency(text: str, seed: int) -> Latency:
    from dutchbook.simulator.delivery import Latency

    low, colon, high = text.partition(":")
    if not (colon and low.isdigit() and high.isdigit() and int(low) <= int(high)):
        raise SettingsError(f"--latency-ms: {text!r} is not LOW:HIGH in whole milliseconds, for example 2:12")
    bounds = (int(low) * MILLISECOND, int(high) * MILLISECOND)
    return Latency(bounds, bounds, seed)
