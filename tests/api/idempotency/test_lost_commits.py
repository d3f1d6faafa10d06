"""A standby without our last commits, or a backup, takes over: a repeated key finds what Stripe has under it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from cli.operations.adoption import adopt_and_report
from database.connection import parse_url
from database.embedded import EmbeddedPostgres
from database.statements import query_rows
from domain.ids import new_id
from domain.states import DiscrepancyKind
from services.audit.trail import find_broken_chains
from services.money.operations import claims
from tests.reconcile.faults import stripe_post
from tests.support.as_stripe_says import reconciled
from tests.support.shop import Json, Shop, key, open_shop, settings_for

ALARM = "operation.known_at_stripe"


@dataclass
class Cluster:
    """A database, a copy of it at one moment, and one Stripe for both."""

    postgres: EmbeddedPostgres
    url: str
    folder: Path
    copied: str = ""

    def primary(self) -> AbstractAsyncContextManager[Shop]:
        """Open the application on the database that will be lost."""
        return self._open(self.url)

    def standby(self) -> AbstractAsyncContextManager[Shop]:
        """Open the application on the copy."""
        return self._open(self.postgres.url(self.copied))

    def _open(self, url: str) -> AbstractAsyncContextManager[Shop]:
        settings = settings_for(url, self.folder / "state", request_budget_seconds=0)
        return open_shop(settings, sandbox_path=self.folder / "stripe.db")

    async def copy(self) -> None:
        """Copy the database: later commits do not reach the standby."""
        name = f"copy_{uuid4().hex}"
        await self.run(f'CREATE DATABASE "{name}" TEMPLATE "{urlsplit(self.url).path.lstrip("/")}"')
        self.copied = name

    async def run(self, statement: str) -> None:
        admin = await asyncpg.connect(**parse_url(self.postgres.url("postgres")))
        try:
            await admin.execute(statement)
        finally:
            await admin.close()


@pytest.fixture
async def cluster(postgres: EmbeddedPostgres, database_url: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    opened = Cluster(postgres, database_url, tmp_path)
    yield opened
    if opened.copied:
        await opened.run(f'DROP DATABASE "{opened.copied}" WITH (FORCE)')


def order_of(number: str, **more: str) -> Json:
    return {
        "externalId": number,
        "total": {"amount": 10_000, "currency": "USD"},
        "customerExternalId": "buyer",
        **more,
    }


async def test_a_payment_whose_commit_is_lost_is_charged_once_and_told_as_the_one(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    one_key = key()
    async with cluster.primary() as shop:
        order_id = await shop.order()
    await cluster.copy()
    async with cluster.primary() as shop:
        first = await shop.pay(order_id, with_key=one_key)
    capsys.readouterr()

    async with cluster.standby() as shop:
        again = await shop.pay(order_id, with_key=one_key)
        stripe = shop.sandbox.snapshot()
        timeline = await shop.timeline(again["payment"]["id"])

    assert (first["errors"], again["errors"]) == ([], [])
    assert again["payment"]["status"] == "SUCCEEDED"
    assert (again["payment"]["id"], again["operation"]["id"]) == (first["payment"]["id"], first["operation"]["id"])
    assert len(stripe.payment_intents) == len(stripe.charges) == 1
    assert "payment.succeeded" in timeline
    assert capsys.readouterr().out.count(ALARM) >= 1


async def test_a_refund_whose_commit_is_lost_is_made_once_and_told_as_the_one(cluster: Cluster) -> None:
    one_key = key()
    async with cluster.primary() as shop:
        payment = await shop.paid()
    await cluster.copy()
    async with cluster.primary() as shop:
        first = await shop.refund(payment["id"], 4_000, with_key=one_key)

    async with cluster.standby() as shop:
        again = await shop.refund(payment["id"], 4_000, with_key=one_key)
        stripe = shop.sandbox.snapshot()

    assert (first["errors"], again["errors"]) == ([], [])
    assert (again["refund"]["id"], again["refund"]["status"]) == (first["refund"]["id"], "SUCCEEDED")
    assert again["payment"]["amountRefunded"] == {"amount": 4_000}
    assert [refund["amount"] for refund in stripe.refunds] == [4_000]


async def test_a_new_total_whose_commit_is_lost_is_told_as_the_one(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    one_key, number = key(), f"order-{uuid4()}"
    new: Json = order_of(number) | {"total": {"amount": 12_000, "currency": "USD"}}
    async with cluster.primary() as shop:
        order = (await shop.staff.do("registerOrder", input=order_of(number), key=key()))["order"]
        await shop.pay(order["id"], paymentMethodId=None, confirm=False)
    await cluster.copy()
    async with cluster.primary() as shop:
        first = await shop.staff.do("registerOrder", input=new, key=one_key)
    capsys.readouterr()

    async with cluster.standby() as shop:
        again = await shop.staff.do("registerOrder", input=new, key=one_key)
        stripe = shop.sandbox.snapshot()
        found = await reconciled(shop)

    assert (first["errors"], again["errors"]) == ([], [])
    assert again["operation"]["id"] == first["operation"]["id"]
    assert (again["order"]["total"]["amount"], again["payment"]["amount"]["amount"]) == (12_000, 12_000)
    assert [intent["amount"] for intent in stripe.payment_intents] == [12_000]
    assert found == []
    assert capsys.readouterr().out.count(ALARM) >= 1


async def test_a_payment_and_its_new_total_are_lost_together_and_told_as_they_were(cluster: Cluster) -> None:
    """Creating it again finds the amount that a lost update set, which the repeated update makes ours."""
    creation, update, number = key(), key(), f"order-{uuid4()}"
    new: Json = order_of(number) | {"total": {"amount": 12_000, "currency": "USD"}}
    async with cluster.primary() as shop:
        order = (await shop.staff.do("registerOrder", input=order_of(number), key=key()))["order"]
    await cluster.copy()
    given = {"orderId": order["id"], "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    async with cluster.primary() as shop:
        await shop.buyer.do("createPayment", input=given, key=creation)
        await shop.staff.do("registerOrder", input=new, key=update)

    async with cluster.standby() as shop:
        created = await shop.buyer.do("createPayment", input=given, key=creation)
        repriced = await shop.staff.do("registerOrder", input=new, key=update)
        found = await reconciled(shop)
        stripe = shop.sandbox.snapshot()

    assert (created["errors"], repriced["errors"], found) == ([], [], [])
    assert repriced["payment"]["id"] == created["payment"]["id"]
    assert (repriced["order"]["total"]["amount"], repriced["payment"]["amount"]["amount"]) == (12_000, 12_000)
    assert [intent["amount"] for intent in stripe.payment_intents] == [12_000]


async def test_an_order_that_is_lost_as_well_is_registered_as_the_one(cluster: Cluster) -> None:
    register, one_key, number = key(), key(), f"order-{uuid4()}"
    async with cluster.primary():
        pass
    await cluster.copy()
    async with cluster.primary() as shop:
        order = (await shop.staff.do("registerOrder", input=order_of(number), key=register))["order"]
        first = await shop.pay(order["id"], with_key=one_key)

    async with cluster.standby() as shop:
        known = (await shop.staff.do("registerOrder", input=order_of(number), key=register))["order"]
        again = await shop.pay(known["id"], with_key=one_key)
        stripe = shop.sandbox.snapshot()

    assert known["id"] == order["id"]
    assert (again["errors"], again["payment"]["id"]) == ([], first["payment"]["id"])
    assert len(stripe.payment_intents) == len(stripe.charges) == 1


async def test_a_request_that_is_not_quite_the_lost_one_takes_in_what_stripe_has(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order got another description meanwhile, so Stripe refuses the key for other parameters."""
    one_key, number = key(), f"order-{uuid4()}"
    async with cluster.primary() as shop:
        order = (await shop.staff.do("registerOrder", input=order_of(number), key=key()))["order"]
    await cluster.copy()
    async with cluster.primary() as shop:
        first = await shop.pay(order["id"], with_key=one_key)
    capsys.readouterr()

    async with cluster.standby() as shop:
        changed = order_of(number, description="told since")
        assert (await shop.staff.do("registerOrder", input=changed, key=key()))["errors"] == []
        again = await shop.pay(order["id"], with_key=one_key)
        stripe = shop.sandbox.snapshot()

    assert (again["errors"], again["payment"]["status"]) == ([], "SUCCEEDED")
    assert again["payment"]["id"] == first["payment"]["id"]
    assert len(stripe.payment_intents) == len(stripe.charges) == 1
    assert capsys.readouterr().out.count(ALARM) >= 1


