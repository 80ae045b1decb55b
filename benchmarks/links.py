"""Two invented catalogues linked by the real reading, candidates and judgement: seconds, memory, known pairs found.

Runs in a process of its own, so that the peak of its memory is its own. The worlds are those of `listings.py`.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import listings
from dutchbook.cli.links.uncollected import uncollected
from dutchbook.linking.candidates import Candidates
from dutchbook.linking.catalogue import JudgedPair, judged_pairs, sift
from dutchbook.linking.evaluate_catalogue import evaluate_catalogue
from dutchbook.linking.reading import Reading, read

SECONDS, MEGABYTES, NEW_MARKET_MS = 20.0, 1_500, 10.0
"""The goals: a whole catalogue, its memory, one new market against the standing catalogue. Linking is one process that waits for
nothing, so its seconds are those of the processor; the clock on the wall tells how busy the machine is besides."""

NEW_MARKETS = 300


def run(polymarket: int, kalshi: int, seed: int) -> dict[str, Any]:
    """The figures as plain values, measured in a new process."""
    command = [sys.executable, str(Path(__file__)), str(polymarket), str(kalshi), str(seed)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def measure(polymarket: int, kalshi: int, seed: int) -> dict[str, Any]:
    """Link a world of this size, market by market and as a whole."""
    world = listings.make(polymarket, kalshi, seed)
    truth = {(here, there): "inverse" if flipped else "same" for here, there, flipped in world.truth}
    before = _megabytes()
    met: set[tuple[str, str]] = set()
    standing = Candidates()

    def noted(reading: Reading) -> list[JudgedPair]:
        pairs = judged_pairs(reading, standing)
        met.update(truth.keys() & {(pair.first.listing.id, pair.second.listing.id) for pair in pairs})
        return pairs

    wall, used = perf_counter(), process_time()
    with uncollected():
        answering = [read(listing) for listing in world.kalshi]
        asking = [read(listing) for listing in world.polymarket]
        reading_took = perf_counter() - wall
        for reading in answering:
            standing.add(reading)
        standing_took = perf_counter() - wall - reading_took
        links = sift(pair for reading in asking for pair in noted(reading))
    wall, used = perf_counter() - wall, process_time() - used
    megabytes = _megabytes()
    proposed = {(pair.first.listing.id, pair.second.listing.id): pair.verdict.polarity for pair in links.proposed}
    wrong = sum(truth.get(ids) != polarity for ids, polarity in proposed.items())
    fresh = _new_markets(world, standing)
    titles = _titles_only(seed)
    return {
        "polymarket": len(world.polymarket),
        "kalshi": len(world.kalshi),
        "seconds": round(wall, 1),
        "cpu_seconds": round(used, 1),
        "seconds_reading": round(reading_took, 1),
        "seconds_standing": round(standing_took, 1),
        "seconds_comparing": round(wall - reading_took - standing_took, 1),
        "peak_mb": round(megabytes),
        "peak_mb_before_linking": round(before),
        "pairs_judged": links.judged,
        "known_pairs": len(truth),
        "known_pairs_compared": len(met),
        "proposed": len(proposed),
        "proposed_wrongly": wrong,
        "new_market_ms_median": round(statistics.median(fresh), 2),
        "new_market_ms_p95": round(statistics.quantiles(fresh, n=20)[-1], 2),
        "new_market_ms_worst": round(max(fresh), 2),
        **titles,
        "ok": used < SECONDS
        and megabytes < MEGABYTES
        and statistics.quantiles(fresh, n=20)[-1] < NEW_MARKET_MS
        and len(met) == len(truth)
        and not wrong
        and not titles["titles_500_proposed_wrongly"],
    }


def _new_markets(world: listings.World, standing: Candidates) -> list[float]:
    """Milliseconds for a market that appears: read, compared with the standing catalogue, added; then taken away again."""
    took = []
    for listing in world.polymarket[:NEW_MARKETS]:
        start = process_time()
        reading = read(listing)
        judged_pairs(reading, standing)
        standing.add(reading)
        took.append((process_time() - start) * 1_000)
        # a market of the larger venue comes and goes: what was remembered about its catalogue is worked out anew
        other = world.kalshi[len(took)]
        standing.remove(other.venue, other.id)
        standing.add(read(other))
        standing.remove(listing.venue, listing.id)
    return took


def _titles_only(seed: int) -> dict[str, Any]:
    """500 titles against 500, ids and fields withheld: the size that peers publish a figure for."""
    world = listings.make(500, 500, seed)
    document = {
        "poly": [{"id": one.id, "title": one.title} for one in map(listings.without_fields, world.polymarket)],
        "kalshi": [{"id": one.id, "title": one.title} for one in map(listings.without_fields, world.kalshi)],
        "truth": world.truth,
    }
    start = perf_counter()
    found = evaluate_catalogue(document)
    return {
        "titles_500_seconds": round(perf_counter() - start, 2),
        "titles_500_known_pairs": found.rows,
        "titles_500_proposed": found.proposed,
        "titles_500_proposed_wrongly": len(found.wrong),
    }


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sizes = [int(argument) for argument in sys.argv[1:4]]
    print(json.dumps(measure(*sizes)))
