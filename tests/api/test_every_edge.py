"""A walk over every edge of the schema: what leaves belongs to whoever asks, wherever it hangs.

One order had two owners, and each paid or tried to. As the staff everything is walked, and each object's id is kept;
then each caller asks for every one of these objects, and from it along every field that leads to another object.
"""

from collections.abc import Iterator
from typing import Any, Final

from graphql import GraphQLObjectType, build_schema, get_named_type, is_leaf_type, is_object_type, is_required_argument
from graphql.type import GraphQLField, GraphQLInterfaceType, GraphQLUnionType

from schema import print_sdl
from tests.api.test_changed_hands import Handed, changes_hands
from tests.shop import STAFF, Client, Json, Shop, key, token

BUILT: Final = build_schema(print_sdl())
NODE: Final = BUILT.type_map["Node"]
NOT_ASKED: Final[set[str]] = set()  # fields that want an argument, each with the test that asks it
FOR_PAYMENTS: Final = {"payments:read", "payments:write", "refunds:write"}
NOT_FOR_PAYMENTS: Final = (*sorted(set(STAFF.split()) - FOR_PAYMENTS), "refunds:approve", "disputes:write", "explorer")
DEPTH: Final = 2  # objects with an id below the one that is asked for


def _is_node(kind: object) -> bool:
    return isinstance(kind, GraphQLObjectType) and NODE in kind.interfaces


def _needs(field: GraphQLField) -> bool:
    return any(map(is_required_argument, field.args.values()))


def _selected(kind: Any, depth: int, asked: set[str]) -> str:
    """Every leaf of a type, and what hangs on it, down to so many objects with an id."""
    if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
        own = _own(kind, depth, asked) if isinstance(kind, GraphQLInterfaceType) else ""
        parts = [f"... on {one} {{ {_own(one, depth, asked, alias=True)} }}" for one in BUILT.get_possible_types(kind)]
        return " ".join(["__typename", own, *parts])
    return f"__typename {_own(kind, depth, asked)}"


def _own(kind: Any, depth: int, asked: set[str], *, alias: bool = False) -> str:
    """`alias` where types are beside each other whose fields of one name are of different types."""
    chosen = []
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if _needs(field):
            continue
        shown = f"{kind.name}_{name}: {name}" if alias and name != "id" else name
        if is_leaf_type(inner):
            chosen.append(shown)
        elif depth > 0 or not (_is_node(inner) or name in ("edges", "nodes")):
            left = depth - 1 if _is_node(inner) else depth
            chosen.append(f"{shown} {{ {_selected(inner, left, asked)} }}")
            asked.add(f"{kind.name}.{name}")
    return " ".join(chosen) or "__typename"


def _documents(kind: Any, asked: set[str]) -> Iterator[str]:
    """One document for the leaves of a type of object, and one for each field that leads further."""
    leaves = [n for n, f in kind.fields.items() if is_leaf_type(get_named_type(f.type)) and not _needs(f)]
    yield f"query N($id: ID!) {{ node(id: $id) {{ ... on {kind.name} {{ __typename {' '.join(leaves)} }} }} }}"
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if is_leaf_type(inner) or _needs(field):
            continue
        few = "(first: 3)" if "first" in field.args else ""
        below = _selected(inner, 1 if is_object_type(inner) and not _is_node(inner) else 0, asked)
        asked.add(f"{kind.name}.{name}")
        yield f"query N($id: ID!) {{ node(id: $id) {{ ... on {kind.name} {{ {name}{few} {{ {below} }} }} }} }}"


def _edges(names: set[str]) -> Iterator[tuple[GraphQLObjectType, str, bool]]:
    """The fields of these types that lead to objects, and whether each wants an argument."""
    for name in names:
        kind = BUILT.type_map[name]
        assert isinstance(kind, GraphQLObjectType)
        for field, definition in kind.fields.items():
            if not is_leaf_type(get_named_type(definition.type)):
                yield kind, field, _needs(definition)


