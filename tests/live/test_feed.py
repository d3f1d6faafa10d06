"""The feed of all payments: nothing left out, whatever commits in whatever order, and nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from domain.caller import Caller, Scope
from domain.ids import RANDOM_BITS, new_id
from resolvers.subscriptions import feed_changes
from services.audit import trail
from services.live import payment_feed
from services.live.replay_buffer import ConsumerLagged
from tests.live.following import FEED, Ended, Subscriber, chain, following, note, served
from tests.support.schema_context import context
from tests.support.shop import Shop, open_shop, settings_for


@pytest.fixture
def exact_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Assume exact clocks: without the two minutes for their difference, only the low watermark itself protects."""
    monkeypatch.setattr(payment_feed, "CLOCKS_DIFFER_SECONDS", 0)


@pytest.fixture
async def looking(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Shop, str]]:
    """Open a shop without notifications, which polls often."""
    quiet = settings_for(database_url, tmp_path / "state", live_notifications=False, live_poll_seconds=0.05)
    async with open_shop(quiet) as shop, served(shop.app) as address:
        yield shop, address


async def _begun(shop: Shop, readers: int = 1) -> None:
    """Wait until the feed is read: it contains all later events."""
    async with asyncio.timeout(10):
        while shop.runtime.live.feed.readers < readers:
            await asyncio.sleep(0.005)


def _told(subscriber: Subscriber) -> list[tuple[str, int]]:
    return [(event["order"]["id"], event["sequence"]) for event in subscriber.seen]


async def _take(subscriber: Subscriber, count: int) -> None:
    for _ in range(count):
        await subscriber.next()


async def test_the_feed_shows_the_changes_of_all_payments(shop: Shop, address: str, database_url: str) -> None:
    old = await shop.paid()
    before = len(await chain(database_url, old["order"]["id"]))
    async with following(address, shop.staff.token, FEED) as subscriber:
        await _begun(shop)
        one, other = await shop.paid(), await shop.paid()
        await shop.refund(old["id"], 100)
        wanted = []
        for payment, first in ((one, 2), (other, 2), (old, before + 1)):  # the first event of all is the order's own
            order_id = payment["order"]["id"]
            wanted += [(order_id, n) for n, _ in await chain(database_url, order_id) if n >= first]
        await _take(subscriber, len(wanted))

    assert _told(subscriber) == wanted
    assert all(event["payment"] for event in subscriber.seen)


async def test_a_filter_lets_through_what_it_wants(shop: Shop, address: str) -> None:
    one, other = await shop.paid(20_000), await shop.paid(5_000)
    large = {"filter": {"amount": {"gte": 10_000}}}
    async with (
        following(address, shop.staff.token, FEED, **large) as subscriber,
        following(address, shop.staff.token, FEED, **large) as same,
        following(address, shop.staff.token, FEED, filter={"orderId": other["order"]["id"]}) as small,
    ):
        await _begun(shop, 3)
        for payment in (other, one, other, one):
            await note(payment)
        await _take(subscriber, 2)
        await _take(same, 2)
        await _take(small, 2)

    assert {event["payment"]["id"] for event in subscriber.seen} == {one["id"]}
    assert same.seen == subscriber.seen
    assert {event["payment"]["id"] for event in small.seen} == {other["id"]}


@pytest.mark.usefixtures("exact_clocks")
async def test_what_commits_late_is_not_left_out(looking: tuple[Shop, str]) -> None:
    """Recorded first, committed last: by then the feed has read further many times."""
    shop, address = looking
    late, early = await shop.paid(), await shop.paid()
    held = asyncio.Event()
    async with following(address, shop.staff.token, FEED) as subscriber:
        await _begun(shop)
        waiting = asyncio.create_task(note(late, held=held))
        for _ in range(10):
            await note(early)
            await subscriber.next()
        held.set()
        await waiting
        await subscriber.next()

    assert [event["payment"]["id"] for event in subscriber.seen] == [early["id"]] * 10 + [late["id"]]


@pytest.mark.usefixtures("exact_clocks")
async def test_who_resumes_where_they_were_misses_nothing(looking: tuple[Shop, str]) -> None:
    shop, address = looking
    payments = [await shop.paid() for _ in range(3)]
    held = asyncio.Event()
    async with following(address, shop.staff.token, FEED) as subscriber:
        await _begun(shop)
        late = asyncio.create_task(note(payments[0], held=held))
        for n in range(12):
            await note(payments[1 + n % 2])
            await subscriber.next()
        held.set()
        await late
        await subscriber.next()
        for n in range(12):
            await note(payments[n % 3])
            await subscriber.next()
    everything = _told(subscriber)

    again = []
    for place, event in enumerate(subscriber.seen):
        async with following(address, shop.staff.token, FEED, after=event["cursor"]) as resumed:
            rest = set(everything[place + 1 :])
            while rest:
                await resumed.next()
                rest.discard(_told(resumed)[-1])
            again.append(len(resumed.seen))
            assert len(set(_told(resumed))) == len(resumed.seen)
    assert again[-2] < len(everything), "it begins at the beginning each time: resuming is not tested"


