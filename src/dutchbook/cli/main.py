"""The command line's front door: which commands there are, and how an error leaves the program.

Commands import what they need when they run, so that `--help` and the reading commands start fast. Nothing here trades.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import dutchbook
from dutchbook.cli import (
    alerts,
    backup,
    bench,
    capital,
    cash,
    completion,
    export,
    init,
    order,
    read,
    reconcile,
    record,
    run,
    settle,
    sim,
    stop,
    tail,
    torture,
    trade,
    wallet,
    web,
)
from dutchbook.cli.demo.command import demo
from dutchbook.cli.docs.machines import app as docs
from dutchbook.cli.doctor.command import doctor
from dutchbook.cli.links.command import app as links
from dutchbook.cli.output import ExitStatus, note, show_error, status_of
from dutchbook.cli.report.command import report
from dutchbook.core.errors import DutchbookError

app = typer.Typer(
    name="dutchbook",
    help="A trading engine for prediction markets: it buys bundles that pay more than they cost in every outcome. "
    "Start with `dutchbook demo`: it needs no account and no network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("init")(init.init)
app.command("demo")(demo)
app.command("run")(run.run)
app.command("stop")(stop.stop)
app.command("start")(stop.start)
app.command("doctor")(doctor)
app.command("status")(read.status)
app.command("tail")(tail.tail)
app.command("positions")(read.positions)
app.command("trades")(read.trades)
app.command("pnl")(read.pnl)
app.command("report")(report)
app.command("capital")(capital.capital)
app.add_typer(cash.app, name="cash")
app.command("explain")(read.explain)
app.command("reconcile")(reconcile.reconcile)
app.command("settle")(settle.settle)
app.add_typer(read.journal, name="journal")
app.command("backup")(backup.backup)
app.command("export")(export.export)
app.add_typer(order.app, name="order")
app.add_typer(trade.app, name="trade")
app.add_typer(wallet.app, name="wallet")
app.add_typer(links, name="links")
app.command("record")(record.record)
app.command("sim")(sim.sim)
app.command("torture")(torture.torture)
app.add_typer(bench.app, name="bench")
app.command("web")(web.web)
app.command("completion")(completion.completion)
app.command("alerts")(alerts.alerts)
app.add_typer(docs, name="docs")


@app.command(
    "replay", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def replay(context: typer.Context) -> None:
    """Play recorded market data through the same engine, on paper."""
    # Its module loads the whole engine, so it is only loaded when it is wanted; its own options are read there.
    from dutchbook.cli.replay import command

    loaded = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    loaded.command()(command)
    raise typer.Exit(loaded(args=context.args, standalone_mode=False, prog_name="dutchbook replay") or 0)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dutchbook {dutchbook.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error; may stand anywhere.")] = False,
) -> None:
    """Options of the whole program; `main` has read --debug already."""


def main() -> None:
    """Run the command that the arguments name, and leave with its exit status."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    as_json, debug = "--json" in arguments, "--debug" in sys.argv
    completion.prepare()
    try:
        status = app(args=arguments, standalone_mode=False, prog_name="dutchbook")
    except typer.TyperException as error:
        text = error.format_message()
        if text.startswith("Usage:"):  # a group without a command: the help text is the message
            note(text)
        else:
            show_error(error, text, as_json=as_json, debug=debug)
        status = ExitStatus.USAGE
    except DutchbookError as error:
        show_error(error, str(error), as_json=as_json, debug=debug)
        status = status_of(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        show_error(error, f"{where}{error.strerror or error}", as_json=as_json, debug=debug)
        status = ExitStatus.FAILED
    except (KeyboardInterrupt, typer.Abort):
        note("interrupted")
        status = ExitStatus.INTERRUPTED
    except Exception as error:
        text = f"{type(error).__name__}: {error}; this is a fault of dutchbook, run again with --debug and report it"
        show_error(error, text, as_json=as_json, debug=debug)
        status = ExitStatus.FAILED
    sys.exit(int(status or 0))
