"""Any documented object of Stripe's after any history of ours: random states, and what must hold in each.

Another program uses the account, so nothing of ours limits Stripe's answers: every status in every state, more or less
than the requested amount, another currency, refunds and disputes of others. Answers to reads are replaced on their way;
answers to our own writes stay the offline Stripe's.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from hypothesis import strategies as st

from domain.states import DiscrepancyKind, OperationState, WebhookState
from models import Discrepancy, Operation, PaymentEvent, WebhookEvent
from services.audit.trail import find_broken_chains
from services.reconciliation.runs import Reconciler, Window
from tests.support.shop import ERROR_FIELDS, Json, Shop, key

ASKED: Final = 10_000
STATUSES: Final = {
    "requires_payment_method": "REQUIRES_PAYMENT_METHOD",
    "requires_confirmation": "REQUIRES_CONFIRMATION",
    "requires_action": "REQUIRES_ACTION",
    "processing": "PROCESSING",
    "requires_capture": "REQUIRES_CAPTURE",
    "succeeded": "SUCCEEDED",
    "canceled": "CANCELED",
    "of_tomorrow": None,
}
QR: Final = {"data": "x", "expires_at": 1_900_000_000, "image_url_png": "https://qr.example/1.png"}
NEXT_ACTIONS: Final[list[Json | None]] = [
    None,
    {"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank.example/", "return_url": None}},
    {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "captcha", "stripe_js": {"site_key": "k"}}},
    {"type": "pix_display_qr_code", "pix_display_qr_code": QR},
    {
        "type": "cashapp_handle_redirect_or_display_qr_code",
        "cashapp_handle_redirect_or_display_qr_code": {"qr_code": QR},
    },
    {"type": "verify_with_microdeposits", "verify_with_microdeposits": {"arrival_date": 1_900_000_000}},
    {"type": "of_tomorrow", "of_tomorrow": [1]},
    {"type": "display_bank_transfer_instructions"},
]
amounts = st.sampled_from([0, 1, 3_000, ASKED, 12_000])
currencies = st.sampled_from(["usd", "usd", "jpy"])


@dataclass(frozen=True, slots=True)
class Answers:
    """Stripe's answers to reads from now on."""

    status: str
    amount: int
    currency: str
    captured: int
    capturable: int
    next_action: Json | None
    ours: tuple[str | None, ...]  # the statuses of the refunds that are there, oldest first
    made: tuple[Json, ...]  # refunds that another program made
    disputes: tuple[Json, ...]


REFUND_STATUSES: Final = ["succeeded", "pending", "requires_action", "failed", "canceled", "of_tomorrow", None]
refunds_of_others = st.fixed_dictionaries(
    {
        "status": st.sampled_from(REFUND_STATUSES),
        "amount": st.sampled_from([1, 2_500, 20_000]),
        "balance_transaction": st.sampled_from([None, "txn_1"]),
        "reason": st.sampled_from([None, "duplicate", "expired_uncaptured_charge"]),
        "destination_details": st.sampled_from([None, {"type": "card", "card": {"type": "reversal"}}]),
    }
)
DISPUTE_STATUSES: Final = ["warning_needs_response", "needs_response", "under_review", "won", "lost", "of_tomorrow"]
disputes = st.fixed_dictionaries(
    {"status": st.sampled_from(DISPUTE_STATUSES), "amount": st.sampled_from([100, 15_000]), "currency": currencies}
)
answers = st.builds(
    Answers,
    status=st.sampled_from(list(STATUSES)),
    amount=st.sampled_from([50, ASKED, ASKED, 12_000]),
    currency=currencies,
    captured=amounts,
    capturable=amounts,
    next_action=st.sampled_from(NEXT_ACTIONS),
    ours=st.lists(st.sampled_from(REFUND_STATUSES), min_size=3, max_size=3).map(tuple),
    made=st.lists(refunds_of_others, max_size=2).map(tuple),
    disputes=st.lists(disputes, max_size=2).map(tuple),
)


