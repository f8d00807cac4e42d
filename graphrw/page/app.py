"""The page without its guard: replies and files under their addresses, and failures in words."""

import traceback
from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from graphrw.core.errors import Cancelled, ConvergenceError, is_out_of_memory
from graphrw.page.drawing import Drawing
from graphrw.page.guard import BodyTooLarge
from graphrw.page.replies import ROUTES, Asked

Endpoint = Callable[[Request], Awaitable[Response]]

LONGEST_NAME = 200
KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
STATUS = {BodyTooLarge: 413, ValueError: 400, Cancelled: 409, ConvergenceError: 500}


def application(drawing: Drawing) -> Starlette:
    """What a browser can ask of `drawing`."""
    replies = [Route(f"/{path}", _reply(drawing, reply), methods=[method]) for method, path, reply in ROUTES]
    return Starlette(routes=[*replies, *_files()], exception_handlers=dict.fromkeys(STATUS, _refusal))


def _reply(drawing: Drawing, reply: Callable[[Asked], Response]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        asked = Asked(drawing, body, request.query_params.get("name", "")[:LONGEST_NAME])
        try:
            return await run_in_threadpool(reply, asked)  # meanwhile, others are heard
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return JSONResponse({"error": "Memory has run out: this image is too large here."}, 500)

    return endpoint


def _files() -> list[Route]:
    """Read once and for all: nothing that is asked for later is looked up on the disk."""
    routes = []
    for file in files("graphrw.page").joinpath("static").iterdir():
        kind = KINDS.get(file.name.rpartition(".")[2])
        if kind is not None:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            routes.append(Route(path, _file(file.read_bytes(), kind)))
    return routes


def _file(content: bytes, kind: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return Response(content, media_type=kind)

    return endpoint


async def _refusal(request: Request, error: Exception) -> Response:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if status == 500:
        traceback.print_exception(error)
    return JSONResponse({"error": str(error)}, status)
