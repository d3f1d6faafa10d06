"""Who asks, and whose keys are whose."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.caller import Actor, Caller, Scope
from domain.states import ActorKind

BUYER = Caller("anna", frozenset({Scope.PAYMENTS_PAY}))
STAFF = Caller("anna", frozenset({Scope.PAYMENTS_READ, Scope.REFUNDS_WRITE}))
SHOP = Caller("shop", frozenset({Scope.ORDERS_WRITE, Scope.PAYMENTS_PAY}))


@pytest.mark.parametrize("scope", list(Scope))
def test_a_caller_can_what_the_token_says_and_nothing_else(scope: Scope) -> None:
    caller = Caller("someone", frozenset({scope}))

    assert [can for can in Scope if caller.can(can)] == [scope]


def test_a_caller_without_scopes_can_nothing() -> None:
    assert not any(Caller("someone", frozenset()).can(scope) for scope in Scope)


def test_one_name_as_buyer_and_as_staff_has_two_sets_of_keys() -> None:
    """Scenario 4."""
    assert BUYER.principal != STAFF.principal


def test_a_fresh_token_of_the_same_caller_has_the_same_keys() -> None:
    later = Caller("anna", BUYER.scopes, expires_at=datetime(2030, 1, 1, tzinfo=UTC))

    assert later.principal == BUYER.principal


@given(st.text(), st.text())
def test_two_subjects_never_share_keys(one: str, other: str) -> None:
    first, second = Caller(one, BUYER.scopes), Caller(other, BUYER.scopes)

    assert (first.principal == second.principal) == (one == other)
    assert first.principal != Caller(other, STAFF.scopes).principal


def test_somebody_who_only_pays_is_a_buyer() -> None:
    assert BUYER.is_buyer
    assert not STAFF.is_buyer
    assert not SHOP.is_buyer
    assert not Caller("nobody", frozenset()).is_buyer


def test_the_audit_trail_tells_customers_staff_and_services_apart() -> None:
    assert BUYER.actor == Actor(ActorKind.CUSTOMER, "anna", None)
    assert STAFF.actor == Actor(ActorKind.STAFF, "anna", None)
    assert SHOP.actor == Actor(ActorKind.SERVICE, "shop", None)


@given(st.sampled_from(list(ActorKind)), st.none() | st.text(), st.none() | st.text())
def test_an_actor_is_the_same_after_it_was_stored(kind: ActorKind, id: str | None, label: str | None) -> None:
    actor = Actor(kind, id, label)

    assert Actor.from_record(actor.to_record()) == actor
