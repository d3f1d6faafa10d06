"""Bounds of plans: a stranger chooses the documents."""

import pytest
from graphql import OperationDefinitionNode, parse

from execution import Execution, executor
from execution.executor import CompiledOperation
from schema import schema

SIZED = "query($first: Int) { payments(first: $first) { nodes { id amount { amount currency } refunds { id } } } }"


def _prepared(execution: Execution, text: str) -> CompiledOperation:
    document = parse(text)
    [operation] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    return execution.prepare(document, operation)


def _plan(execution: Execution, prepared: CompiledOperation, **variables: object) -> object:
    given = execution._variables(prepared, variables)
    assert not isinstance(given, list)
    return execution._plan(prepared, given)


def test_one_operation_has_a_few_plans_and_no_more() -> None:
    execution = Execution(schema)
    prepared = _prepared(execution, SIZED)

    made = [_plan(execution, prepared, first=size) for size in range(1, 40)]

    assert sum(plan is not None for plan in made) == executor.PLANS_KEPT
    assert len(prepared.plans) == executor.PLANS_KEPT


def test_a_document_of_too_many_fields_is_left_to_graphql_core() -> None:
    execution = Execution(schema)
    one = "payments { nodes { id amount { amount currency exponent decimal } createdAt status version livemode } }"
    fields = " ".join(f"a{number}: {one}" for number in range(120))
    many = _prepared(execution, f"{{ {fields} }}")

    assert _plan(execution, many) is None


FOLLOWED = """
subscription($id: ID!, $after: Int, $first: Int, $amount: Boolean = true, $unused: Int) {
  ...Root
}
fragment Root on Subscription {
  orderPaymentUpdated(orderId: $id, afterSequence: $after) {
    sequence ...Amount order { payments(first: $first) { nodes { id } } }
  }
}
fragment Amount on PaymentEvent { amount @include(if: $amount) { amount } }
"""


def test_where_a_subscription_resumes_makes_no_plan_of_its_own() -> None:
    execution = Execution(schema)
    prepared = _prepared(execution, FOLLOWED)

    plans = {_plan(execution, prepared, id="x", after=place) for place in range(executor.PLANS_KEPT * 2)}
    others = {_plan(execution, prepared, id="x", after=1, first=2), _plan(execution, prepared, id="x", amount=False)}

    assert prepared.shaped_by == ("first", "amount")
    assert len(plans) == 1
    assert None not in plans | others
    assert len(plans | others) == 3


@pytest.mark.parametrize(
    "text",
    [
        "subscription($n: Int) { ...A } fragment A on Subscription { ...A ... { ...B } x(n: $n) @include(if: $n) }",
        "subscription($n: Int) { a(n: [$n]) { b(n: $n) } a(m: $n) { c } }",
    ],
)
def test_what_shapes_a_plan_is_found_in_documents_that_are_not_valid_yet(text: str) -> None:
    assert _prepared(Execution(schema), text).shaped_by == ("n",)
