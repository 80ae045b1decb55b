"""Signatures made before they are needed: each of its own millisecond, used once, never old."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.venues.kalshi import KalshiKey, KalshiTrading
from dutchbook.venues.kalshi.auth import OLDEST_NS, SignaturesAhead
from dutchbook.venues.kalshi.rest import ORDERS_PATH
from venues.kalshi.bits import (
    CONFIG,
    MARKET,
    NOW,
    SEND_BY,
    ScriptedTransport,
    SeededEntropy,
    StillClock,
    an_intent,
    answer,
    trading,
)

URL = CONFIG.rest_url + ORDERS_PATH
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA_KEY = KalshiKey(
    "rsa-key",
    PRIVATE.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ),
)


def verified(headers: dict[str, str]) -> int:
    """The stamp (ms) of headers whose signature is good for an order."""
    stamp = headers["KALSHI-ACCESS-TIMESTAMP"]
    signature = base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"], validate=True)
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    PRIVATE.public_key().verify(signature, f"{stamp}POST/trade-api/v2{ORDERS_PATH}".encode(), pss, hashes.SHA256())
    return int(stamp)


def ahead(*offsets_ms: int) -> SignaturesAhead:
    made = SignaturesAhead(RSA_KEY, "POST", URL)
    for offset in offsets_ms:
        made.top_up(NOW + offset * MILLISECOND)
    return made


def test_a_signature_made_before_is_used_once() -> None:
    pool = ahead(0)
    first, second = pool.headers(NOW + 5 * MILLISECOND), pool.headers(NOW + 5 * MILLISECOND)
    assert verified(first) == NOW // MILLISECOND
    assert verified(second) == NOW // MILLISECOND + 5, "the pool is empty: made on the spot"


def test_every_signature_has_a_millisecond_of_its_own() -> None:
    pool = ahead(0, 0, 1, 1, 2)
    assert len(pool) == 3
    stamps = [verified(pool.headers(NOW + SECOND)) for _ in range(3)]
    assert stamps == [NOW // MILLISECOND + n for n in range(3)]


def test_the_pool_stays_small() -> None:
    assert len(ahead(*range(50))) == 4


def test_a_signature_older_than_two_seconds_is_not_used() -> None:
    pool = ahead(0)
    late = NOW + OLDEST_NS + MILLISECOND
    assert verified(pool.headers(late)) == late // MILLISECOND
    assert len(pool) == 0


def test_topping_up_replaces_what_grows_old() -> None:
    pool = ahead(0, 1100)
    assert len(pool) == 1
    assert verified(pool.headers(NOW + 1200 * MILLISECOND)) == NOW // MILLISECOND + 1100


def test_after_the_clock_was_set_back_no_signature_of_the_future_is_used() -> None:
    pool = ahead(5000)
    assert verified(pool.headers(NOW)) == NOW // MILLISECOND


async def test_an_order_carries_a_signature_made_before_it_and_a_read_does_not() -> None:
    clock = StillClock()
    transport = ScriptedTransport(
        [answer({"order_id": "o1", "fill_count": "10.00", "remaining_count": "0.00"}, 201),
         answer({"as_of_time": "2026-11-20T00:00:00Z"})]
    )  # fmt: skip
    venue = KalshiTrading(CONFIG, transport, clock, SeededEntropy(), RSA_KEY)
    venue.know([MARKET])

    class Enough(Exception):
        pass

    async def three_rounds(duration_ns: int) -> None:
        clock.slept.append(duration_ns)
        clock.now += duration_ns
        if len(clock.slept) == 3:
            raise Enough

    clock.sleep = three_rounds  # type: ignore[method-assign]
    with pytest.raises(Enough):
        await venue.sign_ahead()
    await venue.send(venue.prepare(an_intent(), SEND_BY))
    await venue.reads_as_of()
    order, read = transport.requests
    assert verified(dict(order.headers)) == NOW // MILLISECOND
    assert int(read.headers["KALSHI-ACCESS-TIMESTAMP"]) == clock.now // MILLISECOND


async def test_a_quick_key_signs_on_the_spot() -> None:
    clock = StillClock()
    venue, _ = trading(clock=clock)
    await venue.sign_ahead()
    assert clock.slept == [], "there is nothing to prepare, for ever or once"
