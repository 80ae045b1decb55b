"""`dutchbook trade`: one trade in full, and a person's repairs of it: complete, unwind, hand over, mark, void, fill (M47).

A running engine is asked through the ledger's inbox and answers. Without one a mark and a handing-over are booked in the ledger
itself, by the same rules; completing and unwinding start an engine for as long as they take. A repair is never an edit.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dutchbook.cli.output import say, say_json
from dutchbook.cli.own_ledger import Json, LedgerPath, ledger_path, own_journal, tell_answer
from dutchbook.cli.stop import BY, command_engine
from dutchbook.core.errors import SettingsError, Skip

if TYPE_CHECKING:
    from dutchbook.core.link import Link
    from dutchbook.ledger.inbox import Answer

app = typer.Typer(
    help="One trade in full, and repairs of it by hand: every one needs a reason, which is kept.", no_args_is_help=True
)

TradeId = Annotated[str, typer.Argument(metavar="ID", help="The trade, as `dutchbook trades` names it.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the ledger.")]

LINKS: Final = Path("links.jsonl")


@app.command()
def show(
    trade_id: TradeId,
    links: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The links file, for what is paid in each state; links.jsonl if it is there."
        ),
    ] = None,
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Everything about a trade: legs, orders, fills, marks, payouts, what each outcome would bring, and its timeline."""
    from dutchbook.cli import trade_story
    from dutchbook.cli.figures import open_ledger

    journal, folded = open_ledger(ledger_path(ledger))
    told = trade_story.story(journal, folded, trade_id, _links(links))
    journal.close()
    if as_json:
        say_json(told)
        return
    for line in trade_story.lines(told):
        say(line)


@app.command()
def complete(trade_id: TradeId, reason: Reason, ledger: LedgerPath = None, as_json: Json = False) -> None:
    """Buy what is missing of a trade whose legs are unequal, though selling may be cheaper."""
    _by_engine("trade_complete", trade_id, reason, ledger, as_json)


@app.command()
def unwind(trade_id: TradeId, reason: Reason, ledger: LedgerPath = None, as_json: Json = False) -> None:
    """Sell what is too much of a trade whose legs are unequal, or every leg of a locked one: an early exit by hand."""
    _by_engine("trade_unwind", trade_id, reason, ledger, as_json)


@app.command("hand-over")
def hand_over(trade_id: TradeId, reason: Reason, ledger: LedgerPath = None, as_json: Json = False) -> None:
    """Take a naked trade over: the engine leaves it alone from here, and `trade mark` books what you do."""
    _booked("trade_hand_over", {"trade": trade_id, "reason": _said(reason)}, ledger, as_json)


