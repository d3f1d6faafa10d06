"""Pages of other origins: a browser that follows the Fetch standard decides what each may send and read."""

from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from server import wiring
from server.http.cross_origin import LONGEST_REQUEST, MOST_HEADERS, AllowedOrigins
from server.http.middleware import add_middleware
from tests.server.conftest import Logs
from tests.server.shop import Shop
from tests.support.shop import open_shop, settings_for

PAGE = "https://shop.example"
EVIL = "https://evil.example"
DEV_SERVER = "http://localhost:5173"
# Headers that the browser agents of these products add to a page's own requests.
TRACING = {
    "Sentry": ["sentry-trace", "baggage"],
    "OpenTelemetry": ["traceparent", "tracestate", "baggage"],
    "Datadog": [
        *("x-datadog-origin", "x-datadog-parent-id", "x-datadog-sampling-priority", "x-datadog-trace-id"),
        *("traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"),
    ],
    "New Relic": ["newrelic", "traceparent", "tracestate"],
    "Apollo Client": ["apollographql-client-name", "apollographql-client-version", "apollo-require-preflight"],
    "Apollo iOS and Kotlin": ["x-apollo-operation-name", "x-apollo-operation-id", "x-apollo-operation-type"],
    "an event stream that goes on": ["last-event-id", "cache-control"],
    "a shop's own": ["x-request-id", "x-correlation-id", "x-requested-with"],
}
OWN = ["authorization", "content-type"]


async def page(request: Request) -> Response:
    return PlainTextResponse("answer", headers={"Vary": "Accept-Encoding"})


def client(origins: AllowedOrigins, headers: Iterable[str] = ()) -> httpx.AsyncClient:
    app = add_middleware(
        Starlette(routes=[Route("/graphql", page, methods=["GET", "POST"])]),
        allowed_origins=origins,
        allowed_headers=headers,
        https_only=False,
        max_body_bytes=100,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api.example")


async def preflight(http: httpx.AsyncClient, origin: str, names: Iterable[str], method: str = "POST") -> httpx.Response:
    """Send a browser's preflight: names in lower case, sorted, with commas between."""
    given = {"Origin": origin, "Access-Control-Request-Method": method}
    if listed := ",".join(sorted(names)):
        given["Access-Control-Request-Headers"] = listed
    return await http.options("/graphql", headers=given)


def passes(response: httpx.Response, origin: str, names: Iterable[str], method: str = "POST") -> bool:
    """Run the CORS-preflight fetch of fetch.spec.whatwg.org, for a request without credentials."""
    allowed = {name.strip().lower() for name in response.headers.get("access-control-allow-headers", "").split(",")}
    methods = [name.strip() for name in response.headers.get("access-control-allow-methods", "").split(",")]
    return (
        response.headers.get_list("access-control-allow-origin") == [origin]
        and 200 <= response.status_code <= 299
        and (method in methods or method in ("GET", "HEAD", "POST"))
        and {name.lower() for name in names} <= allowed
    )


@pytest.mark.parametrize("sent", TRACING.values(), ids=TRACING.keys())
async def test_what_tracers_and_graphql_clients_add_passes(shop: Shop, sent: list[str]) -> None:
    response = await preflight(shop.client, PAGE, [*OWN, *sent])

    assert passes(response, PAGE, [*OWN, *sent])


async def test_a_page_with_every_tracer_at_once_passes(shop: Shop) -> None:
    every = {*OWN, *(name for names in TRACING.values() for name in names)}

    assert passes(await preflight(shop.client, PAGE, every), PAGE, every)


async def test_a_header_of_nobody_is_not_allowed_and_the_log_names_the_setting(shop: Shop, logs: Logs) -> None:
    response = await preflight(shop.client, PAGE, [*OWN, "x-shop-version"])

    assert passes(response, PAGE, OWN)
    assert not passes(response, PAGE, [*OWN, "x-shop-version"])
    [line] = logs.named("cors.refused")
    assert (line["setting"], line["origin"], line["header"]) == ("ALLOWED_HEADERS", PAGE, "x-shop-version")


async def test_a_setting_names_more_headers_one_by_one_and_by_their_beginning() -> None:
    names = ["x-shop-version", "x-tenant-id", "x-tenant-region"]
    async with client(AllowedOrigins([PAGE]), ["X-Shop-Version", "x-tenant-*"]) as http:
        response = await preflight(http, PAGE, [*OWN, *names])
        other = await preflight(http, PAGE, [*OWN, "x-shop-version-of-nobody"])

    assert passes(response, PAGE, [*OWN, *names])
    assert not passes(other, PAGE, ["x-shop-version-of-nobody"])


async def test_only_what_was_asked_for_is_echoed_and_never_without_end(shop: Shop) -> None:
    many = [f"x-datadog-{number:04d}" for number in range(500)]
    long = "x-datadog-" + "a" * LONGEST_REQUEST

    echoed = (await preflight(shop.client, PAGE, many)).headers["access-control-allow-headers"]
    of_long = await preflight(shop.client, PAGE, [long])
    of_none = await preflight(shop.client, PAGE, [])

    assert len(echoed.split(",")) <= MOST_HEADERS
    assert "access-control-allow-headers" not in of_long.headers
    assert "access-control-allow-headers" not in of_none.headers


async def test_what_is_no_name_of_a_header_is_not_echoed(shop: Shop) -> None:
    response = await preflight(shop.client, PAGE, ["content-type", "x-apollo-<script>", "x-apollo-a b", "x-apollo-:"])

    assert response.headers["access-control-allow-headers"] == "content-type"


@pytest.mark.parametrize("origin", [EVIL, "null", "https://shop.example.evil.example", "http://shop.example"])
async def test_a_page_of_another_origin_may_neither_ask_nor_read(shop: Shop, origin: str) -> None:
    asked = await preflight(shop.client, origin, OWN)
    read = await shop.client.post("/graphql", json={"query": "{hello}"}, headers={"Origin": origin})

    assert not passes(asked, origin, [])
    assert "access-control-allow-origin" not in {**asked.headers, **read.headers}


async def test_an_allowed_page_reads_the_answer_and_caches_keep_origins_apart() -> None:
    async with client(AllowedOrigins([PAGE])) as http:
        read = await http.get("/graphql", headers={"Origin": PAGE})
        without = await http.get("/graphql")

    assert read.headers["access-control-allow-origin"] == PAGE
    assert read.headers["access-control-expose-headers"] == "X-Request-Id, Retry-After"
    assert "access-control-allow-credentials" not in read.headers
    assert (read.headers["vary"], without.headers["vary"]) == ("Accept-Encoding, Origin", "Accept-Encoding, Origin")


async def test_refused_origins_are_one_line_however_many_ask(shop: Shop, logs: Logs) -> None:
    for number in range(50):
        await preflight(shop.client, f"https://page-{number}.example", OWN)

    [line] = logs.named("cors.refused")
    assert (line["level"], line["setting"], line["origin"]) == ("warning", "ALLOWED_ORIGINS", "https://page-0.example")


def test_a_wildcard_origin_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="ALLOWED_ORIGINS"):
        AllowedOrigins(["*"])


