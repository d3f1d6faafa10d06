"""A stand-in for a shop's own back end, so that the example checkout has an order to pay.

It exists only with the offline Stripe and outside production. A real shop does all of it on its own server: it
registers the order with a service token that never leaves the server, again when a delivery changes what it costs, and
gives its signed-in customer a buyer token.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from domain.caller import Scope
from server.graphql.request import ClientGone, read_body
from server.http.errors import RequestRefused

Sign = Callable[[str, frozenset[Scope], timedelta], str]

COOKIE: Final = "shop_visitor"
VISITOR: Final = re.compile(r"[A-Za-z0-9_-]{32}")
BUYER_LIFE: Final = timedelta(minutes=30)  # a page asks for a new token when it is reloaded
SERVICE_LIFE: Final = timedelta(minutes=1)
CURRENCY: Final = "USD"
BASKET: Final = (("Linen notebook, A5", 2, 1450), ("Fountain pen, fine", 1, 3900), ("Ink, midnight blue", 1, 1150))
DELIVERIES: Final = {"standard": ("Standard delivery", 0), "express": ("Express delivery", 1200)}
WISH_KEY: Final = re.compile(r"[A-Za-z0-9-]{16,64}")
WISH_BYTES: Final = 4_096
WISH_SECONDS: Final = 10.0
REGISTER: Final = (
    "mutation Register($input: RegisterOrderInput!, $key: IdempotencyKey!)"
    " { registerOrder(input: $input, idempotencyKey: $key) { errors { code retryable } order { id } } }"
)
UNREAD: Final[dict[str, Any]] = {}  # the API has not answered
NUMBER: Final = "query Number($id: ID!) { order(id: $id) { externalId } }"


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
            Route("/checkout/shop/delivery", self.change_delivery, methods=["POST"]),
            Route("/checkout/shop/token", self.sign_token, methods=["POST"]),
        ]

    async def register_order(self, request: Request) -> Response:
        """Register a new order of the demo shop's one basket."""
        if refusal := _refusal(request):
            return refusal
        visitor = _visitor(request) or secrets.token_urlsafe(24)
        name = f"demo-shop-{secrets.token_hex(6)}"
        payload = await self._register(name, visitor, "standard", key=f"register-{name}")
        registered = payload.get("order")
        if registered is None:
            return JSONResponse({"error": "The order could not be registered."}, status_code=503)
        response = JSONResponse({"orderId": registered["id"], **self._for(visitor)})
        response.set_cookie(COOKIE, visitor, path="/checkout", httponly=True, samesite="strict")
        return response

    async def change_delivery(self, request: Request) -> Response:
        """Register a visitor's order again, with the total that goes with the delivery that they choose.

        The page names the key of its wish, and sends an undecided wish again with it (503); a refusal is final (409).
        Whose order it is the API says, and what a delivery costs the shop: of the page it believes neither.
        """
        if refusal := _refusal(request):
            return refusal
        visitor = _visitor(request)
        if visitor is None:
            return JSONResponse({"error": "The shop does not know you."}, status_code=HTTPStatus.UNAUTHORIZED)
        try:
            body = await read_body(request.scope, request.receive, max_bytes=WISH_BYTES, seconds=WISH_SECONDS)
        except RequestRefused as refused:
            return JSONResponse(
                {"error": refused.problems[0].message}, status_code=refused.status, headers=refused.headers
            )
        except ClientGone:
            return Response()  # which nobody reads
        wish = _parse_wish(body)
        if wish is None:
            return JSONResponse({"error": "Name the order, a delivery and a key."}, status_code=HTTPStatus.BAD_REQUEST)
        order_id, delivery, key = wish
        order = (await self._ask(self._buyer_token(visitor), NUMBER, {"id": order_id})).get("order", UNREAD)
        if order is None:
            return JSONResponse({"error": "This order is not there."}, status_code=HTTPStatus.NOT_FOUND)
        payload = UNREAD
        if order is not UNREAD:
            payload = await self._register(order["externalId"], visitor, delivery, key=f"delivery-{key}")
        errors = payload.get("errors")
        if errors is None or any(error["retryable"] for error in errors):
            return JSONResponse({"error": "Nobody knows yet. Ask again."}, status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        if errors:
            return JSONResponse({"error": errors[0]["code"]}, status_code=HTTPStatus.CONFLICT)
        return JSONResponse({"delivery": delivery})

    async def sign_token(self, request: Request) -> Response:
        """Sign a new token for a returning visitor."""
        if refusal := _refusal(request):
            return refusal
        visitor = _visitor(request)
        if visitor is None:
            return JSONResponse({"error": "The shop does not know you."}, status_code=HTTPStatus.UNAUTHORIZED)
        return JSONResponse(self._for(visitor))

    async def _register(self, name: str, visitor: str, delivery: str, *, key: str) -> dict[str, Any]:
        """Tell the API what an order costs; returns the payload, empty where there is none."""
        _, price = DELIVERIES[delivery]
        order = {
            "externalId": name,
            "total": {"amount": sum(count * each for _, count, each in BASKET) + price, "currency": CURRENCY},
            "customerExternalId": _subject(visitor),
        }
        service = self._sign("demo-shop", frozenset({Scope.ORDERS_WRITE}), SERVICE_LIFE)
        data = await self._ask(service, REGISTER, {"input": order, "key": key})
        return data.get("registerOrder") or {}

    async def _ask(self, token: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Ask the API with a token; returns the data, empty where there is none."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._api), base_url="http://localhost") as http:
            answer = await http.post(
                "/graphql",
                json={"query": query, "variables": variables},
                headers={"Authorization": f"Bearer {token}"},
            )
        return answer.json().get("data") or {}

    def _for(self, visitor: str) -> dict[str, Any]:
        deliveries = [{"name": name, "title": title, "amount": price} for name, (title, price) in DELIVERIES.items()]
        return {
            "token": self._buyer_token(visitor),
            "basket": [{"title": title, "count": count, "amount": count * price} for title, count, price in BASKET],
            "deliveries": deliveries,
        }

    def _buyer_token(self, visitor: str) -> str:
        return self._sign(_subject(visitor), frozenset({Scope.PAYMENTS_PAY}), BUYER_LIFE)


def _parse_wish(body: bytes) -> tuple[str, str, str] | None:
    """Return the order, the delivery and the key that a page names, or None."""
    try:
        said = orjson.loads(body)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    order_id, delivery, key = said.get("orderId"), said.get("delivery"), said.get("key")
    if not isinstance(order_id, str) or not isinstance(delivery, str) or not isinstance(key, str):
        return None
    return (order_id, delivery, key) if delivery in DELIVERIES and WISH_KEY.fullmatch(key) else None


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
