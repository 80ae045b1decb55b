"""`dutchbook wallet`: every operation says first what it will do, and does nothing without --yes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.console import Venues, dutchbook, simulators

KEY = {"POLYMARKET_PRIVATE_KEY": "0x" + "1f" * 32, "POLYMARKET_SIGNATURE_TYPE": "0"}


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulators(tmp_path_factory.mktemp("venues")) as opened:
        yield opened


@pytest.mark.parametrize(("command", "words"), [("approve", "without limit"), ("create", "Create the deposit wallet")])
def test_without_yes_it_only_says_what_it_would_do(tmp_path: Path, command: str, words: str) -> None:
    ended = dutchbook("wallet", command, cwd=tmp_path, env=KEY)
    assert ended.status == 0, ended.err
    assert words in ended.out and "nothing was done" in ended.out
    assert KEY["POLYMARKET_PRIVATE_KEY"][2:] not in ended.out + ended.err


def test_without_a_key_it_names_what_is_missing(tmp_path: Path) -> None:
    ended = dutchbook("wallet", "approve", cwd=tmp_path)
    assert ended.status == 3 and "POLYMARKET_PRIVATE_KEY" in ended.err


def test_on_a_simulator_the_real_wallet_is_left_alone(venues: Venues) -> None:
    ended = dutchbook("wallet", "approve", "--yes", cwd=venues.folder, env=venues.settings())
    assert ended.status == 2 and "not the real venue" in ended.err


def test_a_transfer_between_shards_moves_the_cash(venues: Venues) -> None:
    said = dutchbook("wallet", "transfer", "25", "0", "2", cwd=venues.folder, env=venues.settings())
    assert said.status == 0 and "nothing was done" in said.out
    done = dutchbook("wallet", "transfer", "25", "0", "2", "--yes", cwd=venues.folder, env=venues.settings())
    assert done.status == 0, done.err
    assert "asked for: transfer" in done.out
    doctor = dutchbook("doctor", cwd=venues.folder, env=venues.settings())
    assert "kalshi:0 $475.00, kalshi:2 $525.00" in doctor.out


def test_m47_with_json_the_answer_is_one_object(venues: Venues) -> None:
    words = ("wallet", "transfer", "1", "0", "2", "--json")
    said = dutchbook(*words, cwd=venues.folder, env=venues.settings()).json
    assert said["text"].startswith("Move $1.00 from kalshi:0 to kalshi:2") and said["done"] is False
    assert "--yes" in said["result"] and said["transaction"] == ""
    done = dutchbook(*words, "--yes", cwd=venues.folder, env=venues.settings()).json
    assert done["done"] is True and done["transaction"] and done["transaction"] in done["result"]


@pytest.mark.parametrize(
    "words", [("transfer", "-5", "0", "2"), ("transfer", "five", "0", "2"), ("transfer", "5", "2", "2")]
)
def test_a_transfer_that_cannot_be_is_refused(venues: Venues, words: tuple[str, ...]) -> None:
    ended = dutchbook("wallet", *words, "--yes", cwd=venues.folder, env=venues.settings())
    assert ended.status != 0
