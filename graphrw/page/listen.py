"""Where the page can be reached: a socket, and its address."""

import errno
import socket
from ipaddress import ip_address

TRIES = 20  # ports after the first, before the system chooses one


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at `port`, or at the next that is free.

    Raises:
        OSError: if there is no such host here.
    """
    for candidate in [*range(port, min(port + TRIES, 65536)), 0]:
        try:
            return socket.create_server((host, candidate), family=_family(host))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise OSError(f"Nothing can listen at host {host!r}: {error.strerror}.") from error
    raise OSError(f"No port is free at host {host!r}.")


def address(bound: socket.socket, host: str, token: str) -> str:
    """What to type into a browser.

    >>> with listen("127.0.0.1", 0) as bound:
    ...     address(bound, "127.0.0.1", "secret").startswith("http://127.0.0.1:")
    True
    """
    if host in ("", "0.0.0.0"):  # noqa: S104 - it is asked, not bound
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{bound.getsockname()[1]}/{token}/"


def is_local(bound: socket.socket) -> bool:
    """Whether only this machine can reach the socket."""
    return ip_address(bound.getsockname()[0].partition("%")[0]).is_loopback


def _family(host: str) -> socket.AddressFamily:
    return socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
