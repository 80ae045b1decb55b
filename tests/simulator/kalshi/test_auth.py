"""Who may speak: signed headers of both key types, and every refusal."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from dutchbook.core.transport import Request, Response
from dutchbook.simulator.kalshi.auth import KeyRing, public_key_from
from simulator.kalshi.member import BASE, HOST, STREAM, T0, Member, error_code, floor

PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n"
PUBLIC = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
STAMP = 1_703_123_456_789
VECTORS = [
    (
        "GET",
        "/trade-api/v2/portfolio/balance",
        "hkBtGNHKCfMll7XdniCzUygg/ek7JdCINuVOaGq0bDS3feQIdYVMirJSybX93bQtj8CMmr3q0RiAToeTeMOwBg==",
    ),
    (
        "GET",
        "/trade-api/ws/v2",
        "GpkXLSIK8avqVF1CPnKos7fulth1qYoYZjI5qzovCmuzcKV0/qCnl8R5kVmiu2d6dLYPcYVo2r2OgcCWv1uwAw==",
    ),
    (
        "POST",
        "/trade-api/v2/portfolio/events/orders",
        "/ro4N0xtMcM9TBedlEcPA5AL1SsWyOiIo3UPU4/aeQ/H6c6rvS4ymxWhdFIT2dLRprk+g8Dju8XU1AY4/NDkDg==",
    ),
]


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def rsa_headers(key: rsa.RSAPrivateKey, path: str, scheme: padding.AsymmetricPadding, key_id: str) -> dict[str, str]:
    stamp = str(T0 // 1_000_000)
    signature = key.sign(f"{stamp}GET{path}".encode(), scheme, hashes.SHA256())
    return {
        "KALSHI-ACCESS-KEY": key_id,
        "KALSHI-ACCESS-TIMESTAMP": stamp,
        "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
    }


def pss(salt: int) -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)


def pem_of(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def details(response: Response) -> str:
    assert response.status == 401
    assert error_code(response) == "authentication_error"
    return str(json.loads(response.body)["error"]["details"])


@pytest.mark.parametrize(("method", "path", "signature"), VECTORS)
def test_the_published_ed25519_signatures_are_accepted(method: str, path: str, signature: str) -> None:
    key = public_key_from(PEM)
    assert isinstance(key, ed25519.Ed25519PublicKey)
    assert key.public_bytes_raw().hex() == PUBLIC
    ring = KeyRing()
    ring.register("k", key, "ann")
    headers = {
        "Kalshi-Access-Key": "k",
        "kalshi-access-timestamp": str(STAMP),
        "KALSHI-ACCESS-SIGNATURE": signature,
    }
    assert ring.authenticate(method, path, headers, STAMP * 1_000_000) == "ann"


def test_an_rsa_pss_signature_is_accepted_for_reading_and_for_the_stream(rsa_key: rsa.RSAPrivateKey) -> None:
    exchange, _ = floor()
    exchange.register_key("ann", "rsa-id", pem_of(rsa_key))
    path = BASE + "/portfolio/balance"
    answer = exchange.handle(Request("GET", HOST + path, rsa_headers(rsa_key, path, pss(32), "rsa-id")), T0)
    assert answer.status == 200
    assert exchange.connect(STREAM, rsa_headers(rsa_key, "/trade-api/ws/v2", pss(32), "rsa-id"), T0) == 1


@pytest.mark.parametrize("scheme", [padding.PKCS1v15(), pss(20)], ids=["pkcs1v15", "short salt"])
def test_another_rsa_padding_is_refused(rsa_key: rsa.RSAPrivateKey, scheme: padding.AsymmetricPadding) -> None:
    exchange, _ = floor()
    exchange.register_key("ann", "rsa-id", pem_of(rsa_key))
    path = BASE + "/portfolio/balance"
    answer = exchange.handle(Request("GET", HOST + path, rsa_headers(rsa_key, path, scheme, "rsa-id")), T0)
    assert details(answer) == "INCORRECT_API_KEY_SIGNATURE"


def ask(member: Member, headers: dict[str, str], url: str = "/portfolio/orders?limit=5") -> Response:
    return member.exchange.handle(Request("GET", HOST + BASE + url, headers), member.now)


def test_the_query_string_is_not_signed() -> None:
    _, ann = floor()
    assert ask(ann, ann.headers("GET", BASE + "/portfolio/orders")).status == 200
    assert details(ask(ann, ann.headers("GET", BASE + "/portfolio/orders?limit=5"))) == "INCORRECT_API_KEY_SIGNATURE"


def test_a_signature_for_another_method_or_path_is_refused() -> None:
    _, ann = floor()
    assert details(ask(ann, ann.headers("POST", BASE + "/portfolio/orders"))) == "INCORRECT_API_KEY_SIGNATURE"
    assert details(ask(ann, ann.headers("GET", "/portfolio/orders"))) == "INCORRECT_API_KEY_SIGNATURE"
    broken = ann.headers("GET", BASE + "/portfolio/orders") | {"KALSHI-ACCESS-SIGNATURE": "not base64!"}
    assert details(ask(ann, broken)) == "INCORRECT_API_KEY_SIGNATURE"


def test_an_unknown_key_and_missing_headers_are_refused() -> None:
    _, ann = floor()
    headers = ann.headers("GET", BASE + "/portfolio/orders")
    assert details(ask(ann, headers | {"KALSHI-ACCESS-KEY": "someone-else"})) == "NOT_FOUND"
    assert details(ask(ann, {})) == "MISSING_AUTHENTICATION_HEADERS"


@pytest.mark.parametrize(("offset_ms", "status"), [(30_000, 200), (-30_000, 200), (30_001, 401), (-30_001, 401)])
def test_a_timestamp_more_than_thirty_seconds_off_is_refused(offset_ms: int, status: int) -> None:
    _, ann = floor()
    ann.now = T0 + offset_ms * 1_000_000
    headers = ann.headers("GET", BASE + "/portfolio/orders")
    ann.now = T0
    assert ask(ann, headers).status == status


def test_the_stream_wants_its_own_path_signed() -> None:
    exchange, ann = floor()
    refused = exchange.connect(STREAM, ann.headers("GET", BASE + "/ws"), T0)
    assert isinstance(refused, Response)
    assert details(refused) == "INCORRECT_API_KEY_SIGNATURE"
    ann.connect()
    assert ann.connection > 0


def test_public_data_needs_no_signature() -> None:
    exchange, _ = floor()
    for path in ("/exchange/status", "/markets", "/events", "/series"):
        assert exchange.handle(Request("GET", HOST + BASE + path), T0).status == 200
