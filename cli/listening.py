"""The sockets of a server, opened before anything is started: a port in use is reported in one sentence."""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from cli.arguments import HIGHEST_PORT, USUAL_PORT
from cli.failures import CannotRun

STARTUP_FAILURE: Final = 3  # uvicorn's exit code for a failed start
LOOPBACK: Final = "127.0.0.1"
NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL})


def listen(host: str, port: int, *, other: str = "--port {}") -> list[socket.socket]:
    """Listen on every address of this host, as asyncio would. Raises CannotRun.

    `other` tells the user how to choose another port.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise CannotRun("--host is no name or address of this machine.") from None
    addresses = sorted({(family, protocol, address) for family, _, protocol, _, address in found})
    with ExitStack() as opened:
        sockets = [
            opened.enter_context(one) for address in addresses if (one := _bound(*address, other=other)) is not None
        ]
        if not sockets:
            raise CannotRun("--host is no name or address of this machine.")
        opened.pop_all()
        return sockets


@contextmanager
def until_stopped(is_up: Callable[[], bool]) -> Iterator[None]:
    """Swallow the signal that stops a server once it is up: uvicorn raises it again after a clean shutdown.

    Raises CannotRun when the server did not start.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code == STARTUP_FAILURE:
            raise CannotRun("The server did not start; the lines above say why.") from None
        if not is_up():
            raise


def _bound(family: int, protocol: int, address: tuple[Any, ...], *, other: str) -> socket.socket | None:
    """Return a socket at this address; None when the machine lacks its protocol, often IPv6."""
    try:
        opened = socket.socket(family, socket.SOCK_STREAM, protocol)  # without it, asyncio leaves Nagle's algorithm on
    except OSError:
        return None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")  # `::` accepts IPv4 as well
        opened.bind(address)
        opened.listen()  # another process may have bound the port too, and only one may listen
    except OSError as error:
        opened.close()
        if error.errno in NOT_HERE:
            return None
        raise CannotRun(_refusal(error, int(address[1]), other)) from None
    opened.set_inheritable(True)
    return opened


def _refusal(error: OSError, port: int, other: str) -> str:
    if isinstance(error, PermissionError):
        return f"Port {port} may not be used by this user. Choose one from 1024 on: {other.format(USUAL_PORT + 1)}"
    free = port + 1 if port < HIGHEST_PORT else USUAL_PORT
    return f"Port {port} is taken. Choose another one: {other.format(free)}"
