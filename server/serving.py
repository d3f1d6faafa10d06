"""uvicorn's server as the commands run it."""

import asyncio
import resource
import socket
from types import FrameType

import uvicorn


def raise_file_limit() -> None:
    """Raise the open file limit of this process and its children to the maximum: each connection is a file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Server(uvicorn.Server):
    """A server that reports when it answers, and shuts down cleanly: within ten seconds, however many signals come."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to shut down. A second Ctrl-C does not abort work that is being finished, as it would in uvicorn."""
        if not self.should_exit:
            super().handle_exit(sig, frame)
