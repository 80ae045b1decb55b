"""The page beside a real engine (a demo): what it shows comes live, and a button pressed there stops the engine (M46)."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from cli.console import started
from web.serving import page, until


async def test_m46_the_engine_is_seen_live_and_two_operators_command_it_at_once(tmp_path: Path) -> None:
    with started("demo", "--seconds", "120", "--seed", "3", cwd=tmp_path) as demo:
        folder = tmp_path / "demo-ledger"
        await until(lambda: any(folder.glob("*.db")))
        (ledger,) = folder.glob("*.db")
        async with page(ledger) as served, served.client() as one, served.client() as other:
            live = served.room.live
            await until(lambda: live.hello is not None and bool(live.table) and live.value("balances") is not None)
            await until(lambda: live.value("health") is not None and live.value("health")["accepting"])
            for path in ("/", "/opportunities", "/system", "/positions"):
                assert (await one.get(path)).status_code == 200
            system = (await one.get("/api/v1/system")).json()
            assert system["buckets"]["kalshi"]["reads"][1] > 0
            assert system["health"]["feeds"]["kalshi books"]["up"]
            seq = live.view.ledger.seq
            answers = await asyncio.gather(
                one.post("/api/v1/commands/stop", json={"reason": "one"}),
                other.post("/api/v1/commands/start", json={"seen": seq}),
                one.post("/api/v1/commands/stop", json={"reason": "two"}),
                other.post("/api/v1/commands/start", json={"seen": seq}),
            )
            assert {answer.status_code for answer in answers} <= {200, 409}
            assert [answers[0].status_code, answers[2].status_code] == [200, 200]
            # whoever stopped, the engine is stopped: a start that had not seen it did nothing
            live.catch_up()
            assert live.view.ledger.kill_switch is not None
            again = await other.post("/api/v1/commands/start", json={"seen": live.view.ledger.seq})
            assert again.status_code == 200, again.text
            assert live.view.ledger.kill_switch is None
            demo.send_signal(signal.SIGINT)
            await until(lambda: live.engine()["state"] == "stopped")
            assert "Engine off" in (await one.get("/")).text
        assert await asyncio.to_thread(demo.wait, 60) is not None
