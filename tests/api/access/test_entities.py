"""`_entities` of the subgraph shows a caller what `node` shows them, and says of nothing else that it exists."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from domain.caller import Scope
from tests.support.edges import BUILT, own
from tests.support.shop import Client, Json, Shop, token
from tests.support.two_owners import CLERK, FIRST, SECOND, World, build, strangers

pytestmark = pytest.mark.shop_settings(federation=True, request_budget_seconds=0)

AT_ONCE: Final = 2  # objects in a document: all fields of more, asked for twice, are beyond its limits
BY_NUMBER: Final = """
query N($representations: [_Any!]!) {
  _entities(representations: $representations) { __typename ... on Order { id } ... on Customer { id externalId } }
}
"""


def _document(kind: str, count: int) -> str:
    """Ask for so many objects of a type by `node`, each under a name of its own, and by `_entities`."""
    all_fields = f"fragment F on {kind} {{ {own(BUILT.type_map[kind])} }}"
    ids = ", ".join(f"$id{place}: ID!" for place in range(count))
    by_node = " ".join(f"node{place}: node(id: $id{place}) {{ ...F }}" for place in range(count))
    by_reference = "_entities(representations: $representations) { ...F }"
    return f"query B({ids}, $representations: [_Any!]!) {{ {by_node} {by_reference} }} {all_fields}"


def _asked(objects: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    for kind in sorted(set(objects.values())):
        ids = [identity for identity, its in objects.items() if its == kind]
        for place in range(0, len(ids), AT_ONCE):
            yield kind, ids[place : place + AT_ONCE]


async def _both(client: Client, kind: str, ids: list[str]) -> tuple[list[Any], list[Any]]:
    """Return what `node` and `_entities` answer for each of these: an object, null, or an error."""
    given: Json = {f"id{place}": identity for place, identity in enumerate(ids)}
    given["representations"] = [{"__typename": kind, "id": identity} for identity in ids]
    answer = (await client.post(_document(kind, len(ids)), given)).json()
    data = answer["data"] or {}
    nodes = [data.get(f"node{place}") for place in range(len(ids))]
    entities = list(data.get("_entities") or [None] * len(ids))
    for error in answer.get("errors", ()):
        first, *rest = error["path"]
        said = (error["message"], error["extensions"]["code"], error["extensions"]["reason"])
        if first != "_entities":
            nodes[int(first.removeprefix("node"))] = said
            continue
        for place in rest or range(len(ids)):
            entities[place] = said
    return nodes, entities


async def _callers(world: World) -> dict[str, Client]:
    those = {who: one.client for who, one in (await strangers(world)).items()}
    scopes = {scope.value: Client(world.shop.http, token("somebody-else", scope.value)) for scope in Scope}
    return those | scopes | {CLERK: world.client(CLERK)}


async def test_every_caller_is_shown_as_an_entity_what_node_shows_them(shop: Shop) -> None:
    world = await build(shop)
    objects = await world.objects()
    those = await strangers(world)
    shown: dict[str, set[str]] = {}
    refused: dict[str, int] = {}

    for who, client in (await _callers(world)).items():
        for kind, ids in _asked(objects):
            nodes, entities = await _both(client, kind, ids)
            assert entities == nodes, (who, kind)
            shown.setdefault(who, set()).update(one["id"] for one in entities if isinstance(one, dict))
            refused[who] = refused.get(who, 0) + sum(isinstance(one, tuple) for one in entities)

    assert shown[CLERK] == set(objects)
    assert {who for who, one in those.items() if not one.reaches <= shown[who]} == set()
    assert shown[FIRST].isdisjoint({world.second, world.waiting})
    assert shown["nobody"] == set()
    assert shown["a buyer of something else"] == set()
    assert {objects[found] for found in shown[Scope.OPS_READ]} == {"WebhookEvent", "Operation"}
    assert {objects[found] for found in shown[Scope.FINANCE_READ]} == {"Discrepancy", "ReconciliationRun"}
    assert shown[Scope.PAYMENTS_WRITE] == set()
    assert refused[Scope.PAYMENTS_WRITE] > 0
    assert (refused[FIRST], refused["nobody"]) == (0, len(objects))


async def test_the_shops_own_numbers_lead_to_what_their_ids_lead_to(shop: Shop) -> None:
    world = await build(shop)
    query = '{ order(externalId: "number-1") { id } second: order(externalId: "number-2") { id customer { id } } }'
    known = await world.client(CLERK).ask(query)
    customer = known["second"]["customer"]["id"]
    references = [
        {"__typename": "Order", "externalId": "number-1"},
        {"__typename": "Order", "externalId": "number-2"},
        {"__typename": "Order", "externalId": "number-that-is-nobodys"},
        {"__typename": "Customer", "externalId": SECOND},
    ]
    first, second = ({"__typename": "Order", "id": known[name]["id"]} for name in ("order", "second"))
    person = {"__typename": "Customer", "id": customer, "externalId": SECOND}

    found = {
        who: (await client.post(BY_NUMBER, {"representations": references})).json()
        for who, client in (await _callers(world)).items()
    }

    nothing = [None] * 4
    data = {who: (answer["data"] or {}).get("_entities") for who, answer in found.items()}
    assert data[CLERK] == data[Scope.PAYMENTS_READ] == [first, second, None, person]
    assert data[SECOND] == [first, second, None, person]
    assert data["the second owner's view token"] == [first, None, None, None]
    assert data[FIRST] == data["the first owner's view token"] == data["a buyer of something else"] == nothing
    assert data["nobody"] is None
    assert found[FIRST].keys() == {"data"}
    powerless = found[Scope.REFUNDS_WRITE]
    assert powerless["data"] == {"_entities": nothing}
    assert [error["extensions"]["reason"] for error in powerless["errors"]] == ["FORBIDDEN"] * 4
