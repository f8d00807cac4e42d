"""`python -m graphrw.page [IMAGE]`."""

from argparse import ArgumentParser
from pathlib import Path

from graphrw.page.serve import serve


def main() -> None:
    """Read the command line and serve the page until Ctrl+C."""
    parser = ArgumentParser(prog="python -m graphrw.page", description="Label an image with strokes, in the browser.")
    parser.add_argument("image", nargs="?", type=Path, help="to begin with; others can be opened on the page")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; by default for this machine alone")
    parser.add_argument("--port", type=int, default=8000, help="the next free one is taken if it is taken")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    arguments = parser.parse_args()
    try:
        serve(arguments.image, host=arguments.host, port=arguments.port, open_browser=not arguments.no_browser)
    except (ValueError, OSError, ImportError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
