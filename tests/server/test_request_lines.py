"""The line of a request is the same whether it is written the short way or the long one."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from server import log as logs
from server.log import configure_logging, log_request

LOG = structlog.stdlib.get_logger("server.http")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What goes to the log, nothing else listening, as in a process that serves."""
    root = logging.getLogger()
    before, stream = list(root.handlers), io.StringIO()
    root.handlers.clear()
    configure_logging(json=True, stream=stream)
    yield stream
    root.handlers[:] = before
    logs._plain_lines = None


def _line(path: str, **more: object) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req_1"):
        log_request(LOG, method="POST", path=path, status=200, ms=1.5, request_id="req_1")


def test_both_ways_write_the_same_fields(written: io.StringIO) -> None:
    _line("/graphql")
    _line("/elsewhere")

    short, long = (json.loads(line) for line in written.getvalue().splitlines())
    assert {name: type(value) for name, value in short.items()} == {name: type(value) for name, value in long.items()}
    assert {**short, "path": "", "timestamp": ""} == {**long, "path": "", "timestamp": ""}


def test_a_path_of_a_clients_goes_the_long_way_and_loses_its_secret(written: io.StringIO) -> None:
    _line("/graphql/sk_live_4eC39HqLyjWDarjtT1zdp7dc")

    assert "4eC39HqLyjWDarjtT1zdp7dc" not in written.getvalue()
    assert "/graphql/[removed]" in written.getvalue()


def test_nothing_is_written_below_the_level(written: io.StringIO) -> None:
    logging.getLogger().setLevel(logging.WARNING)

    _line("/graphql")

    assert written.getvalue() == ""
