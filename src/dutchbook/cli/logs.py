"""Logs: one structured line per event, with the mode in each. Human lines or JSON; never a traceback's variables.

Logs go to standard error or to a file, never to standard output. Values are written as they come: code that logs must not
hand over a secret, and `settings.Secret` shows itself as `***` everywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import structlog

from dutchbook.core.errors import SettingsError

Event = MutableMapping[str, Any]
_FIRST = ("timestamp", "mode", "level", "event")


def configure_logs(
    *,
    stream: TextIO | None,
    as_json: bool = False,
    file: Path | None = None,
    remember: Callable[[str], None] | None = None,
) -> None:
    """Send log lines to `stream` (human, or JSON) and JSON lines to `file`; `remember` gets each human line as well.

    Call before an engine is made: it takes its logger once. Raises SettingsError when the file cannot be written.
    """
    sinks: list[Callable[[Event], None]] = []
    if file is not None:
        try:
            sinks.append(_writer(file.open("a", encoding="utf-8"), _json))
        except OSError as error:
            raise SettingsError(f"log file {file}: cannot be written ({error.strerror}); choose another path") from None
    if stream is not None:
        sinks.append(_writer(stream, _json if as_json else human))
    if remember is not None:
        sinks.append(lambda event: remember(human(event)))

    def deliver(logger: object, method: str, event: Event) -> Event:
        for sink in sinks:
            sink(event)
        raise structlog.DropEvent

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            deliver,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )


def human(event: Event) -> str:
    """`02:34:26.123 [PAPER] warning  book gap  source=kalshi books  reason=…`."""
    clock = str(event.get("timestamp", ""))[11:23]
    level = str(event.get("level", ""))
    rest = "  ".join(f"{key}={_text(value)}" for key, value in event.items() if key not in _FIRST)
    line = f"{clock} {event.get('mode', '')} {level:7}  {event.get('event', '')}"
    return f"{line}  {rest}" if rest else line


def _text(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(map(str, value))
    return str(value)


def _json(event: Event) -> str:
    return str(structlog.processors.JSONRenderer(ensure_ascii=False)(None, "", dict(event)))


def _writer(stream: TextIO, render: Callable[[Event], str]) -> Callable[[Event], None]:
    def write(event: Event) -> None:
        stream.write(render(event) + "\n")
        stream.flush()

    return write
