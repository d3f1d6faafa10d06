"""SIGTERM and the sockets of a real process: each is closed with 1012, and the process is gone at once."""

import asyncio
import json
import os
import signal
import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from tests.crash.processes.cluster import Cluster
from tests.support.shop import STAFF, token

SOON_SECONDS = 3.0  # a socket that uvicorn waits for would hold it four seconds


async def test_sigterm_closes_a_socket_with_1012_and_the_process_is_gone(cluster: Cluster) -> None:
    async with cluster.application(worker=False) as application:
        url = str(application.http.base_url.copy_with(scheme="ws", path="/graphql"))
        async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as socket:
            await socket.send(
                json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token('clerk', STAFF)}"}})
            )
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            await socket.send(
                '{"id": "1", "type": "subscribe", "payload": {"query": "{ viewer { actor { subject } } }"}}'
            )
            answer = json.loads(await socket.recv())
            assert json.loads(await socket.recv())["type"] == "complete"

            began = time.monotonic()
            os.kill(application.pid, signal.SIGTERM)
            with pytest.raises(ConnectionClosedError) as closed:
                await socket.recv()
            async with asyncio.timeout(10):
                await application.gone()
            took = time.monotonic() - began

    assert answer["payload"]["data"]["viewer"]["actor"]["subject"] == "clerk"
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert took < SOON_SECONDS
