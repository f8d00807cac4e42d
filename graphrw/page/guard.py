"""What stands between the page and everyone else: who may ask, from where, and how much at once."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from ipaddress import ip_address
from secrets import compare_digest
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

LARGEST_BODY = 64 * 2**20  # bytes: a photograph of 20 megapixels as it comes, uncompressed

HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # an address holds the token
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Guard:
    """Lets a request through to `inner` if all of this holds, and else answers in words.

    * Its host is this machine (a page elsewhere whose name is made to point here would give its own: DNS rebinding).
    * Its path begins with the token, which is taken off.
    * If it changes anything, it comes from the page itself: its origin is the host that it asks.
    * Its body is no longer than `largest_body`: by its header, or else `BodyTooLarge` ends the reading.
    """

    inner: Application
    token: str
    host: str  # where the server listens
    largest_body: int = LARGEST_BODY

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] == "lifespan":
            return await self.inner(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close"})
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            return await _answer(send, *refusal)
        path = scope["path"].removeprefix(f"/{self.token}")
        inside = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        return await self.inner(inside, self._counted(receive), _with_headers(send))

    def _refusal(self, scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return 400, "This server answers only to its own address, as it was printed when it started."
        parts = scope["path"].split("/", 2)  # nothing, the token, what it opens
        if len(parts) != 3 or not compare_digest(parts[1].encode(), self.token.encode()):
            return 403, "This address lacks the token: open the address that was printed when the server started."
        if scope["method"] not in ("GET", "HEAD") and headers.get("origin") != f"http://{host}":
            return 403, "Only the page itself may change anything: this request came from elsewhere."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.largest_body:
            return 413, self._too_large
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in ("localhost", self.host):
            return True
        try:
            number = ip_address(name)  # a number cannot be made to point elsewhere
        except ValueError:
            return False
        return number.is_loopback or self.host in ("", "0.0.0.0", "::")  # noqa: S104 - it is asked, not bound

    def _counted(self, receive: Receive) -> Receive:
        count = 0

        async def counted() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self.largest_body:
                raise BodyTooLarge(self._too_large)
            return message

        return counted

    @property
    def _too_large(self) -> str:
        return f"That is too large: the page takes at most {self.largest_body / 2**20:.0f} MiB at once."


class BodyTooLarge(Exception):  # noqa: N818 - the inner application answers it with 413
    """A request goes on beyond what is allowed, whatever it announced."""


def _with_headers(send: Send) -> Send:
    extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, words: str) -> None:
    sending = _with_headers(send)
    body = words.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await sending({"type": "http.response.start", "status": status, "headers": headers})
    await sending({"type": "http.response.body", "body": body})
