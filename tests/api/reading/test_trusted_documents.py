"""Trusted documents: sent by their hash, as clients' build tools compute it; in enforced mode, nothing else runs."""

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.graphql.trusted_documents import ManifestRefused, Mode, TrustedDocuments
from tests.support.shop import Client, Json, Shop, open_shop, settings_for, token

ORDER = "query Order($id: ID!) { order(id: $id) { id paymentStatus } }"
OTHER = "query Other { viewer { scopes } }"
EXPLORER = "payments:pay explorer"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


RELAY = {sha256(ORDER): ORDER}
PREFIXED = {f"sha256:{sha256(ORDER)}": ORDER}
APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": sha256(ORDER), "name": "Order", "type": "query", "body": ORDER}],
}
Opened = Callable[..., AbstractAsyncContextManager[Shop]]


@pytest.fixture
def opened(database_url: str, tmp_path: Path) -> Opened:
    def open_with(mode: str, manifest: Json | None = None) -> AbstractAsyncContextManager[Shop]:
        changes: Json = {"trusted_documents_mode": mode}
        if mode != "off":
            changes["trusted_documents"] = tmp_path / "manifest.json"
            changes["trusted_documents"].write_text(json.dumps(manifest or RELAY))
        return open_shop(settings_for(database_url, tmp_path / "state", **changes))

    return open_with


async def send(client: Client, **members: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {client.token}", "Accept": "application/graphql-response+json"}
    return await client.http.post("/graphql", json=members, headers=headers)


def reason(response: httpx.Response) -> tuple[int, str, str]:
    answer = response.json()
    [error] = answer["errors"]
    assert "data" not in answer
    return response.status_code, error["extensions"]["code"], error["extensions"]["reason"]


@pytest.mark.parametrize("manifest", [RELAY, PREFIXED, APOLLO], ids=["relay and codegen", "prefixed", "apollo"])
@pytest.mark.parametrize("mode", ["allowed", "enforced"])
async def test_a_trusted_document_runs_by_its_hash(opened: Opened, mode: str, manifest: Json) -> None:
    async with opened(mode, manifest) as shop:
        order_id = await _order(shop)
        variables = {"id": order_id}
        by_id = await send(shop.buyer, documentId=f"sha256:{sha256(ORDER)}", variables=variables)
        persisted = {"persistedQuery": {"version": 1, "sha256Hash": sha256(ORDER)}}
        by_apollo = await send(shop.buyer, extensions=persisted, variables=variables)
        by_get = await shop.http.get(
            "/graphql",
            params={"documentId": sha256(ORDER), "variables": json.dumps(variables)},
            headers={"Authorization": f"Bearer {shop.buyer.token}"},
        )

    expected = {"order": {"id": order_id, "paymentStatus": "UNPAID"}}
    assert [r.json()["data"] for r in (by_id, by_apollo, by_get)] == [expected] * 3


async def test_a_text_runs_where_it_is_allowed_and_not_where_documents_are_enforced(opened: Opened) -> None:
    async with opened("allowed") as shop:
        allowed = await send(shop.buyer, query=OTHER)
    async with opened("enforced") as shop:
        refused = await send(shop.buyer, query=OTHER)
        known = await send(shop.buyer, query=ORDER, variables={"id": "ord_0"})
        by_explorer = await send(Client(shop.http, token("buyer", EXPLORER)), query=OTHER)
        introspection = await send(shop.buyer, query="{ __schema { types { name } } }")

    assert allowed.json()["data"] == {"viewer": {"scopes": ["payments:pay"]}}
    assert reason(refused) == reason(introspection) == (403, "FORBIDDEN", "TRUSTED_DOCUMENTS_ONLY")
    assert known.json()["data"] == {"order": None}
    assert by_explorer.json()["data"] == {"viewer": {"scopes": ["explorer", "payments:pay"]}}


async def test_an_unknown_hash_is_said_in_the_words_that_apollos_clients_look_for(opened: Opened) -> None:
    unknown = {"persistedQuery": {"version": 1, "sha256Hash": sha256(OTHER)}}
    async with opened("allowed") as shop:
        first = await send(shop.buyer, extensions=unknown)
        second = await send(shop.buyer, extensions=unknown, query=OTHER)
        still = await send(shop.buyer, extensions=unknown)
    async with opened("off") as shop:
        off = await send(shop.buyer, extensions=unknown)

    assert first.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert reason(first) == reason(still) == (400, "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_FOUND")
    assert second.json()["data"] == {"viewer": {"scopes": ["payments:pay"]}}
    assert reason(off) == (400, "PERSISTED_QUERY_NOT_SUPPORTED", "PERSISTED_QUERY_NOT_SUPPORTED")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"documentId": "sha256:abc"}, "INVALID_REQUEST"),
        ({"documentId": sha256(ORDER).upper()}, "INVALID_REQUEST"),
        ({"documentId": 7}, "INVALID_REQUEST"),
        ({"documentId": "4242424242424242"}, "SENSITIVE_DATA_REFUSED"),
        ({"extensions": {"persistedQuery": {}}}, "INVALID_REQUEST"),
        ({"extensions": {"persistedQuery": "x"}}, "INVALID_REQUEST"),
        ({"documentId": sha256(ORDER), "query": OTHER}, "DOCUMENT_HASH_MISMATCH"),
        (
            {"documentId": sha256(ORDER), "extensions": {"persistedQuery": {"sha256Hash": sha256(ORDER)}}},
            "INVALID_REQUEST",
        ),
    ],
)
async def test_a_bad_hash_is_refused_and_said(opened: Opened, members: Json, expected: str) -> None:
    async with opened("allowed") as shop:
        response = await send(shop.buyer, **members)

    assert response.status_code == 400
    assert reason(response)[2] == expected


async def test_a_hash_that_looks_like_a_card_number_is_no_card_number(opened: Opened) -> None:
    looks_like_a_card = "4242424242424242" + "a" * 48
    async with opened("allowed") as shop:
        response = await send(shop.buyer, documentId=looks_like_a_card)

    assert reason(response)[2] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "an object of documents"),
        (json.dumps({"d41d8cd98f00b204e9800998ecf8427e": ORDER}).encode(), "d41d8cd98f00b204e9800998ecf8427e: each"),
        (json.dumps({sha256(OTHER): ORDER}).encode(), f"{sha256(OTHER)}: the text has another hash"),
        (json.dumps({sha256(ORDER): 7}).encode(), f"{sha256(ORDER)}: each entry must be a text"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named(tmp_path: Path, manifest: bytes, words: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(manifest)

    with pytest.raises(ManifestRefused, match=words):
        TrustedDocuments.load(path, Mode.ALLOWED)
    with pytest.raises(ManifestRefused, match="not readable"):
        TrustedDocuments.load(tmp_path / "none.json", Mode.ALLOWED)


async def test_the_application_does_not_start_with_a_document_that_cannot_run(opened: Opened) -> None:
    wrong = "query { nothingOfTheKind }"

    with pytest.raises(ManifestRefused, match=f"{sha256(wrong)}: Cannot query field"):
        async with opened("enforced", {sha256(wrong): wrong}):
            pass


async def _order(shop: Shop) -> str:
    """Register an order, by a caller who may send any document."""
    scopes = "orders:write explorer"
    shop.staff = Client(shop.http, token("clerk", scopes))
    return await shop.order()
