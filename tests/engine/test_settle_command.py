"""The verb `settle` (M35, M47): results are asked for when a person wants them, not at the clock's next turn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dutchbook.core.clock import DAY
from dutchbook.core.trade import Phase
from dutchbook.torture.network import Fault, answer_with, reads_of
from engine.rig import Rig, play
from engine.scenes import command, lock


def test_m47_settle_books_what_is_final_and_tells_what_waits(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        # results come by nothing but the command
        rig.config = replace(rig.config, results_every_ns=DAY, reconcile_every_ns=DAY, balance_every_ns=DAY)
        process = await rig.start()
        trade = await lock(rig, process)
        waits = await command(rig, "settle")
        assert (waits.done, waits.text) == (
            True,
            "0 of 2 legs were paid now, 0 trades settled; 2 legs wait for a final result",
        )
        rig.network.muffled = lambda frame: True
        rig.settle()
        await rig.wait(1)
        rig.network.faults.append(Fault(reads_of("kalshi", "/markets"), answer_with(503), times=100_000))
        deaf = await command(rig, "settle")
        assert not deaf.done and "not heard: kalshi: " in deaf.text and trade.phase is Phase.LOCKED
        rig.network.faults.clear()
        told = await command(rig, "settle")
        assert told.done and told.text.endswith(f"legs were paid now, 1 trades settled ({trade.id})"), told.text
        assert trade.phase is Phase.SETTLED

    play(tmp_path, story)
