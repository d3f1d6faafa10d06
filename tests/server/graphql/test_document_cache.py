"""The memory of documents and their plans is bounded: strangers choose the documents."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest
from graphql import OperationDefinitionNode, parse

from execution import Execution
from execution.executor import CompiledOperation
from schema import schema
from server.graphql.document_cache import LARGEST_SHARE, CachedDocument, DocumentCache
from tests.server.shop import Shop

SIZED = "query($first: Int) { payments(first: $first) { nodes { id amount { amount currency } refunds { id } } } }"
PAGE = """query($first: Int) { payments(first: $first) {
  nodes {
    id status amount { amount currency decimal } amountRefunded { amount } refunds { id status amount { amount } }
    order { id paymentStatus }
  }
  pageInfo { hasNextPage endCursor }
} }"""
DOCUMENTS = {
    "status": "query($id: ID!) { order(id: $id) { id paymentStatus amountDue { amount currency } } }",
    "a page": PAGE,
    "many aliases": "{" + " ".join(f'a{n}: payment(id: "x{n}") {{ id status version }}' for n in range(60)) + "}",
    "many words": "{ refunds(status: [" + " ".join(["SUCCEEDED"] * 1_900) + "]) { nodes { id } } }",
    "many texts": "{ webhookEvents(type: [" + " ".join(f'"a{n}"' for n in range(1_900)) + "]) { nodes { id } } }",
    "fragments": "{ ...F0 }"
    + " ".join(f'fragment F{n} on Query {{ a{n}: payment(id: "x") {{ id status }} ...F{n + 1} }}' for n in range(50))
    + " fragment F50 on Query { __typename }",
    "deep": '{ order(id: "x") { payments { nodes { refunds { payment { order { payments { nodes { id } } } } } } } } }',
}


def _prepared(execution: Execution, text: str) -> CachedDocument:
    document = parse(text)
    [operation] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    return CachedDocument(text, document, (execution.prepare(document, operation),))


def _plan(execution: Execution, operation: CompiledOperation, **variables: object) -> None:
    given = execution._variables(operation, variables)
    assert not isinstance(given, list)
    assert execution._plan(operation, given) is not None


def _planned(execution: Execution, cached: CachedDocument) -> CachedDocument:
    _plan(execution, cached.operations[0], id="x")
    return cached


def _bytes(make: Callable[[], object]) -> tuple[object, int]:
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    made = make()
    gc.collect()
    return made, tracemalloc.get_traced_memory()[0] - before


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_and_plans_weigh_what_they_are_taken_to(name: str) -> None:
    execution, text = Execution(schema), DOCUMENTS[name]
    _plan(execution, _prepared(execution, text).operations[0], id="x")  # what all plans share is there from now on

    tracemalloc.start()
    try:
        copies, of_documents = _bytes(lambda: [_prepared(execution, text) for _ in range(5)])
        assert isinstance(copies, list)
        _, of_plans = _bytes(lambda: [_planned(execution, one) for one in copies])
    finally:
        tracemalloc.stop()

    plans = sum(plan.weight for one in copies for plan in one.operations[0].plans.values() if plan is not None)
    documents = sum(one.weight for one in copies)
    assert of_documents <= documents * 1.1 <= of_documents * 2
    assert of_plans <= plans * 1.1 <= of_plans * 2


def _weight_with_plans(execution: Execution) -> int:
    """Return the weight of one of the documents with its three plans."""
    roomy, document = DocumentCache(), _prepared(execution, SIZED.replace("nodes", "alias99: nodes"))
    roomy.keep(document)
    for size in range(1, 4):
        _plan(execution, document.operations[0], first=size)
    return roomy.weight


def test_documents_and_their_plans_have_one_bound_and_go_together() -> None:
    execution = Execution(schema)
    documents = [_prepared(execution, SIZED.replace("nodes", f"alias{number}: nodes")) for number in range(10, 50)]
    # Room for twenty documents with their plans, and for one more without them: it is its plans that go beyond.
    cache = DocumentCache(most_bytes=_weight_with_plans(execution) * 41 // 2)

    for document in documents:
        cache.keep(document)
        for size in range(1, 4):
            _plan(execution, document.operations[0], first=size)
        assert cache.weight <= cache._most_bytes

    assert len(cache) == 20
    assert cache.weight == sum(one.weight for one in documents if one.query in cache)
    assert documents[0].query not in cache
    assert documents[0].operations[0].plans == {}
    assert len(documents[-1].operations[0].plans) == 3


def test_what_was_used_lately_stays() -> None:
    execution, cache = Execution(schema), DocumentCache(most_bytes=1_000_000)
    hot = _prepared(execution, SIZED)
    cache.keep(hot)

    for number in range(200):
        cache.keep(_prepared(execution, SIZED.replace("nodes", f"alias{number}: nodes")))
        assert cache.find(SIZED) is hot


def test_a_pinned_document_loses_its_plans_and_stays() -> None:
    execution, cache = Execution(schema), DocumentCache(most_bytes=400_000)
    pinned = _prepared(execution, SIZED)
    cache.pin(pinned)
    for size in range(1, 4):
        _plan(execution, pinned.operations[0], first=size)

    for number in range(40):
        cache.keep(_prepared(execution, SIZED.replace("nodes", f"alias{number}: nodes")))

    assert cache.find(SIZED) is pinned
    assert pinned.operations[0].plans == {}
    _plan(execution, pinned.operations[0], first=1)
    assert cache.weight <= 400_000


def test_a_document_too_large_to_be_kept_is_not_kept_by_its_plan() -> None:
    execution, cache = Execution(schema), DocumentCache(most_bytes=1_000_000)
    large = _prepared(execution, DOCUMENTS["many words"])
    assert large.weight * LARGEST_SHARE > 1_000_000

    cache.keep(large)
    _plan(execution, large.operations[0])

    assert len(cache) == 0
    assert cache.weight == 0


async def test_what_is_refused_leaves_nothing(shop: Shop) -> None:
    for number in range(5):
        await shop.ask('{ hello(name: "%s") nope }' % (f"x{number}" * 100))

    assert len(shop.endpoint._documents.cache) == 0
    assert (await shop.ask("{ hello }")).status_code == 200
    assert len(shop.endpoint._documents.cache) == 1
