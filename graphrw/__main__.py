"""`graphrw`, and `python -m graphrw`: the command line, or one sentence on what it needs."""

import sys
from collections.abc import Callable

run: Callable[[], None] | None = None
try:
    from graphrw.cli.app import run
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in ("typer", "rich"):
        raise


def main() -> None:
    """Run the command that the arguments of the process name."""
    if run is None:
        print("The command line needs typer and rich: pip install 'graphrw[image]'", file=sys.stderr)
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
