"""`dutchbook sim`: venues of one's own, described in one line and obedient."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from cli.console import PATIENCE_S, dutchbook, started


def free_pair() -> int:
    """A port that is free, and the next one as well; below those that the system hands out to everybody else."""
    for port in random.sample(range(20_000, 30_000), 50):
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two neighbouring ports are free")


def test_both_venues_stand_on_neighbouring_ports_and_tell_their_books_when_asked(tmp_path: Path) -> None:
    port = free_pair()
    with started("sim", "both", "--port", str(port), "--seed", "3", "--latency-ms", "0:0", cwd=tmp_path) as process:
        assert process.stdout is not None and process.stdin is not None
        kalshi, polymarket = json.loads(process.stdout.readline())["venues"]
        assert kalshi["rest_url"] == f"http://127.0.0.1:{port}/trade-api/v2"
        assert polymarket["rest_url"] == f"http://127.0.0.1:{port + 1}"
        process.stdin.write("statement\n")
        process.stdin.flush()
        statement = json.loads(process.stdout.readline())["statement"]
        assert statement.keys() == {"kalshi", "polymarket"}
        process.communicate("stop\n", timeout=PATIENCE_S)
        assert process.returncode == 0


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_one_venue_can_stand_alone(venue: str, tmp_path: Path) -> None:
    with started("sim", venue, cwd=tmp_path) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["venue"] == venue and told["accounts"] and told["markets"]
        process.communicate("stop\n", timeout=PATIENCE_S)
        assert process.returncode == 0


def test_a_service_without_any_input_goes_on_until_it_is_told(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "dutchbook", "sim", "kalshi"]
    with subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["rest_url"]
        with urllib.request.urlopen(f"{url}/exchange/status", timeout=PATIENCE_S) as answer:
            assert answer.status == 200
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


def test_a_taken_port_is_named_with_its_fix(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = dutchbook("sim", "kalshi", "--port", port, cwd=tmp_path)
    assert ended.status == 2
    assert f"--port {port}" in ended.err and "choose another" in ended.err


@pytest.mark.parametrize("text", ["5", "9:2", "a:b", "-1:2", ":"])
def test_a_latency_that_is_no_range_is_refused(text: str, tmp_path: Path) -> None:
    ended = dutchbook("sim", "both", f"--latency-ms={text}", cwd=tmp_path)
    assert ended.status == 2 and "LOW:HIGH" in ended.err
