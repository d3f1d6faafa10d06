"""Stripe's HTTP API as an ASGI application: keys, idempotency, faults, and Stripe's headers."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from sandbox import control, form, listing, routes
from sandbox.errors import StripeError, invalid
from sandbox.faults import Fault, Faults
from sandbox.ledger import Ledger
from sandbox.store import Store, new_id

Json = dict[str, Any]

KEY_LIFE_SECONDS = 24 * 3600  # docs.stripe.com/api/idempotent_requests
POLL_SECONDS = 0.02
SERVER_ERROR = {"type": "api_error", "message": "Something went wrong on Stripe's end."}


class Dropped(Exception):
    """The connection breaks here. The transport makes a network error of it."""

    def __init__(self, *, timed_out: bool) -> None:
        super().__init__("timed out" if timed_out else "dropped")
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: str
    headers: dict[str, str]


class StripeApi:
    """Answers as Stripe does. `in_process` says that `Dropped` may be raised to the caller."""

    def __init__(self, store: Store, faults: Faults, *, webhooks: bool, faults_enabled: bool, public_url: str) -> None:
        self._store = store
        self._faults = faults
        self._webhooks = webhooks
        self._public_url = public_url
        self._control = control.Control(store, faults, webhooks=webhooks, enabled=faults_enabled)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if request.url.path.startswith("/_sandbox/"):
            response = await self._control.answer(request)
            await response(scope, receive, send)
            return
        try:
            answer = await self._answer(request)
        except Dropped:
            if scope.get("sandbox.in_process"):
                raise
            await _cut(send)
            return
        headers = {"content-type": "application/json", "date": formatdate(usegmt=True), **answer.headers}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body.encode()})

    async def _answer(self, request: Request) -> Answer:
        body = (await request.body()).decode()
        fault = self._faults.strike(request.method, request.url.path)
        kind = fault.kind if fault else ""
        if fault is not None:
            early = await self._before(fault, request)
            if early is not None:
                return early
        answer = self._execute(request, body, kind)
        if kind in ("drop_after", "timeout_after"):
            raise Dropped(timed_out=kind.startswith("timeout"))
        if fault is not None and kind == "hold_after":
            await self._hold(fault, request)
        if kind == "broken_json":
            return Answer(200, answer.body[: len(answer.body) // 2], answer.headers)
        return answer

    async def _before(self, fault: Fault, request: Request) -> Answer | None:
        """What happens instead of the request, if anything."""
        match fault.kind:
            case "drop_before" | "timeout_before":
                raise Dropped(timed_out=fault.kind.startswith("timeout"))
            case "conflict_409":
                return _error(409, "idempotency_error", "There is a request in progress.", "idempotency_key_in_use")
            case "rate_limit_429":
                return _error(429, "invalid_request_error", "Too many requests.", "rate_limit")
            case "lock_timeout_429":
                return _error(429, "invalid_request_error", "This object cannot be accessed right now.", "lock_timeout")
            case "unauthorized_401":
                return _error(401, "invalid_request_error", "Invalid API Key provided: sk_test_****")
            case "slow":
                await asyncio.sleep(fault.seconds)
            case "hold_before":
                await self._hold(fault, request)
        return None

    async def _hold(self, fault: Fault, request: Request) -> None:
        """Keep the request open until the rule is taken away or the client has gone."""
        while self._faults.exists(fault.id):
            if await request.is_disconnected():
                return
            await asyncio.sleep(POLL_SECONDS)

    def _execute(self, request: Request, body: str, kind: str) -> Answer:
        """Carry the request out in one transaction, or repeat the answer that its key has."""
        request_id = new_id("req", 14)
        method, path = request.method, request.url.path
        key = request.headers.get("idempotency-key") if method == "POST" else None
        params_text = body if method == "POST" else request.url.query
        digest = hashlib.sha256(f"{method} {path} {params_text}".encode()).hexdigest()
        with self._store.transaction():
            answer = self._run(request, params_text, request_id, key, digest, kind)
            self._store.rows(
                "INSERT INTO request (method, path, key, params, status, replayed) VALUES (?, ?, ?, ?, ?, ?)",
                method,
                path,
                key,
                digest,
                answer.status,
                int("idempotent-replayed" in answer.headers),
            )
        return answer

    def _run(
        self, request: Request, params_text: str, request_id: str, key: str | None, digest: str, kind: str
    ) -> Answer:
        headers = {"request-id": request_id, "stripe-version": request.headers.get("stripe-version", "")}
        ledger = Ledger(self._store, request_id, key, webhooks=self._webhooks, public_url=self._public_url)
        try:
            _check_key(request)
            control.run_timers(ledger)
            if key is not None and (kept := self._replay(key, digest)) is not None:
                status, text, original = kept
                return Answer(status, text, {**headers, "idempotent-replayed": "true", "original-request": original})
            if kind == "error_500_before":
                raise StripeError(
                    500, dict(SERVER_ERROR), executed=True
                )  # and so kept under its key, as Stripe keeps it
            params = form.parse(params_text)
            paths = params.pop("expand", [])
            route, ids = routes.find(request.method, request.url.path)
            answer = listing.expand(self._store, routes.run(ledger, route, ids, params), paths)
            status, text, keep = 200, json.dumps(answer, indent=2), True
        except StripeError as error:
            error.body["error"]["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
            status, text, keep = error.status, json.dumps(error.body, indent=2), error.executed
        if kind == "error_500_after" and status == 200:
            status, text = 500, json.dumps({"error": SERVER_ERROR})
        if key is not None and keep:
            self._store.rows(
                "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
                key,
                digest,
                self._store.now(),
                status,
                text,
                request_id,
            )
        return Answer(status, text, headers)

    def _replay(self, key: str, digest: str) -> tuple[int, str, str] | None:
        self._store.rows("DELETE FROM idempotency WHERE created < ?", self._store.now() - KEY_LIFE_SECONDS)
        found = self._store.rows("SELECT fingerprint, status, body, request FROM idempotency WHERE key = ?", key)
        if not found:
            return None
        fingerprint, status, body, original = found[0]
        if fingerprint != digest:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
                f" Try using a key other than '{key}' if you meant to execute a different request."
            )
            raise StripeError(400, {"type": "idempotency_error", "message": message})
        return status, body, original


def _check_key(request: Request) -> None:
    """A test key for everything; a publishable one only with the client's secret, as a browser has it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise invalid("You did not provide an API key.", status=401)
    if token.startswith(("sk_live_", "rk_live_")):
        raise invalid("This is the offline Stripe: live keys do not belong here.", status=401)
    if not token.startswith(("sk_test_", "rk_test_", "pk_test_")):
        raise invalid("Invalid API Key provided.", status=401)


def _error(status: int, kind: str, message: str, code: str | None = None) -> Answer:
    error = {"type": kind, "message": message} | ({"code": code} if code else {})
    return Answer(status, json.dumps({"error": error}), {"request-id": new_id("req", 14)})


async def _cut(send: Send) -> None:
    """Promise more than is sent, so that the server breaks the connection."""
    start: Message = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"100000")],
    }
    await send(start)
    await send({"type": "http.response.body", "body": b"{", "more_body": False})
