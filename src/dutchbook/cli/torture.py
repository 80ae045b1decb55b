"""`dutchbook torture`: the engine in foul weather on virtual time, seed after seed, with the rules checked at every step."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from dutchbook.cli.bench import seed_range
from dutchbook.cli.output import say, say_json
from dutchbook.core.errors import SettingsError

if TYPE_CHECKING:
    from dutchbook.torture.seeds import Summary


def torture(
    seeds: Annotated[str, typer.Option(help="Range of seeds, A:B with both ends.")] = "1:100",
    json_output: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    kinds: Annotated[str | None, typer.Option(help="Only these kinds of fault, separated by commas.")] = None,
    processes: Annotated[int, typer.Option(min=0, help="Worker processes; 0 is one a core.")] = 0,
    until_violation: Annotated[bool, typer.Option("--until-violation", help="Stop at the first broken rule.")] = False,
    alone: Annotated[bool, typer.Option("--alone", help="The range once for each kind of fault, by itself.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="One seed only: print every fault, order and fact.")] = False,
) -> None:
    """Play seeds of faults: lost answers, torn writes, deaths, halts. Status 1 when a rule was broken.

    A seed repeats exactly: the same seed, the same trace.
    """
    from dutchbook.torture.kinds import BY_NAME
    from dutchbook.torture.play import play
    from dutchbook.torture.seeds import run_range

    first, last = seed_range(seeds)
    chosen = None if kinds is None else [kind.strip() for kind in kinds.split(",") if kind.strip()]
    unknown = sorted(set(chosen or ()) - BY_NAME.keys())
    if unknown:
        raise SettingsError(f"--kinds: no such fault: {', '.join(unknown)}; known: {', '.join(BY_NAME)}")
    if trace:
        if first != last:
            raise SettingsError(f"--trace: one seed at a time; say --seeds {first}:{first}")
        outcome = play(first, chosen, trace=True)
        for line in outcome.lines:
            say(line)
        for broken in outcome.violations:
            say(f"BROKEN {broken.rule}: {broken.text}")
        say(f"trace {outcome.trace}")
        raise typer.Exit(1 if outcome.violations else 0)
    if alone:
        _each_alone(first, last, chosen or list(BY_NAME), processes, json_output)
    loud = sys.stderr.isatty()
    summary = run_range(
        first,
        last,
        kinds=chosen,
        processes=processes,
        until_violation=until_violation,
        tell=_tell if loud else None,
    )
    if loud:
        sys.stderr.write("\n")
    if json_output:
        say_json(summary.plain())
    else:
        _show(summary)
    raise typer.Exit(1 if summary.violations else 0)


def _each_alone(first: int, last: int, kinds: list[str], processes: int, json_output: bool) -> NoReturn:
    from dutchbook.torture.seeds import run_range

    results = {}
    broken = 0
    for kind in kinds:
        summary = run_range(first, last, kinds=[kind], processes=processes)
        results[kind] = summary.plain()
        broken += len(summary.violations)
        if not json_output:
            say(
                f"{kind:24} {summary.faults[kind]:6} strikes  {summary.trades:5} trades  {len(summary.violations)} broken"
            )
    if json_output:
        say_json(results)
    raise typer.Exit(1 if broken else 0)


def _tell(summary: Summary) -> None:
    total = summary.last - summary.first + 1
    failing = f", {len(summary.failing)} with a broken rule" if summary.failing else ""
    sys.stderr.write(f"\r{summary.seeds} of {total} seeds, {summary.seeds_per_second:.1f} a second{failing} ")
    sys.stderr.flush()


def _show(summary: Summary) -> None:
    say(
        f"{summary.seeds} seeds, {summary.trades} trades, {summary.orders} orders, {summary.generations} processes, "
        f"{sum(summary.faults.values())} faults in {summary.seconds:.0f} s: {summary.seeds_per_second:.1f} seeds a second"
    )
    say(f"ended as      {', '.join(f'{count} {phase}' for phase, count in summary.phases.most_common())}")
    say(f"unhedged      {summary.unhedged_s:.0f} virtual seconds, {summary.naked} times NAKED")
    say(f"sent twice    {summary.repeated} identities; ended wrongly {summary.false_ends} orders")
    if not summary.violations:
        say("every rule held")
        return
    say(f"BROKEN        {len(summary.violations)} times in {len(summary.failing)} seeds")
    for broken in sorted(summary.violations, key=lambda each: each["seed"])[:20]:
        say(f"  seed {broken['seed']}: {broken['rule']}: {broken['text'][:300]}")
    seed = summary.failing[0]
    say(f"replay it with: dutchbook torture --seeds {seed}:{seed} --trace")
