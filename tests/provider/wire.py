"""The other end of a real connection: a server that answers, or fails in a given way, and its certificates."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.deadlines import NEVER, Deadline
from provider import Outcome, Provider, ProviderFailure
from tests.provider.stripe_says import KEY, intent

BODY = json.dumps(intent()).encode()


def whole(body: bytes = BODY, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """Build a whole answer."""
    lines = [b"HTTP/1.1 " + status, b"request-id: req_1", b"content-length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@dataclass
class Line:
    """One connection, on the server's side; `number` counts from 1."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, answer: bytes) -> None:
        self.writer.write(answer)
        await self.writer.drain()

    def reset(self) -> None:
        """Reset the connection."""
        with suppress(AttributeError):  # asyncio of Python 3.11.2, where TLS is over already
            self.writer.transport.abort()


Behaviour = Callable[[Line, bytes], Awaitable[object]]


async def answering(line: Line, request: bytes) -> None:
    """Answer as a healthy Stripe."""
    await line.say(whole())


@dataclass
class Wire:
    """A server on loopback. `behave` is called with each request, answers it, and closes by returning True."""

    behave: Behaviour
    scheme: str = "http"
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def provider(self, timeout_seconds: float = 5.0, *, key: str = KEY) -> Provider:
        """Make a provider that calls this server."""
        base = f"{self.scheme}://127.0.0.1:{self.port}"
        return Provider(secret_key=key, livemode=False, api_base=base, timeout_seconds=timeout_seconds)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(len(self.lines) + 1, reader, writer)
        self.lines.append(line)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(one[15:]) for one in head.lower().split(b"\r\n") if one[:15] == b"content-length:"), 0
                )
                request = head + await reader.readexactly(length)
                self.requests.append(request)
                if await self.behave(line, request):
                    return
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.ended.append(line.number)
            writer.close()


@asynccontextmanager
async def wire(behave: Behaviour = answering, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """Start the server."""
    served = Wire(behave, "https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(served.serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in served.lines:
            line.reset()
        await asyncio.sleep(0)


async def confirming(provider: Provider, *, until: Deadline = NEVER) -> Outcome | None:
    """Confirm a payment; returns the outcome, None when it is answered."""
    failure: ProviderFailure | None = None
    try:
        await provider.confirm_payment("pi_1", {"payment_method": "pm_1"}, key="k", until=until)
    except ProviderFailure as raised:
        failure = raised
    if failure is None:
        return None
    assert failure.__context__ is None
    assert failure.__cause__ is None
    return failure.outcome


def certificate(folder: Path, address: str) -> tuple[ssl.SSLContext, Path]:
    """Make a server's context with a certificate of its own for an address, and the file that makes it trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stripe of the tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "public.pem", folder / "private.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    return context, public
