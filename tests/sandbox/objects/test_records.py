"""Records of customers and of the account: balances, tax ids, payouts."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shapes import problems
from tests.sandbox.stripe_account import Json, StripeAccount


async def _answer(request: Any, status: int = 200) -> Json:
    response = await request
    assert response.status_code == status, response.text
    answer: Json = response.json()
    return answer


async def test_a_customers_balance_is_moved_and_noted_on(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    url = f"/v1/customers/{customer.id}/balance_transactions"

    first = await _answer(account.http.post(url, data={"amount": "-500", "currency": "usd"}))
    await _answer(account.http.post(url, data={"amount": "200", "currency": "usd"}))
    noted = await _answer(account.http.post(f"{url}/{first['id']}", data={"metadata[a]": "1"}))

    listed = await _answer(account.http.get(url))
    assert [(moved["amount"], moved["ending_balance"]) for moved in listed["data"]] == [(200, -300), (-500, -500)]
    assert noted["metadata"] == {"a": "1"}
    assert await _answer(account.http.get(f"{url}/{first['id']}")) == noted
    assert (await account.v1.customers.retrieve_async(customer.id)).balance == -300
    assert problems(listed) == []


async def test_a_customers_tax_numbers_are_kept_and_deleted(account: StripeAccount) -> None:
    customer, other = await account.v1.customers.create_async({}), await account.v1.customers.create_async({})
    url = f"/v1/customers/{customer.id}/tax_ids"

    made = await _answer(account.http.post(url, data={"type": "eu_vat", "value": "DE123456789"}))
    await _answer(account.http.get(f"/v1/customers/{other.id}/tax_ids/{made['id']}"), 404)
    gone = await _answer(account.http.delete(f"{url}/{made['id']}"))

    assert (made["country"], made["value"], problems(made)) == ("DE", "DE123456789", [])
    assert gone == {"id": made["id"], "object": "tax_id", "deleted": True}
    assert (await _answer(account.http.get(url)))["data"] == []


async def test_a_customer_has_sent_nothing_ahead(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    url = f"/v1/customers/{customer.id}/cash_balance"

    before = await _answer(account.http.get(url))
    after = await _answer(account.http.post(url, data={"settings[reconciliation_mode]": "manual"}))

    assert (before["available"], before["settings"]["using_merchant_default"]) == (None, True)
    assert after["settings"] == {"reconciliation_mode": "manual", "using_merchant_default": False}
    assert problems(after) == []
    assert (await _answer(account.http.get(f"{url}_transactions")))["data"] == []


async def test_a_payout_is_made_and_taken_back(account: StripeAccount) -> None:
    made = await account.v1.payouts.create_async({"amount": 500, "currency": "usd", "metadata": {"a": "1"}})
    noted = await account.v1.payouts.update_async(made.id, {"metadata": {"b": "2"}})
    canceled = await account.v1.payouts.cancel_async(made.id)
    with pytest.raises(stripe.InvalidRequestError):
        await account.v1.payouts.cancel_async(made.id)

    assert (made.status, made.automatic, canceled.status) == ("pending", False, "canceled")
    assert noted.metadata.to_dict() == {"a": "1", "b": "2"}
    assert [m["amount"] for m in account.sandbox.snapshot().balance_transactions] == [-500, 500]
    assert problems(canceled.to_dict()) == []


async def test_a_payout_that_was_paid_is_reversed_once(account: StripeAccount) -> None:
    paid = await account.lever("POST", "payouts", {"amount": 500})

    back = await account.v1.payouts.reverse_async(paid["id"])
    with pytest.raises(stripe.InvalidRequestError):
        await account.v1.payouts.reverse_async(paid["id"])

    assert (back.amount, back.original_payout) == (-500, paid["id"])
    assert (await account.v1.payouts.retrieve_async(paid["id"])).reversed_by == back.id
