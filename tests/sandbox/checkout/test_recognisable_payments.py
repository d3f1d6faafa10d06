"""Marks by which people recognise a payment: descriptors, receipts, line items, references."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shapes import problems
from tests.sandbox.stripe_account import Json, StripeAccount

BOOKS: list[Json] = [
    {
        "product_name": "Book",
        "product_code": "B-1",
        "quantity": 2,
        "unit_cost": 4_000,
        "tax": {"total_tax_amount": 560},
    },
    {"product_name": "Pen", "quantity": 1, "unit_cost": 1_500, "discount_amount": 560},
]
DETAILS: Json = {"line_items": BOOKS, "shipping": {"amount": 500, "to_postal_code": "10115"}}


async def _refused(account: StripeAccount, **given: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.intent(**{"method": None, **given})
    return caught.value


@pytest.mark.parametrize(
    "suffix",
    ["1234", "TWELVE CHARS!", "A<B", "A>B", "A'B", 'A"B', "A*B", "A\\B", "BÜCHER"],
)
async def test_a_suffix_that_banks_cannot_print_is_refused(account: StripeAccount, suffix: str) -> None:
    refused = await _refused(account, statement_descriptor_suffix=suffix)

    assert (refused.http_status, refused.param) == (400, "statement_descriptor_suffix")


async def test_a_payer_reads_the_prefix_and_the_suffix(account: StripeAccount) -> None:
    held = await account.pay(statement_descriptor_suffix="Order 41", capture_method="manual")

    await account.v1.payment_intents.capture_async(held.id, {"statement_descriptor_suffix": "Order 42"})

    charge = (await account.again(held)).latest_charge
    assert held.latest_charge.calculated_statement_descriptor == "PAYGRAPH* ORDER 41"
    assert (charge.calculated_statement_descriptor, charge.statement_descriptor_suffix) == (
        "PAYGRAPH* ORDER 42",
        "Order 42",
    )


async def test_a_card_has_no_descriptor_of_its_own(account: StripeAccount) -> None:
    intent = await account.intent(None, statement_descriptor="THE BOOKSHOP")

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    debit = await account.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": "pm_usBankAccount_success", "expand": ["latest_charge"]}
    )

    assert caught.value.param == "statement_descriptor"
    assert debit.latest_charge.statement_descriptor == "THE BOOKSHOP"
    assert debit.latest_charge.calculated_statement_descriptor is None


async def test_a_receipt_has_an_address_and_once_sent_a_number(account: StripeAccount) -> None:
    paid = await account.pay(receipt_email="ann@shop.test", description="Two books")
    refund = await account.refund(paid, 1_000)
    charge = paid.latest_charge

    sent = await account.lever("POST", "receipts", {"charge": charge.id})
    noted = await account.lever("POST", "receipts", {"refund": refund.id})
    page = await account.browser.get(charge.receipt_url.replace("http://shop.test", ""))

    assert (charge.receipt_email, charge.receipt_number, charge.description) == ("ann@shop.test", None, "Two books")
    assert sent["receipt_number"]
    assert noted["receipt_number"]
    assert (page.status_code, "100.00 USD" in page.text, "Two books" in page.text) == (200, True, True)
    assert account.events("charge.updated")[-1]["data"]["previous_attributes"] == {"receipt_number": None}
    assert problems(sent) == []


async def test_a_declined_charge_has_no_receipt(account: StripeAccount) -> None:
    with pytest.raises(stripe.CardError):
        await account.pay("pm_card_chargeDeclined")

    [charge] = account.sandbox.snapshot().charges
    assert charge["receipt_url"] is None


@pytest.mark.parametrize("address", ["ann", "ann@", "a b@shop.test"])
async def test_a_receipt_goes_to_an_address(account: StripeAccount, address: str) -> None:
    refused = await _refused(account, receipt_email=address)

    assert (refused.code, refused.param) == ("email_invalid", "receipt_email")


async def test_line_items_are_kept_and_shown_when_they_are_expanded(account: StripeAccount) -> None:
    made = await account.intent(None, amount=10_000, amount_details=DETAILS, payment_details={"order_reference": "R-1"})

    shown = await account.v1.payment_intents.retrieve_async(made.id, {"expand": ["amount_details.line_items"]})
    listed = await account.v1.payment_intents.amount_details_line_items.list_async(made.id, {"limit": 1})
    items = [item async for item in listed.auto_paging_iter()]

    assert "line_items" not in made.amount_details
    assert [item.product_name for item in shown.amount_details.line_items.data] == ["Book", "Pen"]
    assert ([item.unit_cost for item in items], listed.has_more) == ([4_000, 1_500], True)
    assert (items[0].tax.total_tax_amount, items[1].discount_amount) == (560, 560)
    assert made.amount_details.shipping.amount == 500
    assert made.payment_details.to_dict() == {"customer_reference": None, "order_reference": "R-1"}
    assert problems(shown.to_dict()) == []


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"amount": 10_001}, "amount_details_amount_mismatch", "amount_details"),
        (
            {"amount_details": {"tax": {"total_tax_amount": 10_001}}},
            "amount_details_tax_shipping_discount_greater_than_amount",
            "amount_details",
        ),
        (
            {"amount_details": DETAILS | {"tax": {"total_tax_amount": 1}}},
            None,
            "amount_details[tax]",
        ),
        (
            {"amount_details": {"line_items": [{"product_name": "Book", "quantity": 0, "unit_cost": 1}]}},
            "parameter_invalid_integer",
            "amount_details[line_items][0][quantity]",
        ),
        (
            {"amount_details": {"line_items": [{"quantity": 1, "unit_cost": 1}]}},
            "parameter_missing",
            "amount_details[line_items][0][product_name]",
        ),
        (
            {"amount_details": {"line_items": [BOOKS[0] | {"product_code": "THIRTEENCHARS"}]}},
            None,
            "amount_details[line_items][0][product_code]",
        ),
        ({"amount_details": {"line_items": BOOKS * 101}}, None, "amount_details[line_items]"),
    ],
)
async def test_line_items_that_do_not_fit_are_refused(
    account: StripeAccount, given: Json, code: str | None, param: str
) -> None:
    refused = await _refused(account, **{"amount": 10_000, "amount_details": DETAILS, **given})

    assert (refused.http_status, refused.code, refused.param) == (400, code, param)


async def test_a_sum_that_is_not_enforced_is_an_error_in_the_answer(account: StripeAccount) -> None:
    made = await account.intent(None, amount=9_000, amount_details=DETAILS | {"enforce_arithmetic_validation": False})

    assert made.amount_details.error.code == "amount_details_amount_mismatch"
    assert problems(made.to_dict()) == []


async def test_a_new_amount_fits_the_line_items_or_brings_new_ones(account: StripeAccount) -> None:
    made = await account.intent(None, amount=10_000, amount_details=DETAILS)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.update_async(made.id, {"amount": 9_500})
    changed = await account.v1.payment_intents.update_async(
        made.id, {"amount": 9_500, "amount_details": {"shipping": ""}}
    )
    cleared = await account.v1.payment_intents.update_async(made.id, {"amount": 1_000, "amount_details": ""})

    assert caught.value.code == "amount_details_amount_mismatch"
    assert (changed.amount, "shipping" in changed.amount_details) == (9_500, False)
    assert (cleared.amount, cleared.amount_details.to_dict()) == (1_000, {"tip": {}})