async def test_resuming_reads_what_came_before_and_goes_on(shop: Shop, address: str, database_url: str) -> None:
    """More than a page of the past, while new events arrive."""
    payments = [await shop.paid() for _ in range(3)]
    async with following(address, shop.staff.token, FEED) as subscriber:
        await _begun(shop)
        await note(payments[0])
        cursor = (await subscriber.next())["cursor"]
    for _ in range(20):
        for payment in payments:
            await note(payment, 5)

    async with following(address, shop.staff.token, FEED, after=cursor) as resumed:
        going_on = asyncio.create_task(note(payments[1], 50))
        await _take(resumed, 100)
        await going_on
        trails = {p["order"]["id"]: len(await chain(database_url, p["order"]["id"])) for p in payments}
        while trails.items() - dict(_told(resumed)).items():
            await resumed.next()

    assert len(set(_told(resumed))) == len(resumed.seen)
    for order_id, head in trails.items():
        sequences = [sequence for told, sequence in _told(resumed) if told == order_id]
        assert sequences == list(range(sequences[0], head + 1))
        assert len(sequences) >= 100


async def test_what_came_as_the_past_does_not_come_again_as_the_present(shop: Shop, address: str) -> None:
    """It is recorded after the reader has begun, and before they have read so far."""
    payment = await shop.paid()
    staff = Caller("clerk", frozenset({Scope.PAYMENTS_READ}))
    async with following(address, shop.staff.token, FEED) as present:
        await _begun(shop)
        await note(payment, 250)
        first = await present.next()
        await present.until(first["sequence"] + 249)
        here = replace(context(staff), live=shop.runtime.live)
        async with aclosing(await feed_changes(here, filter=None, after=first["cursor"])) as entries:
            sequences = [(await anext(entries)).change.event.sequence]
            await note(payment, 5)
            await present.until(first["sequence"] + 254)
            while sequences[-1] < first["sequence"] + 254:
                sequences.append((await anext(entries)).change.event.sequence)
            following_on = asyncio.ensure_future(anext(entries))
            await _begun(shop, 2)
            await note(payment)
            sequences.append((await following_on).change.event.sequence)

    assert sequences == list(range(sequences[0], first["sequence"] + 256))


@pytest.mark.parametrize("resumes", [False, True])
async def test_an_order_is_told_in_its_sequence_though_one_clock_is_behind(
    shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch, resumes: bool
) -> None:
    """Every second event is recorded by a process whose clock is 20 seconds behind."""
    payment = await shop.paid()
    async with following(address, shop.staff.token, FEED) as subscriber:
        await _begun(shop)
        await note(payment)
        first = await subscriber.next()
        for n in range(250):
            behind = 20_000 * (n % 2)
            monkeypatch.setattr(trail, "new_id", lambda behind=behind: UUID(int=new_id().int - (behind << RANDOM_BITS)))
            await note(payment)
        if not resumes:
            await subscriber.until(first["sequence"] + 250)
            assert subscriber.sequences == list(range(first["sequence"], first["sequence"] + 251))
            return
    async with following(address, shop.staff.token, FEED, after=first["cursor"]) as resumed:
        await resumed.until(first["sequence"] + 250)
        assert resumed.sequences == list(range(resumed.sequences[0], first["sequence"] + 251))


async def test_a_burst_costs_nobody_their_place(shop: Shop, address: str) -> None:
    """Twice as much as the buffer keeps, in one moment."""
    payments = [await shop.paid() for _ in range(10)]
    async with following(address, shop.staff.token, FEED) as subscriber:
        await _begun(shop)
        await asyncio.gather(*(note(payment, 200) for payment in payments))
        await _take(subscriber, 2_000)

    assert len(set(_told(subscriber))) == 2_000


async def test_who_stops_reading_the_feed_falls_behind_and_holds_nobody_up(shop: Shop, address: str) -> None:
    payment = await shop.paid()
    here = replace(context(Caller("clerk", frozenset({Scope.PAYMENTS_READ}))), live=shop.runtime.live)
    async with (
        following(address, shop.staff.token, FEED) as quick,
        aclosing(await feed_changes(here, filter=None, after=None)) as slow,
    ):
        beginning = asyncio.ensure_future(anext(slow))
        await _begun(shop, 2)
        await note(payment)
        await beginning
        await quick.next()
        for _ in range(1 + payment_feed.KEPT // 100):
            await note(payment, 100)
            await _take(quick, 100)
        with pytest.raises(ConsumerLagged):
            await anext(slow)


async def test_the_feed_is_for_the_staff(shop: Shop, address: str) -> None:
    assert await _refusal(address, shop.buyer.token) == ("FORBIDDEN", "FORBIDDEN")
    assert await _refusal(address, None) == ("UNAUTHENTICATED", "FORBIDDEN")


@pytest.mark.parametrize("after", ["", "nonsense", "MTpjcmVhdGVkX2F0OjA6MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA"])
async def test_a_cursor_of_something_else_is_refused(shop: Shop, address: str, after: str) -> None:
    assert await _refusal(address, shop.staff.token, after=after) == ("BAD_USER_INPUT", "VALIDATION_FAILED")


async def _refusal(address: str, bearer: str | None, **given: str) -> tuple[str, str]:
    async with following(address, bearer, FEED, **given) as subscriber:
        with pytest.raises(Ended) as ended:
            await subscriber.next()
    [reason] = ended.value.reasons
    return reason
