"""The levers of the offline Stripe under /_sandbox: faults, time, books, the Dashboard, and the 3DS page."""

import json
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import disputes, refunds, routes, settings, timers
from sandbox.books import books
from sandbox.errors import StripeError
from sandbox.faults import Faults
from sandbox.ledger import Ledger
from sandbox.pages import three_d_secure
from sandbox.store import Store

Json = dict[str, Any]

LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1", "localhost", "testclient"})


class Control:
    """Answers under /_sandbox. The 3DS page is open to all; the levers are for tests, on loopback, when opened."""

    def __init__(self, store: Store, faults: Faults, *, webhooks: bool, enabled: bool) -> None:
        self._store = store
        self._faults = faults
        self._webhooks = webhooks
        self._enabled = enabled

    async def answer(self, request: Request) -> Response:
        name, _, rest = request.url.path.removeprefix("/_sandbox/").partition("/")
        if name == "3ds":
            return await three_d_secure(request, self._store, rest, webhooks=self._webhooks)
        if not self._enabled or not _from_here(request):
            return _problem(403, "The levers of the offline Stripe are not open here.")
        try:
            given = json.loads(await request.body() or "{}")
            with self._store.transaction():
                return JSONResponse(self._pull(request.method, name, rest, given))
        except StripeError as error:
            return JSONResponse(error.body, status_code=error.status)
        except LookupError as error:
            return _problem(404, f"There is no lever {error.args[0]}.")
        except (TypeError, ValueError, AttributeError) as error:
            return _problem(400, str(error))

    def _pull(self, method: str, name: str, rest: str, given: Json) -> Any:
        ledger = Ledger(self._store, webhooks=self._webhooks)
        match method, name, rest:
            case "GET", "faults", "":
                return self._faults.all()
            case "POST", "faults", "":
                rules = given if isinstance(given, list) else [given]
                numbers = [self._faults.add(**rule) for rule in rules]
                return {"id": numbers[-1], "ids": numbers}
            case "DELETE", "faults", _:
                self._faults.clear(int(rest) if rest else None)
                return {}
            case "POST", "advance", "":
                self._store.move_clock(float(given.get("seconds", "")))
                timers.run_due(ledger)
                return {"now": ledger.now}
            case "POST", "settle", "":
                return {"settled": timers.settle_now(ledger, given.get("id"), given.get("outcome"))}
            case "GET", "settings", "":
                return settings.read(self._store)
            case "POST", "settings", "":
                settings.change(self._store, given)
                return settings.read(self._store)
            case "GET", "books", "":
                return books(self._store).to_json()
            case "POST", "refunds" | "disputes" | "events", _:
                return self._dashboard(ledger, name, rest, given)
        raise LookupError(f"{method} /_sandbox/{name}")

    def _dashboard(self, ledger: Ledger, name: str, rest: str, given: Json) -> Json:
        """What somebody does at the Dashboard, or the payer's bank by itself: no idempotency key, no metadata."""
        match name, rest:
            case "refunds", "":
                return refunds.create(ledger, routes.NEW_REFUND.read({k: str(v) for k, v in given.items()}))
            case "refunds", _:
                return refunds.move(ledger, rest, str(given.get("status")))
            case "disputes", "":
                charge = ledger.need("charge", self._charge_id(ledger, given), param="charge")
                status, reason = given.get("status", "needs_response"), given.get("reason", "fraudulent")
                return disputes.open_dispute(ledger, charge, status, reason=reason, amount=given.get("amount"))
            case "disputes", _:
                return disputes.move(ledger, rest, str(given.get("status")))
            case _:
                event = ledger.need("event", rest.removesuffix("/resend"))
                self._store.rows("INSERT INTO delivery (event, due) VALUES (?, ?)", event["id"], self._store.clock())
                return ledger.store.save(event | {"pending_webhooks": 1})

    def _charge_id(self, ledger: Ledger, given: Json) -> str:
        if "payment_intent" in given:
            return str(ledger.need("payment_intent", given["payment_intent"])["latest_charge"])
        return str(given.get("charge"))


def _from_here(request: Request) -> bool:
    """From this machine, and not from a foreign page in a browser on it."""
    host = request.client.host if request.client else "testclient"
    origin = request.headers.get("origin")
    return host in LOOPBACK and (origin is None or urlsplit(origin).hostname in LOOPBACK)


def _problem(status: int, message: str) -> Response:
    return JSONResponse({"error": {"type": "sandbox_error", "message": message}}, status_code=status)
