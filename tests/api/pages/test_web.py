"""The pages over HTTP, without building them: a small stand-in for web/dist."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from server.app import with_middleware
from server.pages.static import EXPLORER, STRICT, STRIPE_JS, Offered, OfferedOrder, OfferedToken, add_web
from settings import Settings
from tests.support.shop import settings_for

LOOPBACK = "http://127.0.0.1:8000"
REAL_STRIPE: dict[str, Any] = {"stripe_secret_key": "sk_test_1", "stripe_webhook_secrets": "whsec_1"}
PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "stripe_secret_key": "sk_live_1",
    "stripe_webhook_secrets": "whsec_c2lnbmVkIGJ5IHN0cmlwZQ",
    "rate_limits": "process",
    "sandbox_faults": False,
}


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Create the files that `make web` builds, and private files beside them."""
    folder = tmp_path / "dist"
    (folder / "assets" / "deeper").mkdir(parents=True)
    (folder / "explorer.html").write_text("<title>Explorer</title>")
    (folder / "checkout.html").write_text("<title>Checkout</title>")
    (folder / "assets" / "checkout-1a2b3c.js").write_text("export {}")
    (folder / "assets" / "link.js").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def client(dist: Path, base: str = LOOPBACK, offered: Offered | None = None, **changes: Any) -> httpx.AsyncClient:
    settings = _settings(dist.parent, **changes)
    inner = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    add_web(inner, settings, has_shop=settings.offline, dist=dist)
    if offered is not None:
        inner.state.offered = offered
    return httpx.AsyncClient(transport=httpx.ASGITransport(with_middleware(inner, settings)), base_url=base)


def _settings(folder: Path, **changes: Any) -> Settings:
    return settings_for("postgresql://nobody@localhost/none", folder / "state", **changes)


def policy(response: httpx.Response) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


async def test_the_explorer_may_load_and_ask_nothing_but_its_own_server(dist: Path) -> None:
    async with client(dist) as context:
        page = await context.get("/explorer")

    assert (page.status_code, page.text) == (200, "<title>Explorer</title>")
    assert policy(page) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self' data:",
        "worker-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-cache"


async def test_the_checkout_lets_stripe_in_only_when_there_is_a_publishable_key(dist: Path) -> None:
    async with client(dist) as context:
        offline = await context.get("/checkout")
    async with client(dist, **REAL_STRIPE, stripe_publishable_key="pk_test_1") as context:
        online = await context.get("/checkout")
        said = await context.get("/checkout/settings.json")

    assert policy(offline) == STRICT
    assert policy(online) == STRIPE_JS
    assert "https://js.stripe.com" in policy(online)["script-src"]
    assert said.json() == {
        "livemode": False,
        "publishableKey": "pk_test_1",
        "testCards": False,
        "hasShop": False,
        "byHash": False,
    }


@pytest.mark.parametrize("page", ["/explorer", "/checkout"])
async def test_a_page_that_is_not_built_says_how_it_is_made(tmp_path: Path, page: str) -> None:
    async with client(tmp_path / "dist") as context:
        answer = await context.get(page)
        asset = await context.get("/assets/checkout-1a2b3c.js")

    assert answer.status_code == 503
    assert "make web" in answer.text
    assert policy(answer)["script-src"] == "'none'"
    assert asset.status_code == 404


async def test_an_asset_is_kept_forever(dist: Path) -> None:
    async with client(dist) as context:
        asset = await context.get("/assets/checkout-1a2b3c.js")

    assert (asset.status_code, asset.text) == (200, "export {}")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-type"].startswith("text/javascript")
    assert asset.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/assets",
        "/assets/",
        "/assets/deeper",
        "/assets/../explorer.html",
        "/assets/%2e%2e/explorer.html",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
        "/assets//etc/passwd",
        "/assets/%00",
        "/assets/link.js",
        "/assets/nothing.js",
        "/explorer.html",
        "/explorer/",
        "/dist/explorer.html",
    ],
)
async def test_nothing_else_is_served_and_nothing_is_listed(dist: Path, path: str) -> None:
    async with client(dist) as context:
        answer = await context.get(path)

    assert answer.status_code == 404
    assert "secret" not in answer.text
    assert "Explorer" not in answer.text


async def test_what_is_missing_is_not_kept_forever(dist: Path) -> None:
    async with client(dist) as context:
        missing = await context.get("/assets/nothing.js")

    assert missing.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("explorer", "status"), [(None, 404), (True, 200), (False, 404)])
async def test_production_shows_the_explorer_only_when_it_is_told_to(
    dist: Path, explorer: bool | None, status: int
) -> None:
    async with client(dist, **PRODUCTION, explorer=explorer) as context:
        page = await context.get("/explorer")
        session = await context.get("/explorer/session.json")
        home = await context.get("/")

    assert (page.status_code, session.status_code) == (status, status)
    assert ("/explorer" in home.text) is (status == 200)
    assert "LIVE" in home.text


async def test_the_explorer_can_be_switched_off_elsewhere(dist: Path) -> None:
    async with client(dist, explorer=False) as context:
        assert (await context.get("/explorer")).status_code == 404


async def test_production_has_no_example_checkout(dist: Path) -> None:
    async with client(dist, **PRODUCTION) as context:
        answers = [await context.get(path) for path in ("/checkout", "/checkout/settings.json", "/assets/x.js")]
        home = await context.get("/")

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert "/checkout" not in home.text


async def test_the_first_page_says_what_is_there_and_that_no_money_moves(dist: Path) -> None:
    async with client(dist) as context:
        home = await context.get("/")

    assert home.status_code == 200
    assert all(f'href="{path}"' in home.text for path in ("/explorer", "/checkout", "/schema.graphql", "/readyz"))
    assert "No real money moves here." in home.text
    assert "<script" not in home.text


OFFERED = Offered(
    tokens=[OfferedToken("Buyer", "token-of-the-demo")], orders=[OfferedOrder("order_1", "demo-1", 100, "USD")]
)


@pytest.mark.parametrize("base", [LOOPBACK, "http://localhost:8000", "http://[::1]:8000"])
async def test_the_demo_offers_its_tokens_on_loopback(dist: Path, base: str) -> None:
    async with client(dist, base, OFFERED) as context:
        session = await context.get("/explorer/session.json")

    assert session.json()["tokens"] == [{"name": "Buyer", "token": "token-of-the-demo"}]
    assert session.json()["orders"][0]["id"] == "order_1"
    assert session.headers["cache-control"] == "no-store"


async def test_a_page_that_gave_itself_another_name_gets_no_token(dist: Path) -> None:
    async with client(dist, "http://rebound.example", OFFERED) as context:
        session = await context.get("/explorer/session.json")

    assert session.json() == {"livemode": False, "tokens": [], "orders": []}


async def test_the_policy_of_the_explorer_names_no_other_origin() -> None:
    assert not any("http" in value or "*" in value for value in (*EXPLORER.values(), *STRICT.values()))
