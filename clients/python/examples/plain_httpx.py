"""The same with httpx alone: what any client must do."""

import asyncio
import random
from typing import Any, Final

import httpx

Json = dict[str, Any]

PAY: Final = """
mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!) {
  createPayment(input: $input, idempotencyKey: $key) {
    replayed
    errors { code message retryable requestId }
    payment { id status }
    operation { state }
  }
}
"""
WHAT_BECAME: Final = """
query WhatBecame($key: IdempotencyKey!) {
  operation(key: $key, kind: CREATE_PAYMENT) { state error { code } result { ... on Payment { id status } } }
}
"""
CONFIRM: Final = """
mutation Confirm($input: ConfirmPaymentInput!, $key: IdempotencyKey!) {
  confirmPayment(input: $input, idempotencyKey: $key) {
    errors { code message retryable requestId }
    payment { id status }
  }
}
"""


class Refused(Exception):
    """The request itself was refused: a token that is not valid, a document that is wrong. The key is still good."""


async def until_answered(http: httpx.AsyncClient, query: str, variables: Json) -> Json:
    """Send one act until it is answered: the same key and the same input each time. Returns its payload.

    Store the variables before the first call: after a crash the same call goes on where this one was.
    """
    wait = 0.2
    while True:
        payload = await _once(http, query, variables)
        if payload is not None and not any(error["retryable"] for error in payload["errors"]):
            return payload
        await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - jitter, not a secret
        wait = min(wait * 2, 10.0)


async def what_became_of(http: httpx.AsyncClient, key: str) -> Json | None:
    """Ask what became of a key, without running anything; None when the server has never seen it."""
    response = await http.post("/graphql", json={"query": WHAT_BECAME, "variables": {"key": key}})
    operation: Json | None = response.json()["data"]["operation"]
    return operation


async def _once(http: httpx.AsyncClient, query: str, variables: Json) -> Json | None:
    """Send it once; None where nobody knows whether it has arrived. Raises Refused."""
    try:
        response = await http.post("/graphql", json={"query": query, "variables": variables})
        answer = response.json()
    except (httpx.TransportError, ValueError):
        return None  # no answer, half of one, or a proxy's page
    errors = answer.get("errors")
    if errors is None:
        payload: Json
        [payload] = answer["data"].values()
        return payload
    if response.status_code in (429, 502, 503, 504) or errors[0]["extensions"].get("retryable"):
        return None
    raise Refused(errors[0]["message"])
