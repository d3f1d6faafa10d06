"""A payment's life by a plan of numbers, with its events delivered in any order, twice, late, or not at all.

A plan contains no states: each number chooses among the actions possible at that moment, at Stripe or through the API.
So any numbers make a life, and a shrunk plan makes one too.
"""

import contextlib
import itertools
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

import httpx
from hypothesis import strategies as st

from database.statements import query_rows
from models import Operation, WebhookEvent
from sandbox.deliveries import sign
from tests.attack.invariants import Answer
from tests.support.inbox import poll
from tests.support.shop import WEBHOOK_SECRET, Client, Json, Shop, key

AMOUNT = 10_000
CARDS = (
    "pm_card_visa",
    "pm_card_pendingRefund",
    "pm_card_visa",
    "pm_card_visa_chargeDeclined",
    "pm_card_visa",
    "pm_card_threeDSecure2Required",
    "pm_card_visa_chargeDeclined",
    "pm_usBankAccount_success",
)
EVERYTHING = -1
ROUNDS = 20  # of retrying the inbox: an event may wait for another to be applied first
OPEN = ("requires_payment_method", "requires_confirmation")


class By(StrEnum):
    """The way in which an event arrives, and whether it is applied at once."""

    WEBHOOK = "webhook"
    WEBHOOK_KEPT = "webhook that waits in the inbox"
    POLLER = "poller"


class Ending(StrEnum):
    """The action after the life, and the last one."""

    ALL_DELIVERED = "every event has been delivered"
    SYNC = "a last sync"
    POLLER = "the poller looks"


@dataclass(frozen=True)
class Delivery:
    """One event of that moment, by number; any number is one, and EVERYTHING is all undelivered ones."""

    event: int
    by: By


@dataclass(frozen=True)
class Step:
    """One action, with the changes and deliveries before its answer, its loss, and later deliveries."""

    act: int
    card: int
    percent: int
    meanwhile: bool
    early: tuple[int, ...]
    lost: bool
    late: tuple[Delivery, ...]

    @property
    def is_overtaken(self) -> bool:
        """True when our rows may be newer than the answer, when it arrives or is lost."""
        return self.meanwhile or bool(self.early)


@dataclass(frozen=True)
class Plan:
    """A whole life. `shuffled` orders what is left to deliver at the end."""

    manual: bool
    confirmed: bool
    steps: tuple[Step, ...]
    ending: Ending
    shuffled: int


_few = st.integers(0, 30)
_everything = st.just((EVERYTHING,))
STEPS = st.builds(
    Step,
    act=st.integers(0, 11),
    card=st.integers(0, len(CARDS) - 1),
    percent=st.integers(1, 100),
    meanwhile=st.sampled_from((False, False, True)),
    early=st.lists(_few, max_size=3).map(tuple) | _everything,
    lost=st.integers(0, 4).map(lambda number: number == 4),
    late=st.lists(st.builds(Delivery, event=_few | st.just(EVERYTHING), by=st.sampled_from(By)), max_size=4).map(tuple),
)
PLANS = st.builds(
    Plan,
    manual=st.booleans(),
    confirmed=st.sampled_from((True, True, False)),
    steps=st.lists(STEPS, min_size=5, max_size=9).map(tuple),
    ending=st.sampled_from(Ending),
    shuffled=st.integers(0, 2**32),
)

STILL = Step(0, 0, 1, False, (), False, ())  # nothing happens besides the action itself

Act = Callable[[Step], Awaitable[object]]
Answered = Callable[[httpx.Request, httpx.Response], Awaitable[httpx.Response]]


async def _let_time_pass() -> None:
    """Make waiting work due: Stripe is asked what it has, and a retry may take over."""
    await query_rows(
        "UPDATE operation SET first_sent_at = first_sent_at - interval '61 s', due = now(),"
        " updated_at = now() - interval '1 hour' WHERE due IS NOT NULL"
    )


async def _something_waits() -> bool:
    return await WebhookEvent.filter(due__isnull=False).exists()


async def _sweep() -> None:
    """Remove the unfinished work of a failed example, which the next one must not resume."""
    await query_rows("UPDATE operation SET due = NULL, finished_at = now(), state = 'FAILED' WHERE due IS NOT NULL")
    await query_rows(
        "UPDATE webhook_event SET due = NULL, processed_at = now(), state = 'IGNORED' WHERE due IS NOT NULL"
    )


