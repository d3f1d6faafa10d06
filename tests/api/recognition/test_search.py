"""The search for payments: by every id and number that people have at hand, for each caller among their own."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from domain.ids import Kind, encode
from models import Customer, Operation, Payment
from tests.support.rows import a_payment, an_order, row_id, wire
from tests.support.shop import Client, Json, Shop, key

SEARCH = """query S($filter: PaymentFilter) { payments(filter: $filter, first: 100) { nodes { id } totalCount } }"""
NUMBERED = "3f1c2d4e-0000-4000-8000-00000000abcd"


async def found(client: Client, text: str) -> set[str]:
    return await matching(client, {"search": text})


async def matching(client: Client, filter: Json) -> set[str]:
    connection = (await client.ask(SEARCH, filter=filter))["payments"]
    assert connection["totalCount"] == len(connection["nodes"])
    return {node["id"] for node in connection["nodes"]}


@dataclass
class Bought:
    """A payment of the buyer, declined once, paid and refunded, with the texts that name it."""

    id: str
    texts: dict[str, str]


async def _bought(shop: Shop) -> Bought:
    stated = {
        "externalId": "web-4711",
        "total": {"amount": 10_000, "currency": "USD"},
        "customerExternalId": "buyer",
        "customerEmail": "Ada@Shop.example",
    }
    order = (await shop.staff.do("registerOrder", input=stated, key=key()))["order"]
    pay: Json = {"receiptEmail": "Receipts@Home.example"}
    declined = await shop.pay(order["id"], method="pm_card_visa_chargeDeclined", **pay)
    payment_id = declined["payment"]["id"]
    again = {"paymentId": payment_id, "paymentMethodId": "pm_card_visa"}
    await shop.buyer.do("confirmPayment", input=again, key=key())
    refund = (await shop.refund(payment_id, 1_000))["refund"]
    at_stripe = shop.sandbox.snapshot()
    first, second = (charge["id"] for charge in at_stripe.charges)
    customer = await Customer.get(external_id="buyer")
    operation = await Operation.get(kind="CREATE_PAYMENT")
    ours = {
        "payment": payment_id,
        "order": order["id"],
        "refund": refund["id"],
        "customer": encode(Kind.CUSTOMER, customer.id),
        "operation": encode(Kind.OPERATION, operation.id),
    }
    return Bought(
        payment_id,
        {
            **ours,
            **{f"the {name}'s UUID": str(row_id(one)) for name, one in ours.items()},
            "a UUID in capitals": str(row_id(payment_id)).upper(),
            "a UUID without hyphens": row_id(order["id"]).hex,
            "Stripe's payment": at_stripe.payment_intents[0]["id"],
            "Stripe's charge": second,
            "Stripe's charge that was declined": first,
            "Stripe's refund": at_stripe.refunds[0]["id"],
            "the order's number": "web-4711",
            "the beginning of the order's number": "web-47",
            "the customer's number": "buyer",
            "the customer's address": "Ada@Shop.example",
            "the customer's address in small letters": "ada@shop.example",
            "the receipt's address": "receipts@home.EXAMPLE",
        },
    )


@pytest.fixture
async def bought(shop: Shop) -> Bought:
    return await _bought(shop)


async def test_a_payment_is_found_by_whatever_names_it(shop: Shop, bought: Bought) -> None:
    other = await shop.pay(await shop.order(customer="stranger"))

    by_staff = {name: await found(shop.staff, text) for name, text in bought.texts.items()}
    by_payer = {name: await found(shop.buyer, text) for name, text in bought.texts.items()}

    assert other["errors"] is not None
    assert {name: ids for name, ids in by_staff.items() if ids != {bought.id}} == {}
    assert {name: ids for name, ids in by_payer.items() if ids != {bought.id}} == {}


async def test_nobody_finds_what_is_somebody_elses(shop: Shop, bought: Bought) -> None:
    await shop.order(customer="stranger")

    by_stranger = {name: await found(shop.stranger, text) for name, text in bought.texts.items()}

    assert {name: ids for name, ids in by_stranger.items() if ids} == {}


async def test_a_search_does_not_tell_that_somebody_else_is_there(shop: Shop) -> None:
    """The stranger's order numbers begin as the buyer's number and ids do: they are found as if nobody had those."""
    paid = await shop.paid()
    intent = (await Payment.get(id=row_id(paid["id"]))).stripe_payment_intent_id
    stranger = await Customer.create(external_id="stranger")
    own = {
        wire(await a_payment(await an_order(f"{named}-1", stranger), number))
        for number, named in enumerate(("buyer", str(intent)))
    }

    assert await found(shop.stranger, "buyer") | await found(shop.stranger, str(intent)) == own
    assert await found(shop.staff, "buyer") == await found(shop.staff, str(intent)) == {paid["id"]}


async def test_a_number_of_a_customer_and_of_an_order_finds_both(shop: Shop) -> None:
    customer, other = await Customer.create(external_id="1001"), await Customer.create(external_id="7")
    of_customer = wire(await a_payment(await an_order("a", customer), 0))
    of_order = wire(await a_payment(await an_order("1001", other), 1))
    of_longer = wire(await a_payment(await an_order("10019", other), 2))

    assert await found(shop.staff, "1001") == {of_customer, of_order}
    assert await found(shop.staff, "100") == {of_order, of_longer}
    assert await found(shop.staff, "10019") == {of_longer}


async def test_a_shop_may_number_as_it_likes(shop: Shop) -> None:
    """Numbers that look like a UUID, like an id of Stripe's, or like an address."""
    customer = await Customer.create(external_id=NUMBERED)
    by_customer = wire(await a_payment(await an_order("a", customer), 0))
    by_order = {number: wire(await a_payment(await an_order(number), 10)) for number in (str(uuid4()), "re_2026/7")}
    of_someone = wire(await a_payment(await an_order("b", await Customer.create(external_id="ben@shop.example")), 20))

    assert await found(shop.staff, NUMBERED) == {by_customer}
    assert {text: await found(shop.staff, text) for text in by_order} == {text: {one} for text, one in by_order.items()}
    assert await found(shop.staff, "re_2026") == {by_order["re_2026/7"]}
    assert await found(shop.staff, "ben@shop.example") == {of_someone}
    assert await found(shop.staff, "BEN@shop.example") == set()  # a number is exact


