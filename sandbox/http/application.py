"""Stripe's HTTP API as an ASGI application: authentication, idempotency, faults, and Stripe's headers."""

import asyncio
import json
import re
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from sandbox import timers
from sandbox.control.control import Control
from sandbox.errors import StripeError, invalid
from sandbox.faults import Fault, Faults
from sandbox.http import access, form, idempotency, listing, routes
from sandbox.http.idempotency import Kept, Keys
from sandbox.http.sending import POLL_SECONDS, HttpAnswer, cut, live, send_answer, until_gone
from sandbox.ledger import Ledger
from sandbox.objects import API_VERSION
from sandbox.store import Store, new_id

Json = dict[str, Any]

MAX_BODY_BYTES = 1_000_000
ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{1,64}")
TOO_MANY = "Request rate limit exceeded."
LOCKED = "This object cannot be accessed right now because another API request is accessing it. Try again."


class Dropped(Exception):
    """A connection that breaks here: `how` is refused, dropped or timed out.

    The transport turns it into a network error of httpx.
    """

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """One parsed request: `key` is its idempotency key."""

    request: Request
    params: Json
    key: str | None
    fingerprint: str
    public_url: str

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        return self.request.url.path

    @property
    def subject(self) -> str:
        """The address of the object that the request is about, by which its lock is known."""
        return "/".join(self.path.split("/")[:4])