@app.command()
def mark(
    trade_id: TradeId,
    reason: Reason,
    leg: Annotated[int, typer.Option(metavar="N", help="Which leg, from 0, as `trade show` numbers them.")],
    contracts: Annotated[str, typer.Option(metavar="±X", help="Contracts that came in (+) or went out (-).")] = "0",
    cash: Annotated[str, typer.Option(metavar="±Y", help="Dollars that came in (+) or went out (-).")] = "0",
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Book what you did outside on a trade's leg, as a counter-entry: sold 10 for 4.20 is --contracts -10 --cash +4.20."""
    words = {"trade": trade_id, "leg": str(leg), "contracts": contracts, "cash": cash, "reason": _said(reason)}
    _booked("trade_mark", words, ledger, as_json)


@app.command()
def void(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order, as `trade show` names it.")],
    reason: Reason,
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """End an order of unknown fate when the venue's own page shows that it never had it, or cancelled it without a fill."""
    words = {"trade": order.partition(".")[0], "order": order, "reason": _said(reason)}
    _booked("trade_void", words, ledger, as_json)


@app.command("fill")
def fill(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order, as `trade show` names it.")],
    reason: Reason,
    contracts: Annotated[str, typer.Option(metavar="N", help="Contracts filled that the ledger does not know.")],
    cash: Annotated[str, typer.Option(metavar="C", help="Dollars that they cost or brought, without fees.")] = "0",
    fee: Annotated[str, typer.Option(metavar="F", help="Dollars of fees.")] = "0",
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """End an order of unknown fate with the fill that the venue's own page shows; the venue's word takes its place later."""
    words = {"trade": order.partition(".")[0], "order": order, "reason": _said(reason)}
    _booked("trade_fill", {**words, "contracts": contracts, "cash": cash, "fee": fee}, ledger, as_json)


def _links(path: Path | None) -> list[Link]:
    from dutchbook.cli.links.given import read_links

    if path is None and not LINKS.exists():
        return []
    return read_links(path or LINKS)


def _said(reason: str) -> str:
    if not reason.strip():
        raise SettingsError("--reason: empty; say why in a few words, it is kept in the ledger")
    return reason.strip()


def _booked(verb: str, words: Mapping[str, str], ledger: Path | None, as_json: bool) -> None:
    """Through the engine that runs, else into the ledger itself."""
    path = ledger_path(ledger)
    answer = command_engine(path, verb, words)
    tell_answer(path, answer or _book_alone(path, verb, words), as_json, engine=answer is not None)


def _book_alone(path: Path, verb: str, words: Mapping[str, str]) -> Answer:
    import msgspec

    from dutchbook.cli.figures import NETTING
    from dutchbook.core.facts import AnyFact, Commanded
    from dutchbook.engine.repairs import (
        fill_facts,
        hand_over_facts,
        handed_over,
        mark_facts,
        marked,
        standing,
        void_fact,
    )
    from dutchbook.ledger.inbox import Answer
    from dutchbook.ledger.projection import Ledger

    with own_journal(path) as journal:
        folded = Ledger(NETTING).replay(journal.records())
        facts: tuple[AnyFact, ...]
        try:
            if verb == "trade_mark":
                entry, facts = mark_facts(folded, {**words, "by": BY})
                said = f"{marked(entry)}; "
            elif verb == "trade_void":
                facts, said = (void_fact(folded, words, time.time_ns()),), f"order {words['order']} is void; "
            elif verb == "trade_fill":
                facts, said = (
                    fill_facts(folded, {**words, "by": BY}, time.time_ns()),
                    f"order {words['order']} has ended; ",
                )
            else:
                facts, said = hand_over_facts(folded, words), ""
        except Skip as refused:
            return Answer(False, str(refused))
        now = time.time_ns()
        facts = (Commanded(verb, msgspec.json.encode(dict(words)).decode(), BY), *facts)
        for fact in facts:
            folded.apply(fact, now)
        journal.append(facts, now)
        trade = folded.trades[words["trade"]]
    if verb == "trade_hand_over":
        return Answer(True, handed_over(trade))
    if trade.working:
        return Answer(True, f"{said}no engine runs; the next one goes on with the trade as it stands now")
    return Answer(True, f"{said}{standing(trade)}")


def _by_engine(verb: str, trade_id: str, reason: str, ledger: Path | None, as_json: bool) -> None:
    """Through the engine that runs, else by one that is started for this."""
    path = ledger_path(ledger)
    words = {"trade": trade_id, "reason": _said(reason)}
    answer = command_engine(path, verb, words)
    tell_answer(path, answer or _with_engine(path, verb, words), as_json, engine=answer is not None)


def _with_engine(path: Path, verb: str, words: Mapping[str, str]) -> Answer:
    """Connect as an order by hand does. Nothing is connected for a trade that is not in the ledger."""
    from dutchbook.cli.figures import open_ledger
    from dutchbook.cli.interrupt import run_interruptible
    from dutchbook.cli.logs import configure_logs
    from dutchbook.cli.order import at_rest, serving_engine
    from dutchbook.cli.sides import check_profile
    from dutchbook.engine.repairs import named_trade, standing
    from dutchbook.ledger.inbox import Answer
    from dutchbook.settings import load_here

    journal, known = open_ledger(path)
    journal.close()
    try:
        named_trade(known, words)
    except Skip as refused:
        return Answer(False, str(refused))
    settings = load_here(os.environ, Path.cwd())
    check_profile(settings)
    settings.require_secrets()
    configure_logs(stream=sys.stderr, as_json=False, file=None)

    async def whole() -> Answer:
        async with serving_engine(settings, [], path) as engine:
            # at once, before a book is live: the engine must not begin with the other way
            answer = await engine.commands.do(verb, words, BY)
            if not answer.done:
                return answer
            trade = engine.desk.ledger.trades[words["trade"]]
            await at_rest(engine, trade, may_rest=False)
            return Answer(not trade.working, standing(trade))

    return run_interruptible(lambda interrupt: whole())
