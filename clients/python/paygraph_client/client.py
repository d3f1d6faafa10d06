"""Pay once despite network failures and crashes, and find out the outcome."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final
from uuid import uuid4

import httpx

from paygraph_client import texts
from paygraph_client.events import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, Event, Interrupted, follow, stream
from paygraph_client.results import (
    Canceled,
    Declined,
    Held,
    Kept,
    NeedsAction,
    Paid,
    PaygraphError,
    Refused,
    Result,
    SetupResult,
    ToSetUp,
    Undecided,
)
from paygraph_client.stores import Record, Store

Json = dict[str, Any]

LOOK_SECONDS: Final = 2.0  # how often a payment is polled where it cannot be followed
UNSETTLED: Final = frozenset({"INITIATED", "PROCESSING", "UNKNOWN"})
BANK_SAYS: Final = frozenset({"CARD_DECLINED", "AUTHENTICATION_REQUIRED"})  # the payment is still open
FOR_THE_PAYER: Final = frozenset({"REQUIRES_ACTION", "REQUIRES_CONFIRMATION"})


class _TryLater(Exception):
    """The outcome of this request is unknown: repeat it, after this many seconds if the server said so."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__("try the same again")
        self.seconds = seconds


class Paygraph:
    """Pays orders of one buyer or service.

    Every key is in `store` before it is sent, with its input, and stays there until `forget`. After any failure between
    the first byte and the receipt on the screen, `resume` continues with the same key. Each method waits at most
    `patience_seconds` and then returns `Undecided`. Raises PaygraphError for an error that no repetition mends.
    """

    def __init__(self, http: httpx.AsyncClient, *, store: Store, patience_seconds: float = 60.0) -> None:
        self._http = http  # needs base_url, and the token in its headers
        self._store = store
        self._patience_seconds = patience_seconds

    async def pay(
        self,
        order_id: str,
        *,
        amount: int,
        currency: str,
        payment_method_id: str | None = None,
        confirmation_token_id: str | None = None,
        saved_payment_method_id: str | None = None,
        setup_future_usage: str | None = None,
        return_url: str | None = None,
    ) -> Result:
        """Pay an order by a method (pm_…), by the token of what the payer has entered (ctoken_…), or by a saved method.

        `setup_future_usage` (ON_SESSION or OFF_SESSION) keeps the method for the order's customer. `amount` is in minor
        units, and is the amount that the buyer was shown. A second call for the same order continues with the first
        one's key, as `resume` does.
        """
        if self._store.get(order_id) is not None:
            return await self.resume(order_id)
        fields: Json = {
            "orderId": order_id,
            "expectedAmount": {"amount": amount, "currency": currency},
            "confirm": True,
            **_paid_with(payment_method_id, confirmation_token_id, return_url),
            **_given(savedPaymentMethodId=saved_payment_method_id, setupFutureUsage=setup_future_usage),
        }
        return await self._begin(order_id, "CREATE_PAYMENT", {"input": fields})

    async def pay_off_session(
        self, order_id: str, *, amount: int, currency: str, saved_payment_method_id: str | None = None
    ) -> Result:
        """Pay an order while its customer is away, with a method that they keep, or their default: for services.

        `Declined` with the advice REAUTHENTICATE_ON_SESSION means that the bank wants the customer: they confirm the
        same payment when they are back. A second call for the same order continues with the first one's key.
        """
        if self._store.get(order_id) is not None:
            return await self.resume(order_id)
        fields: Json = {
            "orderId": order_id,
            "expectedAmount": {"amount": amount, "currency": currency},
            **_given(savedPaymentMethodId=saved_payment_method_id),
        }
        return await self._begin(order_id, "CREATE_OFF_SESSION_PAYMENT", {"input": fields})

    async def give_up(self, order_id: str) -> Result:
        """Cancel the open payment of this order, so that another may be begun; the key is then of no more use."""
        payment_id = (self._store.get(order_id) or {}).get("payment_id")
        if payment_id is None:
            raise LookupError("this order has no payment here")
        return await self._begin(order_id, "CANCEL_PAYMENT", {"input": {"paymentId": payment_id}})

    async def try_again(
        self,
        order_id: str,
        *,
        payment_method_id: str | None = None,
        confirmation_token_id: str | None = None,
        saved_payment_method_id: str | None = None,
        return_url: str | None = None,
    ) -> Result:
        """Pay with another method or token after a decline: a new attempt on the same payment, under a new key."""
        payment_id = (self._store.get(order_id) or {}).get("payment_id")
        if payment_id is None:
            raise LookupError("this order has no declined payment here: call pay")
        fields = {
            "paymentId": payment_id,
            **_paid_with(payment_method_id, confirmation_token_id, return_url),
            **_given(savedPaymentMethodId=saved_payment_method_id),
        }
        return await self._begin(order_id, "CONFIRM_PAYMENT", {"input": fields})

    async def set_up(self, name: str, *, usage: str | None = None, customer_id: str | None = None) -> SetupResult:
        """Begin to keep a payment method without paying, or say how far that is.

        `name` is the caller's own for it: a second call continues with the first one's key, until `forget(name)`. A
        service names the customer. `usage` is what the customer agrees to, OFF_SESSION if it is left out.
        """
        record = self._store.get(name)
        if record is None:
            fields = {"input": _given(usage=usage, customerId=customer_id)}
            record = {"kind": "CREATE_SETUP_INTENT", "key": str(uuid4()), "variables": fields, "payment_id": None}
            self._store.put(name, record)
        try:
            deadline = time.monotonic() + self._patience_seconds
            return _setup_result(await self._patiently(self._send, record, deadline=deadline))
        except _TryLater:
            return Undecided(None)

    async def resume(self, order_id: str) -> Result:
        """Continue the payment of this order if necessary, and return its result. Raises LookupError."""
        record = self._store.get(order_id)
        if record is None:
            raise LookupError("nothing was begun for this order")
        deadline = time.monotonic() + self._patience_seconds
        try:
            found = await self._patiently(self._what_became_of, record, deadline=deadline)
        except _TryLater:
            return Undecided(record.get("payment_id"))
        return await self._finish(order_id, record, found, deadline)

    def events(self, order_id: str, *, after: int | None = None) -> AsyncGenerator[Event, None]:
        """Yield the events of an order and its payments as they happen, each once, until the generator is closed.

        Begins with the newest one, or follows the sequence `after`; goes on behind the last one after every break, also
        in another process of the server. Close it with `contextlib.aclosing`. Raises PaygraphError.
        """
        return follow(self._http, order_id, after=after)

    def forget(self, order_id: str) -> None:
        """Delete the key, once the outcome has reached the buyer."""
        self._store.remove(order_id)

    async def _begin(self, order_id: str, kind: str, variables: Json) -> Result:
        before = self._store.get(order_id) or {}
        record = {"kind": kind, "key": str(uuid4()), "variables": variables, "payment_id": before.get("payment_id")}
        self._store.put(order_id, record)
        return await self._finish(order_id, record, None, time.monotonic() + self._patience_seconds)

    async def _finish(self, order_id: str, record: Record, found: Json | None, deadline: float) -> Result:
        """Send the request, unless its outcome is known, then follow the payment until it is settled."""
        try:
            payload = found or await self._patiently(self._send, record, deadline=deadline)
            payment = payload["payment"]
            if payment is not None and payment["id"] != record["payment_id"]:
                record["payment_id"] = payment["id"]
                self._store.put(order_id, record)
            if payment is not None and payment["status"] in UNSETTLED:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
                    payment = await self._record(order_id, payment["id"], deadline)
                payload = {"payment": payment, "errors": []}
            if payment is not None and payment["status"] in FOR_THE_PAYER and payload.get("confirmation") is None:
                variables = {"id": payment["id"]}
                payload |= await self._patiently(self._ask, texts.CONFIRMATION, variables, deadline=deadline)
        except (_TryLater, TimeoutError):
            return Undecided(record["payment_id"])
        return _result(payload)

    # -- requests -----------------------------------------------------------------------------------------------------

    async def _send(self, record: Record) -> Json:
        """Send the mutation and return its payload; the same key and the same input each time."""
        variables = record["variables"]
        if "input" not in variables:  # kept by a version that sent the fields as arguments: the request is the same
            variables = {"input": variables}
        data = await self._ask(texts.MUTATIONS[record["kind"]], {**variables, "key": record["key"]})
        payload: Json = data["done"]
        for error in payload["errors"]:
            if error["retryable"]:
                raise _TryLater((error.get("retryAfterMs") or 0) / 1000 or None)
        return payload

    async def _what_became_of(self, record: Record) -> Json | None:
        """Look up the operation's payload; None when it is unknown or still running, so that it must be sent again."""
        operation = (await self._ask(texts.OPERATION, {"key": record["key"], "kind": record["kind"]}))["operation"]
        if operation is None or operation["state"] not in ("SUCCEEDED", "FAILED"):
            return None
        errors = [operation["error"]] if operation["error"] is not None else []
        payment = operation["result"]
        if payment is None and record["payment_id"] is not None:
            payment = (await self._ask(texts.LOOK, {"id": record["payment_id"]}))["payment"]
        return {"payment": payment, "errors": errors}

    async def _record(self, order_id: str, payment_id: str, deadline: float) -> Json:
        """Return the payment once it is settled: followed by subscription where possible, and polled as well."""
        after: int | None = None
        while True:
            try:
                async with aclosing(stream(self._http, order_id, after=after)) as events:
                    async for event in events:
                        after = event.sequence
                        if event.payment_id == payment_id and event.payment_status not in UNSETTLED:
                            break
            except (Interrupted, PaygraphError):
                await asyncio.sleep(LOOK_SECONDS)
            found = (await self._patiently(self._ask, texts.LOOK, {"id": payment_id}, deadline=deadline))["payment"]
            payment: Json = found
            if payment["status"] not in UNSETTLED:
                return payment

    async def _ask(self, query: str, variables: Mapping[str, object]) -> Json:
        """Send one request and return its data. Raises _TryLater, or PaygraphError."""
        request = {"query": query, "variables": variables}
        try:
            response = await self._http.post("/graphql", json=request, headers={"Accept": "application/json"})
        except httpx.TransportError:
            raise _TryLater from None
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        errors = answer.get("errors") or []
        if response.status_code in (408, 429) or response.status_code >= 500 or not answer:
            raise _TryLater(_seconds(response.headers.get("Retry-After")))
        if errors and any(error.get("extensions", {}).get("retryable") for error in errors):
            raise _TryLater
        if errors:
            raise PaygraphError(response.status_code, errors)
        data: Json = answer["data"]
        return data

    async def _patiently(self, ask: Any, *arguments: Any, deadline: float) -> Any:
        """Repeat `ask`, with growing pauses, until there is an answer. Raises _TryLater at the deadline."""
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return await ask(*arguments)
            except _TryLater as later:
                pause = max(random.uniform(wait / 2, wait), later.seconds or 0.0)  # noqa: S311 - jitter, not a secret
                if time.monotonic() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)


