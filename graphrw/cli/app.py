"""The commands under one name."""

import signal
import sys
from importlib.metadata import version
from types import FrameType
from typing import Annotated

import typer

from graphrw.cli.info import info
from graphrw.cli.interrupt import ask_again_if_lost, leave
from graphrw.cli.label import label
from graphrw.cli.mistakes import INTERRUPTED, Commands
from graphrw.cli.page import page
from graphrw.cli.segment import segment, walk
from graphrw.cli.train import train

TERMINATED = 143  # 128 and the number of the signal, as shells count

app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
for command in (segment, walk, label, train, info, page):
    app.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"graphrw {version('graphrw')}")
        raise typer.Exit


@app.callback(epilog="`graphrw COMMAND --help` says more. An end: 0 is well, 1 an error, 2 wrong usage, 130 Ctrl-C.")
def graphrw(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, help="Print the version and end.", is_eager=True)
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error arose, to report it.")] = False,
) -> None:
    """Random walks on images and graphs: labels for everything from labels of a little."""


def run() -> None:
    """What the process was started for; ends it."""
    signal.signal(signal.SIGTERM, _terminate)
    ask_again_if_lost()
    try:
        app(prog_name="graphrw")
    except SystemExit as end:
        if end.code in (INTERRUPTED, TERMINATED):
            leave(end.code)
        raise


def _terminate(number: int, frame: FrameType | None) -> None:
    """End as at an error, so that unfinished files are swept away."""
    sys.exit(TERMINATED)
