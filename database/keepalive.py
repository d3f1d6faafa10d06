"""Connections to PostgreSQL that detect a network which drops all packets.

Without a limit, Linux gives up an unresponsive peer only after fifteen minutes.
"""

import socket
from typing import Any, Final

import asyncpg

IDLE_SECONDS: Final = 5  # of silence, until the other end is probed
ASK_SECONDS: Final = 2  # between two probes
ASK_TIMES: Final = 3
UNHEARD_MILLISECONDS: Final = 10_000  # the longest time for which sent data may stay unacknowledged
# Each system has only some of them.
OPTIONS: Final = (
    ("TCP_KEEPIDLE", IDLE_SECONDS),
    ("TCP_KEEPALIVE", IDLE_SECONDS),  # macOS's name for TCP_KEEPIDLE
    ("TCP_KEEPINTVL", ASK_SECONDS),
    ("TCP_KEEPCNT", ASK_TIMES),
    ("TCP_USER_TIMEOUT", UNHEARD_MILLISECONDS),
)


async def connect(address: dict[str, Any], *, timeout: float | None = None) -> asyncpg.Connection:
    """Connect, with keepalive: a dead peer is detected within about ten seconds, even while a query waits.

    `timeout` limits the connecting, in seconds; without it, the caller has to. Raises asyncpg's errors.
    """
    parameters = {**address} if timeout is None else {**address, "timeout": timeout}
    connection: asyncpg.Connection = await asyncpg.connect(**parameters)
    keep_watched(connection)
    return connection


def keep_watched(connection: Any) -> None:
    """Let the system probe whether the other end is still there."""
    line = connection._transport.get_extra_info("socket")
    if line is not None and line.family != socket.AF_UNIX:  # a socket of this machine detects the end of its peer
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in OPTIONS:
            if (option := getattr(socket, name, None)) is not None:
                line.setsockopt(socket.IPPROTO_TCP, option, value)
