"""Matched is not settled: a trade's way to the chain, the money it moves there, and what resolution pays.

Cash and tokens move when a trade is MINED; until then both are owed. Conservation, at every instant and to the millionth:
all cash + locked collateral + fees collected + rounding dust = what was deposited.
"""

from __future__ import annotations

import hashlib

from dutchbook.simulator.polymarket.account import Account
from dutchbook.simulator.polymarket.amounts import MICRO
from dutchbook.simulator.polymarket.market import Market
from dutchbook.simulator.polymarket.trades import CONFIRMED, FAILED, MINED, RETRYING, Trade
from dutchbook.simulator.polymarket.venue import Venue


def begin(venue: Venue, trade: Trade, now: int) -> None:
    """A fresh match: owe both sides, tell them, and schedule the chain."""
    for party in trade.parties:
        account, token = party.account, party.token
        if party.buy:
            account.owed_cash += party.cash + party.fee
            account.due_tokens[token] += party.size
        else:
            account.owed_tokens[token] += party.size
            account.due_cash += party.cash - party.fee
    trade.updated_ns = now
    venue.keep_trade(trade)
    venue.publish_trade(trade, now)
    venue.at(now + venue.mined_lag_ns, lambda when: _reach_chain(venue, trade, when))


def _reach_chain(venue: Venue, trade: Trade, now: int) -> None:
    if trade.retry_ns:
        again, trade.retry_ns = now + trade.retry_ns, 0
        _report(venue, trade, RETRYING, now)
        venue.at(again, lambda when: _reach_chain(venue, trade, when))
        return
    if trade.doomed:
        _report(venue, trade, RETRYING, now)
    else:
        _release(trade)
        move(venue, trade)
        trade.transaction = "0x" + hashlib.sha256(f"{venue.seed}:{trade.id}".encode()).hexdigest()
        _report(venue, trade, MINED, now)
        _redeem_late(venue, trade.market)
    end = max(now, now + venue.confirmed_lag_ns - venue.mined_lag_ns)
    venue.at(end, lambda when: _finish(venue, trade, when))


def _finish(venue: Venue, trade: Trade, now: int) -> None:
    if trade.doomed:
        _release(trade)
        _report(venue, trade, FAILED, now)
        _redeem_late(venue, trade.market)
    else:
        _report(venue, trade, CONFIRMED, now)


def _redeem_late(venue: Venue, market: Market) -> None:
    """Tokens that a trade delivered, or gave back, after the market was resolved."""
    if market.resolved is not None and venue.auto_redeem:
        redeem_all(venue, market)


def _report(venue: Venue, trade: Trade, status: str, now: int) -> None:
    trade.status = status
    trade.updated_ns = now
    venue.publish_trade(trade, now)


def _release(trade: Trade) -> None:
    for party in trade.parties:
        account, token = party.account, party.token
        if party.buy:
            account.owed_cash -= party.cash + party.fee
            account.due_tokens[token] -= party.size
        else:
            account.owed_tokens[token] -= party.size
            account.due_cash -= party.cash - party.fee


def move(venue: Venue, trade: Trade) -> None:
    """Move cash and tokens. Two buyers mint complete sets, two sellers merge them; a buyer and a seller exchange."""
    paid = new_sets = 0
    for party in trade.parties:
        account, token = party.account, party.token
        signed = party.size if party.buy else -party.size
        account.tokens[token] += signed
        if token == trade.market.yes:
            new_sets += signed
        if party.buy:
            account.cash -= party.cash + party.fee
            paid += party.cash
            basis = account.basis[token]
            basis.bought += party.size
            basis.paid += party.cash
            basis.fees += party.fee
        else:
            account.cash += party.cash - party.fee
            paid -= party.cash
            basis = account.basis[token]
            basis.realized += party.cash - party.size * basis.average // MICRO
        venue.fees_collected += party.fee
    trade.market.collateral += new_sets
    venue.dust += paid - new_sets


def redeem(account: Account, market: Market) -> int:
    """Burn an account's tokens of a resolved market for their payout, those already sold left out; returns the cash."""
    received = 0
    for token in market.tokens:
        owed = account.owed_tokens[token]
        received += (account.tokens[token] - owed) * market.payout(token) // MICRO
        account.tokens[token] = owed
    account.cash += received
    market.collateral -= received
    return received


def redeem_all(venue: Venue, market: Market) -> None:
    """What the venue's automatic redeemer does for every holder."""
    for account in venue.accounts.values():
        redeem(account, market)


def merge(account: Account, market: Market, size: int) -> None:
    """Turn `size` complete sets back into as many dollars; ValueError when the account has fewer settled sets free."""
    if size <= 0 or any(account.sellable(token) < size for token in market.tokens):
        raise ValueError(f"{account.name} has no {size} free sets of {market.spec.id}")
    for token in market.tokens:
        account.tokens[token] -= size
    account.cash += size
    market.collateral -= size
