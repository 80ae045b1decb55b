"""`dutchbook web` as a process: the address it prints, who it answers to, TLS, and every bad input that stops it at the door."""

from __future__ import annotations

import datetime
import signal
import socket
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cli.console import PATIENCE_S, dutchbook, started

pytest.importorskip("fastapi", reason="requirements/web.txt is not installed")

TOKEN = "a-token-of-the-operators-own"


def address(process: Popen[str]) -> tuple[str, str]:
    """Where it listens, and the token: the one line on standard output."""
    assert process.stdout is not None
    parts = urlsplit(process.stdout.readline().strip())
    assert parts.path == "/login", parts
    return f"{parts.scheme}://{parts.netloc}", parts.fragment


def certificate(folder: Path) -> tuple[str, str]:
    """A certificate of this machine's own for localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return "cert.pem", "key.pem"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_answers_to_its_names_and_ends_in_order(number: int, tmp_path: Path) -> None:
    with started("web", "--port", "0", "--name", "Desk.example", cwd=tmp_path) as process:
        url, token = address(process)
        assert stat.S_IMODE((tmp_path / "dutchbook.db.token").stat().st_mode) == 0o600
        with httpx.Client(base_url=url, timeout=PATIENCE_S, headers={"Authorization": f"Bearer {token}"}) as client:
            assert client.get("/api/v1/status").json()["engine"]["state"] == "never started"
            assert client.get("/", headers={"Host": "desk.example"}).status_code == 200
            assert client.get("/", headers={"Host": "evil.example"}).status_code == 421
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    assert token not in said and "Traceback" not in said


def test_over_tls_the_cookie_never_goes_out_in_the_open(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    words = ("web", "--host", "localhost", "--port", "0", "--tls-cert", cert, "--tls-key", key)
    with started(*words, cwd=tmp_path) as process:
        url, token = address(process)
        assert url.startswith("https://localhost:")
        with httpx.Client(
            base_url=url, timeout=PATIENCE_S, verify=ssl.create_default_context(cafile=tmp_path / cert)
        ) as client:
            answer = client.post("/api/v1/session", json={"token": token})
            assert answer.status_code == 200, answer.text
            assert "; secure" in answer.headers["set-cookie"].lower()
            assert client.get("/").status_code == 200


def test_bound_elsewhere_without_tls_it_warns_on_the_terminal_and_on_the_page(tmp_path: Path) -> None:
    with started("web", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path) as process:
        url, token = address(process)
        port = urlsplit(url).port
        with httpx.Client(timeout=PATIENCE_S, headers={"Authorization": f"Bearer {token}"}) as client:
            assert "without TLS" in client.get(f"http://127.0.0.1:{port}/").text
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE_S)
    assert "warning: this page listens on 0.0.0.0 without TLS" in said


@pytest.mark.parametrize(
    ("words", "env", "status", "said"),
    [
        (("--on-silence", "panic"), {}, 2, "choose alert or cancel"),
        (("--tls-cert", "cert.pem"), {}, 2, "give both or neither"),
        (("--tls-cert", "no.pem", "--tls-key", "no.key"), {}, 2, "no.pem"),
        (("--tls-cert", "bad.pem", "--tls-key", "bad.pem"), {}, 2, "bad.pem"),
        (("--host", "192.0.2.1"), {}, 2, "cannot listen there"),
        ((), {"DUTCHBOOK_WEB_TOKEN": "short"}, 3, "at least 16 characters"),
        ((), {"DUTCHBOOK_WEB_TOKEN": f"no!name {TOKEN}"}, 3, "a name before a token"),
    ],
)
def test_what_cannot_be_is_said_before_anything_listens(
    words: tuple[str, ...], env: Mapping[str, str], status: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.pem").write_text("not a certificate")
    ended = dutchbook("web", "--port", "0", *words, cwd=tmp_path, env=env)
    assert ended.status == status, ended.err
    assert said in ended.err and "Traceback" not in ended.err
    assert ended.out == "" and TOKEN not in ended.err


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = dutchbook("web", "--port", port, cwd=tmp_path)
    assert ended.status == 2 and port in ended.err
