"""The payer's pages: a stand-in for the page of the payer's bank, with a button to pass and one to fail; a receipt."""

from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from domain.currencies import CURRENCIES
from sandbox.ledger import Ledger
from sandbox.payments import attempts
from sandbox.setups import setups
from sandbox.store import Store

Json = dict[str, Any]

STYLE = (
    ":root{color-scheme:light dark;--ink:#1b2430;--soft:#5d6877;--paper:#eef0f3;--card:#fff;--line:#dfe3e8;"
    "--accent:#1f4e8c;--on:#fff}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e9edf3;--soft:#a2adbb;--paper:#11161d;--card:#1a212b;"
    "--line:#303a47;--accent:#8fbaf3;--on:#0c1a2b}}"
    "*{box-sizing:border-box}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;background:var(--paper);"
    "color:var(--ink);font:16px/1.5 system-ui,sans-serif}"
    "main{width:100%;max-width:25rem;padding:2rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:1rem;text-align:center}"
    "h1{font-size:1.375rem;letter-spacing:-.02em;margin:0 0 1rem}"
    "strong{display:block;font-size:2rem;letter-spacing:-.03em;margin-bottom:1rem}"
    "p{color:var(--soft);margin:0 0 1.5rem}strong+p{font-size:.875rem}main>p:last-child{margin:0}"
    "button{font:inherit;font-weight:600;width:100%;min-height:3rem;margin-top:.625rem;border-radius:.75rem;"
    "border:1px solid var(--line);background:none;color:inherit;cursor:pointer}"
    "button:first-child{background:var(--accent);border-color:transparent;color:var(--on)}"
    "button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}"
)
TOP = (
    (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Test bank</title>'
        f"<style>{STYLE}</style><main>"
    )
    .replace("{", "{{")
    .replace("}", "}}")
)
PAGE = (
    TOP + "<h1>{what}</h1><strong>{amount}</strong>"
    "<p>This page stands in for the payer's bank. No money moves.</p>"
    '<form method="post"><button name="result" value="complete">Complete</button>'
    '<button name="result" value="fail">Fail</button></form></main></html>'
)
RECEIPT = TOP + "<h1>Receipt</h1><strong>{amount}</strong><p>{text}</p></main></html>"
ASKED = {"payment_intent": "Confirm this payment", "setup_intent": "Keep this payment method"}
NOTE = TOP + "<p>{note}</p></main></html>"
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    # No form-action: the form's answer redirects to the page the payer came from.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
}


async def three_d_secure(request: Request, store: Store, identity: str, *, webhooks: bool) -> Response:
    """Show the page, or take its answer.

    `result` is complete or fail, in a form, in JSON, or at the end of the address.
    """
    identity, _, ending = identity.partition("/")
    intent = _find(store, identity)
    if intent is None or intent["status"] != "requires_action":
        return _note("There is nothing to confirm here.", status=404)
    if request.method == "GET":
        page = PAGE.format(what=ASKED[intent["object"]], amount=escape(_shown(intent)))
        return HTMLResponse(page, headers=HEADERS)
    result = ending or await _result(request)
    if request.method != "POST" or result not in ("complete", "fail"):
        return _note("Send `result` as complete or fail.", status=400)
    with store.transaction():
        if (_find(store, identity) or {}).get("status") != "requires_action":
            return _note("Somebody else has just answered.", status=404)
        ledger = Ledger(store, webhooks=webhooks)
        finish = setups.finish_action if intent["object"] == "setup_intent" else attempts.finish_action
        intent = finish(ledger, identity, passed=result == "complete")
    back = store.hidden(identity).get("return_url")
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"id": identity, "status": intent["status"], "return_url": back})
    if not back:
        return _note("Done. You can close this page.")
    return RedirectResponse(_returning(back, intent), status_code=303, headers=HEADERS)


def receipt(store: Store, identity: str) -> Response:
    """Show the receipt of a charge, whose id nobody guesses."""
    charge = store.get(identity, "charge")
    if charge is None or not charge["receipt_url"]:
        return _note("There is no such receipt.", status=404)
    text = charge["calculated_statement_descriptor"] or charge["statement_descriptor"] or ""
    page = RECEIPT.format(
        amount=escape(_shown(charge)), text=escape(" · ".join(filter(None, (text, charge["description"]))))
    )
    return HTMLResponse(page, headers=HEADERS)


def mandate(store: Store, identity: str) -> Response:
    """Show a payer the permission to debit a bank account."""
    agreed = store.get(identity, "mandate")
    if agreed is None:
        return _note("There is no such mandate.", status=404)
    return _note(f"You allow PAYGRAPH to debit your bank account. This mandate is {agreed['status']}.")


async def _result(request: Request) -> str:
    body = (await request.body()).decode(errors="replace")
    if request.headers.get("content-type", "").startswith("application/json"):
        return "fail" if '"fail"' in body else "complete" if '"complete"' in body else ""
    return dict(parse_qsl(body)).get("result", "")


def _returning(back: str, intent: Json) -> str:
    """Return the address the payer is redirected to, with the parameters that Stripe adds."""
    added = {
        intent["object"]: intent["id"],
        f"{intent['object']}_client_secret": intent["client_secret"],
        "redirect_status": "failed" if intent["status"] == "requires_payment_method" else "succeeded",
    }
    address, mark, fragment = back.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{urlencode(added)}{mark}{fragment}"


def _find(store: Store, identity: str) -> Json | None:
    return store.get(identity, "payment_intent") or store.get(identity, "setup_intent")


def _shown(intent: Json) -> str:
    if intent["object"] == "setup_intent":
        return str(intent["id"])
    currency = CURRENCIES[intent["currency"].upper()]
    whole, rest = divmod(intent["amount"], 10**currency.exponent)
    decimals = f".{rest:0{currency.exponent}}" if currency.exponent else ""
    return f"{whole}{decimals} {currency.code}"


def _note(note: str, *, status: int = 200) -> Response:
    return HTMLResponse(NOTE.format(note=escape(note)), status_code=status, headers=HEADERS)
