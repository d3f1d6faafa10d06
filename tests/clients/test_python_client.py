"""The Python client through a network that breaks at every point: one charge, and the right answer."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from paygraph_client import (
    Declined,
    Failed,
    FileStorage,
    MemoryStorage,
    NeedsAction,
    NotAnswered,
    OtherAttempt,
    Paid,
    Paygraph,
    Unknown,
)

from tests.clients.cutting import Cut, CuttingProxy, cutting
from tests.crash.town import Application, Town
from tests.shop import key, token

BUYER = token("buyer", "payments:pay")
PIECES = 24  # how many points of a request, and of an answer, are tried


async def _order(application: Application) -> str:
    given = {
        "externalId": f"order-{uuid4()}",
        "total": {"amount": 10_000, "currency": "USD"},
        "customerExternalId": "buyer",
    }
    payload = await application.staff.do("registerOrder", input=given, key=key())
    return str(payload["order"]["id"])


def _charges(town: Town) -> list[int]:
    """What the offline Stripe has taken, one figure for each charge."""
    return [charge["amount_captured"] for charge in town.sandbox.snapshot().charges if charge["paid"]]


def _client(port: int, storage: Any = None, **more: Any) -> Paygraph:
    given = {"patience": 20.0, "first_pause": 0.01} | more
    return Paygraph(f"http://127.0.0.1:{port}", BUYER, storage or MemoryStorage(), **given)


def _port(application: Application) -> int:
    port = application.http.base_url.port
    assert port is not None
    return port


@asynccontextmanager
async def _broken(town: Town, **changes: Any) -> AsyncIterator[tuple[Application, CuttingProxy]]:
    async with town.application(worker=True, **changes) as application, cutting(_port(application)) as proxy:
        yield application, proxy


async def _measured(application: Application, proxy: CuttingProxy) -> tuple[int, int]:
    """How many bytes a whole request has, and a whole answer."""
    async with _client(proxy.port) as paygraph:
        assert isinstance(await paygraph.pay(await _order(application), 10_000, "USD", "pm_card_visa"), Paid)
    return proxy.sent, proxy.answered


async def test_a_network_that_breaks_anywhere_leaves_one_charge_and_the_right_answer(town: Town) -> None:
    async with _broken(town) as (application, proxy):
        request, answer = await _measured(application, proxy)
        cuts = [Cut(request=n) for n in (*range(0, request, request // PIECES), request - 1, request)]
        cuts += [Cut(answer=n) for n in (*range(0, answer, answer // PIECES), answer - 1)]

        for number, cut in enumerate(cuts, 1):
            order_id = await _order(application)
            proxy.arm(cut, times=2)
            async with _client(proxy.port) as paygraph:
                outcome = await paygraph.pay(order_id, 10_000, "USD", "pm_card_visa")

            assert isinstance(outcome, Paid), cut
            assert proxy.breaks == 2, cut
            assert _charges(town) == [10_000] * (number + 1), cut


async def test_a_client_that_is_killed_anywhere_goes_on_with_the_same_key(town: Town, tmp_path: Path) -> None:
    async with _broken(town) as (application, proxy):
        request, answer = await _measured(application, proxy)
        cuts = [Cut(request=0), Cut(request=request // 2), Cut(request=request), Cut(answer=0), Cut(answer=answer // 2)]

        for number, cut in enumerate(cuts, 1):
            order_id = await _order(application)
            proxy.arm(cut, times=1)
            first = await _payer(proxy.port, tmp_path, order_id)
            while not proxy.breaks:
                await asyncio.sleep(0.001)
            first.kill()
            await first.wait()
            second = await _payer(proxy.port, tmp_path, order_id)
            said, _ = await second.communicate()

            assert said.decode().strip() == "Paid", cut
            assert _charges(town) == [10_000] * (number + 1), cut


async def _payer(port: int, folder: Path, order_id: str) -> asyncio.subprocess.Process:
    paths = f"{Path(__file__).parents[2]}{os.pathsep}{Path(__file__).parents[2] / 'clients' / 'python'}"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.clients.payer", f"http://127.0.0.1:{port}", BUYER, str(folder), order_id),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
    )


async def test_the_key_is_kept_before_anything_is_sent(town: Town, tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "attempts")
    async with _broken(town) as (application, proxy):
        order_id = await _order(application)
        proxy.arm(Cut(request=0), times=1_000)
        async with _client(proxy.port, storage, patience=0.2) as paygraph:
            unknown = await paygraph.pay(order_id, 10_000, "USD", "pm_card_visa")
            kept = storage.get(order_id)
            await paygraph.delivered(unknown)

            assert isinstance(unknown, Unknown)
            assert kept is not None
            assert unknown.key in kept
            assert storage.get(order_id) == kept
            assert _charges(town) == []
        proxy.arm(Cut(), times=0)
        async with _client(proxy.port, FileStorage(tmp_path / "attempts")) as paygraph:
            paid = await paygraph.resume(order_id)

            assert isinstance(paid, Paid)
            assert paid.key == unknown.key
            await paygraph.delivered(paid)
            assert storage.get(order_id) is None
            assert _charges(town) == [10_000]


async def test_a_decline_is_not_sent_again_and_another_card_has_a_new_key(town: Town) -> None:
    async with _broken(town) as (application, _), _client(_port(application)) as paygraph:
        order_id = await _order(application)

        declined = await paygraph.pay(order_id, 10_000, "USD", "pm_card_chargeDeclinedInsufficientFunds")
        again = await paygraph.pay(order_id, 10_000, "USD", "pm_card_chargeDeclinedInsufficientFunds")

        assert isinstance(declined, Declined)
        assert declined.decline_code == "insufficient_funds"
        assert isinstance(again, Declined)
        assert again.key == declined.key
        assert len(town.sandbox.snapshot().charges) == 1
        with pytest.raises(OtherAttempt):
            await paygraph.pay(order_id, 10_000, "USD", "pm_card_visa")
        paid = await paygraph.try_again(declined, "pm_card_visa")
        assert isinstance(paid, Paid)
        assert paid.key != declined.key
        assert _charges(town) == [10_000]


async def test_a_payer_who_has_to_act_comes_back_and_is_paid(town: Town) -> None:
    async with _broken(town) as (application, _), _client(_port(application)) as paygraph:
        order_id = await _order(application)
        back = {"returnUrl": "http://127.0.0.1/back"}

        acting = await paygraph.pay(order_id, 10_000, "USD", "pm_card_threeDSecure2Required", **back)

        assert isinstance(acting, NeedsAction)
        assert acting.redirect_url is not None
        assert acting.client_secret is not None
        await application.http.post(acting.redirect_url, data={"result": "complete"})
        await application.staff.do("syncPayment", paymentId=acting.payment["id"] if acting.payment else "")
        assert isinstance(await paygraph.pay(order_id, 10_000, "USD", "pm_card_threeDSecure2Required", **back), Paid)
        assert _charges(town) == [10_000]


async def test_a_refusal_is_final_and_a_bad_token_says_nothing_about_the_key(town: Town) -> None:
    storage = MemoryStorage()
    async with _broken(town) as (application, proxy), _client(proxy.port, storage) as paygraph:
        order_id = await _order(application)

        refused = await paygraph.pay(order_id, 9_999, "USD", "pm_card_visa")
        await paygraph.delivered(refused)
        async with Paygraph(f"http://127.0.0.1:{proxy.port}", "bad", storage) as stranger:
            with pytest.raises(NotAnswered, match="token"):
                await stranger.pay(order_id, 10_000, "USD", "pm_card_visa")

        assert isinstance(refused, Failed)
        assert refused.code == "AMOUNT_MISMATCH"
        assert storage.get(order_id) is not None
        assert isinstance(await paygraph.resume(order_id), Paid)
        assert _charges(town) == [10_000]


async def test_an_answer_that_stripe_never_gave_is_followed_until_it_is_known(town: Town) -> None:
    town.sandbox.fault(kind="drop_after", method="POST", path="/v1/payment_intents.*")
    async with _broken(town) as (application, _), _client(_port(application)) as paygraph:
        outcome = await paygraph.pay(await _order(application), 10_000, "USD", "pm_card_visa")

        assert isinstance(outcome, Paid)
        assert _charges(town) == [10_000]
