"""What a command says when something is wrong, and how it ends."""

import errno
import sys
import traceback
import warnings
from typing import Any

import typer
from typer.core import TyperGroup

from graphrw.core.errors import Cancelled, ConvergenceError, MissingDependencyError, is_out_of_memory

WRONG, INTERRUPTED = 1, 130
MISTAKES = (ValueError, OSError, MissingDependencyError, MemoryError, ConvergenceError)  # all others are bugs of ours


class Commands(TyperGroup):
    """Ends with one sentence where a user, the machine or the data are at fault, and with a traceback at a bug."""

    def invoke(self, ctx: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            warnings.simplefilter("ignore", DeprecationWarning)  # some packages' are both
            warnings.showwarning = _show_warning  # type: ignore[assignment]  # Python calls it by position
            try:
                return super().invoke(ctx)
            except BrokenPipeError:  # whoever reads our output has gone; typer knows what to do
                raise
            except (*MISTAKES, RuntimeError) as error:
                if isinstance(error, RuntimeError) and not _is_foreseen(error):
                    raise
                if ctx.params.get("traceback"):
                    traceback.print_exc()
                typer.echo(_sentence(error), err=True)
                raise typer.Exit(INTERRUPTED if isinstance(error, Cancelled) else WRONG) from error
            except KeyboardInterrupt as error:
                again = " The same command goes on where it was." if ctx.params.get("blocks") else ""
                typer.echo(f"Interrupted.{again}", err=True)
                raise typer.Exit(INTERRUPTED) from error


def _is_foreseen(error: RuntimeError) -> bool:
    return isinstance(error, ConvergenceError | Cancelled) or is_out_of_memory(error)


def _sentence(error: Exception) -> str:
    if isinstance(error, Cancelled):
        return str(error)
    if is_out_of_memory(error) and not (isinstance(error, MemoryError) and str(error)):  # of ours, which say more
        return f"Error: the memory is full. {error}".rstrip()
    if isinstance(error, OSError) and error.errno is not None:
        where = f": `{error.filename}`" if error.filename else ""
        return f"Error: {error.strerror or errno.errorcode[error.errno]}{where}."
    return f"Error: {error}"


def _show_warning(message: Warning | str, *where: object) -> None:
    print(f"Warning: {message}", file=sys.stderr)
