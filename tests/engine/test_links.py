"""The engine trades approved links only (M10): the registry's, for the rules texts that were approved, and while those stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from dutchbook.core.claim import market_id
from dutchbook.core.clock import SECOND
from dutchbook.core.facts import AnyFact, LinkMember, LinkProposed, LinkStateRow
from dutchbook.core.link import rules_hash
from dutchbook.core.link_state import Standing
from dutchbook.core.trade import Phase
from dutchbook.engine.config import EngineConfig
from dutchbook.ledger.inbox import Answer
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.ledger.links import approval
from dutchbook.ledger.projection import Ledger
from dutchbook.linking.prior import PRIORS
from engine.parts import CONFIG
from engine.rig import Process, Rig, cross, play, uncross

NATIVES = {"kalshi": "KXRAIN-Y", "polymarket": "rain"}
RULES = "Yes if rain happens."
REGISTRY = replace(CONFIG, registry=True, rules_every_ns=5 * SECOND, require_confident_edge=False)


def rain(name: str = "rain-link", *, rules: str = RULES, prior: str = "game", high: bool = False) -> LinkProposed:
    members = tuple(
        LinkMember(market_id(venue, native), "Will rain happen?", rules, rules_hash(rules))
        for venue, native in NATIVES.items()
    )
    states = (LinkStateRow("yes", (1_000_000, 1_000_000), core=True), LinkStateRow("no", (0, 0), core=True))
    return LinkProposed(name, "yes_no", "rain", members, states, prior, "same titles", "discovery", high=high)


def write(rig: Rig, *facts: AnyFact, approve: bool) -> None:
    """Put links into the ledger before the engine begins."""
    owner = Identity(rig.config.mode.value, "simulators", ("kalshi", "polymarket"), ("trader",))
    journal = Journal.write(rig.folder / "ledger.db", owner)
    ledger = Ledger()
    for fact in facts:
        ledger.apply(fact, 1)
    turns = [approval(ledger.links, name, "ann", "read") for name in ledger.links.entries] if approve else []
    journal.append([*facts, *turns], rig.clock.wall())
    journal.close()


async def begin(rig: Rig, *facts: AnyFact, approve: bool = True) -> Process:
    rig.links.clear()
    write(rig, *(facts or (rain(),)), approve=approve)
    return await rig.start()


async def tell(process: Process, verb: str, **words: str) -> Answer:
    return await process.engine.commands.do(verb, words, "ann")


def standing(process: Process) -> Standing:
    return process.engine.desk.ledger.links.entries["rain-link"].standing


def test_m10_an_approved_link_of_the_registry_is_traded(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await begin(rig)
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
        assert process.trade.opened.link == "rain-link"

    play(tmp_path, story, config=REGISTRY)


@pytest.mark.parametrize(
    ("config", "approve"),
    [(REGISTRY, False), (replace(REGISTRY, registry=False), True)],
    ids=["proposed", "not asked for"],
)
def test_m10_what_is_not_approved_is_not_traded(tmp_path: Path, config: EngineConfig, approve: bool) -> None:
    async def story(rig: Rig) -> None:
        rig.links.clear()
        write(rig, rain(), approve=approve)
        process = await rig.start(books=config.registry)
        cross(rig)
        await rig.wait(5)
        assert process.trades == []
        if config.registry:
            assert process.engine.desk.funnel.snapshot()["reasons"].get("unapproved_link", 0) > 0

    play(tmp_path, story, config=config)


def test_m10_approving_takes_effect_at_once_and_suspending_too(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await begin(rig, approve=False)
        cross(rig)
        await rig.wait(3)
        answer = await tell(process, "link_approve", link="rain-link")
        assert answer.done and answer.text == "link rain-link: approved"
        uncross(rig)
        await rig.wait(1)
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
        assert (await tell(process, "link_suspend", link="rain-link", reason="news")).done
        uncross(rig)
        await rig.wait(5)
        cross(rig)
        await rig.wait(5)
        assert len(process.trades) == 1 and standing(process) is Standing.SUSPENDED

    play(tmp_path, story, config=REGISTRY)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_m10_rules_edited_while_it_runs_reopen_the_link_and_open_trades_go_on(tmp_path: Path, venue: str) -> None:
    async def story(rig: Rig) -> None:
        process = await begin(rig)
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
        uncross(rig)
        exchange = rig.kalshi if venue == "kalshi" else rig.polymarket
        exchange.reword(NATIVES[venue], RULES + " Drizzle does not count.", rig.clock.wall())
        await rig.until(lambda: standing(process) is Standing.PROPOSED, 20)
        assert "rules_changed" in process.alarms
        cross(rig)
        await rig.wait(5)
        assert len(process.trades) == 1 and process.trade.phase is Phase.LOCKED
        now = rig.clock.wall()
        rig.kalshi.settle(NATIVES["kalshi"], 1_000_000, now)
        rig.polymarket.settle(NATIVES["polymarket"], 1_000_000, now)
        await rig.until(lambda: process.trade.phase is Phase.SETTLED, 120)

    play(tmp_path, story, config=REGISTRY)


def test_m10_rules_edited_while_nothing_ran_reopen_the_link_at_the_start(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.polymarket.reword("rain", "Something else.", rig.clock.wall())
        process = await begin(rig)
        assert standing(process) is Standing.PROPOSED and "rules_changed" in process.alarms
        cross(rig)
        await rig.wait(5)
        assert process.trades == []
        # read again and approved again, it is traded
        code = process.engine.desk.ledger.links.entries["rain-link"].review_code
        assert (await tell(process, "link_approve", link="rain-link", seen=code)).done
        uncross(rig)
        await rig.wait(1)
        cross(rig)
        await rig.until(lambda: bool(process.trades))

    play(tmp_path, story, config=REGISTRY)


def test_m10_a_given_link_is_withdrawn_when_its_rules_change(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        rig.polymarket.reword("rain", "Something else.", rig.clock.wall())
        await rig.until(lambda: "rules_changed" in process.alarms, 20)
        cross(rig)
        await rig.wait(5)
        assert process.trades == []

    play(tmp_path, story, config=REGISTRY)


def test_what_the_registry_refuses_is_not_traded_because_a_file_says_so(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        write(rig, rain("rain"), approve=False)  # the same name as the link that the engine is given
        process = await rig.start()
        assert not process.engine.desk.links["rain"].approved
        cross(rig)
        await rig.wait(5)
        assert process.trades == []

    play(tmp_path, story, config=REGISTRY)


def test_m10_a_vetoed_or_unreadable_command_changes_nothing(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await begin(rig, approve=False)
        for verb, words in (
            ("link_reject", {"link": "rain-link"}),
            ("link_approve", {"link": "no such link"}),
            ("link_approve", {"link": "rain-link", "seen": "0" * 12}),
            ("link_propose", {"proposals": '[{"fact":"link_proposed"}]'}),
            ("link_propose", {"proposals": "{"}),
            ("link_annotate", {"annotation": "null"}),
        ):
            assert not (await tell(process, verb, **words)).done, verb
        assert standing(process) is Standing.PROPOSED and len(process.engine.desk.ledger.links.entries) == 1

    play(tmp_path, story, config=REGISTRY)


def test_b4_the_class_of_a_link_is_its_hurdle(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await begin(rig, rain(prior="subjective", high=True))
        link = process.engine.desk.links["rain-link"]
        assert link.divergence == PRIORS["subjective"].rate and link.high_confidence
        cross(rig)  # seven cents, below the ten that such a link must bring
        await rig.wait(5)
        assert process.trades == []

    play(tmp_path, story, config=REGISTRY)


def test_a_link_whose_market_the_venue_no_longer_knows_does_not_keep_the_engine_from_starting(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        gone = rain("gone")
        members = (LinkMember(market_id("kalshi", "KXGONE-Y"), "t", "r", rules_hash("r")), gone.members[1])
        process = await begin(rig, rain(), msgspec.structs.replace(gone, members=members))
        cross(rig)
        await rig.until(lambda: bool(process.trades))

    play(tmp_path, story, config=REGISTRY)