async def test_a_lost_key_that_is_used_for_another_order_moves_nothing_and_says_not_that_nothing_happened(
    cluster: Cluster,
) -> None:
    one_key = key()
    async with cluster.primary() as shop:
        order_id, other = await shop.order(), await shop.order()
    await cluster.copy()
    async with cluster.primary() as shop:
        await shop.pay(order_id, with_key=one_key)

    async with cluster.standby() as shop:
        again = await shop.pay(other, with_key=one_key)
        stripe = shop.sandbox.snapshot()

    assert [(error["code"], error["effect"]) for error in again["errors"]] == [("OUTCOME_UNKNOWN", "UNKNOWN")]
    assert len(stripe.payment_intents) == len(stripe.charges) == 1


async def test_a_lost_key_that_is_used_for_another_amount_gives_nothing_back_twice(cluster: Cluster) -> None:
    one_key = key()
    async with cluster.primary() as shop:
        payment = await shop.paid()
    await cluster.copy()
    async with cluster.primary() as shop:
        await shop.refund(payment["id"], 4_000, with_key=one_key)

    async with cluster.standby() as shop:
        again = await shop.refund(payment["id"], 3_000, with_key=one_key)
        stripe = shop.sandbox.snapshot()

    assert [(error["code"], error["effect"]) for error in again["errors"]] == [("OUTCOME_UNKNOWN", "UNKNOWN")]
    assert [refund["amount"] for refund in stripe.refunds] == [4_000]


