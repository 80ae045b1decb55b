"""Nothing that a live run, its page, its alerts and every command around them emit contains a secret, in any spelling.

Everything is gathered: standard output and error, logs, the ledger's files, the state stream's bytes, metrics, every answer of
the page's API and the pages themselves, what Telegram was sent, and errors with their tracebacks.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from alerts.bot_api import telegram
from alerts.serving import until
from cli.console import PATIENCE_S, Venues, dutchbook, environment, simulators
from dutchbook.bus.place import state_path

pytest.importorskip("telegram", reason="requirements/alerts.txt is not installed")

LINKS = ("--links", "sim.json")
TOKEN = "123456789:AAtesttokentesttokentesttokentest00"
CHAT = "271828182845"
WEB_TOKEN = "page-token-9f8e7d6c5b4a"
ANTHROPIC = "sk-ant-of-a-test-0123456789"
READING = (
    ("status", "--json"), ("positions", "--all", "--json"), ("trades", "--json"), ("pnl", "--json"), ("capital", "--json"),
    ("explain", "--json"), ("report", "--json"), ("export", "--json"), ("journal", "verify", "--json"),
    ("tail", "--once", "--last", "1000000", "--json"), ("links", "list", "--json"),
)  # fmt: skip


def spellings(secret: str) -> set[bytes]:
    """A secret as it may be written: plain, in a URL, in JSON, in base 64, as the hexadecimal digits of its bytes."""
    plain = {secret, secret.removeprefix("0x"), secret.removeprefix("0x").upper(), quote(secret, safe="")}
    coded = {json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode().rstrip("="), secret.encode().hex()}
    return {each.encode() for each in plain | coded}


def found(secrets: Mapping[str, str], emitted: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """(secret's name, where) of everything that got out."""
    forms = {name: spellings(secret) for name, secret in secrets.items()}
    return [
        (name, place)
        for place, text in emitted.items()
        for name, words in forms.items()
        if any(word in text for word in words)
    ]


def named(venues: Venues) -> dict[str, str]:
    """Every secret of the run by name; a private key by each of its lines."""
    kalshi, polymarket = venues.told["venues"]
    member, wallet = kalshi["accounts"][0], polymarket["accounts"][0]
    lines = [line for line in member["private_key_pem"].splitlines() if line and "PRIVATE KEY" not in line]
    return {
        **{f"kalshi private key, line {number}": line for number, line in enumerate(lines)},
        "kalshi key id": member["key_id"],
        **{f"polymarket {name}": wallet[name] for name in ("private_key", "api_key", "api_secret", "api_passphrase")},
        "telegram token": TOKEN,
        "telegram chat": CHAT,
        "web token": WEB_TOKEN,
        "anthropic key": ANTHROPIC,
    }


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulators(tmp_path_factory.mktemp("venues")) as opened:
        yield opened


class Emitted:
    """What came out, by place. Processes write straight into files of `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: dict[str, bytes] = {}

    @contextmanager
    def running(self, *words: str, cwd: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        """A command with its output in files, ended in order when the block ends."""
        with ExitStack() as files:
            out, err = (files.enter_context((self.folder / f"{words[0]}.{end}").open("wb")) for end in ("out", "err"))
            process = subprocess.Popen(
                [sys.executable, "-m", "dutchbook", *words],
                cwd=cwd, env=environment(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
            )  # fmt: skip
            try:
                yield process
                os.killpg(process.pid, signal.SIGINT)
                process.wait(PATIENCE_S)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def fetch(self, url: str, headers: Mapping[str, str] = {}) -> bytes:
        """One answer, headers included, whatever its status."""
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, headers=dict(headers)), timeout=PATIENCE_S
            ) as answer:
                body, head = answer.read(), str(answer.headers)
        except urllib.error.HTTPError as error:
            body, head = error.read(), str(error.headers)
        self.taken[url] = head.encode() + body
        return bytes(body)

    def listen(self, ledger: Path) -> None:
        """The state stream's bytes until every kind of snapshot has come."""
        heard = b""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as reader:
            reader.settimeout(PATIENCE_S)
            reader.connect(str(state_path(ledger)))
            patience = time.monotonic() + PATIENCE_S
            while not all(f'"{name}"'.encode() in heard for name in ("health", "capital", "buckets", "balances")):
                assert time.monotonic() < patience, heard[:2_000]
                heard += reader.recv(1 << 16)
        self.taken["state stream"] = heard

    def everything(self) -> dict[str, bytes]:
        """All of it, with every file of the folder."""
        files = {path.name: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        return {**self.taken, **files}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_no_secret_is_in_anything_that_is_emitted(venues: Venues, tmp_path: Path) -> None:
    emitted = Emitted(tmp_path / "emitted")
    emitted.folder.mkdir()
    ledger, port = emitted.folder / "live.db", free_port()
    wallet = venues.told["venues"][1]["accounts"][0]
    async with telegram() as api:
        env = venues.settings(
            POLYMARKET_API_KEY=wallet["api_key"],
            POLYMARKET_API_SECRET=wallet["api_secret"],
            POLYMARKET_API_PASSPHRASE=wallet["api_passphrase"],
            TELEGRAM_BOT_TOKEN=TOKEN,
            TELEGRAM_CHAT_ID=CHAT,
            TELEGRAM_API_URL=api.url,
            DUTCHBOOK_WEB_TOKEN=WEB_TOKEN,
            ANTHROPIC_API_KEY=ANTHROPIC,
            DUTCHBOOK_LEDGER_PATH=str(ledger),
        )
        with ExitStack() as open_:
            log = str(emitted.folder / "live.log")
            words = ("run", *LINKS, "--log-file", log, "--metrics-port", str(port), "--json", "--debug")
            run = open_.enter_context(emitted.running(*words, cwd=venues.folder, env=env))
            chat_log = str(emitted.folder / "chat.log")
            open_.enter_context(emitted.running("alerts", "--log-file", chat_log, cwd=venues.folder, env=env))
            open_.enter_context(emitted.running("web", "--port", "0", "--log-file", log, cwd=venues.folder, env=env))
            await until(lambda: "trade ended" in emitted.text("run.err") or run.poll() is not None)
            await until(lambda: "/login#" in emitted.text("web.out"))
            await asyncio.to_thread(emitted.listen, ledger)
            for path in ("metrics", "healthz", "readyz"):
                await asyncio.to_thread(emitted.fetch, f"http://127.0.0.1:{port}/{path}")
            await asyncio.to_thread(look_at_the_page, emitted)
            api.write("/status", chat=int(CHAT))
            api.write("/balance", chat=int(CHAT))
            await until(lambda: sum("Balances" in text for text in api.texts) >= 2)
            for each in (*READING, ("doctor", *LINKS, "--debug"), ("stop", "--reason", "a test"), ("start",)):
                ended = await asyncio.to_thread(dutchbook, *each, cwd=venues.folder, env=env)
                # standard output of the page's own command is the one place where its token belongs
                emitted.taken[" ".join(each)] = (ended.out + ended.err).encode()
                assert ended.out, ended.err
        assert run.returncode == 0, emitted.text("run.err")
        emitted.taken["telegram"] = "\n".join(api.texts).encode()
    for secret, env_wrong in wrong(env).items():
        command = ("run", *LINKS, "--seconds", "1") if secret.startswith("POLYMARKET") else ("doctor", *LINKS)
        ended = await asyncio.to_thread(dutchbook, *command, "--debug", cwd=venues.folder, env=env_wrong)
        assert ended.status or "telegram" in ended.out
        emitted.taken[f"a wrong {secret}"] = (ended.out + ended.err).encode()
    told = emitted.everything()
    address = told.pop("web.out").decode()
    assert address.startswith("http://127.0.0.1:") and address.rstrip().endswith(f"/login#{WEB_TOKEN}")
    secrets = {**named(venues), **{f"the wrong {name}": value[name] for name, value in wrong(env).items()}}
    assert found(secrets, told) == []
    # what was looked through is not nothing
    for place, known in {
        "run.out": b'"locked"',
        "live.db": b"trade_opened",
        "live.log": b"trade opened",
        "telegram": b"$",
    }.items():
        assert known in told[place], place
    assert b"dutchbook_books_total" in told[f"http://127.0.0.1:{port}/metrics"] and len(told) > 40


def look_at_the_page(emitted: Emitted) -> None:
    """Every GET of the API and every page, with the token, without it, and with a wrong one."""
    root = emitted.text("web.out").partition("/login#")[0]
    signed = {"Authorization": f"Bearer {WEB_TOKEN}"}
    described = json.loads(emitted.fetch(f"{root}/api/v1/openapi.json", signed))
    trades = json.loads(emitted.fetch(f"{root}/api/v1/trades?limit=1", signed))
    for path, methods in described["paths"].items():
        if "get" in methods and not path.endswith("/live"):
            trade = path.replace("{trade}", str((trades.get("trades") or [{"trade": "x"}])[0]["trade"]))
            emitted.fetch(root + trade.replace("{link}", "x"), signed)
    for name in ("", "opportunities", "trades", "positions", "pnl", "links", "system", "login", "static/app.js"):
        emitted.fetch(f"{root}/{name}", signed)
    emitted.fetch(f"{root}/api/v1/status")
    emitted.fetch(f"{root}/api/v1/system?token={'x' * 20}", {"Authorization": "Bearer wrong-wrong-wrong-1"})


def wrong(env: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Runs that must fail because of one secret, by its name: refused, malformed, or in the wrong place."""
    broken = {
        "KALSHI_API_KEY_ID": "11111111-2222-3333-4444-555566667777",
        "POLYMARKET_PRIVATE_KEY": "0x" + "ab" * 31 + "zz",
        "POLYMARKET_API_SECRET": "not-base-64-at-all-%%%",
        "TELEGRAM_BOT_TOKEN": "987654321:AAwrongtokenwrongtokenwrongtoken00",
    }
    return {name: {**env, name: value} for name, value in broken.items()}


def test_the_search_finds_what_is_there() -> None:
    secret = {"key": "0xabcdef0123456789"}
    for written in (b"k=0xabcdef0123456789", b"ABCDEF0123456789", base64.b64encode(b"0xabcdef0123456789")):
        assert found(secret, {"somewhere": b"... " + written + b" ..."}) == [("key", "somewhere")]
    assert found(secret, {"somewhere": b"0xabcdef"}) == []


def test_alerts_that_cannot_reach_telegram_name_no_token(tmp_path: Path) -> None:
    """Every address that is called contains it, and libraries like to name addresses."""
    emitted = Emitted(tmp_path)
    env = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": CHAT, "TELEGRAM_API_URL": f"http://127.0.0.1:{free_port()}"}
    with emitted.running("alerts", "--ledger", "none.db", "--log-file", "alerts.log", cwd=tmp_path, env=env) as process:
        patience = time.monotonic() + PATIENCE_S
        while "cannot be reached" not in emitted.text("alerts.err"):
            assert process.poll() is None and time.monotonic() < patience, emitted.text("alerts.err")
            time.sleep(0.05)
    checked = dutchbook("doctor", "--debug", cwd=tmp_path, env=env)
    emitted.taken["doctor"] = (checked.out + checked.err).encode()
    assert "telegram" in checked.out
    assert found({"token": TOKEN, "chat": CHAT}, emitted.everything()) == []
