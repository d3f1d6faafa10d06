"""The 3D Secure page: what the payer's bank would show, with a button for yes and one for no."""

from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from domain.currencies import CURRENCIES
from sandbox import attempts
from sandbox.ledger import Ledger
from sandbox.store import Store

Json = dict[str, Any]

STYLE = (
    "body{font:16px system-ui;max-width:26rem;margin:4rem auto;text-align:center}"
    "button{font:inherit;padding:.6rem 1.2rem;margin:.5rem}"
)
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Test bank</title><style>{style}</style>
<h1>Confirm this payment</h1><p><strong>{amount}</strong></p>
<p>This page stands in for the payer's bank. No money moves.</p>
<form method="post"><button name="result" value="complete">Complete</button>
<button name="result" value="fail">Fail</button></form></html>"""
NOTE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Test bank</title><style>{style}</style>
<p>{note}</p></html>"""
HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer"}


async def three_d_secure(request: Request, store: Store, identity: str, *, webhooks: bool) -> Response:
    """Show the page, or take its answer: `result` is complete or fail, in a form, in JSON, or at the address's end."""
    identity, _, ending = identity.partition("/")
    intent = store.get(identity, "payment_intent")
    if intent is None or intent["status"] != "requires_action":
        return _note("There is nothing to confirm here.", status=404)
    if request.method == "GET":
        page = PAGE.format(style=STYLE, amount=escape(_shown(intent)))
        return HTMLResponse(page, headers=HEADERS)
    result = ending or await _result(request)
    if request.method != "POST" or result not in ("complete", "fail"):
        return _note("Send `result` as complete or fail.", status=400)
    with store.transaction():
        if (store.get(identity, "payment_intent") or {}).get("status") != "requires_action":
            return _note("Somebody else has just answered.", status=404)
        ledger = Ledger(store, webhooks=webhooks)
        intent = attempts.finish_action(ledger, identity, passed=result == "complete")
    back = store.hidden(identity).get("return_url")
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"id": identity, "status": intent["status"], "return_url": back})
    if not back:
        return _note("Done. You can close this page.")
    return RedirectResponse(_returning(back, intent), status_code=303, headers=HEADERS)


async def _result(request: Request) -> str:
    body = (await request.body()).decode(errors="replace")
    if request.headers.get("content-type", "").startswith("application/json"):
        return "fail" if '"fail"' in body else "complete" if '"complete"' in body else ""
    return dict(parse_qsl(body)).get("result", "")


def _returning(back: str, intent: Json) -> str:
    """Where the payer goes on, with what Stripe adds to the address."""
    parts = urlsplit(back)
    added = {
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": "failed" if intent["status"] == "requires_payment_method" else "succeeded",
    }
    query = "&".join(filter(None, (parts.query, urlencode(added))))
    return urlunsplit(parts._replace(query=query))


def _shown(intent: Json) -> str:
    currency = CURRENCIES[intent["currency"].upper()]
    whole, rest = divmod(intent["amount"], 10**currency.exponent)
    decimals = f".{rest:0{currency.exponent}}" if currency.exponent else ""
    return f"{whole}{decimals} {currency.code}"


def _note(note: str, *, status: int = 200) -> Response:
    return HTMLResponse(NOTE.format(style=STYLE, note=escape(note)), status_code=status, headers=HEADERS)
