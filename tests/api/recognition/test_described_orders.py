"""Orders with line items, shipping, a statement descriptor and a receipt: kept here, and told to Stripe."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
import pytest

from database.statements import query_rows
from domain.states import OperationKind
from models import Customer, Operation, Order
from tests.support.shop import Client, Json, Shop, key, open_shop, settings_for

TOTAL: Final = 10_000
SHIPPING: Final[Json] = {
    "name": "Ada Lovelace",
    "phone": "+44 20 7946 0958",
    "line1": "12 St James's Square",
    "city": "London",
    "postalCode": "SW1Y 4JH",
    "country": "gb",
}
LINES: Final[list[Json]] = [
    {"name": "Teapot \u2013 blue", "quantity": 2, "unitAmount": 4_000, "taxAmount": 760, "reference": "TP-1"},
    {"name": "Cup", "quantity": 1, "unitAmount": 1_500, "discountAmount": 260, "reference": "longer than Stripe takes"},
    {"name": "Card", "quantity": 1, "unitAmount": 0, "taxAmount": 0, "discountAmount": 0},
]
DESCRIBED: Final[Json] = {"shipping": SHIPPING, "lineItems": LINES, "statementDescriptorSuffix": "Order 41"}
SHOWN: Final = """query O($id: ID!) { order(id: $id) { customer { name phone email }
  shipping { name line1 country } lineItems { name amount } statementDescriptorSuffix
  payments { nodes { receiptEmail statementDescriptor } } } }"""


def usd(amount: int) -> Json:
    return {"amount": amount, "currency": "USD"}


async def register(shop: Shop, number: str = "order-1", **stated: Any) -> Json:
    order = {"externalId": number, "total": usd(TOTAL), "customerExternalId": "buyer", **stated}
    return await shop.staff.do("registerOrder", input=order, key=key())


async def registered(shop: Shop, number: str = "order-1", **stated: Any) -> str:
    payload = await register(shop, number, **stated)
    assert payload["errors"] == [], payload
    return str(payload["order"]["id"])


async def lines_at_stripe(shop: Shop) -> list[Json]:
    """List the line items of the newest payment, as Stripe tells them."""
    intent = shop.sandbox.snapshot().payment_intents[-1]
    async with httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe") as stripe:
        address = f"/v1/payment_intents/{intent['id']}/amount_details_line_items"
        answer = await stripe.get(address, headers={"Authorization": "Bearer sk_test_looks"})
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["data"]
    return found


@pytest.fixture
async def sent(shop: Shop) -> list[tuple[str, Json]]:
    """Collect the calls of Stripe, each with its parameters as they were sent."""
    calls: list[tuple[str, Json]] = []

    async def noted(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if request.method == "POST":
            calls.append((request.url.path.rpartition("/")[2], dict(parse_qsl(request.content.decode()))))
        return response

    shop.between.answered = noted
    return calls


async def test_stripe_is_told_what_was_bought_who_gets_it_and_where_the_receipt_goes(shop: Shop) -> None:
    order_id = await registered(shop, **DESCRIBED)

    payload = await shop.pay(order_id, receiptEmail="ada@shop.example")

    snapshot = shop.sandbox.snapshot()
    [intent], [charge] = snapshot.payment_intents, snapshot.charges
    assert payload["errors"] == []
    assert (intent["receipt_email"], charge["receipt_email"]) == ("ada@shop.example", "ada@shop.example")
    assert intent["shipping"] == {
        "name": "Ada Lovelace",
        "phone": "+44 20 7946 0958",
        "carrier": None,
        "tracking_number": None,
        "address": {
            "line1": "12 St James's Square",
            "line2": None,
            "city": "London",
            "postal_code": "SW1Y 4JH",
            "state": None,
            "country": "GB",
        },
    }
    assert charge["calculated_statement_descriptor"] == "PAYGRAPH* ORDER 41"
    kept = ("product_name", "product_code", "quantity", "unit_cost", "discount_amount", "tax")
    assert [tuple(line[name] for name in kept) for line in await lines_at_stripe(shop)] == [
        ("Teapot \u2013 blue", "TP-1", 2, 4_000, None, {"total_tax_amount": 760}),
        ("Cup", None, 1, 1_500, 260, None),
        ("Card", None, 1, 0, None, {"total_tax_amount": 0}),
    ]
    assert "error" not in intent["amount_details"]


async def test_what_was_stated_is_for_the_payer_and_the_staff(shop: Shop) -> None:
    order_id = await registered(shop, **DESCRIBED, customerName="Ada", customerPhone="+44 20 1", customerEmail="a@b.cd")
    query = """mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {
      createPayment(input: $input, idempotencyKey: $key) { viewToken payment { receiptEmail } } }"""
    stated: Json = {"orderId": order_id, "expectedAmount": usd(TOTAL), "receiptEmail": "ada@shop.example"}
    made = (await shop.buyer.ask(query, input=stated, key=key()))["createPayment"]

    told = [
        (await client.ask(SHOWN, id=order_id))["order"]
        for client in (shop.buyer, shop.staff, Client(shop.http, made["viewToken"]), shop.stranger)
    ]

    everything = {
        "customer": {"name": "Ada", "phone": "+44 20 1", "email": "a@b.cd"},
        "shipping": {"name": "Ada Lovelace", "line1": "12 St James's Square", "country": "GB"},
        "lineItems": [
            {"name": "Teapot \u2013 blue", "amount": 8_760},
            {"name": "Cup", "amount": 1_240},
            {"name": "Card", "amount": 0},
        ],
        "statementDescriptorSuffix": "Order 41",
        "payments": {"nodes": [{"receiptEmail": "ada@shop.example", "statementDescriptor": None}]},
    }
    nothing_of_people = everything | {"customer": None, "shipping": None, "lineItems": None}
    nothing_of_people["payments"] = {"nodes": [{"receiptEmail": None, "statementDescriptor": None}]}
    assert told == [everything, everything, nothing_of_people, None]
    assert made["payment"] == {"receiptEmail": "ada@shop.example"}


async def test_a_customers_name_stays_until_another_one_is_stated(shop: Shop) -> None:
    await registered(shop, customerName="Ada", customerPhone="1")

    await registered(shop, "order-2", customerName="Ada King")

    [customer] = await Customer.all()
    assert (customer.name, customer.phone, customer.email) == ("Ada King", "1", None)


@pytest.mark.parametrize(
    ("lines", "actual"),
    [
        ([LINES[0]], 8_760),
        ([LINES[1]], 1_240),
        ([*LINES, {"name": "Spoon", "quantity": 1, "unitAmount": 1}], 10_001),
        ([{"name": "Nothing", "quantity": 3, "unitAmount": 0}], 0),
    ],
)
async def test_lines_that_do_not_come_to_the_total_are_refused_with_both_figures(
    shop: Shop, lines: list[Json], actual: int
) -> None:
    payload = await register(shop, lineItems=lines)

    [error] = payload["errors"]
    assert (error["__typename"], error["code"]) == ("AmountMismatchError", "AMOUNT_MISMATCH")
    assert error["path"] == ["input", "lineItems"]
    assert (error["expected"], error["actual"]) == (usd(TOTAL), usd(actual))
    assert await Order.all().count() == await Operation.all().count() == 0


LINE: Final[Json] = {"name": "Teapot", "quantity": 1, "unitAmount": TOTAL}


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"quantity": 0}, "VALIDATION_FAILED", "quantity"),
        ({"quantity": -1}, "VALIDATION_FAILED", "quantity"),
        ({"unitAmount": -TOTAL}, "VALIDATION_FAILED", "unitAmount"),
        ({"taxAmount": -1}, "VALIDATION_FAILED", "taxAmount"),
        ({"discountAmount": -1}, "VALIDATION_FAILED", "discountAmount"),
        ({"discountAmount": TOTAL + 1, "taxAmount": TOTAL + 1}, "VALIDATION_FAILED", "discountAmount"),
        ({"quantity": 2_000_000_000, "unitAmount": 2**53 - 1}, "AMOUNT_TOO_LARGE", "unitAmount"),
        ({"name": ""}, "VALIDATION_FAILED", "name"),
        ({"name": "x" * 251}, "VALIDATION_FAILED", "name"),
        ({"name": "two\nlines"}, "VALIDATION_FAILED", "name"),
        ({"name": "turned \u202e round"}, "VALIDATION_FAILED", "name"),
        ({"reference": "x" * 101}, "VALIDATION_FAILED", "reference"),
    ],
)
async def test_a_line_that_cannot_be_is_refused_by_its_place(shop: Shop, changes: Json, code: str, path: str) -> None:
    payload = await register(shop, total=usd(2 * TOTAL), lineItems=[LINE, LINE | changes])

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == (code, ["input", "lineItems", "1", path])
    assert await Order.all().count() == 0


async def test_an_order_has_a_hundred_lines_at_most(shop: Shop) -> None:
    lines = [{"name": f"thing {number}", "quantity": 1, "unitAmount": 100} for number in range(101)]

    refused = await register(shop, total=usd(10_100), lineItems=lines)
    order_id = await registered(shop, lineItems=lines[:100])
    paid = await shop.pay(order_id)

    [error] = refused["errors"]
    assert (error["code"], error["path"]) == ("VALIDATION_FAILED", ["input", "lineItems"])
    assert paid["errors"] == []


@pytest.mark.parametrize(
    "suffix", ["1234", "ELEVENCHARS", "A<B", "A>B", "A'B", 'A"B', "A*B", "A\\B", "BÜCHER", "", " A", "A\tB", "ＡＢＣ"]
)
async def test_a_suffix_that_stripe_would_refuse_is_refused_here(shop: Shop, suffix: str) -> None:
    payload = await register(shop, statementDescriptorSuffix=suffix)

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("VALIDATION_FAILED", ["input", "statementDescriptorSuffix"])
    assert await Order.all().count() == 0


@pytest.mark.parametrize("suffix", ["A", "TEN CHARS!", "no 41/b", "#1 & #2 a", "a@b.c"])
async def test_a_suffix_that_is_taken_here_is_taken_by_stripe(shop: Shop, suffix: str) -> None:
    order_id = await registered(shop, statementDescriptorSuffix=suffix)

    payload = await shop.pay(order_id)

    [charge] = shop.sandbox.snapshot().charges
    assert payload["errors"] == []
    assert charge["calculated_statement_descriptor"] == f"PAYGRAPH* {suffix.upper()}"


async def test_a_known_prefix_leaves_the_suffix_what_it_does_not_take(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path / "state", statement_descriptor_prefix="PAYGRAPH")
    async with open_shop(settings) as shop:
        order_id = await registered(shop, statementDescriptorSuffix="TWELVE CHARS")
        too_long = await register(shop, "order-2", statementDescriptorSuffix="THIRTEEN CHAR")

        paid = await shop.pay(order_id)

        assert paid["errors"] == []
        assert [error["path"] for error in too_long["errors"]] == [["input", "statementDescriptorSuffix"]]


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"country": "XX"}, "VALIDATION_FAILED", "country"),
        ({"country": "Germany"}, "VALIDATION_FAILED", "country"),
        ({"name": ""}, "VALIDATION_FAILED", "name"),
        ({"line1": "1\u0000"}, "VALIDATION_FAILED", "line1"),
        ({"postalCode": "x" * 21}, "VALIDATION_FAILED", "postalCode"),
        ({"city": "\u2066London"}, "VALIDATION_FAILED", "city"),
    ],
)
async def test_shipping_that_cannot_be_is_refused_by_its_part(shop: Shop, changes: Json, code: str, path: str) -> None:
    payload = await register(shop, shipping=SHIPPING | changes)

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == (code, ["input", "shipping", path])
    assert await Order.all().count() == 0


@pytest.mark.parametrize("field", ["customerName", "customerPhone"])
async def test_what_is_about_a_customer_needs_one(shop: Shop, field: str) -> None:
    stated: Json = {"customerExternalId": None, field: "somebody"}
    payload = await register(shop, **stated)

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [("VALIDATION_FAILED", ["input", field])]


async def test_an_address_that_only_stripe_refuses_is_named(shop: Shop) -> None:
    order_id = await registered(shop)

    refused = await shop.pay(order_id, receiptEmail="ada@..shop")
    paid = await shop.pay(order_id, receiptEmail="ada@shop.example")

    [error] = refused["errors"]
    assert (error["code"], error["path"]) == ("VALIDATION_FAILED", ["input", "receiptEmail"])
    assert (paid["errors"], len(shop.sandbox.snapshot().charges)) == ([], 1)


@pytest.mark.parametrize("amount", [TOTAL, 4_000])
async def test_lines_never_hinder_a_capture(shop: Shop, sent: list[tuple[str, Json]], amount: int) -> None:
    """Stripe asks for the lines again at the first capture; those of a part do not add up, and are not enforced."""
    order_id = await registered(shop, lineItems=LINES, captureMethod="MANUAL")
    held = await shop.pay(order_id)

    taken = await shop.staff.do(
        "capturePayment", input={"paymentId": held["payment"]["id"], "amount": usd(amount)}, key=key()
    )

    assert (taken["errors"], taken["payment"]["amountCaptured"]) == ([], {"amount": amount})
    captured = next(given for path, given in sent if path == "capture")
    assert captured["amount_details[enforce_arithmetic_validation]"] == "false"
    assert captured["amount_details[line_items][0][product_name]"] == "Teapot \u2013 blue"


async def test_a_payment_of_a_part_is_told_without_lines(shop: Shop, sent: list[tuple[str, Json]]) -> None:
    """The lines come to the order's total: a payment of what is left would not add up."""
    order_id = await registered(shop, lineItems=LINES, captureMethod="MANUAL")
    held = await shop.pay(order_id)
    part = {"paymentId": held["payment"]["id"], "amount": usd(4_000)}
    await shop.staff.do("capturePayment", input=part, key=key())
    sent.clear()

    rest = await shop.pay(order_id, amount=6_000)

    assert rest["errors"] == []
    [created] = [given for path, given in sent if path == "payment_intents"]
    assert created["amount"] == "6000"
    assert not any(name.startswith("amount_details") for name in created)