@dataclass(frozen=True, slots=True)
class History:
    """The history so far, and the actions tried after Stripe's first and second answers."""

    begins: str
    acts: tuple[str, ...]
    first: Answers
    tried: str
    second: Answers


ACTS: Final = ["refund", "refund part", "capture part", "cancel", "confirm", "deliver", "refund of others"]
HISTORIES = st.builds(
    History,
    begins=st.sampled_from(["paid", "held", "prepared", "declined", "debit"]),
    acts=st.lists(st.sampled_from(ACTS), max_size=3).map(tuple),
    first=answers,
    tried=st.sampled_from(ACTS),
    second=answers,
)


@dataclass(slots=True)
class Teller:
    """Replaces Stripe's answers to reads of one payment."""

    shop: Shop
    intent_id: str
    answers: Answers | None = None
    refunds: list[Json] = field(default_factory=list)
    told: int = 0

    def tell(self, replacement: Answers) -> None:
        """Replace the answers from now on."""
        books = self.shop.sandbox.snapshot()
        ours = [refund for refund in books.refunds if refund["payment_intent"] == self.intent_id]
        self.answers, self.refunds, self.told = replacement, [], self.told + 1
        for refund, status in zip(ours, replacement.ours, strict=False):
            self.refunds.append({**refund, "status": status, "currency": replacement.currency})
        for number, made in enumerate(replacement.made):
            like: Json = {
                "id": f"re_{self.intent_id[3:]}x{self.told}x{number}",
                "object": "refund",
                "metadata": {},
                "charge": None,
            }
            told = {
                **like,
                "payment_intent": self.intent_id,
                "created": 1_800_000_000,
                "currency": replacement.currency,
            }
            self.refunds.append({**told, **made})

    @property
    def disputes(self) -> list[Json]:
        """Every dispute of the payment."""
        like: Json = {"object": "dispute", "payment_intent": self.intent_id, "charge": None}
        intents = {one["id"]: one for one in self.shop.sandbox.snapshot().payment_intents}
        has_charge = intents[self.intent_id]["latest_charge"] is not None  # nothing else can be contested
        told = self.answers.disputes if self.answers is not None and has_charge else ()
        return [{"id": f"du_{number}", **like, **dispute} for number, dispute in enumerate(told)]

    def intent(self, real: Json) -> Json:
        """Return the intent with the replaced values, its charge included."""
        told = self.answers
        assert told is not None
        charge = real.get("latest_charge")
        if isinstance(charge, dict):
            charge = {**charge, "disputed": bool(self.disputes)}
        return {
            **real,
            "status": told.status,
            "amount": told.amount,
            "currency": told.currency,
            "amount_received": told.captured,
            "amount_capturable": told.capturable,
            "next_action": told.next_action,
            "latest_charge": charge,
        }

    async def answered(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        """Replace an answer, as `Between.answered`."""
        path = request.url.path
        if request.method != "GET" or response.status_code != 200 or self.answers is None:
            return response
        body = response.json()
        if path == f"/v1/payment_intents/{self.intent_id}":
            body = self.intent(body)
        elif path == "/v1/payment_intents":
            body["data"] = [self.intent(one) if one["id"] == self.intent_id else one for one in body["data"]]
        elif path == "/v1/refunds":
            others = [one for one in body["data"] if one["payment_intent"] != self.intent_id]
            body["data"] = [*reversed(self.refunds), *others]
        elif path.startswith("/v1/refunds/"):
            body = next((one for one in self.refunds if one["id"] == body["id"]), body)
        elif path == "/v1/disputes":
            body["data"] = [one for one in body["data"] if one["payment_intent"] != self.intent_id] + self.disputes
        return httpx.Response(200, json=body, headers={"request-id": "req_look"})


SHOWN: Final = """query P($id: ID!) { payment(id: $id) {
  status amountCaptured { amount currency } amountCapturable { amount currency } providerAmount { amount currency }
  amountRefunded { amount currency } amountRefundable { amount } amountDisputed { amount currency }
  refunds { status amount { amount currency } stripeRefundId }
  order { paymentStatus amountPaid { amount currency } } } }"""


async def check(shop: Shop, history: History) -> None:
    """Run a history, replace Stripe's answers, and check what must hold."""
    payment_id = await _begin(shop, history.begins)
    teller = Teller(shop, str(shop.sandbox.snapshot().payment_intents[-1]["id"]))
    for act in history.acts:
        await _try(shop, payment_id, act)
    shop.between.answered = teller.answered
    try:
        before = (await shop.staff.ask(SHOWN, id=payment_id))["payment"]["status"]
        for told in (history.first, history.second):
            teller.tell(told)
            await _synced(shop, payment_id)
            shown = (await shop.staff.ask(SHOWN, id=payment_id))["payment"]
            _shows(shown, before, teller)
            before = shown["status"]
            if told is history.first:
                await _try(shop, payment_id, history.tried)
                await _everything_is_applied(shop)
                before = (await shop.staff.ask(SHOWN, id=payment_id))["payment"]["status"]
        await _everything_is_applied(shop)
        await _reconciled(shop, teller)
    finally:
        shop.between.answered = None
        shop.sandbox.clear_faults()


async def _begin(shop: Shop, how: str) -> str:
    order_id = await shop.order(ASKED)
    given: Json = {"orderId": order_id, "expectedAmount": {"amount": ASKED, "currency": "USD"}}
    methods = {"paid": "pm_card_visa", "held": "pm_card_visa", "declined": "pm_card_chargeDeclined"}
    if how != "prepared":
        given |= {"paymentMethodId": methods.get(how, "pm_usBankAccount_success"), "confirm": True}
    if how == "held":
        given["captureMethod"] = "MANUAL"
    payload = await shop.staff.do("createPayment", input=given, key=key())
    return str(payload["payment"]["id"])


async def _try(shop: Shop, payment_id: str, act: str) -> None:
    """Try an action, whose result may be any, if it is one answer with one meaning."""
    part = {"amount": 2_000, "currency": "USD"}
    match act:
        case "deliver":
            await shop.deliver()
            return
        case "refund of others":
            intent = shop.sandbox.snapshot().payment_intents[-1]
            if intent["amount_received"] > 0 and intent["status"] == "succeeded":
                transport = httpx.ASGITransport(shop.sandbox.asgi)
                async with httpx.AsyncClient(transport=transport, base_url="http://stripe") as http:
                    await http.post("/_sandbox/refunds", json={"payment_intent": intent["id"], "amount": 700})
            return
        case "refund" | "refund part":
            given: Json = {"paymentId": payment_id, "reason": "OTHER"}
            amount = {"amount": part} if act == "refund part" else {}
            payload = await shop.staff.do("refundPayment", input={**given, **amount}, key=key())
        case "capture part":
            payload = await shop.staff.do(
                "capturePayment", input={"paymentId": payment_id, "amount": part, "settlesOrder": True}, key=key()
            )
        case "cancel":
            payload = await shop.staff.do("cancelPayment", input={"paymentId": payment_id}, key=key())
        case _:
            payload = await shop.staff.do(
                "confirmPayment",
                paymentId=payment_id,
                paymentMethodId="pm_card_visa",
                returnUrl="https://shop.example/",
                key=key(),
            )
    _says_one_thing(payload)


def _says_one_thing(payload: Json) -> None:
    codes = {error["code"] for error in payload["errors"]}
    operation, payment = payload["operation"], payload["payment"]
    if operation is None:
        assert codes, payload
        return
    is_open = operation["state"] in ("UNRESOLVED", "NEEDS_REVIEW", "IN_PROGRESS")
    assert is_open == bool(codes & {"OUTCOME_UNKNOWN", "OPERATION_IN_PROGRESS", "PROVIDER_UNAVAILABLE"}), payload
    assert (operation["state"] == "SUCCEEDED") == (codes == set()), payload
    if is_open and operation["kind"] != "REFUND_PAYMENT":
        assert payment is None or payment["status"] not in ("SUCCEEDED", "CANCELED"), payload


async def _synced(shop: Shop, payment_id: str) -> None:
    mutation = f"mutation S($id: ID!) {{ syncPayment(paymentId: $id) {{ errors {{ {ERROR_FIELDS} }} }} }}"
    payload = (await shop.staff.ask(mutation, id=payment_id))["syncPayment"]
    assert payload["errors"] == [], payload


def _shows(shown: Json, before: str, teller: Teller) -> None:
    """Check that the values read from Stripe are shown, in their own currency."""
    told = teller.answers
    assert told is not None
    currency = told.currency.upper()
    kept = before if before in ("SUCCEEDED", "CANCELED") else "UNKNOWN"
    assert shown["status"] == (STATUSES[told.status] or kept)
    assert shown["amountCaptured"] == {"amount": told.captured, "currency": currency}
    assert shown["amountCapturable"] == {"amount": told.capturable, "currency": currency}
    as_asked = (told.amount, currency) == (ASKED, "USD")
    assert shown["providerAmount"] == (None if as_asked else {"amount": told.amount, "currency": currency})
    refunds = [one for one in teller.refunds if not _is_release(one)] if told.captured else []
    by_id = {one["stripeRefundId"]: one for one in shown["refunds"]}
    assert {one["id"] for one in refunds} <= set(by_id)
    for refund in refunds:
        known = refund["status"] in ("succeeded", "pending", "requires_action", "failed", "canceled")
        assert by_id[refund["id"]]["status"] == (refund["status"].upper() if known else "UNKNOWN"), refund
    ours = [one["amount"] for one in shown["refunds"] if one["status"] == "SUCCEEDED"]
    given_back = sum(money["amount"] for money in ours if money["currency"] == currency)
    assert shown["amountRefunded"] == {"amount": given_back, "currency": currency}, (shown, told)
    open_or_lost = [one for one in teller.disputes if one["status"] not in ("won", "warning_needs_response")]
    contested = sum(one["amount"] for one in open_or_lost if one["currency"] == told.currency)
    assert shown["amountDisputed"] == {"amount": contested, "currency": currency}, (shown, told)
    paid = told.captured if currency == "USD" else 0
    assert shown["order"]["amountPaid"] == {"amount": paid, "currency": "USD"}


def _is_release(refund: Json) -> bool:
    """Return True for the end of an authorization: Stripe's changelog says that no balance transaction is behind it."""
    if refund["metadata"] or refund["reason"] == "expired_uncaptured_charge":
        return not refund["metadata"]
    return refund["status"] == "succeeded" and refund["balance_transaction"] is None


async def _everything_is_applied(shop: Shop) -> None:
    """Check that no event is dead, no chain broken, and each operation has ended or waits for a person."""
    await shop.deliver()
    assert await WebhookEvent.filter(state__in=[WebhookState.DEAD, WebhookState.FAILED]).count() == 0
    assert await find_broken_chains([event.order_id for event in await PaymentEvent.all().only("id", "order_id")]) == {}
    data = await shop.staff.ask(
        "{ openOperations(first: 100) { edges { node { id } } } integrity { healthy unresolvedOperations } }"
    )
    still_open = await Operation.filter(due__isnull=False)
    assert {one.state for one in still_open} <= {OperationState.UNRESOLVED, OperationState.NEEDS_REVIEW}
    assert len(data["openOperations"]["edges"]) == len(still_open)
    assert not (still_open and data["integrity"]["healthy"])


async def _reconciled(shop: Shop, teller: Teller) -> None:
    """Check that a reconciliation finishes, and repairs every finding it reports as repaired."""
    window = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    run = await Reconciler(shop.runtime.runner.provider, shop.runtime.endpoint).run(window, repair=True)
    assert run is not None
    assert run.finished_at is not None
    repaired = [DiscrepancyKind.STATUS_DRIFT, DiscrepancyKind.REFUND_DRIFT, DiscrepancyKind.DISPUTE_DRIFT]
    left = await Discrepancy.filter(state="OPEN", kind__in=repaired, subject__contains=teller.intent_id)
    told: Any = teller.answers
    other_dispute = any(one["currency"] != told.currency for one in teller.disputes)
    assert [one.kind for one in left if one.kind is not DiscrepancyKind.DISPUTE_DRIFT or not other_dispute] == []
