import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog

from server.http.logs import configure_logging
from tests.server.shop import Shop, open_shop


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    opened = open_shop()
    async with opened.client:
        yield opened


class Logs:
    """All log lines since the test began."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def forget(self) -> None:
        """Forget all lines, for the next example of a test."""
        self._stream.seek(0)
        self._stream.truncate()

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def named(self, event: str) -> list[dict[str, Any]]:
        return [entry for entry in self.events if entry["event"] == event]


@pytest.fixture
def logs() -> Iterator[Logs]:
    root = logging.getLogger()
    handlers, level, raising = list(root.handlers), root.level, logging.raiseExceptions
    stream = io.StringIO()
    configure_logging(json=True, level="DEBUG", stream=stream)
    yield Logs(stream)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising
    structlog.reset_defaults()
