"""`graphrw page`: strokes with a mouse, in the browser."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from graphrw.core.errors import MissingDependencyError

LIBRARIES = ("graphrw", "starlette", "uvicorn")  # without which there is no page


def page(
    *,
    image: Annotated[
        Path | None,
        typer.Argument(metavar="IMAGE", help="What to draw on: PNG, JPEG, TIFF, BMP or WebP.", show_default=False),
    ] = None,
    port: Annotated[
        int,
        typer.Option(help="Where the browser finds the page, or the next that is free.", min=0, max=65535, metavar="N"),
    ] = 8000,
    host: Annotated[
        str,
        typer.Option(
            help="Where to listen: at this machine alone by default. 0.0.0.0 lets in whoever on the network has the "
            "address that is printed: they see and change your work.",
            metavar="ADDRESS",
        ),
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Whether to open it.")] = True,
) -> None:
    """Open a page in the browser, on which strokes of the mouse give labels. Nothing leaves this machine.

    For example: graphrw page photo.jpg
    """
    try:
        served = import_module("graphrw.page")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in LIBRARIES:
            raise
        raise MissingDependencyError("The page needs starlette and uvicorn: pip install 'graphrw[page]'") from error
    served.serve(image, host=host, port=port, open_browser=browser)