async def test_not_means_all_others(shop: Shop, bought: Bought) -> None:
    """Also those without a customer, a charge or an address."""
    bare = wire(await a_payment(await an_order("bare"), 0, stripe_payment_intent_id=None))

    others = {name: await matching(shop.staff, {"not": {"search": text}}) for name, text in bought.texts.items()}
    either = await matching(shop.staff, {"or": [{"search": "buyer"}, {"search": "bare"}]})

    assert {name: ids for name, ids in others.items() if ids != {bare}} == {}
    assert either == {bought.id, bare}


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "pi_nothing",
        "ch_nothing",
        "re_nothing",
        "nobody@shop.example",
        str(UUID(int=1)),
        encode(Kind.REFUND, UUID(int=1)),
        encode(Kind.WEBHOOK, UUID(int=1)),
        "%",
        "_",
        "' OR true --",
    ],
)
async def test_what_names_nothing_finds_nothing(shop: Shop, bought: Bought, text: str) -> None:
    assert await found(shop.staff, text) == await found(shop.buyer, text) == set()


async def test_a_payment_of_several_names_is_found_once(shop: Shop) -> None:
    """Two customers share an address, and one payment sends its receipt there too."""
    await _bought(shop)
    await Customer.filter(external_id="buyer").update(email="Receipts@home.example")
    cousin = await Customer.create(external_id="cousin", email="receipts@home.example")
    of_cousin = wire(await a_payment(await an_order("theirs", cousin), 0))

    ids = await found(shop.staff, "receipts@home.example")

    assert len(ids) == 2
    assert of_cousin in ids


async def test_what_cannot_be_searched_is_refused_by_its_place(shop: Shop) -> None:
    answer = (await shop.staff.post(SEARCH, {"filter": {"not": {"search": "two\nlines"}}})).json()

    [error] = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "search" in error["message"]


async def test_a_view_token_finds_nobody_out(shop: Shop) -> None:
    """It shows no people, so neither does what it finds: no guess at them is told right from wrong."""
    order_id = await shop.order(customerEmail="ada@shop.example")
    given = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    document = """mutation M($input: CreatePaymentInput!, $key: IdempotencyKey!) {
      createPayment(input: $input, idempotencyKey: $key) { viewToken payment { id } } }"""
    made = await shop.buyer.ask(document, input={**given, "receiptEmail": "ada@home.example"}, key=key())
    view, payment_id = Client(shop.http, made["createPayment"]["viewToken"]), made["createPayment"]["payment"]["id"]
    customer = await Customer.get(external_id="buyer")
    of_people = ["ada@shop.example", "ada@home.example", "buyer", encode(Kind.CUSTOMER, customer.id), str(customer.id)]
    filters = [{"search": text} for text in of_people] + [{"customerId": encode(Kind.CUSTOMER, customer.id)}]

    told = [await matching(view, one) for one in filters] + [await matching(view, {"not": one}) for one in filters]
    by_payer = [await matching(shop.buyer, one) for one in filters]

    assert told == [set()] * len(filters) + [{payment_id}] * len(filters)
    assert by_payer == [{payment_id}] * len(filters)
    assert await found(view, order_id) == await found(view, payment_id) == {payment_id}
