"""`dutchbook docs faults`: docs/faults.md, written from docs/faults.json, which holds what the long runs measured.

`--run`, `--alone`, `--mutants` and `--peers` take results into docs/faults.json. The page shows nothing that is not in that
file, and a test compares the two.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from dutchbook.cli.output import ExitStatus, note, say
from dutchbook.core.errors import SettingsError

COMMAND = "dutchbook docs faults"
DATA = Path("docs/faults.json")
PAGE = Path("docs/faults.md")
ENOUGH = 50
"""Hits that a cell of the coverage table should have."""


def faults(
    check: Annotated[bool, typer.Option("--check", help="Only say whether the page is up to date.")] = False,
    run: Annotated[Path | None, typer.Option(help="JSON of a long `dutchbook torture --json`.")] = None,
    alone: Annotated[Path | None, typer.Option(help="JSON of `dutchbook torture --alone --json`.")] = None,
    mutants: Annotated[Path | None, typer.Option(help="JSON of benchmarks/mutants.py.")] = None,
    peers: Annotated[Path | None, typer.Option(help="The tables of `dutchbook bench peers` as Markdown.")] = None,
    after: Annotated[bool, typer.Option("--after", help="Keep the run that the page has as one before --run.")] = False,
    commit: Annotated[str, typer.Option(help="What the run was made on.")] = "",
) -> None:
    """Write docs/faults.md from docs/faults.json, after taking new results into it."""
    data = msgspec.json.decode(DATA.read_bytes()) if DATA.exists() else {}
    if run is not None:
        if after and "run" in data:
            data["earlier"] = [data["run"], *data.get("earlier", [])]
        data["run"] = {"on": commit, **_shown(msgspec.json.decode(_read(run)))}
    for key, path in (("alone", alone), ("mutants", mutants)):
        if path is not None:
            data[key] = msgspec.json.decode(_read(path))
    if peers is not None:
        data["peers"] = _read(peers).decode()
    text = page(data)
    if check:
        if not PAGE.exists() or PAGE.read_text() != text:
            note(f"{PAGE} is not what {DATA} says; run `{COMMAND}`")
            raise typer.Exit(ExitStatus.FAILED)
        say(f"{PAGE} is up to date")
        return
    lines = [f"{msgspec.json.encode(key).decode()}:{msgspec.json.encode(part).decode()}" for key, part in data.items()]
    DATA.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    PAGE.write_text(text)
    say(f"wrote {PAGE}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None


def _shown(run: dict[str, Any]) -> dict[str, Any]:
    """A long run without what is on the page of each kind alone."""
    return {key: value for key, value in run.items() if key not in ("met", "profits", "alarms", "moods", "traces")}


def page(data: dict[str, Any]) -> str:
    """The whole text of docs/faults.md."""
    from dutchbook.torture.kinds import KINDS

    parts = [
        "# Faults",
        f"Written by `{COMMAND}` from `docs/faults.json`; do not edit. The real engine, adapters and simulators "
        f"run in one process "
        "on virtual time, over the bytes of the real protocols and a real SQLite file; every fault is drawn from "
        "the seed, and a "
        "seed repeats exactly: `dutchbook torture --seeds N:N --trace` prints it.",
        *_rules(),
        *_run(data),
        *_alone(data, {kind.name: kind.words for kind in KINDS}),
        *_coverage(data),
        *_mutants(data),
    ]
    if "peers" in data:
        parts += [
            "## The same plain faults, and what others do",
            "`dutchbook bench peers` and `benchmarks/peers_kalshi.py`: one purchase of ten contracts through "
            "dutchbook's engine, and "
            "through the venues' own packages used as a plain bot uses them: *once* (an exception is a failure), "
            "*again* (a new "
            "order after an exception), *same* (the same order posted again). That an exception means failure is "
            "the bot's reading; "
            "the packages do not claim it.",
            data["peers"].strip(),
        ]
    return "\n\n".join(parts) + "\n"


def _rules() -> list[str]:
    from dutchbook.torture.rules import STATED

    lines = "\n".join(f"* {rule}" for rule in STATED)
    return ["## What must hold at every step", lines]


def _run(data: dict[str, Any]) -> list[str]:
    run, earlier = data.get("run"), data.get("earlier", [])
    if run is None:
        return []
    parts = ["## The long runs", "The newest first.", *(said for one in (run, *earlier) for said in _told(one))]
    if found := data.get("found"):
        parts += [
            "What the long runs found; all of it is mended, and each seed is a test.",
            "\n".join(
                [
                    "| seed | rule | what it was |",
                    "|---|---|---|",
                    *(f"| {one['seed']} | {one['rule']} | {one['cause']} |" for one in found),
                ]
            ),
        ]
    return parts


def _told(run: dict[str, Any]) -> list[str]:
    """One run in two paragraphs."""
    on = run.get("on")
    seeds = sorted({one["seed"] for one in run["failures"]})
    verdict = (
        "no rule was broken"
        if not run["violations"]
        else f"**rules were broken in {len(seeds)} of {run['seeds']:,} seeds** ({', '.join(map(str, seeds))})"
    )
    text = (
        f"`dutchbook torture --seeds {run['first_seed']}:{run['last_seed']}`{f' ({on})' if on else ''}: "
        f"{run['seeds']:,} seeds, {run['trades']:,} trades, {run['orders']:,} orders, {sum(run['faults'].values()):,} "
        f"faults, {run['generations']:,} processes: {verdict}. {run['seeds'] / run['seconds']:.1f} seeds a second on 2 cores "
        f"that other work shared. Orders sent twice: {run['identities_sent_twice']}; orders held for ended without a fill that "
        f"had one: {run['false_ends']}. Legs stood unequal for {run['unhedged_seconds']:,.0f} virtual seconds in all, "
        f"{run['unhedged_seconds'] / max(1, run['trades']):.2f} a trade; {run['naked']:,} trades were NAKED for a time."
    )
    ends = ", ".join(f"{count:,} {phase}" for phase, count in sorted(run["phases"].items(), key=lambda p: -p[1]))
    return [text, f"The trades ended as: {ends}."]


def _alone(data: dict[str, Any], words: dict[str, str]) -> list[str]:
    alone = data.get("alone")
    if alone is None:
        return []
    rows = [
        "| fault | what it is | strikes (Kalshi / Polymarket) | trades met | locked | flat | failed | bought "
        "twice | false ends | "
        "unhedged s a trade | mean P&L of a trade met |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, one in alone.items():
        met = one["met"].get(kind, {})
        count = sum(met.values())
        locked = met.get("settled", 0) + met.get("locked", 0)
        flat = met.get("flat", 0) + met.get("rolled_back", 0) + met.get("exited", 0)
        venues = {
            venue: sum(c for k, _, v, c in one["coverage"] if k == kind and v == venue)
            for venue in ("kalshi", "polymarket")
        }
        profit = f"{one['profits'].get(kind, 0) / count / 1_000_000:+.3f}" if count else "–"
        rows.append(
            f"| {kind} | {words.get(kind, '')} | {venues['kalshi']} / {venues['polymarket']} | {count} | {locked} "
            f"| {flat} | "
            f"{met.get('failed', 0)} | {one['overfilled']} | {one['false_ends']} | "
            f"{one['unhedged_seconds'] / max(1, one['trades']):.2f} | {profit} |"
        )
    seeds = next(iter(alone.values()))["seeds"]
    return [
        "## Each fault alone",
        f"`dutchbook torture --alone --seeds 1:{seeds}`: for each kind {seeds} seeds in which nothing else "
        f"strikes. *Strikes* count "
        "trades that had a leg there and were under way or locked; *trades met* were under way. *Locked* "
        "includes those paid later. "
        "*Bought twice* are orders that filled more than they asked (a request that the network delivered twice, "
        "at a venue that "
        "does not refuse it): the surplus is found by reading the fills, booked, and balanced like any other. Dollars.",
        "\n".join(rows),
    ]


def _coverage(data: dict[str, Any]) -> list[str]:
    run = data.get("run")
    if run is None:
        return []
    from dutchbook.torture.aim import impossible
    from dutchbook.torture.kinds import BOTH, KINDS

    phases = ["executing", "partial", "hedging", "unwinding", "settling", "naked", "locked", "flat"]
    runs = [run, *data.get("earlier", [])]
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in runs:
        counts.update({(kind, venue, phase): count for kind, phase, venue, count in one["coverage"]})
    rows = ["| fault | leg at | " + " | ".join(phases) + " |", "|---" * (len(phases) + 2) + "|"]
    thin, cells, reasons = [], 0, set()
    for kind in KINDS:
        for venue in kind.venues or BOTH if kind.by_default else ():
            row = []
            for phase in phases:
                why, count = impossible(kind.name, phase), counts.get((kind.name, venue, phase), 0)
                if why is not None:
                    reasons.add(why)
                    row.append(f"({count})" if count else "·")
                    continue
                cells += 1
                if count < ENOUGH:
                    thin.append(f"{kind.name} × {phase} × {venue} ({count})")
                row.append(str(count))
            rows.append(f"| {kind.name} | {venue} | " + " | ".join(row) + " |")
    short = f"Fewer than that: {', '.join(thin)}." if thin else "None has fewer."
    return [
        "## Coverage",
        "How often each fault struck while a trade with a leg at that venue was in each state, in the long "
        f"run{'s' if len(runs) > 1 else ''}. "
        f"{cells - len(thin)} of {cells} cells that can occur were hit at least {ENOUGH} times. {short}",
        "· cannot occur, or only by the way (in brackets): " + "; ".join(sorted(reasons)) + ".",
        "\n".join(rows),
    ]


def _mutants(data: dict[str, Any]) -> list[str]:
    mutants = data.get("mutants")
    if mutants is None:
        return []
    rows = ["| mistake | caught at seed | by the rule |", "|---|---|---|"]
    for one in mutants:
        caught = one["caught_at"]
        shown = f"**not caught** in {one.get('seeds_run', 0)}" if caught is None else caught
        rows.append(f"| {one['mutant']} | {shown} | {one['rule']} |")
    return [
        "## Mistakes that it catches",
        "`python benchmarks/mutants.py`: one line of the engine changed, and the first seed that breaks a rule.",
        "\n".join(rows),
    ]
