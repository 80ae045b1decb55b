"""Answers as untidy as real ones have been: nulls, empty fee rates, numbers for texts, statuses nobody documented.

Nothing of value is changed: the same order, trade or market in another dress. Every third answer of a kind is the worst.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

UNKNOWN_STATUS = "under_review"
"""A status that no documentation has."""


class Dirt:
    """Off until `on` is set. Counts so that the same run is dirty in the same places."""

    def __init__(self) -> None:
        self.on = False
        self._seen = 0

    def soil(self, method: str, path: str, value: object) -> object:
        """A REST answer's value, spoiled when this is on and the route is one that was seen dirty."""
        if not self.on:
            return value
        if method == "POST" and path == "/order" and isinstance(value, dict):
            return self._posted(value)
        if method == "POST" and path == "/orders" and isinstance(value, list):
            return [self._posted(row) for row in value]
        if path == "/data/trades" and isinstance(value, dict):
            return {**value, "data": [self.trade(row) for row in value["data"]], "limit": None}
        if path == "/data/orders" and isinstance(value, dict):
            return {**value, "data": [self.order(row) for row in value["data"]]}
        if path.startswith("/data/order/") and isinstance(value, dict):
            return self.order(value)
        if path == "/markets/keyset" and isinstance(value, dict):
            return {**value, "markets": [_gamma(row) for row in value["markets"]]}
        return value

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """A user-stream event, spoiled when this is on."""
        if not self.on:
            return event
        return self.trade(event) if event.get("event_type") == "trade" else self.order(event)

    def _posted(self, answer: dict[str, Any]) -> dict[str, Any]:
        row = {**answer, "transactionsHashes": None, "extra": {"nested": [None]}}
        for name in ("makingAmount", "takingAmount"):
            row[name] = Decimal(answer[name]) if answer[name] else None
        row["tradeIDs"] = answer["tradeIDs"] or None
        if answer["status"] and self._worst():
            row["status"] = UNKNOWN_STATUS
        return row

    def trade(self, trade: dict[str, Any]) -> dict[str, Any]:
        """A trade with an empty fee rate and numbers; one not yet final may have a status nobody knows."""
        row = {
            **trade,
            "fee_rate_bps": "",
            "size": Decimal(trade["size"]),
            "match_time": int(trade["match_time"]),
            "bucket_index": None,
            "err_msg": None,
            "transaction_hash": None,
        }
        row["maker_orders"] = [{**maker, "fee_rate_bps": "", "outcome": None} for maker in trade["maker_orders"]]
        if trade["status"].endswith("MATCHED") and self._worst():
            row["status"] = UNKNOWN_STATUS
        return row

    def order(self, order: dict[str, Any]) -> dict[str, Any]:
        """An order with nulls and a numeric size; a live one may have a status nobody knows."""
        row = {
            **order,
            "size_matched": Decimal(order["size_matched"]),
            "associate_trades": None,
            "expiration": None,
            "outcome": None,
        }
        if order["status"].endswith("LIVE") and self._worst():
            row["status"] = UNKNOWN_STATUS
        return row

    def _worst(self) -> bool:
        self._seen += 1
        return self._seen % 3 == 0


def _gamma(market: dict[str, Any]) -> dict[str, Any]:
    return {
        **market,
        "orderMinSize": str(market["orderMinSize"]),
        "umaResolutionStatus": market.get("umaResolutionStatus"),
        "seriesColor": None,
        "archived": None,
        "secondsDelay": market["secondsDelay"] or None,
    }