def _objects(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


async def _walk(client: Client, known: dict[str, str], asked: set[str]) -> tuple[str, dict[str, str]]:
    """Everything that leaves when this caller asks for these objects; and all objects with an id among it."""
    left, found = [], {}
    for identity, kind in known.items():
        for document in _documents(BUILT.type_map[kind], asked):
            response = await client.post(document, {"id": identity})
            answer = response.json()
            assert response.status_code in (200, 400, 401), response.text
            assert not any(e["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED" for e in answer.get("errors", ())), (
                document,
                answer,
            )
            left.append(str(answer.get("data")))
            for thing in _objects(answer.get("data")):
                if isinstance(thing.get("id"), str) and "__typename" in thing:
                    found[thing["id"]] = thing["__typename"]
    return "\n".join(left), found


async def _world(shop: Shop) -> tuple[Handed, dict[str, str], set[str]]:
    """The order, and every object that hangs on it, found by walking as the staff until nothing new comes."""
    handed = await changes_hands(shop)
    await shop.staff.do(
        "refundPayment",
        input={"paymentId": handed.second["id"], "amount": {"amount": 700, "currency": "USD"}, "reason": "OTHER"},
        key=key(),
    )
    asked: set[str] = set()
    known = {handed.order_id: "Order", handed.first["id"]: "Payment", handed.second["id"]: "Payment"}
    new = dict(known)
    while new:
        _, found = await _walk(shop.staff, new, asked)
        new = {identity: kind for identity, kind in found.items() if identity not in known}
        known |= new
    return handed, known, asked


async def _belongings(shop: Shop, payment_id: str) -> set[str]:
    """What tells of one payment: its id, Stripe's, those of its events and refunds, and what was written on it."""
    query = """query B($id: ID!) { payment(id: $id) {
      id stripePaymentIntentId metadata refunds { id stripeRefundId } timeline(first: 50) { nodes { id } } } }"""
    payment = (await shop.staff.ask(query, id=payment_id))["payment"]
    told = {payment["id"], payment["stripePaymentIntentId"], *map(str, (payment["metadata"] or {}).values())}
    told |= {event["id"] for event in payment["timeline"]["nodes"]}
    return told | {one[name] for one in payment["refunds"] for name in ("id", "stripeRefundId")}


async def test_every_edge_leads_only_to_what_the_caller_may_see(shop: Shop) -> None:
    handed, known, asked = await _world(shop)
    firsts, seconds = await _belongings(shop, handed.first["id"]), await _belongings(shop, handed.second["id"])
    forbidden: dict[str, tuple[Client, set[str]]] = {
        "the first owner": (shop.buyer, seconds | {"4242"}),
        "the first owner's view token": (handed.first_view, seconds | {"4242"}),
        "the second owner": (shop.stranger, firsts),
        "the second owner's view token": (handed.second_view, firsts),
        "nobody": (shop.anonymous, firsts | seconds | {handed.external_id}),
        "a buyer of something else": (
            Client(shop.http, token("somebody", "payments:pay")),
            firsts | seconds | {handed.external_id},
        ),
    }

    for who, (client, not_theirs) in forbidden.items():
        left, _ = await _walk(client, known, asked)
        assert {told for told in not_theirs if told in left} == set(), who
    theirs, _ = await _walk(shop.stranger, known, asked)
    assert handed.second["id"] in theirs
    assert set(known.values()) >= {"Order", "Payment", "Refund", "PaymentEvent", "Operation", "Customer"}


async def test_staff_without_a_scope_for_payments_see_none(shop: Shop) -> None:
    handed, known, asked = await _world(shop)
    firsts, seconds = await _belongings(shop, handed.first["id"]), await _belongings(shop, handed.second["id"])
    payments = {told for told in firsts | seconds if told.startswith(("pi_", "re_", "payment_")) or " " in told}

    for scope in NOT_FOR_PAYMENTS:
        left, _ = await _walk(Client(shop.http, token("somebody-else", scope)), known, asked)
        assert {told for told in payments if told in left} == set(), scope


async def test_every_edge_was_walked(shop: Shop) -> None:
    """A new field that leads to an object is walked by itself, unless it wants an argument: then it stands above."""
    _, known, asked = await _world(shop)
    edges = {(kind.name, field): is_needy for kind, field, is_needy in _edges(set(known.values()))}

    wanted = {f"{kind}.{field}" for (kind, field), is_needy in edges.items() if not is_needy}
    need = {f"{kind}.{field}" for (kind, field), is_needy in edges.items() if is_needy}

    assert wanted - asked == set()
    assert need - NOT_ASKED == set()
