"""Requests without a token are answered as if each field had been resolved; nothing is validated, planned or kept."""

from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, is_required_argument

from schema import schema
from server.graphql.anonymous_requests import AnonymousAccess
from tests.execution.test_api import endpoint_of
from tests.support.shop import Shop

VALUES: dict[str, Any] = {
    "ID": '"payment_01h455vb4pex5vsknk084sn02q"',
    "IdempotencyKey": '"a-key-of-nobody"',
    "OperationKind": "CREATE_PAYMENT",
}


def root_documents() -> list[str]:
    documents = []
    for root in (schema._schema.query_type, schema._schema.mutation_type):
        assert isinstance(root, GraphQLObjectType)
        for name, field in root.fields.items():
            needed = [(key, get_named_type(one.type)) for key, one in field.args.items() if is_required_argument(one)]
            if all(kind.name in VALUES for _, kind in needed):
                given = ", ".join(f"{key}: {'[]' if key == 'ids' else VALUES[kind.name]}" for key, kind in needed)
                below = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
                word = "mutation" if root is schema._schema.mutation_type else "query"
                documents.append(f"{word} {{ x: {name}{f'({given})' if given else ''}{below} }}")
    return documents


@pytest.mark.parametrize("document", root_documents())
async def test_they_are_refused_early_just_as_they_would_be_late(shop: Shop, document: str) -> None:
    """No field is open to anonymous callers: the early refusal loses nothing, and reads the same."""
    documents = endpoint_of(shop)._documents
    early = (await shop.anonymous.post(document)).json()

    documents._anonymous_access = AnonymousAccess()
    late = (await shop.anonymous.post(document)).json()

    for answer in (early, late):
        for error in answer["errors"]:
            del error["extensions"]["requestId"]
    assert early == late
    assert early["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_nothing_of_a_refused_document_is_kept(shop: Shop) -> None:
    cache = endpoint_of(shop)._documents.cache
    literals = "{ refunds(status: [" + " ".join(["FAILED"] * 400) + "]) { nodes { id } } }"
    before = len(cache), cache.weight

    answers = [(await shop.anonymous.post(literals.replace("refunds", f"a{n}: refunds"))).json() for n in range(5)]

    assert {answer["errors"][0]["extensions"]["code"] for answer in answers} == {"UNAUTHENTICATED"}
    assert (len(cache), cache.weight) == before


async def test_a_long_document_is_told_to_sign_in_before_it_is_read(shop: Shop) -> None:
    [error] = (await shop.anonymous.post("{ payments { nodes { id } } }" + " " * 5_000)).json()["errors"]

    assert (error["extensions"]["code"], error["extensions"]["reason"]) == ("UNAUTHENTICATED", "DOCUMENT_TOO_LONG")
