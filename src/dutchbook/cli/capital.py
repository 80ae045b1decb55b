"""`dutchbook capital`: where the money is, how much of it is locked until when, and the transfer that would mend a bad split
(M37a). Read-only: works while an engine runs, and moves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dutchbook.cli.output import dollars, instant, money, note, say, say_json
from dutchbook.cli.own_ledger import Json, LedgerPath, ledger_path
from dutchbook.core.errors import DutchbookError

if TYPE_CHECKING:
    from dutchbook.ledger.journal import Journal
    from dutchbook.ledger.projection import Ledger
    from dutchbook.risk.capital import CapitalRule


def capital(ledger: LedgerPath = None, as_json: Json = False) -> None:
    """Where the capital is: cash, reserved, locked until when, free; and whether the split starves a venue."""
    from dutchbook.cli.figures import open_ledger

    journal, folded = open_ledger(ledger_path(ledger))
    told = capital_figures(journal, folded)
    journal.close()
    if as_json:
        say_json(told)
        return
    for line in capital_lines(told):
        say(line)


def capital_figures(journal: Journal, ledger: Ledger) -> dict[str, Any]:
    """Cash of this moment's ledger; dates, pools in use and limits as the last engine published them, else the settings'."""
    from dutchbook.core.claim import MarketId
    from dutchbook.core.mode import Mode
    from dutchbook.risk.capital import mending, pools_of, starving

    gauge = journal.gauge("capital")
    published: Mapping[str, Any] = gauge if isinstance(gauge, dict) else {}
    rule = _rule(published)
    until = {MarketId(market): int(at_ns) for market, at_ns in published.get("until", {}).items()}
    # a ledger that starts with a pool of which no engine has heard: better told than left out
    used = frozenset(published["used"]) if published.get("used") else None
    pools = pools_of(ledger.cash, ledger.open.values(), until, ledger.paired, used)
    live = journal.identity().get("mode") == Mode.LIVE.value
    return {
        "ledger": str(journal.path),
        "as_published": instant(int(published.get("at_ns", 0))),
        "need": money(rule.need),
        "least_share_percent": rule.share * 100 // 10**12,
        "pools": [
            {
                "pool": pool.pool,
                "venue": pool.venue,
                "used": pool.used,
                "cash": money(pool.cash),
                "reserved": money(pool.reserved),
                "free": money(pool.free),
                "locked": money(pool.locked),
                "total": money(pool.total),
                "locked_until": [
                    {"market": each.market, "cash": money(each.cash), "until": instant(each.until_ns)}
                    for each in pool.bound
                ],
            }
            for pool in pools
        ],
        "total": money(sum(pool.total for pool in pools)),
        "starving": [
            {
                "pool": each.pool,
                "text": each.text,
                "transfers": [
                    {"amount": money(move.amount), "from": move.source, "to": move.destination}
                    for move in each.transfers
                ],
                "deposit": money(each.deposit),
                "mend": mending(each, live=live),
            }
            for each in starving(pools, rule)
        ],
    }


def _rule(published: Mapping[str, Any]) -> CapitalRule:
    from dutchbook.core.money import Cash, Rate
    from dutchbook.risk.capital import CapitalRule
    from dutchbook.settings import load, load_here, risk_limits

    if published:
        return CapitalRule(Cash(int(published["need"])), Rate(int(published["share"])))
    try:
        settings = load_here(os.environ, Path.cwd())
    except DutchbookError:
        note("note: the settings cannot be read (`dutchbook doctor` says why); the limits are the defaults")
        settings = load({})
    limits = risk_limits(settings)
    return CapitalRule(max(limits.max_bet, limits.min_platform_balance))


def capital_lines(told: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    from dutchbook.cli.tables import amount, grid
    from dutchbook.core.money import parse_micros

    if not told["pools"]:
        return ["the ledger knows no account yet; `dutchbook run` reads the balances"]
    head = ("pool", "cash", "reserved", "free", "locked", "total", "")
    columns = ("cash", "reserved", "free", "locked", "total")
    rows = [
        (pool["pool"], *(amount(pool[column]) for column in columns), "" if pool["used"] else "not used by any link")
        for pool in told["pools"]
    ]
    said = grid(head, rows)
    said.append(f"all together {dollars(parse_micros(told['total']))}; cash is free and reserved together")
    locked = [(pool["pool"], each) for pool in told["pools"] for each in pool["locked_until"]]
    if locked:
        said += ["", "locked in positions, by the day that frees it:"]
        said += grid(
            ("until", "pool", "cash", "market"),
            ((each["until"] or "not known", pool, amount(each["cash"]), each["market"]) for pool, each in locked),
        )
    said.append("")
    if not told["starving"]:
        need = dollars(parse_micros(told["need"]))
        said.append(f"no venue starves: every pool in use can pay the largest bundle ({need})")
    for each in told["starving"]:
        said.append(f"STARVES  {each['text']}")
        said += [f"         {step}" for step in each["mend"] or ["no transfer mends it now"]]
    return said
