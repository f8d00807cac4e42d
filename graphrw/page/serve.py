"""From a command to a page in the browser."""

import secrets
import threading
import webbrowser
from functools import cache
from pathlib import Path
from types import ModuleType

from graphrw.core.errors import MissingDependencyError
from graphrw.core.whole import check_whole
from graphrw.page.listen import address, is_local, listen


def serve(
    image: str | Path | None = None, *, host: str = "127.0.0.1", port: int = 8000, open_browser: bool = True
) -> None:
    """Serve a page on which strokes label an image, and print its address; returns after Ctrl+C.

    The address holds a random token: who does not have it gets nothing. Images never leave the machine.

    Args:
        image: to begin with: PNG, JPEG, TIFF, BMP or WebP. Others can be opened on the page.
        host: where to listen. All but this machine's own addresses let others on the network in who have the token.
        port: from 0 to 65535; if it is taken, the next free one serves. 0: any.
        open_browser: whether to show the page at once.

    Raises:
        MissingDependencyError: without the extra `page`.
        ValueError: if `image` is none, or too large.
        OSError: if `image` cannot be read, or if nothing can listen at `host`.
    """
    check_whole("port", port, 0)
    server = _server()
    drawing = server.Drawing()
    if image is not None:
        drawing.open(server.read_image(Path(image).read_bytes()), Path(image).name)
    token = secrets.token_urlsafe(24)
    with listen(host, port) as socket:
        url = address(socket, host, token)
        print(f"The page is at  {url}\nCtrl+C ends it.", flush=True)
        if not is_local(socket):
            print("It listens to the network: whoever has this address can see and change your work.", flush=True)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()
        server.run(drawing, token, host, socket)


@cache
def _server() -> ModuleType:
    try:
        from graphrw.page import server  # noqa: PLC0415 (starlette and uvicorn are optional)
    except ImportError as error:
        raise MissingDependencyError(
            f"The page needs starlette, uvicorn, Pillow and scikit-image: `pip install graphrw[page]` ({error})."
        ) from error
    return server
