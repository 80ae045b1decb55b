"""From posted bytes to a resting, matched, delayed or refused order, and from there to a cancel.

The order of checks: payload, owner, wallet, market, signature, duplicate, amounts, price, expiration, size, balance.
Money only moves in `settlement`.
"""

from __future__ import annotations

from math import ceil

import msgspec

from dutchbook.simulator.matching import Execution, Resting
from dutchbook.simulator.polymarket import orders, rules
from dutchbook.simulator.polymarket.account import Account
from dutchbook.simulator.polymarket.amounts import MICRO, digits, notional, text
from dutchbook.simulator.polymarket.fees import taker_fee
from dutchbook.simulator.polymarket.market import Market
from dutchbook.simulator.polymarket.orders import Order, Posting
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.settlement import begin
from dutchbook.simulator.polymarket.signing import (
    DEPOSIT_WALLET,
    SignedFields,
    exchange_for,
    order_hash,
    signed_by,
)
from dutchbook.simulator.polymarket.trades import Party, Trade
from dutchbook.simulator.polymarket.venue import Venue

_SHARE_STEP = 100
"""Extra shares from an improved BUY come in steps of 0.0001."""


def post(venue: Venue, account: Account, api_key: str, raw: bytes | msgspec.Raw, now: int) -> dict[str, object]:
    """Place one order and answer as POST /order does; Refused with the venue's text otherwise."""
    posting = orders.decode_posting(raw)
    _check_mode(venue, posting, now)
    order = _admit(venue, account, api_key, posting, now)
    market = order.market
    matches = _preview(venue, order)
    if order.order_type not in rules.IMMEDIATE and not matches:
        rules.check_resting_size(order.id, order.size, market.spec.min_size)
    else:
        rules.check_marketable_amount(order.buy, order.budget, venue.marketable_buy_minimum)
    if posting.postOnly and matches:
        raise Refused(400, rules.POST_ONLY_CROSSES)
    _check_balance(venue, order, matches)
    if matches and (venue.planned_delays or market.spec.taker_delay_ns):
        planned = bool(venue.planned_delays)
        delay_ns, deserted = venue.planned_delays.pop(0) if planned else (market.spec.taker_delay_ns, False)
        if planned:
            venue.on_planned("desertion" if deserted else "delay", order.id)
        return _delay(venue, order, delay_ns, deserted, now)
    killed = _kill_text(order, matches)
    if killed is not None:
        return _kill(venue, order, killed)
    return enter(venue, order, now)


