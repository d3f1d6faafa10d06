"""Callers, and the actors of the audit trail."""

import json
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.caller import Actor, Caller, Scope
from domain.states import ActorKind


@pytest.mark.parametrize("scope", list(Scope))
def test_a_caller_can_do_what_the_token_says_and_nothing_else(scope: Scope) -> None:
    caller = Caller("ada", frozenset({scope}))

    assert [other for other in Scope if caller.can(other)] == [scope]


def test_only_somebody_who_merely_pays_is_a_buyer() -> None:
    assert Caller("ada", frozenset({Scope.PAYMENTS_PAY})).is_buyer
    assert not Caller("ada", frozenset()).is_buyer
    assert not Caller("ada", frozenset(Scope)).is_buyer
    for scopes in map(frozenset, combinations(Scope, 2)):
        assert Caller("ada", scopes).is_buyer == (scopes == {Scope.PAYMENTS_PAY, Scope.EXPLORER})


def test_scenario_4_a_buyer_and_staff_of_one_name_have_separate_keys() -> None:
    buyer = Caller("ada", frozenset({Scope.PAYMENTS_PAY}))
    staff = Caller("ada", frozenset({Scope.PAYMENTS_PAY, Scope.REFUNDS_WRITE}))
    other = Caller("bob", frozenset({Scope.PAYMENTS_PAY}))

    assert len({buyer.principal, staff.principal, other.principal}) == 3


@given(first=st.text(), second=st.text(), scopes=st.frozensets(st.sampled_from(Scope)))
def test_scenario_4_two_names_never_share_their_keys(first: str, second: str, scopes: frozenset[Scope]) -> None:
    assert (Caller(first, scopes).principal == Caller(second, scopes).principal) == (first == second)


def test_the_keys_of_a_caller_outlive_a_change_of_scopes_among_staff() -> None:
    before = Caller("till", frozenset({Scope.PAYMENTS_WRITE}))
    after = Caller("till", frozenset({Scope.PAYMENTS_WRITE, Scope.REFUNDS_WRITE}))

    assert before.principal == after.principal


@pytest.mark.parametrize(
    ("scopes", "kind"),
    [
        ({Scope.PAYMENTS_PAY}, ActorKind.CUSTOMER),
        ({Scope.REFUNDS_WRITE}, ActorKind.STAFF),
        (set(), ActorKind.STAFF),
        ({Scope.ORDERS_WRITE}, ActorKind.SERVICE),
        ({Scope.ORDERS_WRITE, Scope.PAYMENTS_PAY}, ActorKind.SERVICE),
    ],
)
def test_the_audit_trail_knows_what_kind_of_caller_it_was(scopes: set[Scope], kind: ActorKind) -> None:
    assert Caller("ada", frozenset(scopes)).actor == Actor(kind, "ada", None)


@given(kind=st.sampled_from(ActorKind), id=st.none() | st.text(), label=st.none() | st.text())
def test_an_actor_comes_back_from_json(kind: ActorKind, id: str | None, label: str | None) -> None:
    actor = Actor(kind, id, label)

    assert Actor.from_record(json.loads(json.dumps(actor.to_record()))) == actor
