"""One order, one attempt, one key: kept before it is sent, sent until it is answered, followed until it is decided."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx

from .outcome import Declined, Failed, Json, NeedsAction, Outcome, Unknown, judge
from .storage import Storage

T = TypeVar("T")

AGAIN = frozenset({429, 502, 503, 504})
LONGEST_PAUSE = 8.0  # seconds between two tries
LONGEST_ANSWER = 30.0  # seconds; the server answers within ten, and a live stream has a heartbeat every twelve
FRESH_MS = 2_000  # how old may be what the server knows from Stripe, when we poll

ERROR = """
  code message retryable requestId
  ... on OperationInProgressError { retryAfterMs } ... on ProviderError { retryAfterMs }
  ... on CardDeclinedError { declineCode customerMessage retry }
"""
PAYMENT = f"""
  id status version amount {{ amount currency decimal }} clientSecret nextAction {{ type redirectUrl }}
  lastError {{ {ERROR} }}
"""
ANSWER = f"errors {{ {ERROR} }} payment {{ {PAYMENT} }}"
SEND = {
    "CREATE_PAYMENT": (
        "mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!)"
        f" {{ answer: createPayment(input: $input, idempotencyKey: $key) {{ {ANSWER} }} }}"
    ),
    "CONFIRM_PAYMENT": (
        "mutation TryAgain($paymentId: ID!, $paymentMethodId: ID!, $returnUrl: String, $key: IdempotencyKey!)"
        " { answer: confirmPayment(paymentId: $paymentId, paymentMethodId: $paymentMethodId, returnUrl: $returnUrl,"
        f" idempotencyKey: $key) {{ {ANSWER} }} }}"
    ),
}
WHAT_BECAME = f"""
query WhatBecame($key: IdempotencyKey!, $kind: OperationKind!) {{
  operation(key: $key, kind: $kind) {{ state error {{ {ERROR} }} result {{ ... on Payment {{ id }} }} }}
}}
"""
LOOK = f"query Look($id: ID!, $age: Int) {{ payment(id: $id, maxStalenessMs: $age) {{ {PAYMENT} }} }}"
FOLLOW = "subscription Follow($id: ID!) { paymentUpdated(paymentId: $id) { sequence } }"


class NotAnswered(Exception):
    """The server refused the request as such (a token that is not valid, say). The attempt is kept."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class OtherAttempt(Exception):
    """The order has another attempt that was not `delivered`: `resume` it; after a decline, `try_again`."""


class _Again(Exception):
    """Nobody answered, or only that it is worth another try, after so many seconds."""

    def __init__(self, after: float = 0.0) -> None:
        super().__init__()
        self.after = after