@pytest.mark.parametrize(
    "origin", [DEV_SERVER, "http://127.0.0.1:3000", "https://shop.localhost:8443", "http://[::1]:80"]
)
def test_pages_of_this_machine_may_call_outside_production(origin: str, tmp_path: Path) -> None:
    assert origin in wiring.allowed_origins(settings_for("postgres://nobody@127.0.0.1/nothing", tmp_path))


@pytest.mark.parametrize(
    "origin",
    [
        *("http://localhost.evil.example", "http://evil.example:5173", "http://localhost@evil.example", "null", ""),
        *(
            "http://128.0.0.1",
            "http://127.0.0.1.evil.example",
            "file://localhost",
            "http://localhost:5173/",
            "http://[",
        ),
    ],
)
def test_what_only_looks_like_this_machine_may_not(origin: str, tmp_path: Path) -> None:
    assert origin not in wiring.allowed_origins(settings_for("postgres://nobody@127.0.0.1/nothing", tmp_path))


def test_in_production_only_listed_pages_may_call(tmp_path: Path) -> None:
    production = settings_for(
        "postgres://nobody@127.0.0.1/nothing",
        tmp_path,
        environment="production",
        stripe_secret_key="sk_live_" + "0" * 24,
        stripe_webhook_secrets="whsec_c2lnbmVkIGJ5IHN0cmlwZQ",
        rate_limits="process",
        sandbox_faults=False,
        allowed_origins=PAGE,
    )

    assert PAGE in wiring.allowed_origins(production)
    assert DEV_SERVER not in wiring.allowed_origins(production)


async def test_the_page_of_a_developer_pays_against_a_server_without_settings(
    database_url: str, tmp_path: Path
) -> None:
    async with open_shop(settings_for(database_url, tmp_path / "state")) as shop:
        names = [*OWN, "sentry-trace", "baggage"]
        asked = await preflight(shop.http, DEV_SERVER, names)
        shop.http.headers["Origin"] = DEV_SERVER
        paid = await shop.paid()

        answer = await shop.http.post("/graphql", json={"query": "{ __typename }"})

    assert passes(asked, DEV_SERVER, names)
    assert paid["status"] == "SUCCEEDED"
    assert answer.headers["access-control-allow-origin"] == DEV_SERVER
