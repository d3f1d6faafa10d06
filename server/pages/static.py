"""The pages: the page at `/`, the explorer, and the example checkout, each with its own Content-Security-Policy.

`make web` builds them from web/ into web/dist. Without that the API is complete, and the pages say how to build them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from domain.loopback import LOOPBACK
from server.http.negotiation import header_values
from server.pages.landing import landing, not_built, visited
from settings import Settings

DIST: Final = Path(__file__).parents[2] / "web" / "dist"
FOREVER: Final = "public, max-age=31536000, immutable"  # the name of an asset holds its hash
ASK_AGAIN: Final = "no-cache"

Policy = Mapping[str, str]
STRICT: Final[Policy] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
# The editor inserts <style> elements, and runs web workers.
EXPLORER: Final[Policy] = {**STRICT, "style-src": "'self' 'unsafe-inline'", "worker-src": "'self'"}
# docs.stripe.com/security/guide#content-security-policy
STRIPE_JS: Final[Policy] = {
    **STRICT,
    "script-src": "'self' https://js.stripe.com https://*.js.stripe.com",
    "connect-src": "'self' https://api.stripe.com",
    "frame-src": "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
    "img-src": "'self' data: https://*.stripe.com",
}
PRINTED: Final[Policy] = {**STRICT, "script-src": "'none'", "style-src": "'unsafe-inline'", "connect-src": "'none'"}


@dataclass(frozen=True, slots=True)
class OfferedToken:
    """A token that the explorer offers under a name."""

    name: str
    token: str


@dataclass(frozen=True, slots=True)
class OfferedOrder:
    """An order used by the explorer's examples; the amount is in minor units."""

    id: str
    externalId: str  # noqa: N815 - the page's spelling
    amount: int
    currency: str
    paymentId: str | None = None  # noqa: N815 - the payment that paid it


@dataclass(frozen=True, slots=True)
class Offered:
    """The tokens and the order that the demo prepares for the explorer; empty elsewhere."""

    tokens: Sequence[OfferedToken] = ()
    orders: Sequence[OfferedOrder] = ()


def add_web(app: FastAPI, settings: Settings, *, has_shop: bool, dist: Path = DIST) -> None:
    """Add the pages and their assets. `has_shop`: there is a demo shop that gives the checkout an order.

    The checkout is an example, so production has none; the explorer is added when it is switched on.
    """
    web = _Web(settings, has_shop=has_shop, dist=dist)
    app.add_route("/", web.show_home)
    app.state.visited = HTMLResponse(visited(explorer=settings.shows_explorer), headers=_headers(PRINTED))
    if settings.shows_explorer:
        app.add_route("/explorer", web.show_explorer)
        app.add_route("/explorer/session.json", web.send_session)
    if settings.shows_checkout:
        app.add_route("/checkout", web.show_checkout)
        app.add_route("/checkout/settings.json", web.send_checkout_settings)
    if settings.shows_explorer or settings.shows_checkout:
        app.mount("/assets", _Assets(dist / "assets"))


def is_a_visit(scope: Scope) -> bool:
    """Return True when a browser has opened /graphql: it asks for a page, and for nothing of the API."""
    if scope["method"] != "GET" or scope["query_string"]:
        return False
    return any("text/html" in value for value in header_values(scope, b"accept"))


class _Web:
    def __init__(self, settings: Settings, *, has_shop: bool, dist: Path) -> None:
        self._settings = settings
        self._has_shop = has_shop
        self._dist = dist

    async def show_home(self, _: Request) -> Response:
        settings = self._settings
        text = landing(
            livemode=settings.livemode,
            offline=settings.offline,
            explorer=settings.shows_explorer,
            checkout=settings.shows_checkout,
        )
        return HTMLResponse(text, headers=_headers(PRINTED))

    async def show_explorer(self, _: Request) -> Response:
        return self._page("explorer.html", EXPLORER)

    async def show_checkout(self, _: Request) -> Response:
        return self._page("checkout.html", STRIPE_JS if self._settings.stripe_publishable_key else STRICT)

    async def send_session(self, request: Request) -> Response:
        """Answer the explorer's start state. Tokens are offered on loopback alone, under its own name."""
        offered: Offered = getattr(request.app.state, "offered", Offered())
        if request.url.hostname not in LOOPBACK:
            offered = Offered()
        return JSONResponse({"livemode": self._settings.livemode, **asdict(offered)})

    async def send_checkout_settings(self, _: Request) -> Response:
        settings = self._settings
        return JSONResponse(
            {
                "livemode": settings.livemode,
                "publishableKey": settings.stripe_publishable_key,
                "testCards": settings.offline,
                "hasShop": self._has_shop,
                "byHash": settings.trusted_documents_mode != "off",
            }
        )

    def _page(self, name: str, policy: Policy) -> Response:
        path = self._dist / name
        if not path.is_file():
            return HTMLResponse(not_built(), status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=_headers(PRINTED))
        return FileResponse(path, headers=_headers(policy))


class _Assets(StaticFiles):
    """The files under web/dist/assets, by their exact names: nothing above them, no listings, no links followed."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, check_dir=False)
        self.config_checked = True  # the folder may be built later, by `make web`

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOREVER
        return response


def _headers(policy: Policy) -> dict[str, str]:
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cache-Control": ASK_AGAIN,
    }