def _paid_with(method: str | None, token: str | None, return_url: str | None) -> Json:
    """The fields of what pays, and of the page to return to; the ones that are not given are left out."""
    return _given(paymentMethodId=method, confirmationTokenId=token, returnUrl=return_url)


def _given(**fields: str | None) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _result(payload: Json) -> Result:
    payment, errors = payload["payment"], payload["errors"]
    error = errors[0] if errors else None
    identity = payment["id"] if payment is not None else None
    status = payment["status"] if payment is not None else None
    declined = error if error is not None and error["code"] in BANK_SAYS else None
    if error is not None and declined is None:
        return Refused(error["code"], error["message"], identity, error.get("customerMessage"))
    if payment is None:
        return Undecided(None)
    if status == "REQUIRES_PAYMENT_METHOD":
        said = declined or payment["lastError"] or {}
        return Declined(payment["id"], said.get("customerMessage") or "The payment was declined.", said.get("retry"))
    if status in FOR_THE_PAYER:
        action = (payload.get("confirmation") or {}).get("nextAction") or {}
        return NeedsAction(payment["id"], action.get("redirectUrl"))
    match status:
        case "SUCCEEDED":
            return Paid(payment["id"])
        case "REQUIRES_CAPTURE":
            return Held(payment["id"])
        case "CANCELED":
            return Canceled(payment["id"])
    return Undecided(payment["id"])


def _setup_result(payload: Json) -> SetupResult:
    setup, errors, confirmation = payload["setupIntent"], payload["errors"], payload["confirmation"] or {}
    if errors:
        return Refused(errors[0]["code"], errors[0]["message"], None)
    match setup["status"]:
        case "SUCCEEDED":
            return Kept(setup["id"], (setup["paymentMethod"] or {}).get("id"))
        case "CANCELED":
            return Canceled(setup["id"])
        case status if status in FOR_THE_PAYER or status == "REQUIRES_PAYMENT_METHOD":
            failed, action = setup["lastError"] or {}, confirmation.get("nextAction") or {}
            secret, page = confirmation.get("clientSecret"), action.get("redirectUrl")
            return ToSetUp(setup["id"], secret, page, failed.get("customerMessage") or failed.get("message"))
    return Undecided(None)


def _seconds(header: str | None) -> float | None:
    """Parse Retry-After in seconds, the form that Paygraph sends."""
    return float(header) if header is not None and header.isdigit() else None
