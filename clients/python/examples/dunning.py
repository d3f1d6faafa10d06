"""Renewals are charged while their customers are away; what is declined is tried again on another day, or asked for."""

from enum import Enum

from paygraph_client import Declined, Held, NeedsAction, Paid, Paygraph, Refused, Result, Undecided

MOST_TRIES = 4  # in as many weeks; networks charge for many more


class Next(Enum):
    """The next step of the job for an order."""

    NOTHING = "it is paid"
    LATER = "charge it again on another day: call `charge` with the next number"
    ASK = "write to the customer: the link leads to the shop, where they confirm this very payment, or choose a method"
    RESUME = "nobody knows yet: call `charge` again with the same number"


async def charge(client: Paygraph, order_id: str, amount: int, currency: str, *, tried: int) -> Next:
    """Charge a renewal with its customer's default method. `tried` is how often that was done before."""
    if tried > 0 and await _is_open(client, order_id):
        await client.give_up(order_id)  # the declined payment makes room for another one
        client.forget(order_id)
    result = await client.pay_off_session(order_id, amount=amount, currency=currency)
    step = what_next(result, tried=tried)
    if step is Next.NOTHING:
        client.forget(order_id)
    return step


def what_next(result: Result, *, tried: int) -> Next:
    """Decide by the advice, which follows Stripe's codes and the network's."""
    match result:
        case Paid() | Held():
            return Next.NOTHING
        case Undecided():
            return Next.RESUME
        case Declined(retry="RETRY_SAME_METHOD_LATER") if tried + 1 < MOST_TRIES:
            return Next.LATER
        case Refused(code="ORDER_ALREADY_PAID"):
            return Next.NOTHING
        case Declined() | NeedsAction() | Refused():
            return Next.ASK  # another method, or this one once they are there: no job can do that
    return Next.ASK  # given up meanwhile


async def _is_open(client: Paygraph, order_id: str) -> bool:
    """Ask what became of the attempt before: its key is kept until its payment is given up or paid."""
    try:
        return isinstance(await client.resume(order_id), Declined)
    except LookupError:
        return False