class StripeApi:
    """Answers as Stripe does. In process (`sandbox.in_process` in the scope), `Dropped` is raised to the caller."""

    def __init__(self, store: Store, faults: Faults, *, webhooks: bool, faults_enabled: bool, public_url: str) -> None:
        self._store = store
        self._faults = faults
        self._keys = Keys(store)
        self._webhooks = webhooks
        self._public_url = public_url
        self._control = Control(store, faults, webhooks=webhooks, enabled=faults_enabled)
        self._connected: dict[str, StripeApi] = {}

    def close(self) -> None:
        """Close the connected accounts' files."""
        for api in self._connected.values():
            api._store.close()
        self._connected.clear()

    def _account(self, request: Request) -> "StripeApi":
        """Return the account of a request: the key's own, or the connected one it names.

        Connected accounts have separate objects, keys and events; their events are listed and not sent. Raises
        StripeError for an invalid account id.
        """
        account = request.headers.get("stripe-account")
        if account is None:
            return self
        if not ACCOUNT.fullmatch(account):
            message = f"The provided key does not have access to account '{account[:64]}' (or it does not exist)."
            raise invalid(message, code="account_invalid", status=403)
        if account not in self._connected:
            path = self._store.path
            store = Store(path.with_name(f"{path.name}.{account}") if path is not None else None)
            self._connected[account] = StripeApi(
                store, self._faults, webhooks=False, faults_enabled=False, public_url=self._public_url
            )
        return self._connected[account]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if request.url.path.startswith("/_sandbox/"):
            response = await self._control.answer(request)
            await response(scope, receive, send)
            return
        in_process = bool(scope.get("sandbox.in_process"))
        try:
            answer = HttpAnswer(200, "", {}) if request.method == "OPTIONS" else await self._answer(request, in_process)
        except Dropped as dropped:
            if in_process:
                raise
            if dropped.how == "timed out":
                await until_gone(request)
            await cut(send)
            return
        await send_answer(answer, request, send)

    async def _answer(self, request: Request, in_process: bool) -> HttpAnswer:
        try:
            account, parsed = self._account(request), await self._read(request, in_process)
        except StripeError as error:
            return _refusal(error)
        if parsed.method != "GET" and account._keys.taken(parsed.subject):
            return _locked()
        fault = self._faults.strike(parsed.method, parsed.path)
        if fault is None:
            return account._execute(parsed)
        if fault.kind == "hold_before":
            return await account._hold_before(fault, parsed)
        early = _instead(fault)
        if early is not None:
            self._faults.fired(fault)
            if isinstance(early, Dropped):
                raise early
            return early
        answer = account._execute(parsed, fault.kind)
        self._faults.fired(fault)
        return await self._after(fault, parsed, answer)

    async def _read(self, request: Request, in_process: bool) -> ParsedRequest:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise invalid("Request too large.", status=413)
        try:
            text = body.decode() if request.method == "POST" else request.url.query
        except UnicodeDecodeError:
            raise invalid("Invalid request: the body is not UTF-8.") from None
        params = form.parse(text)
        access.refuse_card_numbers(params)
        return ParsedRequest(
            request=request,
            params=params,
            key=request.headers.get("idempotency-key") if request.method == "POST" else None,
            fingerprint=form.digest(request.method, request.url.path, params),
            public_url=self._public_url if in_process else str(request.base_url).rstrip("/"),
        )

    async def _after(self, fault: Fault, parsed: ParsedRequest, answer: HttpAnswer) -> HttpAnswer:
        match fault.kind:
            case "drop_after":
                raise Dropped("dropped")
            case "timeout_after":
                raise Dropped("timed out")
            case "broken_json":
                return HttpAnswer(answer.status, answer.body[: len(answer.body) // 2], answer.headers)
            case "slow":
                await asyncio.sleep(fault.seconds)
            case "trickle":
                return replace(answer, byte_seconds=fault.seconds)
            case "hold_after":
                await self._held(fault, parsed.request)
        return answer

    async def _hold_before(self, fault: Fault, parsed: ParsedRequest) -> HttpAnswer:
        """Hold the request, with its key in use, until the rule is removed; then execute it.

        If the client disconnects first, the request is never executed, unless the rule says `late`.
        """
        if parsed.key is not None and not self._keys.take(parsed.key):
            return _refusal(idempotency.in_use())
        if fault.locks:
            self._keys.take(parsed.subject)
        try:
            self._faults.fired(fault)
            stayed = await self._held(fault, parsed.request)
            if fault.late:
                await self._released(fault)
        finally:
            if parsed.key is not None:
                self._keys.give_back(parsed.key)
            if fault.locks:
                self._keys.give_back(parsed.subject)
        if not stayed and not fault.late:
            raise Dropped("dropped")
        return self._execute(parsed)

    async def _held(self, fault: Fault, request: Request) -> bool:
        """Wait until the rule is removed; False if the client has disconnected before."""
        while self._faults.exists(fault.id):
            if await request.is_disconnected():
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    async def _released(self, fault: Fault) -> None:
        while self._faults.exists(fault.id):  # noqa: ASYNC110 - another process may remove the rule
            await asyncio.sleep(POLL_SECONDS)

    def _execute(self, parsed: ParsedRequest, fault: str = "") -> HttpAnswer:
        """Execute the request in one transaction, or replay the answer stored under its key."""
        with self._store.transaction():
            answer = self._run(parsed, fault)
            self._store.rows(
                "INSERT INTO request (method, path, key, params, status, replayed) VALUES (?, ?, ?, ?, ?, ?)",
                parsed.method,
                parsed.path,
                parsed.key,
                parsed.fingerprint,
                answer.status,
                int("idempotent-replayed" in answer.headers),
            )
        return answer

    def _run(self, parsed: ParsedRequest, fault: str) -> HttpAnswer:
        request_id = new_id("req", 14)
        headers = {
            "request-id": request_id,
            "stripe-version": parsed.request.headers.get("stripe-version", API_VERSION),
        }
        ledger = Ledger(self._store, request_id, parsed.key, webhooks=self._webhooks, public_url=parsed.public_url)
        ledger.version = headers["stripe-version"]
        if parsed.key is not None:
            headers["idempotency-key"] = parsed.key
        try:
            browser = access.check_key(parsed.request, parsed.params)
            timers.run_due(ledger)
            if parsed.key is not None and (kept := self._keys.kept(parsed.key, parsed.fingerprint)) is not None:
                return _replay(kept, headers)
            expand = parsed.params.get("expand", [])
            route, ids = routes.find(parsed.method, parsed.path)
            if browser:
                access.check_route(route)
            raw = {k: v for k, v in parsed.params.items() if k not in access.NOT_PARAMETERS}
            params = route.read(raw, headers["stripe-version"])
            if browser:
                access.check_secret(ledger, ids, params)
        except StripeError as error:
            return _refusal(error, headers)
        status, text = 500, ""
        if fault != "error_500_before":
            status, text = self._act(ledger, route, ids, params, expand=expand, browser=browser)
        if fault == "error_500_before" or (fault == "error_500_after" and status in (200, 402)):
            status, text = 500, _json(_error("api_error", "An unknown error occurred."))
        if parsed.key is not None:
            self._keys.keep(parsed.key, parsed.fingerprint, Kept(status, text, request_id))
        return HttpAnswer(status, text, headers)

    def _act(
        self, ledger: Ledger, route: routes.Route, ids: dict[str, str], params: Json, *, expand: Any, browser: bool
    ) -> tuple[int, str]:
        """Execute the route. A refusal rolls everything back, but a decline keeps its failed charge."""
        self._store.rows("SAVEPOINT act")
        try:
            answer = listing.expand(self._store, route.act(ledger, ids, params), expand)
            status = 200
        except StripeError as error:
            if not error.keeps:
                self._store.rows("ROLLBACK TO act")
            answer, status = error.body, error.status
            answer["error"]["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{ledger.request_id}"
        self._store.rows("RELEASE act")
        return status, _json(access.for_browser(answer) if browser else answer)


def _instead(fault: Fault) -> HttpAnswer | Dropped | None:
    """Return the answer that replaces the request's execution, if any."""
    match fault.kind:
        case "drop_before":
            return Dropped("dropped")
        case "timeout_before":
            return Dropped("timed out")
        case "refuse_connection":
            return Dropped("refused")
        case "conflict_409":
            return _refusal(idempotency.in_use())
        case "rate_limit_429":
            return _early(429, _error("invalid_request_error", TOO_MANY, "rate_limit"), fault.should_retry)
        case "lock_timeout_429":
            return _locked(True if fault.should_retry is None else fault.should_retry)
        case "unauthorized_401":
            return _early(401, _error("invalid_request_error", "Invalid API Key provided: sk_test_****"))
    return None


def _early(status: int, body: Json, should_retry: bool | None = None) -> HttpAnswer:
    advice = {} if should_retry is None else {"stripe-should-retry": "true" if should_retry else "false"}
    return HttpAnswer(status, _json(body), {"request-id": new_id("req", 14), **advice})


def _locked(should_retry: bool = True) -> HttpAnswer:
    """Answer that another request holds the object's lock; the idempotency key stays free."""
    return _early(429, _error("invalid_request_error", LOCKED, "lock_timeout"), should_retry)


def _refusal(error: StripeError, headers: dict[str, str] | None = None) -> HttpAnswer:
    """Answer an error before execution; the idempotency key stays free."""
    advice = {"stripe-should-retry": "true" if error.status == 409 else "false"}
    all_headers = headers or {"request-id": new_id("req", 14)}
    error.body["error"]["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{all_headers['request-id']}"
    return HttpAnswer(error.status, _json(error.body), all_headers | advice)


def _replay(kept: Kept, headers: dict[str, str]) -> HttpAnswer:
    """Replay the key's answer. Retrying a stored 500 is useless, and Stripe's header says so."""
    advice = {"stripe-should-retry": "false"} if kept.status >= 500 else {}
    replayed = {"idempotent-replayed": "true", "original-request": kept.request_id}
    return HttpAnswer(kept.status, kept.body, headers | replayed | advice)


def _error(kind: str, message: str, code: str | None = None) -> Json:
    return {"error": {"type": kind, "message": message} | ({"code": code} if code else {})}


def _json(body: Json) -> str:
    return json.dumps(body, indent=None if body.get("object") == "list" else 2)  # a long list is slow to indent
