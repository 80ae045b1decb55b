"""Signatures, byte for byte: published vectors, and those computed with the venue's own packages."""

from __future__ import annotations

import json

import pytest
from coincurve import PublicKey
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import CredentialsError
from dutchbook.core.order import Action
from dutchbook.venues.polymarket.auth import clob_auth_signature, hmac_signature, l1_headers, l2_headers
from dutchbook.venues.polymarket.config import ApiCredentials, PolymarketKey, checksum_address, keccak256
from dutchbook.venues.polymarket.signing import (
    ORDER_TYPE,
    ExchangeContract,
    OrderSigner,
    domain_separator,
    exchange_of,
    is_v2_asset,
)
from venues.polymarket.desk import DATA, HARDHAT, HARDHAT_ADDRESS, NO_DATA

SECRET = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
VECTORS = DATA / "polymarket_vectors" / "vectors.json"
WALLET = "0x1111111111111111111111111111111111111111"


def vectors() -> dict:
    if not VECTORS.exists():
        pytest.skip(NO_DATA)
    return json.loads(VECTORS.read_text())


def test_an_order_has_the_published_hash_and_signature() -> None:
    signed = OrderSigner(PolymarketKey(HARDHAT), 137).sign(
        ExchangeContract.STANDARD,
        salt=479249096354,
        token=1234,
        maker_amount=100_000_000,
        taker_amount=50_000_000,
        action=Action.BUY,
        timestamp_ms=1_710_000_000_000,
    )
    assert signed.id == "0x10124949f84e9f7438c88d02bfd546ceb27ed6eb1fdb0175137af535b6e2513d"
    assert signed.signature == (
        "0x42c7b4857d51e344045fcfde17b37cf1290d784471ffe618c22aa56ea5ddcf00"
        "09015b87ffb299813f5597e86d4ad56f40d634558d915edb719e6fc71dbc0d891c"
    )


def test_the_order_type_hash_is_the_published_one() -> None:
    assert keccak256(ORDER_TYPE).hex() == "bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589"
    assert len(ORDER_TYPE) == 186


@pytest.mark.parametrize(
    ("chain", "signature"),
    [
        (
            80002,
            "0xf62319a987514da40e57e2f4d7529f7bac38f0355bd88bb5adbb3768d80de6c1"
            "682518e0af677d5260366425f4361e7b70c25ae232aff0ab2331e2b164a1aedc1b",
        ),
        (
            137,
            "0x1a7118db6100dfd8efd102be36f472b59475dcac56eb4c9a2a94748d3655ba7c"
            "3c89deb8c19ee79eceb0a531122fbfbe88ed118034f9d8212e2b725e7b296b9d1c",
        ),
    ],
)
def test_the_wallet_attestation_has_the_published_signature(chain: int, signature: str) -> None:
    assert clob_auth_signature(PolymarketKey(HARDHAT), chain, "10000000", 23) == signature


@pytest.mark.parametrize(
    ("timestamp", "method", "path", "body", "signature"),
    [
        ("1000000", "test-sign", "/orders", b'{"hash": "0x123"}', "ZwAdJKvoYRlEKDkNMwd5BuwNNtg93kNaR_oU2HrfVvc="),
        ("1710000000", "GET", "/data/orders", b"", "ikhPvzkGUsjL-NRfc7-t_mgOlnzt9QU9GD1LKLTs8z4="),
    ],
)
def test_a_private_request_has_the_published_hmac(
    timestamp: str, method: str, path: str, body: bytes, signature: str
) -> None:
    secret = ApiCredentials("k", SECRET, "p").secret
    assert hmac_signature(secret, timestamp, method, path, body) == signature


def test_all_recorded_orders_are_signed_to_the_same_bytes() -> None:
    contracts = {
        "ctf_exchange_v2": ExchangeContract.STANDARD,
        "neg_risk_exchange_v2": ExchangeContract.NEG_RISK,
        "exchange_v3": ExchangeContract.V3,
    }
    rows = vectors()["orders"]
    assert len(rows) == 24
    for row in rows:
        contract = contracts[row["exchange"]]
        assert contract.value[1] == row["domain_version"]
        if row["chain_id"] == 137:
            assert contract.value[0] == row["verifying_contract"]
        funder = row["maker"] if row["signatureType"] else ""
        key = PolymarketKey(vectors()["private_key"], funder, row["signatureType"])
        signed = OrderSigner(key, row["chain_id"]).sign(
            contract,
            salt=int(row["salt"]),
            token=int(row["tokenId"]),
            maker_amount=int(row["makerAmount"]),
            taker_amount=int(row["takerAmount"]),
            action=Action.SELL if row["side"] else Action.BUY,
            timestamp_ms=int(row["timestamp"]),
        )
        assert key.order_signer == row["signer"]
        assert signed.id == row["order_hash"]
        assert signed.signature == row["signature"]


def test_all_recorded_attestations_and_hmacs_are_the_same_bytes() -> None:
    recorded = vectors()
    for row in recorded["clob_auth"]:
        made = clob_auth_signature(PolymarketKey(HARDHAT), row["chain_id"], str(row["timestamp"]), row["nonce"])
        assert made == row["signature"]
    for row in recorded["hmac"]:
        secret = ApiCredentials("k", row["secret"], "p").secret
        made = hmac_signature(secret, row["timestamp"], row["method"], row["path"], (row["body"] or "").encode())
        assert made == row["signature"]