@dataclass
class Life:
    """One order and its payment, in a shop whose Stripe holds nothing else.

    `at_rest` is called whenever every event so far was delivered and applied, and no answer is missing.
    """

    shop: Shop
    plan: Plan
    at_rest: Callable[["Life"], Awaitable[None]]
    answers: list[Answer] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)
    versions: list[int] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    order_id: str = ""
    payment_id: str = ""
    open_call: tuple[Client, str, str, Json] | None = None

    async def live(self) -> None:
        """Run the plan to its end."""
        self.shop.sandbox.forget()
        await _sweep()
        self.order_id = await self.shop.order(AMOUNT)
        if self.plan.manual:
            await self.shop.capture(self.order_id, "MANUAL")
        first, *others = self.plan.steps
        await self._step(first, self._begin, post=1 + first.percent % 2 if self.plan.confirmed else 1)
        for step in others:
            if acts := self._possible():
                await self._step(step, acts[step.act % len(acts)])
        await self._end()

    # -- possible actions --------------------------------------------------------------------------------------------

    def _possible(self) -> list[Act]:
        """List the actions possible now, in a fixed order."""
        [intent] = self.shop.sandbox.snapshot().payment_intents
        acts = self._at_stripe(intent["status"])
        if self.open_call is not None:
            return [*acts, self._call_again, self._janitor]
        match intent["status"]:
            case "requires_payment_method" | "requires_confirmation":
                acts += [self._confirm] * 3 + [self._cancel]
            case "requires_action":
                acts += [self._confirm] * 2 + [self._cancel]
            case "requires_capture":
                acts += [self._capture] * 3 + [self._cancel]
            case "succeeded":
                acts += [self._refund, self._refund]
        return acts

    def _at_stripe(self, status: str) -> list[Act]:
        books = self.shop.sandbox.snapshot()
        acts: list[Act] = []
        if status in OPEN:
            acts.append(self._browser_confirms)
        if status == "requires_action":
            acts += [self._payer_authenticates, self._payer_fails]
        if status == "processing":
            acts += [self._bank_pays, self._bank_refuses]
        if status == "succeeded":
            acts.append(self._dashboard_refund)
            acts += [] if books.disputes else [self._dispute] * 2
        if any(refund["status"] == "pending" for refund in books.refunds):
            acts.append(self._refund_arrives)
        if any(refund["status"] in ("pending", "succeeded") for refund in books.refunds):
            acts.append(self._refund_fails)
        if any(dispute["status"] == "needs_response" for dispute in books.disputes):
            acts += [self._dispute_won, self._dispute_lost] * 2
        return acts

    async def _begin(self, step: Step) -> None:
        given: Json = {"orderId": self.order_id, "expectedAmount": {"amount": AMOUNT, "currency": "USD"}}
        if self.plan.confirmed:
            given |= {"confirm": True, "paymentMethodId": CARDS[step.card]}
        payload = await self._call(self.shop.buyer, "createPayment", {"input": given})
        self.payment_id = payload["payment"]["id"]

    async def _confirm(self, step: Step) -> None:
        given = {"paymentId": self.payment_id, "paymentMethodId": CARDS[step.card]}
        await self._call(self.shop.buyer, "confirmPayment", given | {"returnUrl": "https://shop.example/back"})

    async def _cancel(self, _: Step) -> None:
        await self._call(self.shop.staff, "cancelPayment", {"input": {"paymentId": self.payment_id}})

    async def _capture(self, step: Step) -> None:
        amount = {"amount": AMOUNT * step.percent // 100, "currency": "USD"}
        await self._call(self.shop.staff, "capturePayment", {"input": {"paymentId": self.payment_id, "amount": amount}})

    async def _refund(self, step: Step) -> None:
        amount = {"amount": AMOUNT * step.percent // 100, "currency": "USD"}
        given = {"paymentId": self.payment_id, "amount": amount, "reason": "OTHER"}
        await self._call(self.shop.staff, "refundPayment", {"input": given})

    async def _browser_confirms(self, step: Step) -> None:
        await self.shop.browser_confirms(CARDS[step.card])

    async def _payer_authenticates(self, _: Step) -> None:
        await self.shop.finish_3ds("complete")

    async def _payer_fails(self, _: Step) -> None:
        await self.shop.finish_3ds("fail")

    async def _bank_pays(self, _: Step) -> None:
        self.shop.sandbox.settle(outcome="succeeded")

    async def _bank_refuses(self, _: Step) -> None:
        self.shop.sandbox.settle(outcome="failed")

    async def _dashboard_refund(self, step: Step) -> None:
        with contextlib.suppress(AssertionError):  # Stripe may refuse it: too much, or disputed
            await self.shop.dashboard_refund(AMOUNT * step.percent // 200 or 1)

    async def _refund_arrives(self, _: Step) -> None:
        self.shop.sandbox.settle(outcome="succeeded")

    async def _refund_fails(self, step: Step) -> None:
        refunds = [r for r in self.shop.sandbox.snapshot().refunds if r["status"] in ("pending", "succeeded")]
        await self.shop.stripe(f"refunds/{refunds[step.percent % len(refunds)]['id']}", {"status": "failed"})

    async def _dispute(self, step: Step) -> None:
        [intent] = self.shop.sandbox.snapshot().payment_intents
        await self.shop.stripe("disputes", {"payment_intent": intent["id"]})

    async def _dispute_won(self, _: Step) -> None:
        await self._close_dispute("won")

    async def _dispute_lost(self, _: Step) -> None:
        await self._close_dispute("lost")

    async def _close_dispute(self, status: str) -> None:
        [dispute] = self.shop.sandbox.snapshot().disputes
        await self.shop.stripe(f"disputes/{dispute['id']}", {"status": status})

    # -- calls and their answers -------------------------------------------------------------------------------------

    async def _call(self, client: Client, mutation: str, given: Json, with_key: str | None = None) -> Json:
        with_key = with_key or key()
        payload = await client.do(mutation, **given, key=with_key)
        self.answers.append(Answer(client.token or "", mutation, with_key, payload))
        undecided = any(error["retryable"] for error in payload["errors"])
        self.open_call = (client, mutation, with_key, given) if undecided else None
        return payload

    async def _call_again(self, _: Step) -> None:
        assert self.open_call is not None
        client, mutation, with_key, given = self.open_call
        await _let_time_pass()
        await self._call(client, mutation, given, with_key)

    async def _janitor(self, _: Step) -> None:
        await _let_time_pass()
        while await self.shop.runtime.worker.run_next():
            pass
        if not await Operation.filter(due__isnull=False).exists():  # its own call may be the one whose answer is lost
            self.open_call = None

    async def _step(self, step: Step, act: Act, *, post: int = 1) -> None:
        """Run the action. The trouble comes with the answer to this POST of it, the first or the second."""
        self.story.append(f"{act.__name__}{' lost' if step.lost else ''}")
        self.shop.between.answered = self._before_the_answer(step, post)
        try:
            await act(step)
        finally:
            self.shop.between.answered = None
        for delivery in step.late:
            await self._deliver(delivery)
        await self._note_version()
        events = {event["id"] for event in self.shop.sandbox.snapshot().events}
        if self.open_call is None and events <= self.delivered and not await _something_waits():
            await self.at_rest(self)

    def _before_the_answer(self, step: Step, post: int) -> Answered:
        """Change Stripe and deliver events before the answer, which then arrives, or is lost."""
        posts = itertools.count(1)

        async def answered(request: httpx.Request, response: httpx.Response) -> httpx.Response:
            if request.method != "POST" or next(posts) < post:
                return response
            self.shop.between.answered = None
            [intent] = self.shop.sandbox.snapshot().payment_intents
            if step.meanwhile and (acts := self._at_stripe(intent["status"])):
                act = acts[step.act % len(acts)]
                self.story.append(f"meanwhile {act.__name__}")
                await act(step)
            self.story.append(f"early {step.early}")
            for number in step.early:
                await self._deliver(Delivery(number, By.WEBHOOK))
            if step.lost:
                raise httpx.ReadError("lost", request=request)
            return response

        return answered

    # -- events -----------------------------------------------------------------------------------------------------

    async def _deliver(self, delivery: Delivery) -> None:
        self.story.append(f"{delivery.by} {delivery.event}")
        if delivery.by is By.POLLER:
            await poll(self.shop)
            return
        events = self.shop.sandbox.snapshot().events
        if delivery.event == EVERYTHING:
            events = [event for event in events if event["id"] not in self.delivered]
        elif events:
            events = [events[delivery.event % len(events)]]
        for event in events:
            await self._post(event)
            if delivery.by is By.WEBHOOK:
                await self.shop.runtime.worker.apply_next()

    async def _post(self, event: Json) -> None:
        raw = json.dumps(event).encode()
        response = await self.shop.webhook(raw, sign(raw, WEBHOOK_SECRET))
        assert response.status_code == 200, response.text
        self.delivered.add(event["id"])

    async def _note_version(self) -> None:
        if self.payment_id:
            self.versions.append((await self.shop.payment(self.payment_id))["version"])

    # -- the end ----------------------------------------------------------------------------------------------------

    async def _end(self) -> None:
        match self.plan.ending:
            case Ending.ALL_DELIVERED:
                events = [e for e in self.shop.sandbox.snapshot().events if e["id"] not in self.delivered]
                for event in random.Random(self.plan.shuffled).sample(events, len(events)):  # noqa: S311 - a plan's number
                    await self._post(event)
            case Ending.SYNC:
                await self.shop.staff.do("syncPayment", paymentId=self.payment_id)
            case Ending.POLLER:
                await poll(self.shop)
        await self._apply_all()

    async def _apply_all(self) -> None:
        """Apply the inbox until nothing waits, however late it is due."""
        for _ in range(ROUNDS):
            await query_rows("UPDATE webhook_event SET due = now() WHERE due IS NOT NULL")
            while await self.shop.runtime.worker.apply_next():
                pass
            if not await _something_waits():
                return

    async def settle(self) -> None:
        """Let the janitor end undecided work: an operation whose answer was lost, whatever its payment's status."""
        await self._janitor(STILL)
        await self._apply_all()
        await self._note_version()
