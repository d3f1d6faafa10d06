"""The payer's next action, in the forms of other methods than cards: shown, and never a dead event."""

import httpx
import pytest

from models import Payment, WebhookEvent
from tests.support.shop import Json, Shop, key

UNTIL = 1_800_000_000
EXPIRES = "2027-01-15T08:00:00Z"
ACTION = """
  query A($id: ID!) {
    payment(id: $id) { status } paymentConfirmation(paymentId: $id) { nextAction { type redirectUrl expiresAt } }
  }
"""
BANK = "https://payments.stripe.com/instructions/test_1"

# docs.stripe.com/api/payment_intents/object#payment_intent_object-next_action
SHAPES: dict[str, tuple[Json, str | None, str | None]] = {
    "verify_with_microdeposits": ({"arrival_date": UNTIL, "hosted_verification_url": BANK}, BANK, None),
    "pix_display_qr_code": ({"data": "0002", "expires_at": UNTIL, "hosted_instructions_url": BANK}, BANK, EXPIRES),
    "display_bank_transfer_instructions": ({"hosted_instructions_url": BANK, "type": "us_bank_transfer"}, BANK, None),
    "swish_handle_redirect_or_display_qr_code": (
        {"hosted_instructions_url": BANK, "mobile_auth_url": "swish://x", "qr_code": {"expires_at": UNTIL}},
        BANK,
        EXPIRES,
    ),
    "use_stripe_sdk": ({"type": "intent_confirmation_challenge", "stripe_js": {"site_key": "k"}}, None, None),
    "redirect_to_url": ({"url": "javascript:alert(1)", "return_url": "https://shop.example/"}, None, None),
    "tomorrows_action": ({"stripe_js": [1], "expires_at": "soon"}, None, None),
}


@pytest.mark.parametrize("kind", SHAPES)
async def test_the_payer_is_told_the_page_of_each_method(shop: Shop, kind: str) -> None:
    detail, page, until = SHAPES[kind]
    payment = await shop.prepared()
    _asks_for(shop, {"type": kind, kind: detail})

    synced = await shop.staff.do("syncPayment", paymentId=payment["id"])
    await shop.deliver()

    seen = await _told(shop, payment)
    assert synced["errors"] == []
    assert seen == {
        "status": "REQUIRES_ACTION",
        "nextAction": {"type": kind, "redirectUrl": page, "expiresAt": until},
    }
    assert await WebhookEvent.filter(state__in=["DEAD", "FAILED"]).count() == 0


async def _browser_pays(shop: Shop, **method: str) -> Json:
    """Confirm the newest payment in the buyer's browser with a new method; returns the intent."""
    intent = shop.sandbox.snapshot().payment_intents[-1]
    given = {"client_secret": intent["client_secret"], "return_url": "https://shop.example/", **method}
    async with httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe") as browser:
        response = await browser.post(
            f"/v1/payment_intents/{intent['id']}/confirm",
            data=given,
            headers={"Authorization": "Bearer pk_test_browser"},
        )
    assert response.status_code == 200, response.text
    after: Json = response.json()
    return after


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("cashapp", "hosted_instructions_url"),
        ("alipay", "url"),
        ("wechat_pay", "hosted_instructions_url"),
        ("affirm", "url"),
    ],
)
async def test_a_payer_who_chose_another_method_and_comes_back_finds_the_page(
    shop: Shop, kind: str, place: str
) -> None:
    payment = await shop.prepared()
    intent = await _browser_pays(shop, **{"payment_method_data[type]": kind})
    await shop.deliver()

    seen = await _told(shop, payment)
    action = intent["next_action"]
    assert seen["status"] == "REQUIRES_ACTION"
    assert (seen["nextAction"]["type"], seen["nextAction"]["redirectUrl"]) == (
        action["type"],
        action[action["type"]][place],
    )
    assert await WebhookEvent.filter(state__in=["DEAD", "FAILED"]).count() == 0


async def test_a_captcha_against_card_testing_is_a_type_without_a_page(shop: Shop) -> None:
    shop.sandbox.set_up(challenges="always")
    payment = await shop.prepared()
    intent = await _browser_pays(shop, payment_method="pm_card_threeDSecure2Required", use_stripe_sdk="true")
    await shop.deliver()

    synced = await shop.staff.do("syncPayment", paymentId=payment["id"])

    assert isinstance(intent["next_action"]["use_stripe_sdk"]["stripe_js"], dict)
    assert synced["errors"] == []
    assert await _told(shop, payment) == {
        "status": "REQUIRES_ACTION",
        "nextAction": {"type": "use_stripe_sdk", "redirectUrl": None, "expiresAt": None},
    }
    assert await WebhookEvent.filter(state__in=["DEAD", "FAILED"]).count() == 0


async def test_a_captcha_reaches_the_payer_by_webhook_too(shop: Shop) -> None:
    payment = await shop.prepared()
    _asks_for(shop, {"type": "use_stripe_sdk", "use_stripe_sdk": {"stripe_js": {"site_key": "k"}}})

    await shop.browser_confirms("pm_card_threeDSecure2Required")
    await shop.deliver()

    seen = await _told(shop, payment)
    assert seen["status"] == "REQUIRES_ACTION"
    assert seen["nextAction"] == {"type": "use_stripe_sdk", "redirectUrl": None, "expiresAt": None}
    assert await WebhookEvent.filter(state__in=["DEAD", "FAILED"]).count() == 0


async def test_a_page_with_a_secret_in_it_is_kept_nowhere(shop: Shop) -> None:
    payment = await shop.prepared()
    [intent] = shop.sandbox.snapshot().payment_intents
    page = f"{BANK}?payment_intent_client_secret={intent['client_secret']}"
    _asks_for(shop, {"type": "pix_display_qr_code", "pix_display_qr_code": {"hosted_instructions_url": page}})

    await shop.staff.do("syncPayment", paymentId=payment["id"])

    [row] = await Payment.all()
    seen = await _told(shop, payment)
    assert intent["client_secret"] not in str(row.next_action)
    assert seen["nextAction"]["redirectUrl"] == page


async def test_a_payment_with_an_action_of_tomorrow_can_still_be_given_up(shop: Shop) -> None:
    payment = await shop.prepared()
    _asks_for(shop, {"type": "use_stripe_sdk", "use_stripe_sdk": {"stripe_js": {"site_key": "k"}}})
    await shop.staff.do("syncPayment", paymentId=payment["id"])
    shop.between.answered = None

    payload = await shop.buyer.do("cancelPayment", input={"paymentId": payment["id"]}, key=key())

    assert payload["errors"] == []
    assert payload["payment"]["status"] == "CANCELED"


async def _told(shop: Shop, payment: Json) -> Json:
    """Return the payer's current confirmation."""
    data = await shop.buyer.ask(ACTION, id=payment["id"])
    return {"status": data["payment"]["status"], "nextAction": data["paymentConfirmation"]["nextAction"]}


def _asks_for(shop: Shop, action: Json) -> None:
    """Make Stripe's answers about the intent contain this next action."""

    async def answered(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if not request.url.path.startswith("/v1/payment_intents/") or response.status_code != 200:
            return response
        body = response.json() | {"status": "requires_action", "next_action": action}
        return httpx.Response(200, json=body, headers={"request-id": "req_1"})

    shop.between.answered = answered