async def test_lines_stand_still_while_a_payment_is_open(shop: Shop) -> None:
    """A capture has to repeat them, and Stripe was told of these."""
    order_id = await registered(shop, lineItems=LINES)
    made = await shop.buyer.do("createPayment", input={"orderId": order_id, "expectedAmount": usd(TOTAL)}, key=key())

    same = await register(shop, lineItems=LINES, description="only this")
    others = [await register(shop, lineItems=lines) for lines in ([LINE], None, [])]
    await shop.buyer.do("cancelPayment", input={"paymentId": made["payment"]["id"]}, key=key())
    afterwards = await register(shop, lineItems=[LINE])

    assert same["errors"] == afterwards["errors"] == []
    for payload in others:
        [error] = payload["errors"]
        assert (error["code"], error["path"]) == ("INVALID_STATE", ["input", "lineItems"])
    order = await Order.get(external_id="order-1")
    assert [line["name"] for line in order.line_items or []] == ["Teapot"]


async def test_an_equal_order_in_another_spelling_is_a_replay(shop: Shop) -> None:
    """A default that is written out, and a country in small letters, mean the same."""
    one_key = key()
    first = {"externalId": "order-1", "total": usd(TOTAL), "shipping": SHIPPING, "lineItems": [LINE]}
    again = first | {"shipping": SHIPPING | {"country": "GB", "line2": None}, "statementDescriptorSuffix": None}
    other = first | {"shipping": SHIPPING | {"phone": "+44 20 7946 0959"}}

    payloads = [await shop.staff.do("registerOrder", input=one, key=one_key) for one in (first, again, other)]

    assert [payload["replayed"] for payload in payloads[:2]] == [False, True]
    [error] = payloads[2]["errors"]
    assert (error["code"], error["mismatchedPaths"]) == ("IDEMPOTENCY_KEY_REUSED", ["shipping"])
    [operation] = await Operation.filter(kind=OperationKind.REGISTER_ORDER)
    leaves = [name for name in operation.leaves if name.startswith(("shipping", "lineItems"))]
    assert sorted(leaves) == ["lineItems", "shipping"]


async def test_what_is_personal_is_in_no_log_and_no_trail(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    order_id = await registered(shop, **DESCRIBED, customerName="Augusta King", customerPhone="+44 20 7946 0955")
    await shop.pay(order_id, receiptEmail="augusta@shop.example")
    await shop.deliver()

    trail = str([dict(row) for row in await query_rows("SELECT * FROM payment_event")])
    words = ("Lovelace", "Augusta", "0958", "0955", "Square", "SW1Y", "augusta@", "Teapot")
    assert [word for word in words if word in trail + capsys.readouterr().out] == []