async def test_what_the_version_before_has_in_flight_keeps_its_key(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operations of the earlier version have ids of their own, and Stripe knows their requests by them."""
    one_key = key()
    async with cluster.primary() as shop:
        payment = await shop.paid()
        with monkeypatch.context() as before:
            before.setattr(claims, "derive_operation_id", lambda *_, **__: new_id())
            shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/refunds")
            lost = await shop.refund(payment["id"], 4_000, with_key=one_key)

        await query_rows("UPDATE operation SET due = now() WHERE due IS NOT NULL")
        again = await shop.refund(payment["id"], 4_000, with_key=one_key)
        stripe = shop.sandbox.snapshot()

    assert [error["code"] for error in lost["errors"]] == ["OUTCOME_UNKNOWN"]
    assert (again["replayed"], again["errors"]) == (True, [])
    assert [refund["amount"] for refund in stripe.refunds] == [4_000]


async def test_one_key_of_two_callers_is_two_keys_at_stripe(shop: Shop) -> None:
    one_key = key()
    first = await shop.pay(await shop.order(), with_key=one_key)
    theirs = await shop.order(customer="stranger")

    second = await shop.stranger.do(
        "createPayment",
        input={
            "orderId": theirs,
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "paymentMethodId": "pm_card_visa",
            "confirm": True,
        },
        key=one_key,
    )

    assert (first["errors"], second["errors"]) == ([], [])
    assert first["operation"]["id"] != second["operation"]["id"]
    assert len(shop.sandbox.snapshot().charges) == 2


# -- adopted by hand -------------------------------------------------------------------------------------------------


async def test_a_lost_payment_is_taken_in_with_its_refunds_under_their_own_ids(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    pay_key, refund_key = key(), key()
    async with cluster.primary() as shop:
        order_id = await shop.order()
    await cluster.copy()
    async with cluster.primary() as shop:
        paid = await shop.pay(order_id, with_key=pay_key)
        refunded = await shop.refund(paid["payment"]["id"], 4_000, with_key=refund_key)
        intent = shop.sandbox.snapshot().payment_intents[-1]["id"]

    async with cluster.standby() as shop:
        provider = shop.runtime.runner.provider
        capsys.readouterr()
        would = await adopt_and_report([intent], apply=False, provider=provider), capsys.readouterr().out
        untouched = await query_rows("SELECT 1 FROM payment")
        done = await adopt_and_report([intent], apply=True, provider=provider), capsys.readouterr().out
        again = await adopt_and_report([intent], apply=True, provider=provider), capsys.readouterr().err
        payment = await shop.payment(paid["payment"]["id"])
        timeline = await shop.timeline(paid["payment"]["id"])
        paid_again = await shop.pay(order_id, with_key=pay_key)
        refunded_again = await shop.refund(payment["id"], 4_000, with_key=refund_key)
        stripe = shop.sandbox.snapshot()
        broken = await find_broken_chains([row["id"] for row in await query_rows("SELECT id FROM orders")])

    assert (would[0], untouched) == (0, [])
    assert "Would take in" in would[1]
    assert paid["payment"]["id"] in would[1]
    assert done[0] == 0
    assert "Took in" in done[1]
    assert again[0] == 1
    assert "is here already" in again[1]
    assert (payment["status"], payment["amountRefunded"]) == ("SUCCEEDED", {"amount": 4_000})
    assert [refund["id"] for refund in payment["refunds"]] == [refunded["refund"]["id"]]
    assert timeline[0] == "payment.adopted"
    assert (paid_again["errors"], paid_again["payment"]["id"]) == ([], paid["payment"]["id"])
    assert (refunded_again["errors"], refunded_again["refund"]["id"]) == ([], refunded["refund"]["id"])
    assert (len(stripe.charges), len(stripe.refunds)) == (1, 1)
    assert broken == {}


async def test_a_lost_part_is_taken_in_beside_what_was_asked_for_since(cluster: Cluster) -> None:
    """The payer has paid both, and the books say so: more was taken than the order costs."""
    part: Json = {"partialAmount": {"amount": 6_000, "currency": "USD"}}
    async with cluster.primary() as shop:
        order_id = await shop.order(allowPartialPayments=True)
    await cluster.copy()
    async with cluster.primary() as shop:
        lost = await shop.pay(order_id, **part)
        intent = shop.sandbox.snapshot().payment_intents[-1]["id"]

    async with cluster.standby() as shop:
        since = await shop.pay(order_id, **part)
        done = await adopt_and_report([intent], apply=True, provider=shop.runtime.runner.provider)
        payment = await shop.payment(lost["payment"]["id"])
        found = {finding.kind for finding in await reconciled(shop)}

    assert (since["errors"], done) == ([], 0)
    assert (payment["status"], payment["amount"]["amount"]) == ("SUCCEEDED", 6_000)
    assert (payment["order"]["paymentStatus"], payment["order"]["amountPaid"]) == ("OVERPAID", {"amount": 12_000})
    assert found == {DiscrepancyKind.DUPLICATE_CHARGE}


async def test_what_is_not_ours_or_has_no_order_is_not_taken_in(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    async with cluster.primary():
        pass
    await cluster.copy()
    async with cluster.primary() as shop:
        await shop.paid()
        ours = shop.sandbox.snapshot().payment_intents[-1]["id"]
    async with cluster.standby() as shop:
        given = {"amount": "500", "currency": "usd"}
        await stripe_post(shop, "/v1/payment_intents", given)
        theirs = shop.sandbox.snapshot().payment_intents[-1]["id"]
        capsys.readouterr()

        code = await adopt_and_report([ours, theirs, "pi_nobodys"], apply=True, provider=shop.runtime.runner.provider)

        said = capsys.readouterr().err.splitlines()
        left = await query_rows("SELECT 1 FROM payment")
    assert code == 1
    assert left == []
    assert said == [
        f"The order of {ours} is not here: let the shop register it first, then adopt again.",
        f"{theirs} carries no ids of ours: it was not made by this application.",
        "Stripe does not know pi_nobodys under this key.",
    ]
