"""What `dutchbook trade show` tells of one trade: plain data from the ledger, and the same as lines of text. Read-only.

Amounts are decimal text, times ISO text in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dutchbook.cli import figures
from dutchbook.cli.output import instant, money
from dutchbook.cli.tables import amount, count, grid, timeline
from dutchbook.core.link import Link
from dutchbook.core.position import LegRow, OrderRow, TradeBook
from dutchbook.ledger.journal import Journal, Record
from dutchbook.ledger.outlook import endings, payout, result
from dutchbook.ledger.projection import Ledger


def story(
    journal: Journal,
    ledger: Ledger,
    trade_id: str,
    links: Sequence[Link] = (),
    records: Iterable[Record] | None = None,
) -> dict[str, Any]:
    """Everything about a trade. `links` give the states of its link, where two markets' own results do not say them; `records`
    hold its timeline, if not the whole journal is to be read.

    Raises SettingsError when there is no such trade.
    """
    detail = figures.trade_detail(journal, ledger, trade_id, records)
    trade = ledger.trades[trade_id]
    link = next((each for each in links if each.id == trade.opened.link), None)
    legs = [
        {
            **row,
            "pool": leg.plan.pool,
            **_holding(leg),
            "orders": [_order(each) for each in leg.orders],
            **_entries(leg),
        }
        for row, leg in zip(detail["legs"], trade.legs, strict=True)
    ]
    return {**detail, "result": trade.result, "rounds": trade.rounds, "legs": legs, "states": _states(trade, link)}


def _holding(leg: LegRow) -> dict[str, Any]:
    return {
        "held": money(leg.held),
        "sellable": money(0 if leg.settled else leg.sellable),
        "sets": money(leg.sets),
        "merged": money(leg.merged),
        "reserved": money(leg.reserved),
    }


def _entries(leg: LegRow) -> dict[str, Any]:
    paid = leg.settled
    return {
        "marks": [
            {"contracts": money(each.size), "cash": money(each.cash), "reason": each.reason, "by": each.by}
            for each in leg.marks
        ],
        "payout": None
        if paid is None
        else {
            "yes_pays": money(paid.yes_value),
            "contracts": money(leg.paid_size),
            "cash": money(paid.payout),
            "fee": money(paid.fee),
        },
    }


def _order(row: OrderRow) -> dict[str, Any]:
    plan = row.plan
    return {
        "order": plan.id,
        "action": plan.action.value,
        "opposite": plan.opposite,
        "contracts": money(plan.size),
        "limit": money(plan.limit),
        "tif": plan.tif.value,
        "state": row.state.value,
        "identity": plan.identity,
        "venue_order_id": row.venue_order_id,
        "send_by": instant(plan.send_by_ns),
        "filled": money(row.filled),
        "venue_says": money(row.reported),
        "cash": money(row.cash),
        "fee": money(row.fee),
        "reason": row.reason,
        "code": row.code,
        "fills": [
            {
                "fill": fill.fill,
                "contracts": money(fill.size),
                "cash": money(fill.cash),
                "fee": money(fill.fee),
                "fee_exact": fill.fee_exact,
                "liquidity": fill.liquidity.value,
                "at": instant(fill.at_ns),
                "final": fill.final,
                "sellable": fill.sellable,
                "by": fill.by,
            }
            for fill in row.fills.values()
        ],
        "reversed": [{"fill": name, "contracts": money(size)} for name, size in row.reversed.items()],
    }


def _states(trade: TradeBook, link: Link | None) -> list[dict[str, Any]]:
    """What is still to come, and the whole result, in each way it can end; nothing for a trade that holds nothing."""
    if all(leg.settled is not None or not (leg.held or leg.sets) for leg in trade.legs):
        return []
    return [
        {
            "state": ending.name,
            "core": ending.core,
            "yes_pays": {market: money(value) for market, value in ending.yes.items()},
            "payout": money(payout(trade, ending)),
            "result": money(result(trade, ending)),
        }
        for ending in endings(trade, link)
    ]


def lines(told: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    said = [
        f"trade {told['trade']}: {told['result'].replace('_', ' ')}, {told['type']} on {told['event']} (link {told['link']}), "
        f"{count(told['bundles'])} bundles, {told['rounds']} rounds of orders",
        f"opened {told['opened']}, closed {told['closed'] or '-'}, settled {told['settled'] or '-'}",
        f"cost {amount(told['cost'])}, fees {amount(told['fees'])}, expected {amount(told['expected_profit'])}, "
        f"P&L {amount(told['pnl'])} ({told['pnl_is']})",
    ]
    if told["reason"]:
        said.append(f"reason: {told['reason']}")
    for leg in told["legs"]:
        said += ["", *_leg_lines(leg)]
    said += ["", *_state_lines(told), "", *timeline(told["timeline"])]
    return said


def _leg_lines(leg: Mapping[str, Any]) -> list[str]:
    said = [
        f"leg {leg['leg']}: {leg['market']} {leg['side']}, holds {count(leg['contracts'])} ({count(leg['sellable'])} can be "
        f"sold now), bought {count(leg['bought'])} at {amount(leg['average_price']) or '-'}, cost {amount(leg['cost'])}, "
        f"received {amount(leg['received'])}, fees {amount(leg['fees'])}, pool {leg['pool']}"
    ]
    if leg["sets"] != "0.000000":
        said.append(f"  complete sets: {count(leg['sets'])}, a dollar each whatever happens")
    for row in leg["orders"]:
        kind = f"{row['action']}{' of the opposite' if row['opposite'] else ''}"
        said.append(
            f"  order {row['order']}: {kind} {count(row['contracts'])} at {amount(row['limit'])} {row['tif']} is "
            f"{row['state']}; filled {count(row['filled'])} for {amount(row['cash'])} and {amount(row['fee'])} in fees"
            + (f"; {row['code']} {row['reason']}".rstrip() if row["reason"] or row["code"] else "")
        )
        said.append(f"    identity {row['identity']}, venue's id {row['venue_order_id'] or 'not known'}")
        for fill in row["fills"]:
            notes = [fill["liquidity"], "final" if fill["final"] else "may still be reversed"]
            notes += [] if fill["fee_exact"] else ["fee computed, not stated"]
            notes += [f"on the word of {fill['by']}"] if fill["by"] else []
            said.append(
                f"    fill {fill['fill']}: {count(fill['contracts'])} for {amount(fill['cash'])}, fee "
                f"{amount(fill['fee'])}, {fill['at'] or '-'} ({', '.join(notes)})"
            )
        said += [f"    fill {each['fill']}: reversed, {count(each['contracts'])}" for each in row["reversed"]]
    said += [
        f"  mark by {each['by']}: {count(each['contracts'])} contracts, {amount(each['cash'])} cash: {each['reason']}"
        for each in leg["marks"]
    ]
    if leg["payout"]:
        paid = leg["payout"]
        said.append(
            f"  paid: {amount(paid['cash'])} for {count(paid['contracts'])} (YES pays {amount(paid['yes_pays'])}), fee "
            f"{amount(paid['fee'])}"
        )
    return said


def _state_lines(told: Mapping[str, Any]) -> list[str]:
    if not told["states"]:
        held = any(leg["contracts"] != "0.000000" for leg in told["legs"])
        text = "the states of its link are in the links file: name it with --links FILE" if held else "nothing is held"
        return [f"if it ended now: {text}"]
    rows = (
        (each["state"], "" if each["core"] else "tail", amount(each["payout"]), amount(each["result"]))
        for each in told["states"]
    )
    return ["if it ended now, before the venues' fees at settlement:", *grid(("state", "", "payout", "result"), rows)]
