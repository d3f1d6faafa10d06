"""The words of the house: an engineer of the field knows them before reading ours.

A word that was replaced does not come back. docs/adr/0026-rooms-words-and-acts.md says why.
"""

import ast
import io
import re
import token
import tokenize
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
OUTSIDE: Final = ("tests/", "benchmarks/", "clients/")
UNREAD: Final = frozenset({".venv", "node_modules", ".git", "migrations"})

# Names that were replaced, and what stands for them now.
REPLACED: Final[Mapping[str, str]] = {
    "Ask": "IdempotentRequest",
    "Asking": "RequestContext, RequestOrigin",
    "Astray": "Bailout",
    "Doorbell": "Notifier",
    "Driven": "RunResult",
    "Driver": "OperationRunner",
    "FellBehind": "ConsumerLagged",
    "Fenced": "LeaseLost",
    "Filling": "PlanRun",
    "GivenMoney": "a command's field",
    "GivenOrder": "RegisterOrder",
    "GivenPayment": "CreatePayment",
    "GivenRefund": "RefundPayment",
    "Judge": "FilterEvaluator",
    "Layers": "WorkerJobs",
    "NotPlanned": "Unplannable",
    "Outrun": "StaleSnapshot",
    "Overtaken": "ConcurrentModification",
    "Pace": "RetryPolicy",
    "Places": "ConnectionQuota",
    "PlannedOperation": "CompiledOperation",
    "Rank": "Priority",
    "Rounds": "PollLoop",
    "Seen": "OrderSnapshot",
    "ShopWindow": "DemoShop",
    "SignIn": "AuthenticationRequired",
    "Verdict": "StepResult",
    "AT_HAND": "is_preloaded",
    "AS_SEEN": "ORDER_UNCHANGED",
    "Leased": "Operation",
    "asking": "context, origin",
    "at_hand": "preloaded",
    "doorbell": "notifier",
    "lanes": "concurrency",
    "looking_ahead": "root_field",
    "read_with": "relation",
    "shown_with": "related",
    "live_doorbell": "live_notifications",
    "worker_lanes": "worker_concurrency",
    "Looks": "ProviderReads",
    "Repairs": "RecoveryOnRead",
    "Wanted": "Projection",
    "kept_back": "OptimisticUnitOfWork",
    "pace": "policy",
    "read_beside": "select_joined",
    "rung": "notified",
    "told_before": "already_applied",
    "verdict": "step_result",
    "works_here": "sees_all_payments",
    "write_if_still": "commit_if_unchanged",
}


# Those that mean nothing else in English stand in no text either, but for the history in CHANGELOG.md.
IN_NO_TEXT: Final = re.compile(
    r"(?i)\b(doorbells?|rung|astray|kept_back|shop.window|SignIn|FellBehind|Outrun|told_before|looking_ahead|at_hand)\b"
)
HISTORY: Final = frozenset({"CHANGELOG.md", "settings.py", "test_vocabulary.py", "test_settings.py", "test_stages.py"})


def replaced_names(text: str) -> Iterator[tuple[int, str]]:
    """Yield every replaced name in a Python text, with its line; not the names of a log line's fields."""
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    for place, one in enumerate(tokens):
        follows = tokens[place + 1].string if place + 1 < len(tokens) else ""
        if one.type == token.NAME and one.string in REPLACED and follows != "=":
            yield one.start[0], one.string


def _sources() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*.py")):
        if not UNREAD & set(path.relative_to(ROOT).parts):
            yield path


def test_no_word_that_was_replaced_comes_back() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name} is {REPLACED[name]}"
        for path in _sources()
        for line, name in replaced_names(path.read_text())
    ]

    assert found == []


def test_no_word_that_was_replaced_stands_in_a_text() -> None:
    texts = [path for path in ROOT.rglob("*") if path.suffix in (".py", ".md") and path.name not in HISTORY]
    found = [
        f"{path.relative_to(ROOT)}: {word[0]}"
        for path in texts
        if not UNREAD & set(path.relative_to(ROOT).parts)
        for word in IN_NO_TEXT.finditer(path.read_text())
    ]

    assert found == []


def test_a_word_in_a_text_is_seen() -> None:
    assert IN_NO_TEXT.search('"""The doorbell of an order."""')


@pytest.mark.parametrize("name", REPLACED)
def test_a_word_that_comes_back_is_seen(name: str) -> None:
    text = (
        f'"""{name} in a text is none."""\nimport x\n\n\ndef made(given: x.{name}) -> None:\n    log(info, {name}=1)\n'
    )

    assert list(replaced_names(text)) == [(5, name)]


def _classes(room: Callable[[str], bool]) -> dict[str, list[str]]:
    """Return the files that define each class, in the selected rooms."""
    found: dict[str, list[str]] = {}
    for path in _sources():
        inside = path.relative_to(ROOT).as_posix()
        if inside.startswith(OUTSIDE) or not room(inside):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name != "Meta":  # Tortoise's name for a table's options
                found.setdefault(node.name, []).append(inside)
    return found


def test_a_class_has_a_name_of_its_own() -> None:
    """A table or a value may share its name with its GraphQL type."""
    schema = _classes(lambda path: path.startswith("schema/"))
    others = _classes(lambda path: not path.startswith("schema/"))

    assert {name: places for found in (schema, others) for name, places in found.items() if len(places) > 1} == {}
