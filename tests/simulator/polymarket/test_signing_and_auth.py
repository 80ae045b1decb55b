"""Order hashes, signatures, key signatures and HMACs against published vectors, and who gets in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.transport import Request
from dutchbook.simulator.polymarket import signing
from dutchbook.simulator.polymarket.auth import clob_auth_digest, l2_signature
from dutchbook.simulator.polymarket.market import book_hash
from simulator.polymarket.trader import GAME, SECOND, World, error, sign, spec

ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
KEY = PrivateKey(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
SECRET = "A" * 43 + "="
ZERO = "0x" + "00" * 32
DATA = Path(os.environ.get("DUTCHBOOK_DATA", Path(__file__).parents[4] / "shared" / "data"))
VECTORS = DATA / "polymarket_vectors" / "vectors.json"
recorded = pytest.mark.skipif(not VECTORS.exists(), reason=f"no recorded vectors at {VECTORS}")


def order(**changes: Any) -> signing.SignedFields:
    fields: dict[str, Any] = {
        "salt": 479249096354,
        "maker": ADDRESS,
        "signer": ADDRESS,
        "token_id": 1234,
        "maker_amount": 100_000_000,
        "taker_amount": 50_000_000,
        "side": 0,
        "signature_type": 0,
        "timestamp": 1_710_000_000_000,
        "metadata": ZERO,
        "builder": ZERO,
    }
    return signing.SignedFields(**{**fields, **changes})


V2 = signing.Domain(signing.CTF_EXCHANGE_V2, "2")


def test_the_order_type_hash_is_the_published_one() -> None:
    assert signing.ORDER_TYPE_HASH.hex() == "bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589"
    assert len(signing.ORDER_TYPE) == 186


def test_the_published_order_has_the_published_hash_and_signer() -> None:
    assert signing.order_hash(order(), V2).hex() == "10124949f84e9f7438c88d02bfd546ceb27ed6eb1fdb0175137af535b6e2513d"
    signature = bytes.fromhex(
        "42c7b4857d51e344045fcfde17b37cf1290d784471ffe618c22aa56ea5ddcf00"
        "09015b87ffb299813f5597e86d4ad56f40d634558d915edb719e6fc71dbc0d891c"
    )
    assert signing.signed_by(order(), V2, signature) == ADDRESS
    assert sign(KEY, signing.order_hash(order(), V2)) == signature


def test_the_other_mirror_of_a_signature_is_not_accepted() -> None:
    n = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    digest = signing.order_hash(order(), V2)
    good = sign(KEY, digest)
    mirrored = good[:32] + (n - int.from_bytes(good[32:64], "big")).to_bytes(32, "big") + bytes([55 - good[64]])
    assert signing.recover(digest, good) == ADDRESS
    assert signing.recover(digest, mirrored) is None


@recorded
def test_every_recorded_order_has_its_hash_and_signature() -> None:
    rows = json.loads(VECTORS.read_text())["orders"]
    assert {row["signatureType"] for row in rows} == {0, 1, 2, 3}
    for row in rows:
        domain = signing.Domain(row["verifying_contract"], row["domain_version"], row["chain_id"])
        fields = order(
            salt=int(row["salt"]),
            maker=row["maker"],
            signer=row["signer"],
            token_id=int(row["tokenId"]),
            maker_amount=int(row["makerAmount"]),
            taker_amount=int(row["takerAmount"]),
            side=row["side"],
            signature_type=row["signatureType"],
            timestamp=int(row["timestamp"]),
        )
        signature = bytes.fromhex(row["signature"][2:])
        assert "0x" + signing.order_hash(fields, domain).hex() == row["order_hash"]
        assert signing.signed_by(fields, domain, signature) == ADDRESS
        assert signing.signed_by(order(salt=1, maker=row["maker"]), domain, signature) != ADDRESS


@given(at=st.integers(65, 316), flip=st.integers(1, 255))
@settings(max_examples=60)
def test_every_byte_of_the_deposit_wallet_trailer_counts(at: int, flip: int) -> None:
    fields = order(signature_type=3, maker="0x" + "11" * 20, signer="0x" + "11" * 20)
    good = sign(KEY, signing.wrapped_hash(fields, V2)) + signing.wallet_trailer(fields, V2)
    assert len(good) == 317
    assert good.endswith(b"\x00\xba")
    assert signing.signed_by(fields, V2, good) == ADDRESS
    assert signing.signed_by(fields, V2, good[:at] + bytes([good[at] ^ flip]) + good[at + 1 :]) is None


def test_the_exchange_to_sign_for_follows_the_asset_and_neg_risk() -> None:
    v2_asset = 815936903326676622163643583088180723230762743286976155920815331834571255552
    assert signing.exchange_for(v2_asset, True) == signing.Domain(signing.EXCHANGE_V3, "3")
    assert signing.exchange_for(7132 << 100, True).contract == signing.NEG_RISK_EXCHANGE_V2
    assert signing.exchange_for(7132 << 100, False).contract == signing.CTF_EXCHANGE_V2


@given(seed=st.integers(0, 10**6), slug=st.text("abc-", min_size=1))
def test_listed_tokens_are_never_taken_for_protocol_v2(seed: int, slug: str) -> None:
    world = World(spec(slug), seed=seed)
    condition, yes, no = world.exchange.tokens(slug)
    assert len(condition) == 66
    assert yes != no
    assert not signing.is_v2_asset(int(yes))
    assert not signing.is_v2_asset(int(no))


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (
            80002,
            "f62319a987514da40e57e2f4d7529f7bac38f0355bd88bb5adbb3768d80de6c1"
            "682518e0af677d5260366425f4361e7b70c25ae232aff0ab2331e2b164a1aedc1b",
        ),
        (
            137,
            "1a7118db6100dfd8efd102be36f472b59475dcac56eb4c9a2a94748d3655ba7c"
            "3c89deb8c19ee79eceb0a531122fbfbe88ed118034f9d8212e2b725e7b296b9d1c",
        ),
    ],
)
def test_the_published_key_signature_recovers(chain: int, expected: str) -> None:
    digest = clob_auth_digest(ADDRESS, "10000000", 23, chain)
    assert signing.recover(digest, bytes.fromhex(expected)) == ADDRESS


def test_the_published_hmacs_are_reproduced() -> None:
    assert (
        l2_signature(SECRET, "1000000", "test-sign", "/orders", b'{"hash": "0x123"}')
        == "ZwAdJKvoYRlEKDkNMwd5BuwNNtg93kNaR_oU2HrfVvc="
    )
    assert (
        l2_signature(SECRET, "1710000000", "GET", "/data/orders", b"") == "ikhPvzkGUsjL-NRfc7-t_mgOlnzt9QU9GD1LKLTs8z4="
    )


def test_the_published_book_hash_is_reproduced() -> None:
    book = {
        "market": "0xaabbcc",
        "asset_id": "100",
        "timestamp": "123456789",
        "hash": "whatever",
        "bids": [{"price": "0.3", "size": "100"}, {"price": "0.4", "size": "100"}],
        "asks": [{"price": "0.6", "size": "100"}, {"price": "0.7", "size": "100"}],
        "min_order_size": "100",
        "tick_size": "0.01",
        "neg_risk": False,
        "last_trade_price": "0.5",
    }
    assert book_hash(book) == "0458ea5755c9f73d64a14636fa5c36ed460ec394"


# --- keys over the wire -----------------------------------------------------------------------------------------------


def test_an_existing_key_is_derived_not_created() -> None:
    trader = World().trader()
    assert error(trader.l1("POST", "/auth/api-key")) == "Could not create api key"
    derived = json.loads(trader.l1("GET", "/auth/derive-api-key").body)
    assert derived["apiKey"] == trader.fields["api_key"]
    assert derived["secret"] == trader.fields["api_secret"]
    assert derived["passphrase"] == trader.fields["api_passphrase"]


def test_another_nonce_makes_another_key_once() -> None:
    trader = World().trader()
    assert trader.l1("GET", "/auth/derive-api-key", nonce=7).status == 400
    made = json.loads(trader.l1("POST", "/auth/api-key", nonce=7).body)
    assert made == json.loads(trader.l1("GET", "/auth/derive-api-key", nonce=7).body)
    assert trader.read("/auth/api-keys")["apiKeys"] == [trader.fields["api_key"], made["apiKey"]]


def test_a_key_request_signed_by_somebody_else_or_long_ago_is_refused() -> None:
    world = World()
    ann, bob = world.trader("ann"), world.trader("bob")
    old = ann.l1("GET", "/auth/derive-api-key", stamp=world.now // SECOND - 31)
    assert (old.status, error(old)) == (401, "Invalid L1 Request headers")
    ann.key = bob.key
    assert ann.l1("GET", "/auth/derive-api-key").status == 401


def test_a_deleted_key_no_longer_opens_anything() -> None:
    trader = World().trader()
    assert trader.call("DELETE", "/auth/api-key").status == 200
    assert trader.call("GET", "/data/orders").status == 401


@pytest.mark.parametrize(
    "broken",
    [
        {"POLY_SIGNATURE": "AAAA"},
        {"POLY_PASSPHRASE": "wrong"},
        {"POLY_API_KEY": "nobody"},
        {"POLY_ADDRESS": "0x" + "22" * 20},
        {"stamp": "1795220152"},
        {"stamp": "1795220214"},
        {"stamp": "soon"},
    ],
)
def test_a_private_call_needs_every_part_of_its_credentials(broken: dict[str, str]) -> None:
    world = World()
    trader = world.trader()
    headers = trader.headers("GET", "/data/orders", b"", **broken)
    refused = world.exchange.handle(Request("GET", "https://x.example/data/orders", headers), world.now)
    assert (refused.status, error(refused)) == (401, "Unauthorized/Invalid api key")


def test_the_signature_covers_the_exact_body_and_no_query() -> None:
    world = World()
    trader = world.trader()
    headers = trader.headers("DELETE", "/order", b'{"orderID":"0x1"}')
    url = "https://x.example/order"
    assert world.exchange.handle(Request("DELETE", url, headers, b'{"orderID":"0x1"}'), world.now).status == 200
    assert world.exchange.handle(Request("DELETE", url, headers, b'{"orderID": "0x1"}'), world.now).status == 401
    assert trader.call("GET", f"/data/orders?market={world.exchange.tokens(GAME)[0]}").status == 200
