"""Nothing that signs or opens an account ever reaches the journal's files."""

from pathlib import Path

from msgspec.structs import replace

from dutchbook.core.claim import Claim, Outcome
from dutchbook.core.clock import DAY
from dutchbook.core.facts import OrderMoved
from dutchbook.core.fees import kalshi_fees
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, Cash, Price, Size, parse_rate
from dutchbook.core.order import Action, Intent, OrderEvent, Prepared, TimeInForce
from dutchbook.engine.orders import order_plan
from dutchbook.ledger.journal import Identity, Journal
from ledger.story import KALSHI, PAIR, POOLS, opening

SECRETS = [b"0xdeadbeefsignature", b"POLY_PASSPHRASE=hush", b"-----BEGIN PRIVATE KEY-----"]

MARKET = Market(
    id=KALSHI,
    event="rain",
    title="Rain?",
    rules="It rains",
    outcomes=("Yes", "No"),
    grid=TickGrid.uniform(Price(10_000)),
    lot=Size(10_000),
    take_lot=Size(10_000),
    min_size=Size(10_000),
    min_cash=Cash(0),
    buy_cash_step=Cash(1),
    sell_cash_step=Cash(1),
    fees=kalshi_fees(parse_rate("1"), "quadratic"),
    pool=POOLS[KALSHI],
    status=MarketStatus.OPEN,
    closes_ns=DAY,
)


def test_the_signed_body_of_an_order_is_in_no_file_of_the_ledger(tmp_path: Path) -> None:
    claim = Claim(KALSHI, Outcome.YES)
    intent = Intent("t.0.1", "t", 0, claim, Action.BUY, Size(MICRO), Price(400_000), TimeInForce.FOK)
    order = order_plan(intent, Prepared(intent, "client-id-1", b" ".join(SECRETS), 5), MARKET)
    journal = Journal.write(tmp_path / "ledger.db", Identity("live", "intl", ("kalshi.test",), ("key-1",)))
    journal.append([replace(opening(claims=PAIR), orders=(order,)), OrderMoved("t", "t.0.1", OrderEvent.SEND)], 1)
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    journal.close()
    assert b"client-id-1" in files
    for secret in SECRETS:
        assert secret not in files


def test_the_worst_cost_that_is_journaled_contains_the_fee() -> None:
    claim = Claim(KALSHI, Outcome.YES)
    intent = Intent("t.0.1", "t", 0, claim, Action.BUY, Size(10 * MICRO), Price(400_000), TimeInForce.FOK)
    bought = order_plan(intent, Prepared(intent, "id", b"", 5), MARKET)
    assert bought.worst > 4 * MICRO
    sold = order_plan(
        Intent("t.0.2", "t", 0, claim, Action.SELL, Size(10 * MICRO), Price(400_000), TimeInForce.FOK),
        Prepared(intent, "id", b"", 5),
        MARKET,
    )
    assert sold.worst == 0


def test_the_ledger_and_its_lock_say_nothing_of_keys_but_public_names(tmp_path: Path) -> None:
    journal = Journal.write(tmp_path / "ledger.db", Identity("live", "intl", ("h",), ("key-1", "0xabc")))
    assert set(journal.identity()) == {"mode", "profile", "hosts", "accounts"}
    journal.close()
    assert (tmp_path / "ledger.db.lock").read_bytes() == b""
