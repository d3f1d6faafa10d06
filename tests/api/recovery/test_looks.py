"""Reads from Stripe caused by queries: few for a document, one of a payment at a time, and behind the workers."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from provider import Budget, Provider, ProviderFailure
from provider.connection.request_budget import Priority
from services.live import refresh_on_read
from tests.support.shop import Json, Shop, key, open_shop, settings_for

FRESH = "payment(id: $id, maxStalenessMs: 0) { status lastSyncedAt }"
ONE = f"query S($id: ID!) {{ {FRESH} }}"
SECRET = "query C($id: ID!) { paymentConfirmation(paymentId: $id) { clientSecret } }"


async def held(shop: Shop) -> str:
    """Create a payment that is not final: it is authorized."""
    payment: Json = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    assert payment["status"] == "REQUIRES_CAPTURE"
    return str(payment["id"])


async def open_payment(shop: Shop) -> str:
    """Create a payment that its payer has yet to confirm."""
    query = """mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {
      createPayment(input: $input, idempotencyKey: $key) { payment { id } errors { code } } }"""
    given = {"orderId": await shop.order(), "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    return str((await shop.buyer.ask(query, input=given, key=key()))["createPayment"]["payment"]["id"])


def calls(shop: Shop) -> int:
    return len(shop.sandbox.snapshot().requests)


def aliased(field: str, names: dict[str, str]) -> tuple[str, Json]:
    """Build a document with the field of each of these payments under an alias of its own."""
    parameters = ", ".join(f"${name}: ID!" for name in names)
    fields = " ".join(f"{name}: {field.replace('$id', f'${name}')}" for name in names)
    return f"query M({parameters}) {{ {fields} }}", dict(names)


@pytest.fixture
async def hold(shop: Shop) -> Callable[[], Awaitable[Callable[[], None]]]:
    """Hold the next answers to reads; the returned function releases them."""

    async def begin() -> Callable[[], None]:
        number = shop.sandbox.fault(kind="hold_after", method="GET", path="/v1/payment_intents/.*")
        return lambda: shop.sandbox.clear_faults(number)

    return begin


async def until_held(shop: Shop) -> None:
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in shop.sandbox.faults()):
            await asyncio.sleep(0.005)


async def until_all_have_asked(shop: Shop, payment_id: str) -> None:
    """Wait until every earlier read has come as far as it can."""
    for _ in range(10):
        await shop.staff.ask("query P($id: ID!) { payment(id: $id) { status } }", id=payment_id)


async def test_thirty_names_of_one_payment_are_one_look_of_each_kind(shop: Shop) -> None:
    payment_id = await open_payment(shop)
    before = calls(shop)

    query, given = aliased(FRESH, {f"p{n}": payment_id for n in range(30)})
    fresh = await shop.buyer.ask(query, **given)
    query, given = aliased("paymentConfirmation(paymentId: $id) { clientSecret }", dict.fromkeys(given, payment_id))
    secrets = await shop.buyer.ask(query, **given)

    assert {payment["status"] for payment in fresh.values()} == {"REQUIRES_PAYMENT_METHOD"}
    assert len({confirmation["clientSecret"] for confirmation in secrets.values()}) == 1
    assert calls(shop) - before == 2


async def test_a_document_asks_about_five_payments_and_shows_the_others_as_old_as_they_are(shop: Shop) -> None:
    names = {f"p{n}": await held(shop) for n in range(8)}
    query, given = aliased("payment(id: $id) { lastSyncedAt }", names)
    stored = await shop.buyer.ask(query, **given)
    before = calls(shop)

    query, given = aliased(FRESH, names)
    found = await shop.buyer.ask(query, **given)

    younger = [name for name in names if found[name]["lastSyncedAt"] > (stored[name]["lastSyncedAt"] or "")]
    assert len(younger) == refresh_on_read.IN_A_DOCUMENT == calls(shop) - before
    assert {payment["status"] for payment in found.values()} == {"REQUIRES_CAPTURE"}
    again = await shop.buyer.ask(query, **given)  # the next document has reads of its own
    assert calls(shop) - before == 2 * refresh_on_read.IN_A_DOCUMENT
    assert set(again) == set(names)


async def test_a_secret_of_one_payment_too_many_is_a_typed_error_beside_the_others(shop: Shop) -> None:
    names = {f"p{n}": await open_payment(shop) for n in range(refresh_on_read.IN_A_DOCUMENT + 1)}
    query, given = aliased("paymentConfirmation(paymentId: $id) { clientSecret }", names)

    answer = (await shop.buyer.post(query, given)).json()

    [error] = answer["errors"]
    assert error["extensions"]["reason"] == "RATE_LIMITED"
    assert "5 payments" in error["message"]
    told = [confirmation for confirmation in answer["data"].values() if confirmation["clientSecret"] is not None]
    assert len(told) == refresh_on_read.IN_A_DOCUMENT
    alone = await shop.buyer.ask(SECRET, id=names[error["path"][0]])
    assert alone["paymentConfirmation"]["clientSecret"].startswith("pi_")


async def test_a_look_is_priced_like_a_sync(database_url: str, tmp_path: Path) -> None:
    async with open_shop(settings_for(database_url, tmp_path / "state", rate_limits="process")) as shop:
        payment_id = await held(shop)
        sync = "mutation S($id: ID!) { syncPayment(paymentId: $id) { payment { id } } }"
        costs = [
            (await shop.buyer.post(query, {"id": payment_id})).json()["extensions"]["cost"]["actualQueryCost"]
            for query in (ONE, SECRET, sync)
        ]

    assert costs == [10, 10, 11]  # the sync selects a row more


async def test_readers_at_once_hear_of_one_look(shop: Shop, hold: Callable[[], Awaitable[Callable[[], None]]]) -> None:
    payment_id = await held(shop)
    let_go = await hold()
    before = calls(shop)
    readers = [asyncio.create_task(one.ask(ONE, id=payment_id)) for one in [shop.buyer, shop.staff] * 10]
    await until_held(shop)
    await until_all_have_asked(shop, payment_id)

    readers[0].cancel()  # the request that began it disconnects
    let_go()
    answers = await asyncio.gather(*readers[1:])

    assert calls(shop) - before == 1
    assert len({answer["payment"]["lastSyncedAt"] for answer in answers}) == 1


async def test_a_sync_is_not_answered_by_a_look_from_before_it(
    shop: Shop, hold: Callable[[], Awaitable[Callable[[], None]]]
) -> None:
    payment_id = await held(shop)
    let_go = await hold()
    before = calls(shop)
    reader = asyncio.create_task(shop.buyer.ask(ONE, id=payment_id))
    await until_held(shop)
    syncs = [asyncio.create_task(shop.staff.do("syncPayment", paymentId=payment_id)) for _ in range(5)]
    await until_all_have_asked(shop, payment_id)

    let_go()
    await reader
    payloads = await asyncio.gather(*syncs)

    assert {payload["payment"]["status"] for payload in payloads} == {"REQUIRES_CAPTURE"}
    assert calls(shop) - before == 2  # the reader's, and one for all that came while it was under way


async def test_readers_who_get_no_turn_get_what_we_have_at_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh_on_read, "LONGEST_WAIT_SECONDS", 0.01)
    payment_id, unconfirmed = await held(shop), await open_payment(shop)
    before = calls(shop)
    shop.runtime.provider_reads._room = asyncio.Semaphore(0)  # many others read

    stored = await shop.buyer.ask(ONE, id=payment_id)
    refused = (await shop.buyer.post(SECRET, {"id": unconfirmed})).json()

    assert stored["payment"]["status"] == "REQUIRES_CAPTURE"
    [error] = refused["errors"]
    assert (error["extensions"]["reason"], error["extensions"]["retryable"]) == ("PROVIDER_UNAVAILABLE", True)
    assert calls(shop) == before


async def test_a_workers_look_goes_before_one_of_a_reader(shop: Shop) -> None:
    budget = Budget(per_second=10)
    provider = Provider(secret_key="sk_test_x", livemode=False, transport=shop.sandbox.transport(), budget=budget)
    for _ in range(10):
        await budget.take(Priority.PAY, "any")
    gone: list[str] = []

    async def look(by: str, through: Provider) -> None:
        with pytest.raises(ProviderFailure):
            await through.retrieve_payment("pi_nobodys")
        gone.append(by)

    readers = [asyncio.create_task(look("reader", provider.for_readers())) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.gather(look("worker", provider), *readers)
    await provider.close()

    assert gone == ["worker", "reader", "reader", "reader"]