def _check_mode(venue: Venue, posting: Posting, now: int) -> None:
    if venue.geoblocked:
        raise Refused(403, "Trading restricted in your region, please refer to available regions")
    if venue.mode == "restarting":
        raise Refused(425, "matching engine is restarting")
    if venue.mode == "disabled":
        raise Refused(503, "Trading is currently disabled. Check polymarket.com for updates")
    if venue.mode == "cancel_only":
        raise Refused(503, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.")
    if venue.mode == "post_only" and not posting.postOnly:
        left = 79 if venue.mode_until is None else -(-(venue.mode_until - now) // 1_000_000_000)
        extra = {"code": "post_only_mode", "retry_after_seconds": left}
        raise Refused(503, "the exchange is in post-only mode", extra)


def _admit(venue: Venue, account: Account, api_key: str, posting: Posting, now: int) -> Order:
    fields = orders.signed_fields(posting)
    if posting.postOnly and posting.orderType in rules.IMMEDIATE:
        raise Refused(400, "Invalid order payload")
    if posting.owner != api_key:
        raise Refused(400, "the order owner has to be the owner of the API KEY")
    _check_wallet(account, fields)
    if account.closed_only and fields.side == 0:
        raise Refused(400, f"'{account.wallet}' address in closed only mode")
    market = venue.by_token.get(posting.order.tokenId)
    if market is None or market.resolved is not None:
        raise Refused(400, f"the orderbook {posting.order.tokenId} does not exist")
    if now < market.spec.opens_ns or market.halted:
        raise Refused(400, rules.NOT_READY)
    order_id = _verified_hash(account, fields, posting.order.signature, market)
    if order_id in venue.orders or order_id in venue.killed:
        raise Refused(400, f"order {order_id} is invalid. Duplicated.")
    buy, maker, taker = fields.side == 0, fields.maker_amount, fields.taker_amount
    rules.check_precision(posting.orderType, buy, maker, taker)
    price = rules.limit_price(order_id, posting.orderType, buy, maker, taker, market.tick)
    expiration = digits(posting.order.expiration) or 0
    rules.check_expiration(posting.orderType, expiration, now)
    return Order(
        id=order_id,
        account=account,
        owner=api_key,
        market=market,
        token=posting.order.tokenId,
        buy=buy,
        price=price,
        size=taker if buy else maker,
        budget=maker if buy else 0,
        order_type=posting.orderType,
        expiration=expiration,
        created_ns=now,
    )


def _check_wallet(account: Account, fields: SignedFields) -> None:
    """Types 0-2 are signed by the key's owner; type 3 names the deposit wallet as maker and as signer."""
    signer = account.wallet if account.signature_type == DEPOSIT_WALLET else account.signer
    if fields.signature_type != account.signature_type or fields.maker.lower() != account.wallet.lower():
        raise Refused(400, "maker address not allowed, please use the deposit wallet flow")
    if fields.signer.lower() != signer.lower():
        raise Refused(400, "the order signer address has to be the address of the API KEY")


def _verified_hash(account: Account, fields: SignedFields, signature: str, market: Market) -> str:
    domain = exchange_for(fields.token_id, market.spec.neg_risk)
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
        identity = "0x" + order_hash(fields, domain).hex()
        signer = signed_by(fields, domain, raw)
    except (ValueError, OverflowError) as error:
        raise Refused(400, "Invalid order payload") from error
    if signer != account.signer:
        raise Refused(400, "invalid signature")
    return identity


def _preview(venue: Venue, order: Order) -> list[tuple[Resting, int]]:
    """The makers an order would meet now and how much of each, without touching the book."""
    reached = order.market.book.crossing(order.book_buy, order.book_price)
    left = _appetite(venue, order, reached)
    met: list[tuple[Resting, int]] = []
    for maker in reached:
        if left <= 0:
            break
        met.append((maker, min(left, maker.remaining)))
        left -= met[-1][1]
    return met


def _appetite(venue: Venue, order: Order, reached: list[Resting]) -> int:
    """How many shares to match: the order's size, or what its dollars buy when improvement comes as shares."""
    if venue.buy_improvement == "refund" or not order.buy or order.order_type not in rules.IMMEDIATE:
        return order.remaining
    budget, shares = order.budget, 0
    for maker in reached:
        price = order.market.own_price(order.token, maker.price)
        size = min(maker.remaining, budget * MICRO // price // _SHARE_STEP * _SHARE_STEP)
        shares += size
        budget -= notional(size, price)
        if size < maker.remaining:
            break
    return max(shares, order.remaining)


def _kill_text(order: Order, matches: list[tuple[Resting, int]]) -> str | None:
    if order.order_type == rules.FOK and sum(size for _, size in matches) < order.remaining:
        return rules.FOK_KILLED
    if order.order_type == rules.FAK and not matches:
        return rules.FAK_KILLED
    return None


def _kill(venue: Venue, order: Order, reason: str) -> dict[str, object]:
    if venue.killed_is_duplicate:
        venue.killed.add(order.id)
    if order.order_type == rules.FAK or venue.fok_kill_status == 400:
        raise Refused(400, reason)
    return {**answer(order, "", []), "success": False, "errorMsg": reason}


def _check_balance(venue: Venue, order: Order, matches: list[tuple[Resting, int]]) -> None:
    account = order.account
    if order.buy:
        needed = _cash_needed(venue, order, matches)
        balance, free = account.cash, account.spendable
        active, matched = account.held_cash, account.owed_cash
    else:
        needed = order.size
        balance, free = account.tokens[order.token], account.sellable(order.token)
        active, matched = account.held_tokens[order.token], account.owed_tokens[order.token]
    text_start = "not enough balance / allowance: the"
    if needed > account.allowance:
        raise Refused(
            400, f"{text_start} allowance is not enough -> allowance: {account.allowance}, order amount: {needed}"
        )
    if needed > free:
        sums = f"sum of active orders: {active}, sum of matched orders: {matched}, " if active or matched else ""
        raise Refused(400, f"{text_start} balance is not enough -> balance: {balance}, {sums}order amount: {needed}")


def _cash_needed(venue: Venue, order: Order, matches: list[tuple[Resting, int]]) -> int:
    """What a BUY must have: its signed dollars, or matches with their fees plus the rest at the limit, if more."""
    if (venue.planned_delays or order.market.spec.taker_delay_ns) and matches:
        return order.budget + _delayed_fee(venue, order)
    cost, left, by_price = 0, order.size, dict[int, int]()
    for maker, size in matches:
        price = order.market.own_price(order.token, maker.price)
        by_price[price] = by_price.get(price, 0) + size
        left -= size
    for price, size in by_price.items():
        cost += notional(size, price) + _fee(venue, order, size, price)
    if order.order_type in rules.IMMEDIATE:
        return max(cost, order.budget)
    return max(cost + notional(max(left, 0), order.price), order.budget)


def _fee(venue: Venue, order: Order, size: int, price: int) -> int:
    return taker_fee(size, price, order.market.rate, rounding=venue.fee_rounding)


def _delayed_fee(venue: Venue, order: Order) -> int:
    """The highest fee a delayed BUY can come to; more shares at better prices cost more of it, up to rate x dollars."""
    if venue.buy_improvement == "shares":
        return ceil(order.budget * order.market.rate)
    return _fee(venue, order, order.size, order.price)


def _delay(venue: Venue, order: Order, delay_ns: int, deserted: bool, now: int) -> dict[str, object]:
    order.status = orders.DELAYED
    venue.keep(order)
    order.hold(order.budget + _delayed_fee(venue, order) if order.buy else order.size)
    venue.publish_order(order, "PLACEMENT", now)
    if deserted:
        venue.at(now + delay_ns // 2, lambda when: _desert(venue, order, when))
    venue.at(now + delay_ns, lambda when: _after_delay(venue, order, when))
    return answer(order, "delayed", [])


def _desert(venue: Venue, order: Order, now: int) -> None:
    """The house makers that a delayed order would meet walk away."""
    pull(venue, order.market, order.market.book.crossing(order.book_buy, order.book_price), 0)
    publish_book(venue, order.market, now, [])


def pull(venue: Venue, market: Market, reached: list[Resting], leave: int) -> int:
    """Take house quotes among `reached` away, the best `leave` contracts excepted; returns the size that went."""
    gone = 0
    for resting in reached:
        if not venue.accounts[resting.owner].house:
            continue
        stays = min(leave, resting.remaining)
        leave -= stays
        if stays == resting.remaining:
            continue
        gone += resting.remaining - stays
        quotes = venue.quotes.get((market.spec.id, resting.owner.removeprefix("house:")), {})
        quotes.pop((resting.buy, resting.price), None)
        market.cancel(resting.id)
        if stays:
            left = Resting(resting.id, resting.owner, resting.buy, resting.price, stays)
            quotes[resting.buy, resting.price] = left
            market.rest(left)
    return gone


def _after_delay(venue: Venue, order: Order, now: int) -> None:
    if order.status != orders.DELAYED:
        return
    killed = _kill_text(order, _preview(venue, order))
    if killed is not None:
        venue.close(order, orders.CANCELED)
        venue.publish_order(order, "CANCELLATION", now, f"CANCELED_{killed}")
    else:
        order.unmatched = venue.delayed_unmatched and not _preview(venue, order)
        enter(venue, order, now)


def enter(venue: Venue, order: Order, now: int) -> dict[str, object]:
    """Match what can be matched; rest or drop what is left."""
    order.status = orders.LIVE
    venue.keep(order)
    trades = _match(venue, order, now)
    if order.order_type in rules.IMMEDIATE or order.remaining <= 0:
        venue.close(order, orders.MATCHED)
    else:
        order.hold(order.cost_to_hold())
        order.market.rest(Resting(order.id, order.account.name, order.book_buy, order.book_price, order.remaining))
        if order.order_type == rules.GTD:
            end = order.expiration * 1_000_000_000 - rules.GTD_EARLY_NS
            venue.at(end, lambda when: _expire(venue, order, when))
    venue.publish_order(order, "UPDATE" if trades else "PLACEMENT", now)
    for trade in trades:
        begin(venue, trade, now)
    publish_book(venue, order.market, now, trades)
    return answer(order, "matched" if trades else "live", trades)


def _match(venue: Venue, order: Order, now: int) -> list[Trade]:
    size = sum(met for _, met in _preview(venue, order))
    done = order.market.take(order.book_buy, order.book_price, size)
    order.filled += size
    trades = record(venue, order.market, done, order.account, order, now)
    order.trades.extend(trade.id for trade in trades)
    return trades


def record(
    venue: Venue, market: Market, done: list[Execution], taker: Account, order: Order | None, now: int
) -> list[Trade]:
    """Turn executions into trades, one per price level, and move the makers' orders on. `order` is None for the house."""
    levels: dict[int, list[Execution]] = {}
    for execution in done:
        levels.setdefault(execution.price, []).append(execution)
    trades = []
    for bucket, (yes_price, executions) in enumerate(levels.items()):
        size = sum(execution.size for execution in executions)
        if order is None:
            token = market.no if executions[0].maker.buy else market.yes
            party = Party(
                taker, venue.new_hash(), taker.house_key, token, True, market.own_price(token, yes_price), size
            )
        else:
            price = market.own_price(order.token, yes_price)
            fee = _fee(venue, order, size, price)
            party = Party(taker, order.id, order.owner, order.token, order.buy, price, size, fee)
        trade_id = venue.new_id()
        makers = tuple(_maker(venue, market, execution, trade_id, now) for execution in executions)
        public = not taker.house or any(not maker.account.house for maker in makers)
        doomed, retry_ns = venue.public_match() if public else (False, 0)
        if doomed or retry_ns:
            venue.on_planned("failure" if doomed else "retry", party.order_id)
        trades.append(Trade(trade_id, market, party, makers, bucket, now, doomed, retry_ns=retry_ns))
        market.last_trade = yes_price
        market.last_bought_yes = not executions[0].maker.buy
        market.volume += size
    return trades


def _maker(venue: Venue, market: Market, execution: Execution, trade_id: str, now: int) -> Party:
    """The maker's part; a house maker always buys the token that its side of the book means."""
    resting = execution.maker
    account = venue.accounts[resting.owner]
    order = venue.orders.get(resting.id)
    if order is None:
        token = market.yes if resting.buy else market.no
        price = market.own_price(token, execution.price)
        return Party(account, resting.id, account.house_key, token, True, price, execution.size)
    order.filled += execution.size
    order.trades.append(trade_id)
    if order.remaining:
        order.hold(order.cost_to_hold())
    else:
        venue.close(order, orders.MATCHED)
    venue.publish_order(order, "UPDATE", now)
    return Party(account, order.id, order.owner, order.token, order.buy, order.price, execution.size)


def publish_book(venue: Venue, market: Market, now: int, trades: list[Trade]) -> None:
    """Tell the market stream what an event did: prints first, then the changed levels."""
    for trade in trades:
        venue.streams.to_followers(
            market,
            {
                "event_type": "last_trade_price",
                "market": market.condition,
                "asset_id": trade.taker.token,
                "price": text(trade.taker.price),
                "size": text(trade.taker.size),
                "side": "BUY" if trade.taker.buy else "SELL",
                "fee_rate_bps": "1000" if market.rate else "0",
                "timestamp": str(now // 1_000_000),
            },
        )
    venue.streams.book_changed(market, market.changes(now), traded=bool(trades))


def answer(order: Order, status: str, trades: list[Trade]) -> dict[str, object]:
    """The success body of POST /order; amounts are texts in dollars and shares, empty when nothing traded."""
    shares = sum(trade.taker.size for trade in trades)
    cash = sum(trade.taker.cash for trade in trades)
    making, taking = (cash, shares) if order.buy else (shares, cash)
    return {
        "success": True,
        "errorMsg": "",
        "orderID": order.id,
        "status": status,
        "makingAmount": text(making) if trades else "",
        "takingAmount": text(taking) if trades else "",
        "tradeIDs": [trade.id for trade in trades],
        "transactionsHashes": [],
    }


def _expire(venue: Venue, order: Order, now: int) -> None:
    if order.status == orders.LIVE:
        withdraw(venue, order, now, "CANCELED_EXPIRED_ORDER")


def withdraw(venue: Venue, order: Order, now: int, status: str = orders.CANCELED) -> None:
    """Take an open order out of the market and tell its owner."""
    order.market.cancel(order.id)
    venue.close(order, orders.CANCELED)
    venue.publish_order(order, "CANCELLATION", now, status)
    publish_book(venue, order.market, now, [])


def cancel(venue: Venue, account: Account, order_ids: list[str], now: int) -> dict[str, object]:
    """Cancel the account's orders by id; what could not be cancelled says why. Delayed orders cannot."""
    if venue.mode == "disabled":
        raise Refused(503, "Trading is currently disabled. Check polymarket.com for updates")
    if venue.mode == "restarting":
        raise Refused(425, "matching engine is restarting")
    canceled: list[str] = []
    refused: dict[str, str] = {}
    for order_id in order_ids:
        order = venue.orders.get(order_id)
        if order is None or order.account is not account:
            refused[order_id] = "order not found"
        elif order.status == orders.DELAYED:
            refused[order_id] = "order is delayed and can't be canceled"
        elif order.status != orders.LIVE:
            refused[order_id] = "order can't be found - already canceled or matched"
        else:
            withdraw(venue, order, now)
            canceled.append(order_id)
    return {"canceled": canceled, "not_canceled": refused}
