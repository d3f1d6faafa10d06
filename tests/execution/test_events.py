"""Events of subscriptions, answered by plans and by graphql-core: over the made-up schema, and over the API itself."""

import gc
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import Any

import orjson
import pytest
from graphql import ExecutionResult, OperationDefinitionNode, create_source_event_stream, parse, validate

from execution import CompiledOperation, Execution
from schema import schema
from server.graphql.request import GraphQLRequest
from server.http.errors import RequestRefused
from server.http.request_context import RequestOrigin
from tests.execution.documents import Document, Writer
from tests.execution.test_api import endpoint_of, leaf_of, stock_of
from tests.execution.test_equivalence import MADE_UP, Fate, canonical, leaf
from tests.support.parts import parts
from tests.support.shop import Client, Json, Shop

PARTS = 4
EACH = 200
VALID = 130
FOLLOWED = 60  # subscriptions of the API
OPENED = 80  # of twice as many; the others cost too much or are no operations


async def _told(
    execution: Execution, prepared: CompiledOperation, variables: Json, seed: int, trouble: float
) -> list[tuple[bytes, Fate]]:
    """Return the answer to each event with the calls that it took, or why the subscription does not begin."""
    begun = execution.begin(prepared, variables, Fate(seed, 0), {})
    if isinstance(begun, list):
        return [(canonical(ExecutionResult(None, begun)), Fate(seed, 0))]
    source = create_source_event_stream(begun)
    stream = source if isinstance(source, AsyncIterable | ExecutionResult) else await source
    if isinstance(stream, ExecutionResult):
        return [(canonical(stream), Fate(seed, 0))]
    events, told = execution.events(prepared, variables, {}, begun), []
    async for event in stream:
        fate = Fate(seed, trouble)
        result = events.answer(event, fate)
        told.append((canonical(result if isinstance(result, ExecutionResult) else await result), fate))
    return told


# graphql-core itself leaves coroutines behind when an error ends an answer early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("part", parts(PARTS))
async def test_a_plan_answers_each_event_as_graphql_core_does(part: int) -> None:
    planned, plain = Execution(MADE_UP), Execution(MADE_UP, planned=False)
    writer, valid, events = Writer(MADE_UP._schema, part, leaf), 0, 0
    for number in range(EACH):
        document = writer.document("subscription", ["sighted", "seen", "met", "laid"], fields=1, depth=3)
        parsed = parse(document.text)
        if validate(MADE_UP._schema, parsed):
            continue
        valid += 1
        [operation] = [one for one in parsed.definitions if isinstance(one, OperationDefinitionNode)]
        prepared, trouble = planned.prepare(parsed, operation), (0.0, 0.03, 0.2)[number % 3]
        for variables in document.variables:
            before = planned.fallbacks
            ours = await _told(planned, prepared, variables, number, trouble)
            theirs = await _told(plain, prepared, variables, number, trouble)
            events += len(ours)

            assert [answer for answer, _ in ours] == [answer for answer, _ in theirs], (document, variables)
            if planned.fallbacks == before:
                called, called_by_core = ([fate.called for _, fate in told] for told in (ours, theirs))
                assert called == called_by_core, (document, variables)
    gc.collect()  # what was left behind is complained about here, where that is expected
    assert valid >= VALID
    assert plain.fallbacks == 0
    assert 0 < planned.fallbacks < events * 0.7  # both ways are taken


# graphql-core itself leaves coroutines behind when an error ends an answer early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_live_events_are_answered_as_graphql_core_answers_them(shop: Shop) -> None:
    stock = await stock_of(shop)
    writer, endpoint = Writer(schema._schema, 7, leaf_of(stock)), endpoint_of(shop)
    by_plan, by_core = endpoint.execution, Execution(schema, planned=False)
    opened = events = 0

    for number in range(FOLLOWED):
        order_id = stock["orders"][1 + number % 4]
        document = writer.followed("orderPaymentUpdated", f'orderId: "{order_id}", afterSequence: 0')
        for variables in document.variables:
            for client in (shop.staff, shop.buyer):
                ours = await _followed(shop, client, by_plan, document, variables)
                theirs = await _followed(shop, client, by_core, document, variables)
                assert len(ours) == len(theirs)
                for (data, errors), (data_of_core, errors_of_core) in zip(ours, theirs, strict=True):
                    assert data == data_of_core, (document, variables)
                    # Of errors that take the same place, those are told that came before the answer ended.
                    assert errors == errors_of_core or set(errors) & set(errors_of_core), (document, variables)
                opened += bool(ours)
                events += len(ours)

    assert opened > OPENED
    assert by_plan.fallbacks < events / 2


async def _followed(
    shop: Shop, client: Client, execution: Execution, document: Document, variables: Json
) -> list[tuple[bytes, list[bytes]]]:
    """The answers to the first events of an order: data and errors; nothing where it may not be asked."""
    endpoint = endpoint_of(shop)
    caller = await endpoint.authenticate([f"Bearer {client.token}"])
    request = GraphQLRequest(query=document.text, operation_name=None, variables=variables, extensions=None)
    kept, endpoint.subscriptions.execution = endpoint.subscriptions.execution, execution
    try:
        context = RequestOrigin(caller=caller, request_id="req_the-same-for-both")
        ready = await endpoint.admit(request, context, lambda kind: None)
        async with aclosing(await endpoint.subscriptions.open(ready.planned, request, context)) as answers:
            return [_parted(await anext(answers)) for _ in range(3)]
    except RequestRefused:
        return []
    finally:
        endpoint.subscriptions.execution = kept


def _parted(payload: bytes) -> tuple[bytes, list[bytes]]:
    answer: dict[str, Any] = orjson.loads(payload)
    return orjson.dumps(answer["data"]), sorted(orjson.dumps(error) for error in answer.get("errors", ()))


FOLLOW = """
subscription F($id: ID!, $after: Int, $locale: String) {{
  orderPaymentUpdated(orderId: $id, afterSequence: $after) {{ {} }}
}}
"""


@pytest.mark.parametrize(
    ("asked", "is_for_all"),
    [
        ("sequence type amount { formatted } order { id total { amount } } payment { __typename id status }", True),
        ("actor { kind }", False),
        ("amount { formatted(locale: $locale) }", False),
        ("order { customer { externalId } }", False),
        ("order { payments { nodes { id } } }", False),
        ("payment { lastError { message requestId } }", False),
        ("payment { stripePaymentIntentId }", False),
        ("payment { order { id } }", False),
        ("payment { timeline { edges { node { payment { id } } } } }", False),
    ],
)
def test_only_what_asks_nothing_of_the_caller_is_for_all(asked: str, is_for_all: bool) -> None:
    execution = Execution(schema)
    document = parse(FOLLOW.format(asked))
    [operation] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    prepared = execution.prepare(document, operation)
    given = execution._variables(prepared, {"id": "x"})
    assert not isinstance(given, list)

    plan = execution.plan_of(prepared, given)

    assert plan is not None
    assert plan.is_for_all is is_for_all
