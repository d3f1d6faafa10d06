"""The addresses under /_sandbox: the payer's page, and the test controls."""

import json
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.control import levers
from sandbox.control.levers import Bench
from sandbox.control.pages import mandate, receipt, three_d_secure
from sandbox.errors import StripeError
from sandbox.faults import Faults
from sandbox.ledger import Ledger
from sandbox.store import Store

LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1", "localhost", "testclient"})


class Control:
    """Answers under /_sandbox. The payer's pages are open to all; the test controls only on loopback, when enabled."""

    def __init__(self, store: Store, faults: Faults, *, webhooks: bool, enabled: bool) -> None:
        self._store = store
        self._faults = faults
        self._webhooks = webhooks
        self._enabled = enabled

    async def answer(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/_sandbox/")
        name, _, rest = path.partition("/")
        if name == "3ds":
            return await three_d_secure(request, self._store, rest, webhooks=self._webhooks)
        if name == "receipt":
            return receipt(self._store, rest)
        if name == "mandate":
            return mandate(self._store, rest)
        if not self._enabled or not _from_here(request):
            return _problem(403, "The levers of the offline Stripe are not open here.")
        try:
            body = json.loads(await request.body() or "{}")
            lever, ids = levers.find(request.method, path)
            with self._store.transaction():
                bench = Bench(Ledger(self._store, webhooks=self._webhooks), self._faults)
                return JSONResponse(lever.pull(bench, ids, body))
        except StripeError as error:
            return JSONResponse(error.body, status_code=error.status)
        except LookupError:  # the address is not repeated: it may hold a secret
            return _problem(
                404, "There is no such lever, or something that it needs is missing. GET /_sandbox/supported lists all."
            )
        except (TypeError, ValueError, AttributeError) as error:
            return _problem(400, str(error))


def _from_here(request: Request) -> bool:
    """Return True for a request of this machine that no page of another site made."""
    host = request.client.host if request.client else "testclient"
    origin = request.headers.get("origin")
    return host in LOOPBACK and (origin is None or urlsplit(origin).hostname in LOOPBACK)


def _problem(status: int, message: str) -> Response:
    return JSONResponse({"error": {"type": "sandbox_error", "message": message}}, status_code=status)
