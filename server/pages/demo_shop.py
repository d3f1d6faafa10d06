"""A stand-in for a shop's own back end, so that the example checkout has an order to pay.

It exists only with the offline Stripe and outside production. A real shop does both on its own server: it registers the
order with a service token that never leaves the server, and gives its signed-in customer a buyer token.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from domain.caller import Scope

Sign = Callable[[str, frozenset[Scope], timedelta], str]

COOKIE: Final = "shop_visitor"
VISITOR: Final = re.compile(r"[A-Za-z0-9_-]{32}")
BUYER_LIFE: Final = timedelta(minutes=30)  # a page asks for a new token when it is reloaded
SERVICE_LIFE: Final = timedelta(minutes=1)
CURRENCY: Final = "USD"
BASKET: Final = (("Linen notebook, A5", 2, 1450), ("Fountain pen, fine", 1, 3900), ("Ink, midnight blue", 1, 1150))
REGISTER: Final = (
    "mutation Register($input: RegisterOrderInput!, $key: IdempotencyKey!)"
    " { registerOrder(input: $input, idempotencyKey: $key) { errors { message } order { id } } }"
)


class DemoShop:
    """Registers an order for each visitor, and gives the visitor a token that pays their own orders alone."""

    def __init__(self, api: ASGIApp, sign: Sign) -> None:
        self._api = api
        self._sign = sign

    @property
    def routes(self) -> list[Route]:
        """List the routes that the checkout page calls."""
        return [
            Route("/checkout/shop/orders", self.register_order, methods=["POST"]),
            Route("/checkout/shop/token", self.sign_token, methods=["POST"]),
        ]

    async def register_order(self, request: Request) -> Response:
        """Register a new order of the demo shop's one basket."""
        if refusal := _refusal(request):
            return refusal
        visitor = _visitor(request) or secrets.token_urlsafe(24)
        name = f"demo-shop-{secrets.token_hex(6)}"
        order = {
            "externalId": name,
            "total": {"amount": sum(count * price for _, count, price in BASKET), "currency": CURRENCY},
            "customerExternalId": _subject(visitor),
        }
        service = self._sign("demo-shop", frozenset({Scope.ORDERS_WRITE}), SERVICE_LIFE)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._api), base_url="http://localhost") as http:
            answer = await http.post(
                "/graphql",
                json={"query": REGISTER, "variables": {"input": order, "key": f"register-{name}"}},
                headers={"Authorization": f"Bearer {service}"},
            )
        registered = ((answer.json().get("data") or {}).get("registerOrder") or {}).get("order")
        if registered is None:
            return JSONResponse({"error": "The order could not be registered."}, status_code=503)
        response = JSONResponse({"orderId": registered["id"], **self._for(visitor)})
        response.set_cookie(COOKIE, visitor, path="/checkout", httponly=True, samesite="strict")
        return response

    async def sign_token(self, request: Request) -> Response:
        """Sign a new token for a returning visitor."""
        if refusal := _refusal(request):
            return refusal
        visitor = _visitor(request)
        if visitor is None:
            return JSONResponse({"error": "The shop does not know you."}, status_code=HTTPStatus.UNAUTHORIZED)
        return JSONResponse(self._for(visitor))

    def _for(self, visitor: str) -> dict[str, Any]:
        return {
            "token": self._sign(_subject(visitor), frozenset({Scope.PAYMENTS_PAY}), BUYER_LIFE),
            "basket": [{"title": title, "count": count, "amount": count * price} for title, count, price in BASKET],
        }


def _visitor(request: Request) -> str | None:
    cookie = request.cookies.get(COOKIE, "")
    return cookie if VISITOR.fullmatch(cookie) else None


def _subject(visitor: str) -> str:
    """Derive the customer's id from the cookie: ids show in tokens and in the books, so the cookie itself must not."""
    return f"visitor-{hashlib.sha256(visitor.encode()).hexdigest()[:24]}"


def _refusal(request: Request) -> Response | None:
    """Refuse a page of another site; None for our own. The browser names the site."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return JSONResponse({"error": "Only the checkout's own page may ask."}, status_code=HTTPStatus.FORBIDDEN)
    return None
