"""The command line as a user has it: a process of its own, in a folder of its own, with nothing in its environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 60
_SETTINGS = (
    "DUTCHBOOK_",
    "EXECUTOR_",
    "KALSHI_",
    "POLY",
    "TELEGRAM_",
    "ANTHROPIC_",
    "PAPER_",
    "MAX_",
    "MIN_",
    "INITIAL_",
    "DAILY_",
)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without any setting, and then `extra`."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    return {**plain, "PYTHONUNBUFFERED": "1", "COLUMNS": "120", **(extra or {})}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def dutchbook(*words: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "dutchbook", *words],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def started(*words: str, cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A command that runs while the block does, in a process group of its own, so that Ctrl-C can be pressed on it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dutchbook", *words],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def line_with(process: subprocess.Popen[str], words: str) -> str:
    """The first line on standard error that contains these words; fails when the process ends without it."""
    assert process.stderr is not None
    heard = []
    for line in process.stderr:
        heard.append(line)
        if words in line:
            return line
    raise AssertionError(f"{words!r} was never said, but: {''.join(heard)}")


@dataclass(frozen=True)
class Venues:
    """Two simulated venues and what a run needs to trade there."""

    line: str
    folder: Path

    @property
    def told(self) -> Any:
        return json.loads(self.line)

    def settings(self, **more: str) -> dict[str, str]:
        """Environment of a live run with the simulators' addresses and their accounts' keys."""
        kalshi, polymarket = self.told["venues"]
        member, wallet = kalshi["accounts"][0], polymarket["accounts"][0]
        pem = self.folder / "kalshi.pem"
        pem.write_text(member["private_key_pem"])
        return {
            "DUTCHBOOK_MODE": "live",
            "EXECUTOR_ENABLED": "true",
            "EXECUTOR_MAX_BET": "50",
            "EXECUTOR_MAX_DAILY_LOSS": "100",
            "KALSHI_PRECISION": "direct",
            "KALSHI_REST_URL": kalshi["rest_url"],
            "KALSHI_WS_URL": kalshi["ws_url"],
            "KALSHI_API_KEY_ID": member["key_id"],
            "KALSHI_PRIVATE_KEY_PATH": str(pem),
            "POLYMARKET_CLOB_URL": polymarket["rest_url"],
            "POLYMARKET_GAMMA_URL": polymarket["rest_url"],
            "POLYMARKET_DATA_URL": polymarket["rest_url"],
            "POLYMARKET_MARKET_WS_URL": polymarket["market_ws_url"],
            "POLYMARKET_USER_WS_URL": polymarket["user_ws_url"],
            "POLYMARKET_PRIVATE_KEY": wallet["private_key"],
            "POLYMARKET_SIGNATURE_TYPE": str(wallet["signature_type"]),
            **more,
        }

    def secrets(self) -> list[str]:
        """Everything that must never be shown."""
        kalshi, polymarket = self.told["venues"]
        member, wallet = kalshi["accounts"][0], polymarket["accounts"][0]
        body = [line for line in member["private_key_pem"].splitlines() if "PRIVATE KEY" not in line]
        names = ("private_key", "api_key", "api_secret", "api_passphrase")
        return [*body, wallet["private_key"][2:], *(wallet[name] for name in names), member["key_id"]]


@contextmanager
def simulators(folder: Path, seed: int = 5) -> Iterator[Venues]:
    """`dutchbook sim both`, its line also in `folder/sim.json`."""
    with started("sim", "both", "--seed", str(seed), "--speed", "2", cwd=folder) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        (folder / "sim.json").write_text(line)
        yield Venues(line, folder)
        process.communicate("stop\n", timeout=PATIENCE_S)
