"""Bars that show how far a run has come, where somebody looks on."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from graphrw.core.progress import Listener


@contextmanager
def bar(*, quiet: bool) -> Iterator[Listener]:
    """A listener for `Session` and `fit` that draws a bar on stderr, if that is a terminal, and sweeps it away."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("reading", total=1.0)

        def listen(share: float, what: str) -> None:
            progress.update(task, completed=share, description=what)

        yield listen
