"""The levers of the offline Stripe under /_sandbox: faults, time, books, the Dashboard, and the 3DS page."""

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from sandbox import form, intents, refunds
from sandbox.books import books
from sandbox.errors import StripeError
from sandbox.faults import Faults
from sandbox.ledger import Ledger
from sandbox.store import Store

Json = dict[str, Any]

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "testclient"})
PAGE = """<!doctype html><meta charset="utf-8"><title>3D Secure (test)</title>
<style>body{{font:16px system-ui;max-width:26rem;margin:4rem auto;text-align:center}}
button{{font:inherit;padding:.6rem 1.2rem}}</style>
<h1>Confirm this payment</h1><p>{amount} {currency}. This page stands in for the payer's bank.</p>
<form method="post"><button name="result" value="complete">Confirm</button>
<button name="result" value="fail">Refuse</button></form>"""


def run_timers(ledger: Ledger) -> None:
    """Let happen what the clock has passed: settlements, expiries, refunds that fail."""
    acts = {
        "settle": intents.settle,
        "expire": intents.expire,
        "finish_refund": refunds.finish,
        "fail_refund": refunds.fail,
    }
    due = ledger.store.rows("SELECT seq, action, subject FROM timer WHERE due <= ? ORDER BY due, seq", ledger.now)
    for number, action, subject in due:
        ledger.store.rows("DELETE FROM timer WHERE seq = ?", number)
        acts[action](ledger, subject)


class Control:
    """Answers under /_sandbox. Only the 3DS page is open; the rest is for tests, on loopback."""

    def __init__(self, store: Store, faults: Faults, *, webhooks: bool, enabled: bool) -> None:
        self._store = store
        self._faults = faults
        self._webhooks = webhooks
        self._enabled = enabled

    async def answer(self, request: Request) -> Response:
        name, _, rest = request.url.path.removeprefix("/_sandbox/").partition("/")
        if name == "3ds":
            return await self._three_d_secure(request, rest)
        host = request.client.host if request.client else "testclient"
        if not self._enabled or host not in LOOPBACK:
            return JSONResponse({"error": "The levers are not open here."}, status_code=403)
        given: Json = await request.json() if request.method == "POST" and await request.body() else {}
        try:
            return JSONResponse(self._pull(request.method, name, rest, given))
        except StripeError as error:
            return JSONResponse(error.body, status_code=error.status)
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)

    def _pull(self, method: str, name: str, rest: str, given: Json) -> Any:
        with self._store.transaction():
            ledger = Ledger(self._store, webhooks=self._webhooks)
            match method, name:
                case "GET", "faults":
                    return self._faults.all()
                case "POST", "faults":
                    return {"id": self._faults.add(**given)}
                case "DELETE", "faults":
                    self._faults.clear()
                    return {}
                case "POST", "advance":
                    self._store.move_clock(float(given["seconds"]))
                    run_timers(ledger)
                    return {"now": ledger.now}
                case "GET", "books":
                    return books(self._store).to_json()
                case "POST", "refunds":
                    return refunds.create(ledger, given)
                case "POST", "disputes" if rest:
                    return intents.close_dispute(ledger, rest, str(given["status"]))
                case "POST", "disputes":
                    charge = ledger.need("charge", str(given["charge"]))
                    return intents.open_dispute(ledger, charge, given.get("status", "needs_response"))
                case "POST", "events" if rest:
                    ledger.need("event", rest)
                    self._store.rows("INSERT INTO delivery (event, due) VALUES (?, 0)", rest)
                    return {}
        raise KeyError(f"{method} {name}")

    async def _three_d_secure(self, request: Request, identity: str) -> Response:
        intent = self._store.get(identity, "payment_intent")
        if intent is None or intent["status"] != "requires_action":
            return HTMLResponse("<p>There is nothing to confirm here.</p>", status_code=404)
        if request.method != "POST":
            amount = f"{intent['amount']} minor units"
            return HTMLResponse(PAGE.format(amount=amount, currency=intent["currency"].upper()))
        passed = form.parse((await request.body()).decode()).get("result") == "complete"
        back = ((intent["next_action"] or {}).get("redirect_to_url") or {}).get("return_url")
        with self._store.transaction():
            intents.finish_action(Ledger(self._store, webhooks=self._webhooks), identity, passed=passed)
        if not back:
            return HTMLResponse("<p>Done. You can close this page.</p>")
        mark = "&" if "?" in back else "?"
        result = "succeeded" if passed else "failed"
        return RedirectResponse(f"{back}{mark}payment_intent={identity}&redirect_status={result}", status_code=303)
