"""The server that runs behind `serve`; needs the extra `page`."""

from contextlib import suppress
from socket import socket

import uvicorn

from graphrw.page.app import application
from graphrw.page.drawing import Drawing
from graphrw.page.guard import Guard
from graphrw.page.images import read_image

__all__ = ["Drawing", "read_image", "run"]


def run(drawing: Drawing, token: str, host: str, bound: socket) -> None:
    """Serve until Ctrl+C.

    Args:
        drawing: what is drawn on.
        token: what an address begins with.
        host: where `bound` listens, as it was asked for.
        bound: a socket that listens.
    """
    config = uvicorn.Config(
        Guard(application(drawing), token, host),
        log_level="warning",
        access_log=False,  # it would write the token down
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=64,
        timeout_graceful_shutdown=2,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[bound])
