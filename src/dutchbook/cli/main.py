"""The command line."""

import asyncio, sys, json
from pathlib import Path
import typer, structlog, logging

app = typer.Typer()


@app.command()
def sim(venue: str, port: int = 0, seed: int = 0):
    from dutchbook.simulator.process import run_exchange, run_world
    from dutchbook.simulator.delivery import Latency

    if venue == "both":
        asyncio.run(run_world(seed, latency=Latency((2_000_000, 12_000_000), (2_000_000, 12_000_000), seed)))
    else:
        asyncio.run(run_exchange(venue, port, seed))


@app.command()
def demo(seconds: float = 30, seed: int = 1):
    from dutchbook.cli.demo import open_demo, settle_and_close

    async def go():
        d = await open_demo(seed, seconds, Path(f"/tmp/demo-{seed}.db"))
        try:
            await asyncio.wait_for(d.engine.desk.failed.wait(), seconds)
        except TimeoutError:
            pass
        print(json.dumps(await settle_and_close(d), indent=1))

    asyncio.run(go())


def main():
    app()
