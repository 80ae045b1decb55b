"""`dutchbook bench`: the measurements published in docs/benchmarks.md. Needs a checkout (the folder `benchmarks/`)."""

from __future__ import annotations

import importlib.util
import logging
import statistics
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import msgspec
import structlog
import typer

from dutchbook.core.errors import SettingsError

app = typer.Typer(
    help="Measure detection, frames, the journal, restarts and seeds; the results stand in docs/benchmarks.md.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]


def _load(name: str) -> ModuleType:
    """A file of the checkout's benchmarks folder. Raises SettingsError when there is no checkout around."""
    path = Path(__file__).resolve().parents[3] / "benchmarks" / f"{name}.py"
    if not path.exists():
        raise SettingsError(f"{path}: not found; `dutchbook bench` runs from a source checkout")
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _show(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(figures).decode())
        return
    for key, value in figures.items():
        typer.echo(f"{key:36} {value}")


@app.command()
def detect(books: int = 100_000, seed: int = 7, as_json: Json = False) -> None:
    """Detection against brute force on random two-venue books, and its speed."""
    figures = _load("detection").run(books, seed)
    _show(figures, as_json)
    raise typer.Exit(0 if figures["ok"] else 1)


@app.command()
def frames(as_json: Json = False) -> None:
    """Kalshi frames decoded, applied and read, against a typed decode alone."""
    figures = _load("frames").run()
    _show(figures, as_json)
    raise typer.Exit(0 if figures["ok"] else 1)


@app.command()
def polymarket(as_json: Json = False) -> None:
    """Polymarket orders built and signed, frames and books applied, beside the official package where installed."""
    figures = _load("polymarket").run()
    _show(figures, as_json)
    raise typer.Exit(0 if figures["ok"] else 1)


@app.command()
def signing(as_json: Json = False) -> None:
    """Kalshi signatures at send time: made ahead, Ed25519, RSA on the spot."""
    figures = _load("signing").run()
    _show(figures, as_json)
    raise typer.Exit(0 if figures.get("ok", True) else 1)


@app.command()
def roundtrip(as_json: Json = False) -> None:
    """One order's round trip over loopback, beside the official package where installed."""
    figures = _load("roundtrip").run()
    _show(figures, as_json)
    raise typer.Exit(0 if figures["ok"] else 1)


@app.command()
def journal(
    appends: Annotated[int, typer.Option(min=100, help="Appends for each durability and writer.")] = 20_000,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder on the disk to measure; the system's temporary one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Appends to the journal, durable across process death and across power loss, beside a plain table and a file."""
    figures = _load("journal").run(appends, folder)
    _show(figures, as_json)
    raise typer.Exit(0 if figures["ok"] else 1)


@app.command()
def restart(
    past: Annotated[int, typer.Option(min=1, help="Trades that were settled long ago.")] = 10_000,
    open_trades: Annotated[int, typer.Option("--open", min=1, help="Trades that are still open.")] = 50,
    profile: Annotated[Path | None, typer.Option(metavar="FILE", help="Write where the time goes.")] = None,
    as_json: Json = False,
) -> None:
    """Seconds until an engine on a long ledger is ready: the journal read and folded, the venues asked."""
    figures = _load("restart").run(past, open_trades, profile)
    _show(figures, as_json)
    raise typer.Exit(0 if figures["ok"] else 1)


@app.command()
def peers(as_json: Json = False) -> None:
    """Twelve plain faults around one order: what the official package's users believe at the end, and what we know."""
    module = _load("peers")
    figures = module.run()
    if as_json:
        _show(figures, True)
    else:
        for line in module.table(figures):
            typer.echo(line)
    raise typer.Exit(0 if figures["ok"] else 1)


@app.command()
def firehose(
    seconds: Annotated[float, typer.Option(help="How long the highest rate is held.")] = 60, as_json: Json = False
) -> None:
    """The highest lossless frame rate over a real loopback WebSocket with 1,000 markets, decisions included."""
    figures = _load("firehose").run(seconds)
    _show(figures, as_json)
    raise typer.Exit(0 if figures["ok"] else 1)


@app.command()
def links(
    polymarket: Annotated[int, typer.Option(min=20, help="Markets of the smaller catalogue.")] = 10_000,
    kalshi: Annotated[int, typer.Option(min=20, help="Markets of the larger catalogue.")] = 100_000,
    seed: int = 1,
    as_json: Json = False,
) -> None:
    """Two invented catalogues linked: seconds, memory, one new market, and what of the known pairs is found."""
    figures = _load("links").run(polymarket, kalshi, seed)
    _show(figures, as_json)
    raise typer.Exit(0 if figures["ok"] else 1)


@app.command()
def seeds(
    seeds: Annotated[str, typer.Option(help="First and last seed, as A:B.")] = "1:20",
    seconds: Annotated[float, typer.Option(help="Virtual seconds a seed.")] = 30,
    as_json: Json = False,
) -> None:
    """The demo in virtual time over a range of seeds, losses included."""
    from dutchbook.cli.demo.seeds import play_seed

    first, last = seed_range(seeds)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    played = []
    for seed in range(first, last + 1):
        played.append(play_seed(seed, seconds))
        if not as_json:
            one = played[-1]
            trades, ends = one["trades"], "books agree" if one["ledger_matches_venues"] else "BOOKS DIFFER"
            typer.echo(
                f"seed {seed:4}  crossings {one['funnel']['crossings']:3}  locked {trades['locked']:2}  "
                f"rolled back {trades['rolled_back']:2}  failed {trades['failed']:2}  naked {trades['naked']}  "
                f"fees {one['fees']:>10}  P&L {one['pnl']:>11}  {ends}"
            )
    figures = summary(played)
    if as_json:
        figures["seeds"] = played
    _show(figures, as_json)
    raise typer.Exit(0 if figures["ok"] else 1)


def seed_range(text: str) -> tuple[int, int]:
    """First and last seed of A:B, both included. Raises SettingsError for anything else."""
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit()) or int(first) > int(last):
        raise SettingsError(f"--seeds: {text!r} is not A:B with A not above B, for example 1:200")
    return int(first), int(last)


def summary(played: list[dict[str, Any]]) -> dict[str, Any]:
    """Totals over seeds. Dollar figures are decimal text."""
    profits = sorted(Decimal(one["pnl"]) for one in played)

    def total(group: str, key: str) -> int:
        return sum(int(one[group][key]) for one in played)

    agree = sum(bool(one["ledger_matches_venues"]) for one in played)
    return {
        "played": len(played),
        "books": total("funnel", "books"),
        "crossings": total("funnel", "crossings"),
        "net_positive": total("funnel", "net_positive"),
        "traded": total("funnel", "traded"),
        "locked": total("trades", "locked"),
        "rolled_back": total("trades", "rolled_back"),
        "failed": total("trades", "failed"),
        "naked": total("trades", "naked"),
        "fees": str(sum(Decimal(one["fees"]) for one in played)),
        "pnl": str(sum(profits)),
        "rollback_losses": str(sum(Decimal(one["rollback_losses"]) for one in played)),
        "pnl_median": str(statistics.median(profits)),
        "pnl_worst": str(profits[0]),
        "pnl_best": str(profits[-1]),
        "seeds_with_a_loss": sum(profit < 0 for profit in profits),
        "seeds_with_lock_and_rollback": sum(
            one["trades"]["locked"] > 0 and one["trades"]["rolled_back"] > 0 for one in played
        ),
        "seeds_with_alarms": sum(bool(one["alarms"]) for one in played),
        "ledger_matches_venues": agree,
        "ok": agree == len(played),
    }


@app.command(name="all")
def everything(as_json: Json = False) -> None:
    """All of the above with the published sizes."""
    figures = {
        "detect": _load("detection").run(100_000, 7),
        "frames": _load("frames").run(),
        "polymarket": _load("polymarket").run(),
        "signing": _load("signing").run(),
        "roundtrip": _load("roundtrip").run(),
        "journal": _load("journal").run(),
        "restart": _load("restart").run(),
        "firehose": _load("firehose").run(),
        "links": _load("links").run(10_000, 100_000, 1),
    }
    for name, part in figures.items():
        if not as_json:
            typer.echo(f"-- {name}")
            _show(part, False)
    if as_json:
        typer.echo(msgspec.json.encode(figures).decode())
    raise typer.Exit(0 if all(part.get("ok", True) for part in figures.values()) else 1)