class Paygraph:
    """A caller of one Paygraph. `patience` is how many seconds a call tries before the outcome is Unknown."""

    def __init__(
        self,
        url: str,
        token: str,
        storage: Storage,
        *,
        patience: float = 60.0,
        first_pause: float = 0.25,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._url = f"{url.rstrip('/')}/graphql"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._storage = storage
        self._patience = patience
        self._first_pause = first_pause
        self._http = http or httpx.AsyncClient(timeout=LONGEST_ANSWER)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def pay(self, order_id: str, amount: int, currency: str, payment_method_id: str, **more: Any) -> Outcome:
        """Pay what the order owes, or go on with the attempt that an earlier call, or life, began.

        `amount` is in minor units; `more` are the other fields of CreatePaymentInput. Raises NotAnswered, OtherAttempt.
        """
        given = {
            "orderId": order_id,
            "expectedAmount": {"amount": amount, "currency": currency},
            "paymentMethodId": payment_method_id,
            "confirm": True,
            **more,
        }
        kept = self._storage.get(order_id)
        if kept is None:
            return await self._settle(self._keep(order_id, "CREATE_PAYMENT", {"input": given}, given), is_new=True)
        attempt: Json = json.loads(kept)
        if attempt["asked"] not in (given, None):
            raise OtherAttempt(f"order {order_id} has an attempt with another input")
        return await self._settle(attempt, is_new=False)

    async def try_again(
        self, declined: Declined | Failed, payment_method_id: str, *, return_url: str | None = None
    ) -> Outcome:
        """A new attempt after a decline: the same payment with another method, under a new key.

        Also after Failed with ACTIVE_PAYMENT_EXISTS, which shows the open payment. Raises NotAnswered, OtherAttempt.
        """
        if declined.payment is None:
            raise ValueError("there is no open payment to try again")
        kept = self._storage.get(declined.order_id)
        attempt: Json | None = json.loads(kept) if kept else None
        if attempt is not None and attempt["variables"]["key"] != declined.key:
            raise OtherAttempt(f"order {declined.order_id} has a later attempt than the one that was declined")
        variables = {
            "paymentId": declined.payment["id"],
            "paymentMethodId": payment_method_id,
            "returnUrl": return_url,
        }
        asked = attempt["asked"] if attempt else None
        return await self._settle(self._keep(declined.order_id, "CONFIRM_PAYMENT", variables, asked), is_new=True)

    async def resume(self, order_id: str) -> Outcome | None:
        """After a restart: go on with the attempt that is kept for the order, None if there is none."""
        kept = self._storage.get(order_id)
        return await self._settle(json.loads(kept), is_new=False) if kept else None

    async def delivered(self, outcome: Outcome) -> None:
        """The outcome has reached whoever waited for it: forget its key. An Unknown or NeedsAction keeps its own."""
        kept = self._storage.get(outcome.order_id)
        is_open = isinstance(outcome, Unknown | NeedsAction)
        if kept and not is_open and json.loads(kept)["variables"]["key"] == outcome.key:
            self._storage.remove(outcome.order_id)

    def _keep(self, order_id: str, kind: str, variables: Json, asked: Json | None) -> Json:
        """A new attempt, safe in the storage before anything is sent. `asked` is the input that `pay` got."""
        attempt = {"orderId": order_id, "kind": kind, "variables": {**variables, "key": str(uuid4())}, "asked": asked}
        self._storage.set(order_id, json.dumps(attempt))
        return attempt

    async def _settle(self, attempt: Json, *, is_new: bool) -> Outcome:
        order_id, key = attempt["orderId"], attempt["variables"]["key"]
        payment: Json | None = None
        try:
            async with asyncio.timeout(self._patience):
                known = None if is_new else await self._until_answered(lambda: self._what_became(attempt))
                if known is None:
                    known = await self._until_answered(lambda: self._send(attempt))
                payment, error = known
                outcome = judge(order_id, key, payment, error)
                if outcome is None and payment is not None:
                    outcome = await self._follow(order_id, key, payment["id"])
        except TimeoutError:
            outcome = None
        return outcome or Unknown(order_id=order_id, key=key, payment=payment)

    async def _what_became(self, attempt: Json) -> tuple[Json | None, Json | None] | None:
        """The payment and the error of a decided operation; None when the key must be sent (again) to decide it."""
        asked = {"key": attempt["variables"]["key"], "kind": attempt["kind"]}
        operation = (await self._post(WHAT_BECAME, asked))["operation"]
        if operation is None or operation["state"] not in ("SUCCEEDED", "FAILED"):
            return None
        payment = await self._look(operation["result"]["id"]) if operation["result"] else None
        return payment, operation["error"]

    async def _send(self, attempt: Json) -> tuple[Json | None, Json | None]:
        answer = (await self._post(SEND[attempt["kind"]], attempt["variables"]))["answer"]
        error: Json | None = answer["errors"][0] if answer["errors"] else None
        if error is not None and error["retryable"]:
            raise _Again((error.get("retryAfterMs") or 0) / 1000)
        return answer["payment"], error

    async def _follow(self, order_id: str, key: str, payment_id: str) -> Outcome | None:
        """Look at the payment at every event of it until it is decided."""
        async with aclosing(self._events(payment_id)) as events:
            async for _ in events:
                payment = await self._until_answered(lambda: self._look(payment_id))
                if outcome := judge(order_id, key, payment, None):
                    return outcome
        return None

    async def _look(self, payment_id: str) -> Json:
        payment: Json | None = (await self._post(LOOK, {"id": payment_id, "age": FRESH_MS}))["payment"]
        if payment is None:
            raise NotAnswered("NOT_FOUND", "The payment is not this caller's.")
        return payment

    async def _events(self, payment_id: str) -> AsyncGenerator[None]:
        """Yields when there may be news: at the events of a stream, and after a pause where there is no stream."""
        headers = self._headers | {"Accept": "text/event-stream"}
        body = {"query": FOLLOW, "variables": {"id": payment_id}}
        tries = 0
        while True:
            try:
                async with self._http.stream("POST", self._url, json=body, headers=headers) as stream:
                    if stream.headers.get("content-type", "").startswith("text/event-stream"):
                        async for line in stream.aiter_lines():
                            if line == "event: next":
                                tries = 0
                                yield
            except httpx.TransportError:
                pass
            await self._pause(tries)
            tries += 1
            yield

    async def _until_answered(self, act: Callable[[], Awaitable[T]]) -> T:
        """What `act` gives, as soon as it gives anything. The caller's patience ends it."""
        tries = 0
        while True:
            try:
                return await act()
            except _Again as again:
                await self._pause(tries, again.after)
                tries += 1

    async def _pause(self, tries: int, at_least: float = 0.0) -> None:
        """Jittered, so that clients that failed together do not come back together."""
        longest = min(LONGEST_PAUSE, self._first_pause * 2 ** min(tries, 10))
        await asyncio.sleep(at_least + random.uniform(0, longest))  # noqa: S311 - no secret

    async def _post(self, query: str, variables: Json) -> Json:
        """The data of one operation, sent once. Raises _Again where another try may help, else NotAnswered."""
        try:
            response = await self._http.post(
                self._url, json={"query": query, "variables": variables}, headers=self._headers
            )
            body: Json = response.json()
        except httpx.TransportError:
            raise _Again from None
        except ValueError:  # a proxy's page, or half an answer
            if response.is_client_error and response.status_code != 429:
                raise NotAnswered(f"HTTP_{response.status_code}", "The answer is not Paygraph's.") from None
            raise _Again(_seconds(response)) from None
        if errors := body.get("errors"):
            said = errors[0].get("extensions", {})
            if response.status_code in AGAIN or said.get("retryable"):
                raise _Again(_seconds(response))
            raise NotAnswered(said.get("reason") or said.get("code") or "UNKNOWN", errors[0]["message"])
        data: Json = body["data"]
        return data


def _seconds(response: httpx.Response) -> float:
    """What Retry-After asks for, in seconds; a date is left to the pause."""
    given = response.headers.get("retry-after", "")
    return float(given) if given.isdecimal() else 0.0
