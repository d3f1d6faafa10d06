"""Connections to PostgreSQL that notice when the network between swallows everything.

Without a limit of its own, Linux gives up a peer that does not answer after fifteen minutes.
"""

import socket
from typing import Any, Final

import asyncpg

IDLE_SECONDS: Final = 5  # of silence, after which the other end is asked whether it still is there
ASK_SECONDS: Final = 2  # between two such questions
ASK_TIMES: Final = 3
UNHEARD_MILLISECONDS: Final = 10_000  # how long what we sent may stay unacknowledged
# Of these each system has its own.
OPTIONS: Final = (
    ("TCP_KEEPIDLE", IDLE_SECONDS),
    ("TCP_KEEPALIVE", IDLE_SECONDS),  # macOS's name for the same
    ("TCP_KEEPINTVL", ASK_SECONDS),
    ("TCP_KEEPCNT", ASK_TIMES),
    ("TCP_USER_TIMEOUT", UNHEARD_MILLISECONDS),
)


async def connect(address: dict[str, Any], *, timeout: float | None = None) -> asyncpg.Connection:
    """A connection whose end is found out within about ten seconds, in use or not.

    `timeout` limits the connecting, in seconds; without one, the caller does. Raises what asyncpg raises.
    """
    given = {**address} if timeout is None else {**address, "timeout": timeout}
    connection: asyncpg.Connection = await asyncpg.connect(**given)
    keep_watched(connection)
    return connection


def keep_watched(connection: Any) -> None:
    """Have the system look whether the other end still is there."""
    line = connection._transport.get_extra_info("socket")
    if line is not None and line.family != socket.AF_UNIX:  # a socket of this machine knows when the other end is gone
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in OPTIONS:
            if (option := getattr(socket, name, None)) is not None:
                line.setsockopt(socket.IPPROTO_TCP, option, value)
