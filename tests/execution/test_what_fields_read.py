"""Every field of a row is shown from the columns that it declares: a statement reads no others."""

import json
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, is_non_null_type
from tortoise.models import Model

from database.computed import Computed, columns_for
from database.row_reader import maker
from models import Order, Payment, Refund
from schema import schema
from tests.execution.test_api import by_graphql_core, endpoint_of, stock_of
from tests.support.shop import Shop

READ = {"Order": "order(id: $id) { FIELD }", "Payment": "payment(id: $id) { FIELD }"}
REFUNDS = "payment(id: $id) { refunds { FIELD } }"


def _type(name: str) -> GraphQLObjectType:
    found = schema._schema.get_type(name)
    assert isinstance(found, GraphQLObjectType)
    return found


def _selection(type_: Any, depth: int = 0) -> str:
    """All leaves of a type, and of the objects that it always has, a few levels down."""
    named = get_named_type(type_)
    if is_leaf_type(named):
        return ""
    if not isinstance(named, GraphQLObjectType):
        return "{ __typename }"
    leaves = [name for name, field in named.fields.items() if is_leaf_type(get_named_type(field.type))]
    inner = [
        f"{name} {_selection(field.type, depth + 1)}"
        for name, field in named.fields.items()
        if name in ("nodes", "edges", "node", "pageInfo") and depth < 3
        if not is_leaf_type(get_named_type(field.type)) and is_non_null_type(field.type)
    ]
    return f"{{ {' '.join(['__typename', *leaves, *inner])} }}"


@pytest.mark.parametrize("type_", ["Order", "Payment", "Refund"])
async def test_each_field_alone_is_read_by_its_plan_and_is_the_same(shop: Shop, type_: str) -> None:
    """One that uses a column which it does not declare would have to be answered by graphql-core, or not at all."""
    stock = await stock_of(shop)
    execution = endpoint_of(shop).execution

    for field, definition in _type(type_).fields.items():
        asked = f"{field} {_selection(definition.type)}"
        query = f"query Q($id: ID!) {{ {READ.get(type_, REFUNDS).replace('FIELD', asked)} }}"
        for one in stock["orders"] if type_ == "Order" else stock["payments"]:
            ours = (await shop.staff.post(query, {"id": one})).json()
            with by_graphql_core(shop):
                theirs = (await shop.staff.post(query, {"id": one})).json()

            assert "errors" not in ours, field
            assert ours["data"] == theirs["data"], field
        assert (execution.fallbacks, execution.unplanned) == (0, 0), field


def _computed() -> list[tuple[type[Model], str]]:
    return [
        (table, name)
        for table in (Order, Payment, Refund)
        for name, value in vars(table).items()
        if isinstance(value, Computed)
    ]


@pytest.mark.parametrize(("table", "name"), _computed(), ids=lambda value: getattr(value, "__name__", value))
async def test_a_computed_value_uses_the_columns_that_it_names(shop: Shop, table: type[Model], name: str) -> None:
    await stock_of(shop)
    columns = sorted(columns_for(table, [name]))
    make = maker(table, columns, {}, from_json=False)

    for row in await table.all():
        partial = make([_stored(row, column) for column in columns])

        assert getattr(partial, name) == getattr(row, name)


def _stored(row: Model, column: str) -> Any:
    """The value as the database has it: an enum's word, JSON as text."""
    value = getattr(row, column)
    return json.dumps(value) if isinstance(value, dict) else getattr(value, "value", value)
