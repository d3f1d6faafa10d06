"""/schema.graphql follows the policy of introspection: open to all, and in production to the scope `explorer`."""

from collections.abc import AsyncIterator

import httpx
import pytest

from schema import print_sdl
from server.app import create_app, with_middleware
from settings import Settings
from tests.support.shop import JWT_SECRET, Json, Shop, token

PRODUCTION: Json = {
    "environment": "production",
    "database_url": "postgresql://app@db.example/paygraph?sslmode=verify-full",
    "stripe_secret_key": "sk_live_51Jxk0FqQzVb7",
    "stripe_webhook_secrets": "whsec_c2lnbmVkIGJ5IHN0cmlwZQ",
    "auth_jwt_secret": JWT_SECRET,
}


@pytest.fixture
async def production() -> AsyncIterator[httpx.AsyncClient]:
    """Open the application as in production, without its lifespan: a schema needs no database."""
    settings = Settings(_env_file=None, **PRODUCTION)  # type: ignore[call-arg]  # pydantic-settings' own argument
    app = with_middleware(create_app(settings, run_worker=False), settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        yield http


@pytest.mark.parametrize(
    ("scope", "status"),
    [(None, 401), ("payments:pay", 403), ("payments:read ops:write finance:read", 403), ("explorer", 200)],
)
async def test_in_production_it_takes_the_scope(production: httpx.AsyncClient, scope: str | None, status: int) -> None:
    headers = {"Authorization": f"Bearer {token('somebody', scope)}"} if scope is not None else {}
    introspection = {"query": "{ __schema { queryType { name } } }"}

    response = await production.get("/schema.graphql", headers=headers)
    introspected = await production.post("/graphql", json=introspection, headers=headers)

    assert response.status_code == status
    assert (response.text == print_sdl()) is (status == 200)
    assert ("createPayment" in response.text) is (status == 200)
    assert ("INTROSPECTION_DISABLED" in introspected.text) is (status != 200)


@pytest.mark.parametrize("bearer", ["nonsense", token("somebody", "explorer") + "x"])
async def test_a_bad_token_is_refused(production: httpx.AsyncClient, bearer: str) -> None:
    response = await production.get("/schema.graphql", headers={"Authorization": f"Bearer {bearer}"})

    assert response.status_code == 401
    assert "createPayment" not in response.text


async def test_outside_production_everybody_reads_it(shop: Shop) -> None:
    assert (await shop.http.get("/schema.graphql")).text == print_sdl()
