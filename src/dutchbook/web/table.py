"""The rows of the bundle table as a browser shows them: texts only, set as text, so nothing in a market's name can be markup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dutchbook.web.words import cents, percent, plain, usd

HEADS = ("Bundle", "Legs", "Gap ¢", "Stage", "Why not", "Net", "ROI")


def key(row: Mapping[str, Any]) -> str:
    """The row's name in the document: the bundle's own."""
    return str(row["id"])


def tint(row: Mapping[str, Any]) -> str:
    """The class of a row: traded, net (profitable after fees), crossing, idle or dark (a book is missing)."""
    if row["gap"] is None:
        return "dark"
    stage = row["stage"]
    return {None: "idle", "crossing": "crossing", "traded": "traded"}.get(stage, "net")


def cells(row: Mapping[str, Any]) -> list[str]:
    """What stands in each column of `HEADS`."""
    legs = " + ".join(f"{market.partition(':')[0]} {side} {cents(price)}" for market, side, price in row["legs"])
    stage = row["stage"]
    name = row["event"] if row["approved"] else f"{row['event']} (not approved)"
    return [
        name,
        legs,
        cents(row["gap"]),
        "" if stage is None else plain(stage),
        "" if stage in (None, "traded") else row["text"],
        usd(row["profit"]) if "profit" in row else "",
        percent(row["roi"]) if "roi" in row else "",
    ]
