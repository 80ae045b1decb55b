"""Signing: the published vectors, both key types, and a key that never shows itself."""

from __future__ import annotations

import traceback

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from dutchbook.core.errors import CredentialsError, SettingsError
from dutchbook.venues.kalshi import KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.auth import signed_headers, signed_text
from venues.kalshi.bits import CONFIG, KEY, SEED_PEM, b64

AT = 1_703_123_456_789_000_000

VECTORS = [
    (
        "GET",
        "https://h.test/trade-api/v2/portfolio/balance",
        "hkBtGNHKCfMll7XdniCzUygg/ek7JdCINuVOaGq0bDS3feQIdYVMirJSybX93bQtj8CMmr3q0RiAToeTeMOwBg==",
    ),
    (
        "GET",
        "wss://h.test/trade-api/ws/v2",
        "GpkXLSIK8avqVF1CPnKos7fulth1qYoYZjI5qzovCmuzcKV0/qCnl8R5kVmiu2d6dLYPcYVo2r2OgcCWv1uwAw==",
    ),
    (
        "post",
        "https://h.test/trade-api/v2/portfolio/events/orders",
        "/ro4N0xtMcM9TBedlEcPA5AL1SsWyOiIo3UPU4/aeQ/H6c6rvS4ymxWhdFIT2dLRprk+g8Dju8XU1AY4/NDkDg==",
    ),
]


@pytest.mark.parametrize(("method", "url", "signature"), VECTORS)
def test_ed25519_signatures_are_the_published_vectors(method: str, url: str, signature: str) -> None:
    headers = signed_headers(KEY, AT, method, url)
    assert headers == {
        "KALSHI-ACCESS-KEY": "key-id",
        "KALSHI-ACCESS-TIMESTAMP": "1703123456789",
        "KALSHI-ACCESS-SIGNATURE": signature,
    }


def test_the_query_string_is_not_signed() -> None:
    text = signed_text(AT, "GET", "https://h.test/trade-api/v2/portfolio/orders?limit=5")
    assert text == b"1703123456789GET/trade-api/v2/portfolio/orders"


@pytest.mark.parametrize("layout", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8])
def test_an_rsa_key_signs_with_pss_and_a_32_byte_salt(layout: serialization.PrivateFormat) -> None:
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(serialization.Encoding.PEM, layout, serialization.NoEncryption())
    headers = signed_headers(KalshiKey("id", pem), AT, "GET", "https://h.test/trade-api/v2/portfolio/balance")
    private.public_key().verify(
        b64(headers["KALSHI-ACCESS-SIGNATURE"]),
        b"1703123456789GET/trade-api/v2/portfolio/balance",
        padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32),
        hashes.SHA256(),
    )


def test_a_key_does_not_show_itself() -> None:
    secret = SEED_PEM.splitlines()[1].decode()
    assert secret not in f"{KEY!r} {KEY}"
    assert "key-id" not in repr(KEY)


def _pem(private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"c2VjcmV0LXRleHQ=",
        SEED_PEM.replace(b"MC4C", b"XXXX"),
        _pem(ec.generate_private_key(ec.SECP256R1())),
        _pem(ed25519.Ed25519PrivateKey.generate(), b"password"),
    ],
)
def test_an_unusable_key_names_the_setting_and_shows_nothing(pem: bytes) -> None:
    with pytest.raises(CredentialsError, match="KALSHI_PRIVATE_KEY_PATH") as caught:
        KalshiKey("id", pem)
    shown = "".join(traceback.format_exception(caught.value))
    assert all(line not in shown for line in pem.decode().splitlines() if line and "PRIVATE KEY" not in line)


def test_an_empty_key_id_names_the_setting() -> None:
    with pytest.raises(CredentialsError, match="KALSHI_API_KEY_ID"):
        KalshiKey(" ", SEED_PEM)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rest_url": CONFIG.rest_url + "/"}, "rest_url"),
        ({"ws_url": ""}, "ws_url"),
        ({"read_as_of_margin_ns": 5, "order_timeout_ns": 5}, "order_timeout"),
        ({"markets_per_subscription": 0}, "markets_per_subscription"),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, object], words: str) -> None:
    values = {"rest_url": CONFIG.rest_url, "ws_url": CONFIG.ws_url} | change
    with pytest.raises(SettingsError, match=words):
        KalshiConfig(**values)  # type: ignore[arg-type]
