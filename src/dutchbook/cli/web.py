"""`dutchbook web`: the operator's page in a process of its own. Composes it and serves it; what it tells is in `web`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from dutchbook.cli.output import note
from dutchbook.cli.packages import install_line
from dutchbook.core.errors import DutchbookError, SettingsError, Skip

if TYPE_CHECKING:
    from dutchbook.ledger.inbox import Answer
    from dutchbook.ledger.journal import Journal, Record
    from dutchbook.ledger.projection import Ledger
    from dutchbook.settings import Settings
    from dutchbook.web.room import Room

PORT: Final = 8765
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def web(
    ledger: Annotated[
        Path | None, typer.Option("--ledger", metavar="PATH", help="The ledger, instead of the settings'.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; elsewhere than on this machine use TLS.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = PORT,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Also answer to this name: of a proxy on this machine. May be repeated."),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Show everything, command nothing.")] = False,
    on_silence: Annotated[
        str, typer.Option(help="When a running engine falls silent for 10 s: alert, or cancel (also cancel-all).")
    ] = "alert",
    log_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The engine's log file; a demo's is found by itself.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="PEM", help="Certificate chain; with --tls-key.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="PEM", help="The certificate's key.")] = None,
) -> None:
    """Serve the page of a ledger: what the engine does now and why, and a button that stops it.

    Works before, while and after an engine runs. The address is printed with its token behind a `#`, which browsers do not
    send or log; the token is in `<ledger>.token` (mode 0600), or in DUTCHBOOK_WEB_TOKEN.
    """
    if on_silence not in ("alert", "cancel"):
        raise SettingsError(f"--on-silence {on_silence}: choose alert or cancel")
    if (tls_cert is None) != (tls_key is None):
        raise SettingsError("--tls-cert, --tls-key: give both or neither")
    try:
        import fastapi  # noqa: F401
        import uvicorn
    except ImportError:
        raise SettingsError(f"the page needs more packages: {install_line('web')}") from None
    from dutchbook.web.app import create_app
    from dutchbook.web.watchdog import Watchdog

    path, settings = _chosen(ledger)
    warnings = (
        () if host in LOOPBACK or tls_cert else (f"this page listens on {host} without TLS: the token can be read",)
    )
    room = make_room(path, settings, read_only=read_only, log_file=log_file, warnings=warnings)
    dog = Watchdog(room, _tell, cancel=on_silence == "cancel" and not read_only)
    # bound elsewhere it cannot know how it is called; here it can, and another site's name may not be made to point here
    app = create_app(
        room, watchdog=dog, names=LOOPBACK | {each.lower() for each in name or ()} if host in LOOPBACK else None
    )
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
        limit_concurrency=256,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
    )
    try:
        config.load()
    except OSError as error:  # of ssl too: the reason alone names no file
        raise SettingsError(f"--tls-cert {tls_cert}, --tls-key {tls_key}: cannot be used ({error})") from None
    listening = _bind(config, host, port)
    for warning in warnings:
        note(f"warning: {warning}; use --tls-cert and --tls-key, or an SSH tunnel to 127.0.0.1")
    scheme = "https" if tls_cert else "http"
    shown = f"[{host}]" if ":" in host else host
    taken = listening.getsockname()[1]
    # the page must never take time from an engine on the same machine
    os.nice(10)
    note(f"ledger {path}{', read-only' if read_only else ''}")
    typer.echo(f"{scheme}://{shown}:{taken}/login#{room.access.token}")
    sys.stdout.flush()
    for number in (signal.SIGINT, signal.SIGTERM):
        # the server takes both while it runs and hands them on when it has ended in order: that is a good end
        signal.signal(number, _ended)
    uvicorn.Server(config).run(sockets=[listening])


def _ended(_number: int, _frame: object) -> None:
    raise SystemExit(0)


def _bind(config: Any, host: str, port: int) -> Any:
    """Raises SettingsError when the address cannot be had, instead of leaving as the server would."""
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise SettingsError(f"{host}:{port}: cannot listen there ({error.strerror}); choose another --port") from None
    listening.listen(256)
    return listening


def _tell(text: str) -> None:
    note(f"{time.strftime('%H:%M:%S')} {text}")


def _chosen(ledger: Path | None) -> tuple[Path, Settings | None]:
    """The ledger, and the settings; with a ledger named, settings that cannot be read do not matter."""
    from dutchbook.settings import load_here

    try:
        settings = load_here(os.environ, Path.cwd())
    except DutchbookError:
        if ledger is None:
            raise
        note("note: the settings cannot be read (`dutchbook doctor` says why); days are shown in UTC")
        return ledger, None
    return ledger or settings.ledger_path, settings


def make_room(
    path: Path,
    settings: Settings | None,
    *,
    read_only: bool = False,
    log_file: Path | None = None,
    warnings: tuple[str, ...] = (),
) -> Room:
    """Everything that the page of a ledger needs."""
    from dutchbook.cli.figures import NETTING
    from dutchbook.ledger.view import LedgerView
    from dutchbook.web.access import own_access, read_access
    from dutchbook.web.live import Live
    from dutchbook.web.room import Room

    given = None if settings is None else settings.secrets.web_token
    access = own_access(path) if given is None else read_access(given.reveal(), "DUTCHBOOK_WEB_TOKEN")
    return Room(
        live=Live(LedgerView(path, NETTING)),
        figures=LedgerFigures(settings),
        access=access,
        command=lambda verb, arguments, by: obey(path, verb, arguments, by),
        read_only=read_only,
        log_file=log_file or path.with_suffix(".log"),
        warnings=warnings,
    )


def obey(path: Path, verb: str, arguments: Mapping[str, str], by: str) -> Answer:
    """Tell a running engine; without one, stop and start are booked in the ledger as the commands of that name do.

    Raises Skip when nothing was done, and the other errors of the tree.
    """
    from dutchbook.cli import stop
    from dutchbook.ledger.inbox import engine_runs

    answer = stop.command_engine(path, verb, arguments, by)
    if answer is not None:
        return answer
    if path.exists() and engine_runs(path):
        raise Skip(f"`{verb}` was not taken up within {stop.PATIENCE_S:g} s: the engine does not listen; end it")
    if verb in ("link_approve", "link_reject", "link_suspend"):
        from dutchbook.cli.links.registry import decide

        return decide(path, verb, arguments, by)[0]
    if verb == "stop":
        return stop.stop_alone(path, arguments.get("then", "hold"), arguments.get("reason", ""), by)
    if verb == "start":
        return stop.start_alone(path, arguments.get("confirm") == "yes", by)
    raise Skip("no engine runs on this ledger: start it first")


class LedgerFigures:
    """`web.sources.Figures` from the functions behind the reading commands."""

    def __init__(self, settings: Settings | None) -> None:
        self._settings = settings
        self._zone = ZoneInfo("UTC") if settings is None else settings.zone

    def today(self, ledger: Ledger, wall_ns: int) -> dict[str, Any]:
        from dutchbook.cli.figures import day_figures
        from dutchbook.ledger.statistics import day_bounds, local_day, statistics

        day = local_day(wall_ns, self._zone)
        begins, _ = day_bounds(day, self._zone)
        return day_figures(statistics(ledger.newest(since_ns=begins), self._zone, day))

    def positions(self, ledger: Ledger, *, everything: bool) -> list[dict[str, Any]]:
        from dutchbook.cli import figures

        return figures.positions(ledger, everything=everything)

    def trade_row(self, trade: Any) -> dict[str, Any]:
        from dutchbook.cli import figures

        return {**figures.trade_row(trade), "result": trade.result}

    def trade(self, journal: Journal, ledger: Ledger, trade: str, records: Iterable[Record]) -> dict[str, Any]:
        from dutchbook.cli.trade_story import story

        return story(journal, ledger, trade, self._links(), records)

    def _links(self) -> list[Any]:
        from dutchbook.cli.links.given import read_links

        try:
            return list(read_links(Path("links.jsonl")))
        except (DutchbookError, OSError):
            return []

    def profit_and_loss(self, ledger: Ledger) -> dict[str, Any]:
        from dutchbook.cli import figures

        return figures.profit_and_loss(ledger, self._zone, None)

    def capital(self, journal: Journal, ledger: Ledger) -> dict[str, Any]:
        from dutchbook.cli.capital import capital_figures

        return capital_figures(journal, ledger)

    def settings(self) -> list[dict[str, Any]]:
        from dutchbook.cli.settings_shown import shown

        return shown(self._settings)
