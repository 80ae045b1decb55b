"""Every operation of the API against generated requests: whatever comes, no 500, and answers as the description says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cli.ledgers import write
from dutchbook.cli.web import make_room
from dutchbook.web.app import create_app
from web.serving import Served, page

LEDGER = Path("ledger.db")


def _schema() -> Any:
    """The description, without push, which has no end."""
    app = create_app(make_room_for_schema())
    raw = app.openapi()
    raw["paths"].pop("/api/v1/live")
    return schemathesis.openapi.from_dict(raw)


def make_room_for_schema() -> Any:
    """A room of no ledger: the description does not depend on it."""
    import tempfile

    return make_room(Path(tempfile.mkdtemp()) / "none.db", None)


schema = _schema()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page in a thread of its own."""
    ledger = tmp_path_factory.mktemp("fuzz") / LEDGER
    write(ledger)
    up, over = threading.Event(), asyncio.Event()
    found: list[Served] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        async with page(ledger) as each:
            found.append(each)
            loops.append(asyncio.get_running_loop())
            up.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(60)
    yield found[0]
    loops[0].call_soon_threadsafe(over.set)
    thread.join(60)


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_breaks_the_api(case: Any, served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.token}"}
    # a fuzzed login must not lock the others out
    served.room.access._failures.clear()
    case.call_and_validate(
        base_url=served.url,
        headers=headers,
        checks=[not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance],
    )
