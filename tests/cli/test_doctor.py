"""`dutchbook doctor`: one line per check with its fix, and status 0 only when the mode could run."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cli.console import Ended, Venues, dutchbook, simulators
from dutchbook.cli.doctor import examination
from dutchbook.cli.doctor.command import FAIL, OK, WARN
from dutchbook.cli.sides import check_region
from dutchbook.core.clock import SECOND, SystemClock
from dutchbook.core.errors import Refused, Skip
from dutchbook.core.transport import Channel, Request, Response
from dutchbook.core.venue import VenueMode
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.settings import Mode, Settings, TradingSettings, load
from dutchbook.venues.kalshi import KalshiData

LINKS = ("--links", "sim.json")


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulators(tmp_path_factory.mktemp("venues")) as opened:
        yield opened


def verdicts(ended: Ended) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in ended.json["checks"]}


def failures(ended: Ended) -> list[str]:
    return [name for name, verdict in verdicts(ended).items() if verdict == "fail"]


def test_everything_that_live_needs_is_looked_at_and_nothing_is_changed(venues: Venues) -> None:
    before = {path.name for path in venues.folder.iterdir()} | {"kalshi.pem"}
    ended = dutchbook("doctor", *LINKS, "--json", cwd=venues.folder, env=venues.settings())
    assert ended.status == 0, ended.out
    assert ended.json["could_run"] is True and ended.json["mode"] == "live"
    assert verdicts(ended).keys() >= {
        "settings", "secrets", "kalshi status", "kalshi clock", "kalshi signed read", "kalshi balance",
        "polymarket status", "polymarket clock", "polymarket signed read", "polymarket balance",
        "polymarket account", "polymarket allowances", "kalshi windows",
        "region", "links", "ledger", "disk", "state stream", "telegram",
    }  # fmt: skip
    assert {path.name for path in venues.folder.iterdir()} == before


def test_each_line_that_is_not_well_names_its_fix(venues: Venues) -> None:
    env = venues.settings(
        DUTCHBOOK_MODE="paper", KALSHI_API_KEY_ID="", KALSHI_PRIVATE_KEY_PATH="", EXECUTOR_MAX_BET="2"
    )
    ended = dutchbook("doctor", *LINKS, cwd=venues.folder, env=env)
    assert ended.status == 0, ended.out
    lines = [line for line in ended.out.splitlines() if line.startswith(("warn", "FAIL"))]
    assert all(" -> " in line for line in lines)
    assert any("polled by REST" in line and "KALSHI_API_KEY_ID" in line for line in lines)
    assert any("EXECUTOR_MAX_BET" in line for line in lines)
    assert "mode paper could run" in ended.out


def test_a_refused_signature_fails_with_the_status_of_credentials(venues: Venues) -> None:
    ended = dutchbook("doctor", *LINKS, "--json", cwd=venues.folder, env=venues.settings(KALSHI_API_KEY_ID="nobody"))
    assert ended.status == 3 and failures(ended) == ["kalshi signed read"]


def test_an_unreachable_venue_fails_and_the_other_is_still_looked_at(venues: Venues) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}"
    ended = dutchbook("doctor", *LINKS, "--json", cwd=venues.folder, env=venues.settings(POLYMARKET_CLOB_URL=nowhere))
    assert ended.status == 4
    assert failures(ended)[0] == "polymarket status" and verdicts(ended)["kalshi signed read"] == "ok"


def test_missing_secrets_are_all_named_and_present_ones_only_by_name(venues: Venues) -> None:
    env = venues.settings(KALSHI_API_KEY_ID="", POLYMARKET_SIGNATURE_TYPE="3")
    ended = dutchbook("doctor", *LINKS, cwd=venues.folder, env=env)
    assert ended.status == 3
    (line,) = [line for line in ended.out.splitlines() if " secrets " in line]
    assert "missing: KALSHI_API_KEY_ID, POLY_FUNDER_ADDRESS" in line and "present:" in line
    assert [secret for secret in venues.secrets() if secret in ended.out] == []


def test_a_ledger_in_use_and_one_of_another_mode_fail(venues: Venues) -> None:
    holder = Journal.write(venues.folder / "held.db", Identity("live", "intl", (), ()))
    held = dutchbook("doctor", *LINKS, "--ledger", "held.db", "--json", cwd=venues.folder, env=venues.settings())
    holder.close()
    foreign = dutchbook("doctor", *LINKS, "--ledger", "held.db", "--json", cwd=venues.folder, env=venues.settings())
    assert (held.status, failures(held)) == (5, ["ledger"])
    assert (foreign.status, failures(foreign)) == (5, ["ledger"])
    assert "another engine" in held.out and "belongs to" in foreign.out


@pytest.mark.parametrize(
    ("env", "status"),
    [({"EXECUTOR_NONSENSE": "1"}, 2), ({"KALSHI_PRIVATE_KEY_PATH": "no.pem"}, 3)],
)
def test_settings_that_cannot_be_read_are_the_only_line(env: Mapping[str, str], status: int, tmp_path: Path) -> None:
    ended = dutchbook("doctor", "--json", cwd=tmp_path, env=env)
    assert ended.status == status
    assert failures(ended) == ["settings"] and next(iter(env)) in ended.out


def test_missing_links_fail_with_the_status_of_usage(venues: Venues) -> None:
    ended = dutchbook("doctor", "--json", cwd=venues.folder, env=venues.settings())
    assert (ended.status, failures(ended)) == (2, ["links"])


@pytest.mark.parametrize(
    ("largest", "verdict", "words"),
    [
        (500_000, FAIL, "buys nothing"),
        (1_000_000, FAIL, "buys nothing"),
        (2_000_000, WARN, "$0.50"),
        (10_000_000, OK, "$10.00"),
    ],
)
def test_a_bet_limit_that_fits_little_is_told(largest: int, verdict: str, words: str) -> None:
    check = examination.choices(Settings(trading=TradingSettings(min_bet=0, max_bet=largest)))[-1]  # type: ignore[arg-type]
    assert check.verdict == verdict and words in check.text


class OtherClock(KalshiData):
    """A venue whose clock is off by so much."""

    offset_ns = 0

    async def mode(self) -> VenueMode:
        return VenueMode.TRADING

    async def server_time(self) -> tuple[int, int]:
        now = SystemClock().wall() + self.offset_ns
        return now, now + SECOND // 10


@pytest.mark.parametrize(("offset_ns", "verdict"), [(0, OK), (SECOND, FAIL), (-2 * SECOND, FAIL), (SECOND // 5, OK)])
async def test_a_clock_that_is_off_by_more_than_a_quarter_second_fails(offset_ns: int, verdict: str) -> None:
    data = OtherClock(examination.kalshi_config(Settings()), Region(b"", 200), SystemClock())
    data.offset_ns = offset_ns
    _, clock = await examination._public("kalshi", data, "KALSHI_REST_URL")
    assert clock.verdict == verdict, clock.text
    assert verdict == OK or "NTP" in clock.fix


class Region:
    """A transport that answers the region check, and remembers what was asked."""

    def __init__(self, body: bytes, status: int) -> None:
        self.asked: list[str] = []
        self._response = Response(status, body)

    async def send(self, request: Request) -> Response:
        self.asked.append(request.url)
        return self._response

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        raise Refused("no channel here")

    async def close(self) -> None:
        pass


async def test_where_polymarket_takes_no_orders_live_is_refused_with_the_place() -> None:
    transport = Region(b'{"blocked":true,"ip":"203.0.113.7","country":"US","region":"NY"}', 200)
    with pytest.raises(Refused, match="takes no orders from US NY"):
        await check_region(load({"DUTCHBOOK_MODE": "live"}), transport)
    assert transport.asked == ["https://polymarket.com/api/geoblock"]


async def test_where_it_takes_orders_the_place_is_told() -> None:
    transport = Region(b'{"blocked":false,"ip":"203.0.113.7","country":"BR","region":"SP"}', 200)
    assert await check_region(Settings(mode=Mode.LIVE), transport) == "BR SP: orders are taken"


@pytest.mark.parametrize(("body", "status"), [(b"<html>", 403), (b"{}", 200), (b'{"blocked":"no"}', 200)])
async def test_without_a_readable_word_no_real_order_is_sent(body: bytes, status: int) -> None:
    with pytest.raises(Skip, match="no real order is sent"):
        await check_region(Settings(mode=Mode.LIVE), Region(body, status))


async def test_a_simulator_has_no_region_and_is_not_asked() -> None:
    transport = Region(b"", 500)
    settings = load({"POLYMARKET_CLOB_URL": "http://127.0.0.1:8001"})
    assert "simulator" in await check_region(settings, transport)
    assert transport.asked == []
