"""One side of a comparison: makes calls, keeps the answers, and cleans up the objects it made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from sandbox.comparison.script import StripeCall

Json = dict[str, Any]

MOST_REQUESTS: Final = 60  # to Stripe in all; a hard limit
CALL_SECONDS: Final = 20.0
OPEN: Final = frozenset(
    {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "processing"}
)
_NAMED: Final = re.compile(r"\{(\w+)\}")


class OutOfRequests(Exception):
    """The limit of requests is reached: nothing more is sent."""


@dataclass(frozen=True, slots=True)
class StripeAnswer:
    """One answer. `items` are the names of a list's objects, in its order."""

    status: int
    headers: Mapping[str, str]
    body: Json
    items: tuple[str, ...] | None = None


@dataclass(slots=True)
class Side:
    """Stripe, or the offline Stripe. `run_id` makes this comparison's idempotency keys unique."""

    client: httpx.AsyncClient = field(repr=False)
    run_id: str
    reserve: int = 0  # requests kept for the cleaning up
    sent: int = 0
    kept: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)  # payments: id → status

    def can(self, call: StripeCall) -> bool:
        """Return True when every value that this call needs was kept."""
        needed = {name for text in (call.path, *call.params.values()) for name in _NAMED.findall(text)}
        return needed <= self.kept.keys()

    async def ask(self, call: StripeCall) -> StripeAnswer:
        """Make one call. Raises OutOfRequests and httpx.HTTPError."""
        key = f"{self.run_id}-{call.key}" if call.key is not None else None
        params = {name: self._filled(value) for name, value in call.params.items()}
        answer = await self._send(call.method, self._filled(call.path), params, key=key, leave=self.reserve)
        for name, place in call.keeps.items():
            value = _at(answer.body, place)
            if value is not None:
                self.kept[name] = str(value)
        return answer

    async def clean_up(self) -> list[str]:
        """Refund, cancel and delete the objects of the script; returns the ids of those that could not be."""
        left: list[str] = []
        for intent, status in list(self.made.items()):
            if status in OPEN:
                left += await self._tidy(intent, "POST", f"/v1/payment_intents/{intent}/cancel", {})
            elif status == "succeeded":
                left += await self._tidy(intent, "POST", "/v1/refunds", {"payment_intent": intent})
        if (customer := self.kept.get("customer")) is not None:
            left += await self._tidy(customer, "DELETE", f"/v1/customers/{customer}", {})
        return left

    async def _tidy(self, identity: str, method: str, path: str, params: Mapping[str, str]) -> list[str]:
        try:
            answer = await self._send(method, path, params, key=None, leave=0)
        except (OutOfRequests, httpx.HTTPError):
            return [identity]
        return [] if answer.status == httpx.codes.OK else [identity]

    async def _send(
        self, method: str, path: str, params: Mapping[str, str], *, key: str | None, leave: int
    ) -> StripeAnswer:
        if self.sent >= MOST_REQUESTS - leave:
            raise OutOfRequests
        self.sent += 1
        arguments: Json = {"params": params} if method == "GET" else {"data": params}
        headers = {"Idempotency-Key": key} if key is not None else {}
        response = await self.client.request(method, path, headers=headers, **arguments)
        try:
            body = response.json()
        except ValueError:
            body = {}
        body = body if isinstance(body, dict) else {}
        self._remember(body)
        return StripeAnswer(response.status_code, response.headers, body, self._items(body))

    def _remember(self, body: Json) -> None:
        """Track the payments and their statuses, from any answer that shows one."""
        error = body.get("error")
        shown = error.get("payment_intent") if isinstance(error, dict) else body
        if isinstance(shown, dict) and shown.get("object") == "payment_intent":
            self.made[str(shown.get("id"))] = str(shown.get("status"))

    def _items(self, body: Json) -> tuple[str, ...] | None:
        """Name the objects of a list that this comparison made: the account may have others."""
        data = body.get("data")
        if body.get("object") != "list" or not isinstance(data, list):
            return None
        names = {value: name for name, value in self.kept.items()}
        found = [(names.get(_identity(item)), item) for item in data]
        if any(name is not None for name, _ in found):
            body["data"] = [item for name, item in found if name is not None]
        return tuple(name for name, _ in found if name is not None)

    def _filled(self, text: str) -> str:
        return _NAMED.sub(lambda match: self.kept[match[1]], text)


def _identity(item: Any) -> str:
    """Return the id of a list's object; for an event, the id of its subject."""
    if not isinstance(item, dict):
        return ""
    return str(_at(item, "data.object.id") if item.get("object") == "event" else item.get("id"))


def _at(body: Any, place: str) -> Any:
    for name in place.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body
