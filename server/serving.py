"""uvicorn's server as the commands run it."""

import asyncio
import resource
import socket
from types import FrameType

import uvicorn


def raise_file_limit() -> None:
    """Let this process, and those that it starts, open as many files as they may: a connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Server(uvicorn.Server):
    """A server that says when it answers, and always leaves in good order: within ten seconds, however often told."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave. A second Ctrl-C does not tear what is being finished: uvicorn would."""
        if not self.should_exit:
            super().handle_exit(sig, frame)