def test_a_deposit_wallet_signature_carries_its_domain_contents_and_type() -> None:
    key = PolymarketKey(HARDHAT, WALLET, 3)
    signed = OrderSigner(key, 137).sign(
        ExchangeContract.NEG_RISK,
        salt=1,
        token=5,
        maker_amount=2,
        taker_amount=3,
        action=Action.SELL,
        timestamp_ms=4,
    )
    raw = bytes.fromhex(signed.signature[2:])
    assert len(raw) == 317
    domain, contents = raw[65:97], raw[97:129]
    assert domain == domain_separator(ExchangeContract.NEG_RISK, 137)
    assert raw[129:315] == ORDER_TYPE
    assert raw[315:] == b"\x00\xba"
    # the order id is the hash of the inner order
    assert signed.id == "0x" + keccak256(b"\x19\x01" + domain + contents).hex()


@given(
    salt=st.integers(0, 2**53 - 1),
    token=st.integers(0, 2**256 - 1),
    amounts=st.tuples(st.integers(1, 10**15), st.integers(1, 10**15)),
    action=st.sampled_from(Action),
)
def test_every_signature_recovers_to_the_wallet(
    salt: int, token: int, amounts: tuple[int, int], action: Action
) -> None:
    signed = OrderSigner(PolymarketKey(HARDHAT), 137).sign(
        ExchangeContract.V3,
        salt=salt,
        token=token,
        maker_amount=amounts[0],
        taker_amount=amounts[1],
        action=action,
        timestamp_ms=1,
    )
    raw = bytes.fromhex(signed.signature[2:])
    assert raw[64] in (27, 28)
    recoverable = raw[:64] + bytes([raw[64] - 27])
    public = PublicKey.from_signature_and_message(recoverable, bytes.fromhex(signed.id[2:]), hasher=None)
    assert checksum_address(keccak256(public.format(compressed=False)[1:])[12:]) == HARDHAT_ADDRESS


def test_a_protocol_v2_asset_is_signed_for_exchange_v3_even_when_neg_risk() -> None:
    asset = 815936903326676622163643583088180723230762743286976155920815331834571255552
    classic = 71321045679252212594626385532706912750332728571942532289631379312455583992563
    assert is_v2_asset(asset) and not is_v2_asset(classic)
    assert exchange_of(asset, neg_risk=True) is ExchangeContract.V3
    assert exchange_of(classic, neg_risk=True) is ExchangeContract.NEG_RISK
    assert exchange_of(classic, neg_risk=False) is ExchangeContract.STANDARD


@pytest.mark.parametrize(
    "text",
    ["", "ac" * 32, "0x" + "ac" * 31, "0x" + "zz" * 32, " 0x" + "ac" * 32, "0x" + "00" * 32, "0x" + "ff" * 32],
)
def test_a_wrong_private_key_is_refused_without_an_echo(text: str) -> None:
    with pytest.raises(CredentialsError) as refused:
        PolymarketKey(text)
    assert str(refused.value) == "Invalid private key"
    assert (refused.value.__cause__ is None and refused.value.__suppress_context__) or not refused.value.__context__


def test_no_secret_shows_in_a_repr() -> None:
    credentials = ApiCredentials("key-id", SECRET, "open-sesame")
    key = PolymarketKey(HARDHAT, credentials=credentials)
    shown = repr(key) + repr(credentials) + f"{key}" + str(credentials)
    for secret in (HARDHAT[2:], SECRET, "open-sesame", "key-id"):
        assert secret not in shown
    assert HARDHAT_ADDRESS in shown


def test_the_wallet_must_fit_the_signature_type() -> None:
    with pytest.raises(CredentialsError, match="needs the funder address"):
        PolymarketKey(HARDHAT, signature_type=3)
    with pytest.raises(CredentialsError, match="type 0"):
        PolymarketKey(HARDHAT, WALLET)
    with pytest.raises(CredentialsError, match="none of 0, 1, 2, 3"):
        PolymarketKey(HARDHAT, signature_type=4)
    with pytest.raises(CredentialsError, match="40 hex digits"):
        PolymarketKey(HARDHAT, "0x12", 2)
    assert PolymarketKey(HARDHAT).funder == HARDHAT_ADDRESS
    assert PolymarketKey(HARDHAT, HARDHAT_ADDRESS.lower()).funder == HARDHAT_ADDRESS


@pytest.mark.parametrize(
    "parts", [("", SECRET, "p"), ("k", "not base64 at all!", "p"), ("k", "", "p"), ("k", SECRET, "")]
)
def test_broken_api_credentials_are_refused_without_an_echo(parts: tuple[str, str, str]) -> None:
    with pytest.raises(CredentialsError) as refused:
        ApiCredentials(*parts)
    assert "not base64 at all!" not in str(refused.value)


def test_headers_carry_the_time_in_seconds_and_the_keys_own_address() -> None:
    key = PolymarketKey(HARDHAT, WALLET, 3, ApiCredentials("k", SECRET, "p"))
    assert key.credentials is not None
    headers = l2_headers(key.address, key.credentials, 1_710_000_000 * SECOND + 999, "GET", "/data/orders")
    assert headers == {
        "POLY_ADDRESS": HARDHAT_ADDRESS,
        "POLY_API_KEY": "k",
        "POLY_PASSPHRASE": "p",
        "POLY_TIMESTAMP": "1710000000",
        "POLY_SIGNATURE": "ikhPvzkGUsjL-NRfc7-t_mgOlnzt9QU9GD1LKLTs8z4=",
    }
    assert l1_headers(key, 137, 5 * SECOND)["POLY_NONCE"] == "0"
