"""Connected accounts of the offline Stripe: separate data for each."""

from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox import Sandbox

NEW = {"amount": "1000", "currency": "usd"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    made = Sandbox(None)
    yield made
    await made.close()


def _client(sandbox: Sandbox, account: str | None) -> httpx.AsyncClient:
    headers = {"Authorization": "Bearer sk_test_1"} | ({"Stripe-Account": account} if account else {})
    return httpx.AsyncClient(transport=sandbox.transport(), base_url="http://stripe", headers=headers)


async def test_an_object_is_its_accounts(sandbox: Sandbox) -> None:
    own, one, other = (_client(sandbox, account) for account in (None, "acct_1", "acct_2"))
    async with own, one, other:
        made = (await one.post("/v1/payment_intents", data=NEW)).json()
        seen = [(await client.get(f"/v1/payment_intents/{made['id']}")).status_code for client in (own, one, other)]
        events = [len((await client.get("/v1/events")).json()["data"]) for client in (own, one, other)]

    assert seen == [404, 200, 404]
    assert events == [0, 1, 0]
    assert sandbox.snapshot().payment_intents == []


async def test_a_key_is_its_accounts(sandbox: Sandbox) -> None:
    key = {"Idempotency-Key": "k"}
    async with _client(sandbox, None) as own, _client(sandbox, "acct_1") as one:
        answers = [await client.post("/v1/payment_intents", data=NEW, headers=key) for client in (own, one, own, one)]

    ids = [answer.json()["id"] for answer in answers]
    assert ids[0] == ids[2]
    assert ids[1] == ids[3]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("account", ["acct_", "acme", "acct_1/..", ""])
async def test_what_is_no_account_is_refused(sandbox: Sandbox, account: str) -> None:
    headers = {"Authorization": "Bearer sk_test_1", "Stripe-Account": account}
    async with httpx.AsyncClient(transport=sandbox.transport(), base_url="http://stripe", headers=headers) as client:
        answer = await client.get("/v1/payment_intents")

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "account_invalid")
