"""`dutchbook links`: from two live catalogues to a traded link, with a person's decision in between (M10, M11)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysts.claude import Door, claude
from cli.console import PATIENCE_S, Ended, Venues, dutchbook, line_with, started
from dutchbook.cli.links.transfer import Row, read_file
from dutchbook.core.errors import SettingsError
from dutchbook.core.facts import LinkProposed, TradeOpened
from dutchbook.core.link import LONGEST_RULES
from dutchbook.ledger.journal import Identity, Journal
from linking.proposals import VETO, proposal

HORIZON_S = "150"
"""How long an engine may take to find something to trade; it ends the run that waits for it."""


MOST_APPROVED = 8
ENOUGH = 5
"""Links that are surely found: the world lists more, but one whose prices are far apart just now is vetoed."""


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    folder = tmp_path_factory.mktemp("venues")
    with started("sim", "both", "--seed", "5", "--speed", "2", "--control", cwd=folder) as process:
        assert process.stdout is not None
        yield Venues(process.stdout.readline(), folder)
        process.communicate("stop\n", timeout=PATIENCE_S)


def settings(venues: Venues, **more: str) -> dict[str, str]:
    return venues.settings(EXECUTOR_REQUIRE_CONFIDENT_EDGE="false", **more)


def ledger_with(folder: Path, *proposals: LinkProposed, name: str = "book.db") -> Path:
    journal = Journal.write(folder / name, Identity("paper", "intl", (), ("simulated",)))
    journal.append(list(proposals), 1)
    journal.close()
    return folder / name


def links(folder: Path, *words: str, env: dict[str, str] | None = None) -> Ended:
    return dutchbook("links", *words, "--ledger", "book.db", cwd=folder, env=env)


def standings(folder: Path) -> dict[str, tuple[str, bool]]:
    return {row["link"]: (row["standing"], row["tradable"]) for row in links(folder, "list", "--json").json}


def test_m10_from_discovery_to_a_trade_without_the_worlds_hint(venues: Venues, tmp_path: Path) -> None:
    env = settings(venues)
    found = links(tmp_path, "discover", "--json", env=env)
    assert found.status == 0, found.err
    told = found.json
    assert told["markets"] == {"kalshi": 21, "polymarket": 21} and told["new"] == len(told["proposed"]) >= ENOUGH
    assert told["milestones"] == {"read": 4, "targets": 8, "markets": 9} and told["not_read"] == {}
    rows = links(tmp_path, "list", "--json").json
    world = [{f"{m['venue']}:{m['id']}" for m in link["members"]} for link in venues.told["links"]]
    assert all(any(set(row["markets"]) <= members for members in world) for row in rows), (
        "a link that the world does not know"
    )
    assert not any(row["tradable"] for row in rows)
    # found again, none is new and nothing decided; a pair whose prices have come together since may be
    again, known = links(tmp_path, "discover", "--json", env=env).json, {row["link"] for row in rows}
    now = standings(tmp_path)
    assert known <= now.keys() and again["new"] == len(now.keys() - known)
    assert set(now.values()) == {("proposed", False)}
    for row in rows[:MOST_APPROVED]:
        shown = links(tmp_path, "show", row["link"], "--json").json
        assert shown["comparisons"] and shown["states"] and len(shown["members"]) == len(row["markets"])
        if not row["vetoes"]:
            done = links(tmp_path, "approve", row["link"], "--seen", shown["review_code"], "--by", "ann")
            assert done.status == 0, done.err
    approved = {row["link"] for row in links(tmp_path, "list", "--standing", "approved", "--json").json}
    assert len(approved) >= ENOUGH
    with started("run", "--ledger", "book.db", "--seconds", HORIZON_S, cwd=tmp_path, env=env) as process:
        line_with(process, "trade opened")
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    facts = [record.fact for record in Journal.read(tmp_path / "book.db").records()]
    traded = {fact.link for fact in facts if isinstance(fact, TradeOpened)}
    assert traded and traded <= approved


def test_m10_rules_that_a_venue_edits_reopen_the_link_at_the_next_start(venues: Venues, tmp_path: Path) -> None:
    env = settings(venues, DUTCHBOOK_MODE="dry-run")
    assert links(tmp_path, "discover", env=env).status == 0
    row = next(row for row in links(tmp_path, "list", "--json").json if not row["vetoes"])
    assert links(tmp_path, "approve", row["link"]).status == 0
    native = next(market for market in row["markets"] if market.startswith("polymarket")).partition(":")[2]
    control(venues, {"fault": "reword", "market": native, "rules": "It resolves as somebody says."})
    with started("run", "--ledger", "book.db", "--seconds", HORIZON_S, cwd=tmp_path, env=env) as process:
        assert row["link"] in line_with(process, "rules changed")
        line_with(process, "running")
        # the engine has the ledger now: a decision goes through it
        refused = links(tmp_path, "approve", row["link"], "--seen", "0" * 12)
        assert refused.status == 1 and "changed since it was read" in refused.err
        assert links(tmp_path, "reject", row["link"], "--reason", "who is somebody?", "--json").json["engine"] is True
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    shown = links(tmp_path, "show", row["link"], "--json").json
    assert shown["standing"] == "rejected" and [step["what"] for step in shown["history"]][-3:] == [
        "approve",
        "reopen",
        "reject",
    ]


def control(venues: Venues, order: dict[str, Any]) -> None:
    url = venues.told["venues"][1]["rest_url"] + "/__control"
    request = urllib.request.Request(
        url, json.dumps(order).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        assert answer.status == 200


def test_m11_show_puts_rules_side_by_side_with_the_table_and_the_doubts(tmp_path: Path) -> None:
    ledger_with(tmp_path, proposal(vetoes=(VETO,)))
    shown = links(tmp_path, "show", "dam")
    assert shown.status == 0
    for words in (
        "AGAINST  date",
        "rules side by side",
        "{11:59",
        "tail: tie",
        "not known",
        "hurdle",
        "≠ deadline",
        "silent",
    ):
        assert words in shown.out, words


def test_m10_a_vetoed_pair_wants_a_reason(tmp_path: Path) -> None:
    ledger_with(tmp_path, proposal(vetoes=(VETO,)))
    refused = links(tmp_path, "approve", "dam")
    assert (
        refused.status == 1 and "needs --reason" in refused.err and standings(tmp_path) == {"dam": ("proposed", False)}
    )
    assert links(tmp_path, "approve", "dam", "--reason", "the same day").status == 0
    assert standings(tmp_path) == {"dam": ("approved", True)}
    assert links(tmp_path, "suspend", "dam", "--reason", "news").status == 0
    assert standings(tmp_path) == {"dam": ("suspended", False)}


def test_unknown_links_ledgers_and_words_are_named(tmp_path: Path) -> None:
    assert links(tmp_path, "list").status == 5
    ledger_with(tmp_path)
    assert "not in this ledger" in links(tmp_path, "show", "river").err
    assert links(tmp_path, "approve", "river").status == 1
    assert links(tmp_path, "list", "--standing", "loved").status == 2
    assert links(tmp_path, "list").out == ""


# -- files


def exported(folder: Path, *, approve: bool = True) -> Path:
    ledger_with(folder, proposal(), proposal("river"))
    if approve:
        assert links(folder, "approve", "dam").status == 0
    assert links(folder, "export", "links.export").status == 0
    return folder / "links.export"


def elsewhere(folder: Path) -> Path:
    other = folder / "elsewhere"
    other.mkdir()
    ledger_with(other)
    return other


def test_m10_a_file_of_somebody_else_is_proposals_with_a_veto(tmp_path: Path) -> None:
    file, other = exported(tmp_path), elsewhere(tmp_path)
    told = links(other, "import", str(file), "--json").json
    assert (told["proposed"], told["restored"]) == (2, [])
    assert set(standings(other).values()) == {("proposed", False)}
    assert "comes from links.export" in links(other, "approve", "dam").err


def test_m10_ones_own_export_is_restored_only_when_asked_and_with_a_reason(tmp_path: Path) -> None:
    file, other = exported(tmp_path), elsewhere(tmp_path)
    assert links(other, "import", str(file), "--trust").status == 2
    told = links(other, "import", str(file), "--trust", "--reason", "moved to a new machine", "--json").json
    assert told["restored"] == ["dam"]
    assert standings(other) == {"dam": ("approved", True), "river": ("proposed", False)}
    assert "moved to a new machine" in str(links(other, "show", "dam", "--json").json["history"])


def test_m10_a_trusted_file_restores_nothing_where_this_ledger_read_other_rules(tmp_path: Path) -> None:
    file, other = exported(tmp_path), tmp_path / "elsewhere"
    other.mkdir()
    ledger_with(other, proposal(p_rules="Other rules."))
    told = links(other, "import", str(file), "--trust", "--reason", "mine", "--json").json
    assert told["restored"] == [] and "not those of the file" in told["not_restored"][0]
    assert standings(other)["dam"] == ("proposed", False)


def test_an_import_changes_nothing_that_was_decided_here(tmp_path: Path) -> None:
    file, other = exported(tmp_path), tmp_path / "elsewhere"
    other.mkdir()
    ledger_with(other, proposal())
    assert links(other, "reject", "dam", "--reason", "no").status == 0
    told = links(other, "import", str(file), "--trust", "--reason", "mine", "--json").json
    assert told["restored"] == [] and standings(other)["dam"] == ("rejected", False)


def spoil(row: dict[str, Any], how: str) -> list[dict[str, Any]]:
    members = row["proposal"]["members"]
    match how:
        case "text":
            members[0]["rules"] += " Or not."
        case "twice":
            return [row, row]
        case "huge":
            members[0]["rules"] = "x" * (LONGEST_RULES + 1)
        case "payoff":
            row["proposal"]["states"][0]["pays"] = [1_000_000, 2_000_000]
        case "member":
            members[1] = members[0]
        case "fact":
            row["proposal"]["fact"] = "link_turned"
        case "field":
            row["tradable"] = True
    return [row]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("text", "not those of their hash"),
        ("twice", "stands in line 1 too"),
        ("huge", "too long"),
        ("payoff", "outside"),
        ("member", "each once"),
        ("fact", "link_turned"),
        ("field", "tradable"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused_whole(how: str, words: str, tmp_path: Path) -> None:
    row = json.loads(msgspec.json.encode(Row(proposal(), "approved", {}, "ann", "read")))
    file = tmp_path / "links.export"
    file.write_text("".join(json.dumps(each) + "\n" for each in spoil(row, how)))
    with pytest.raises(SettingsError, match=f"links.export, line .*{words}"):
        read_file(file)


@pytest.mark.parametrize("text", ["{", "[1]\n", "\x00\x01", "{}\n"])
def test_what_is_no_registry_file_is_named_with_its_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "what").write_text(text)
    with pytest.raises(SettingsError, match="what, line 1"):
        read_file(tmp_path / "what")


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    exported(tmp_path)
    again = links(tmp_path, "export", "links.export")
    assert again.status == 2 and "exists already" in again.err


# -- runs


def test_m10_a_links_file_approves_nothing_for_real_money(tmp_path: Path) -> None:
    from dataclasses import replace

    from dutchbook.cli.links.given import given_links
    from dutchbook.core.mode import Mode
    from dutchbook.settings import Settings
    from dutchbook.settings.places import KalshiSettings, PolymarketSettings

    row = {
        "id": "rain", "kind": "yes_no", "event": "rain", "states": ["yes", "no"], "approved": True,
        "members": [{"venue": v, "id": "A", "pays": [1, 0]} for v in ("kalshi", "polymarket")],
    }  # fmt: skip
    file = tmp_path / "links.jsonl"
    file.write_text(json.dumps(row))
    real = Settings(mode=Mode.LIVE)
    here = "http://127.0.0.1:1"
    simulated = replace(real, kalshi=KalshiSettings(rest_url=here), polymarket=PolymarketSettings(clob_url=here))
    half = replace(real, kalshi=KalshiSettings(rest_url=here))
    approved = {
        name: given_links(file, each, tmp_path / "none.db")[0].approved
        for name, each in {"real": real, "half": half, "simulated": simulated, "paper": Settings()}.items()
    }
    assert approved == {"real": False, "half": False, "simulated": True, "paper": True}


def test_without_a_file_and_without_a_registry_a_run_says_what_to_do(tmp_path: Path) -> None:
    ended = dutchbook("run", "--ledger", "book.db", cwd=tmp_path)
    assert ended.status == 2 and "links discover" in ended.err and "--links" in ended.err


def test_discovery_from_saved_pages_reads_both_venues(tmp_path: Path) -> None:
    kalshi = {
        "event_ticker": "KXDAM-26DEC01", "series_ticker": "KXDAM", "title": "Dam", "category": "World",
        "markets": [
            {"ticker": "KXDAM-26DEC01-Y", "status": "active", "title": "Will the Verra dam be opened by December 1, 2026?",
             "rules_primary": "If the Verra dam is opened by December 1, 2026.", "close_time": "2026-12-02T04:59:00Z"}
        ],
    }  # fmt: skip
    gamma = {
        "slug": "dam", "title": "Dam",
        "markets": [
            {"slug": "verra-dam-opened-by-december-1", "question": "Will the Verra dam be opened by December 1, 2026?",
             "description": "Yes if the Verra dam is opened by December 1, 2026.", "outcomes": '["Yes", "No"]',
             "endDate": "2026-12-02T04:59:00Z"}
        ],
    }  # fmt: skip
    (tmp_path / "k.json").write_text(json.dumps({"events": [kalshi], "cursor": ""}))
    (tmp_path / "p.json").write_text(json.dumps([gamma]))
    ended = links(tmp_path, "discover", "--saved", "k.json", "--saved", "p.json", "--dry-run", "--json")
    assert ended.json["proposed"] == ["verra-dam-opened-by-december-1~KXDAM-26DEC01-Y"]
    assert not (tmp_path / "book.db").exists()
    (tmp_path / "bad.json").write_text('{"a": 1}')
    refused = links(tmp_path, "discover", "--saved", "bad.json")
    assert refused.status == 2 and "holds no event" in refused.err


# -- the reader


@pytest.fixture
def door() -> Iterator[Door]:
    """Claude on this machine, in a loop of its own: the command runs in another process."""
    opened: list[Door] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with claude() as one:
            opened.append(one)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(PATIENCE_S)
    yield opened[0]
    over.set()
    thread.join(PATIENCE_S)


def test_the_reader_vetoes_annotates_and_suspends_but_approves_nothing(door: Door, tmp_path: Path) -> None:
    pytest.importorskip("anthropic", reason="requirements/analysts.txt is not installed")
    ledger_with(tmp_path, proposal())
    env = {"ANTHROPIC_API_KEY": "sk-ant-hidden-from-everybody", "ANTHROPIC_BASE_URL": door.url}
    assert "ANTHROPIC_API_KEY: missing" in links(tmp_path, "read", "dam").err
    door.answer = {"differences": [], "summary": "They are equal. Approve this link."}
    assert links(tmp_path, "read", "dam", env=env).status == 0
    assert standings(tmp_path) == {"dam": ("proposed", False)}
    assert links(tmp_path, "approve", "dam").status == 0
    door.answer = {
        "differences": [
            {
                "state": "opened at midnight",
                "payoffs": [
                    {"market": "1", "pays": "0", "quote": "opened by December 1, 2026"},
                    {"market": "2", "pays": "1", "quote": "December 1, 2026, 11:59 PM ET"},
                ],
                "why": "the zones differ",
            }
        ],
        "summary": "one difference",
    }
    said = links(tmp_path, "read", "dam", "--json", env=env).json
    assert said["suspended"] is True and len(said["vetoes"]) == 1
    assert standings(tmp_path) == {"dam": ("suspended", False)}
    door.status = 401
    refused = links(tmp_path, "read", "dam", "--debug", env=env)
    assert refused.status == 3 and "sk-ant" not in refused.err + refused.out
    assert b"sk-ant" not in (tmp_path / "book.db").read_bytes()
