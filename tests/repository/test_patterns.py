"""No regular expression of the project takes quadratic time, whatever the text.

Every call of `re` is found in the source, so that a new pattern cannot hide. Hostile texts are made of each pattern's
own parts: repeated beginnings, near misses with something between them, and alternatives in turns. A text of twice the
length may take less than three times the CPU.
"""

import ast
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pytest

from domain.cards import contains_card_number, id_holds_card_number
from domain.sensitive import contains_email, contains_secret, without_secrets
from server.http.errors import without_values
from server.http.redaction import is_secret_name, redact_text

# The parts of a pattern are documented nowhere else.
_parser: Any = import_module("re._parser")
c: Any = import_module("re._constants")

ROOT: Final = Path(__file__).parents[2]
NOT_OURS: Final = frozenset({"tests", ".venv", "node_modules", "migrations", "clients"})
CALLS: Final = frozenset({"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"})
LENGTHS: Final = (2_000, 16_000)
# Patterns built at run time, each with the reason why no untrusted text can reach it.
PUT_TOGETHER: Final = {
    "sandbox/faults.py": "the offline Stripe's faults are set by its owner, and match paths of its own routes",
    "sandbox/control/levers.py": "paths of the offline Stripe's own page",
    "sandbox/http/routes.py": "the offline Stripe's routes: one `[^/]+` for each part of a path",
}
# Seconds. A quadratic pattern takes a tenth of a second for twice the longer of the lengths, even if it restarts only
# at every hundredth character.
TOO_LITTLE_TO_MEASURE: Final = 0.004


@dataclass(frozen=True)
class Use:
    """A pattern and one way in which the project applies it."""

    pattern: str
    flags: int
    how: str

    def __str__(self) -> str:
        return f"{self.how} {self.pattern}"[:90]


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT)
        if not NOT_OURS.intersection(place.parts) and not place.name.startswith("."):
            yield str(place), ast.parse(path.read_text())


SOURCES: Final = dict(sources())


def calls_of_re(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
            yield node, node.func.attr


def patterns_in(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list)):
        yield from chain.from_iterable(map(patterns_in, value))
    elif isinstance(value, dict):
        yield from patterns_in(list(value.values()))


def methods_of() -> Mapping[str, set[str]]:
    """Return, by the name they are called on, all calls that a pattern has too."""
    found: dict[str, set[str]] = defaultdict(set)
    for node in chain.from_iterable(map(ast.walk, SOURCES.values())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
            owner = node.func.value
            found[str(getattr(owner, "id", "") or getattr(owner, "attr", ""))].add(node.func.attr)
    return found


METHODS: Final = methods_of()


def ways(name: str) -> list[str]:
    """Return the ways in which the project applies this name; searching, the most expensive, if unknown."""
    found = METHODS.get(name) or {"search"}
    return sorted({way if way in ("match", "fullmatch") else "search" for way in found})


def named_patterns(place: str) -> Iterator[tuple[str, re.Pattern[Any]]]:
    for name, value in vars(import_module(place.removesuffix(".py").replace("/", "."))).items():
        yield from ((name, pattern) for pattern in patterns_in(value))


@cache
def all_uses() -> set[Use]:
    uses: set[Use] = set()
    for place, tree in SOURCES.items():
        for call, how in calls_of_re(tree):
            if how != "compile" and isinstance(call.args[0], ast.Constant):
                uses.add(Use(str(call.args[0].value), 0, how if how in ("match", "fullmatch") else "search"))
        if any(how == "compile" for _, how in calls_of_re(tree)) and place not in PUT_TOGETHER:
            for name, pattern in named_patterns(place):
                text = pattern.pattern.decode() if isinstance(pattern.pattern, bytes) else pattern.pattern
                flags = pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
                uses.update(Use(text, int(flags), way) for way in ways(name))
    return uses


def examples(tree: Any) -> list[str]:
    """Make texts that a parsed pattern begins to match, or matches: every alternative once, loops once or twice."""
    texts = [""]
    for op, value in tree:
        parts = [part for part in _one(op, value) if part is not None]
        texts = [text + part for text in texts for part in parts or [""]][:12]
    return texts


def _one(op: Any, value: Any) -> list[str]:
    if op is c.LITERAL:
        return [chr(value)]
    if op in (c.NOT_LITERAL, c.ANY):
        return ["~"]
    if op is c.IN:
        return _of_set(value)
    if op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
        least, most, inner = value
        times = max(least, 1 if most else 0)
        return [(one * times)[:100] for one in examples(inner)[:3]]
    if op is c.SUBPATTERN:
        return examples(value[3])
    if op is c.ATOMIC_GROUP:
        return examples(value)
    if op is c.BRANCH:
        return [text for branch in value[1] for text in examples(branch)[:2]]
    return [""]  # positions, lookarounds and group references


def _of_set(members: Any) -> list[str]:
    spelled = {c.CATEGORY_DIGIT: "7", c.CATEGORY_SPACE: " ", c.CATEGORY_WORD: "w", c.CATEGORY_NOT_DIGIT: "x"}
    if members[0][0] is c.NEGATE:
        taken = {chr(value) for op, value in members if op is c.LITERAL}
        return [one for one in "a1 -\n~" if one not in taken][:2]
    found = [
        chr(value) if op is c.LITERAL else chr(value[0]) if op is c.RANGE else spelled.get(value, "w")
        for op, value in members[:4]
    ]
    return found[:3]


def hostile_pieces(pattern: str, flags: int) -> list[str]:
    """Make pieces to repeat: beginnings of matches, as they are and with something between them."""
    pieces: dict[str, None] = dict.fromkeys(["a", "1", " ", "-", "a1-", "4-", "'", "\n", "éа"])
    for text in examples(_parser.parse(pattern, flags))[:8]:
        cuts = sorted({1, 2, 3, len(text) // 2, len(text) - 1, len(text)})
        for cut in cuts:
            if 0 < cut <= len(text):
                pieces.update(dict.fromkeys([text[:cut], f"-{text[:cut]}", f"{text[:cut]} ", f"{text[:cut]}\n"]))
                pieces.update(dict.fromkeys([text[-cut:], text[:cut] + text[-cut:]]))
        pieces.update(dict.fromkeys([text[0] if text else "a", text[-1] if text else "a"]))
    return list(pieces)


def hostile_texts(piece: str, example: str) -> list[Callable[[int], str]]:
    """Repeat a piece: after a whole match, and before an end that spoils the match."""

    def repeated(length: int) -> str:
        return (piece * (length // len(piece) + 1))[:length]

    return [lambda length: example + repeated(length), lambda length: repeated(length) + "\0"]


def seconds(run: Callable[[], object], times: int = 1) -> float:
    best = 9.0
    for _ in range(times):
        began = time.process_time()
        run()
        best = min(best, time.process_time() - began)
    return best


def assert_linear(run: Callable[[str], object], text_of: Callable[[int], str], what: str) -> None:
    """Measure at the first length that takes a measurable time, or at one where quadratic time would show."""
    for length in LENGTHS:
        short, long = text_of(length), text_of(2 * length)
        if seconds(lambda text=long: run(text)) > TOO_LITTLE_TO_MEASURE:  # type: ignore[misc]  # bound now
            once = seconds(lambda text=short: run(text), 3)  # type: ignore[misc]
            twice = seconds(lambda text=long: run(text), 3)  # type: ignore[misc]
            if twice >= 3 * once:  # noise comes and goes
                once, twice = seconds(lambda text=short: run(text), 9), seconds(lambda text=long: run(text), 9)  # type: ignore[misc]
            assert twice < 3 * once, f"{what}: {length} in {once:.4f} s, {2 * length} in {twice:.4f} s"
            return


def test_every_pattern_is_looked_at() -> None:
    """Patterns with a name at the top of their module, and patterns written where they are used."""
    hidden = []
    for place, tree in SOURCES.items():
        named = {
            id(node)
            for top in tree.body
            if isinstance(top, (ast.Assign, ast.AnnAssign))
            for node in ast.walk(top)
            if isinstance(node, ast.Call)
        }
        for call, how in calls_of_re(tree):
            is_seen = id(call) in named if how == "compile" else isinstance(call.args[0], ast.Constant)
            if not is_seen and place not in PUT_TOGETHER:
                hidden.append(f"{place}:{call.lineno}")
        hidden += [
            f"{place}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module in ("re", "regex")
        ]

    assert hidden == []
    assert len(all_uses()) > 40


@pytest.mark.parametrize("use", sorted(all_uses(), key=str), ids=str)
def test_twice_the_text_takes_a_pattern_less_than_three_times_as_long(use: Use) -> None:
    compiled = re.compile(use.pattern, use.flags)
    run: Callable[[str], object] = getattr(compiled, use.how)
    if use.how == "search":  # as `sub`, `findall` and `finditer` do: repeatedly
        run = compiled.findall
    whole = examples(_parser.parse(use.pattern, use.flags))[0]

    for piece in hostile_pieces(use.pattern, use.flags):
        for text_of in hostile_texts(piece, whole):
            assert_linear(run, text_of, f"{use} on {piece!r}")


SCANNERS: Final[dict[str, Callable[[str], object]]] = {
    "contains_card_number": contains_card_number,
    "id_holds_card_number": id_holds_card_number,
    "contains_secret": contains_secret,
    "contains_email": contains_email,
    "without_secrets": without_secrets,
    "without_values": without_values,
    "redact_text": redact_text,
    "is_secret_name": is_secret_name,
}
PIECES: Final = (
    *("4-", "4242-", "37 ", "4" * 16 + " ", "4242424242424241 ", "8 8-", "2-0-", "1", "a1", "2026-11-30 ", "1.1.20"),
    *(
        "0191c2de-7b5a-7c3e-9f10-1234567890ab ",
        "a" * 31 + " ",
        "0" * 32,
        "٤",
        "é",
        "４",
        "e\u0301",
        "\u0301",
        "1\u200b",
    ),
    *(
        "-eyJ",
        "eyJabcdefghij",
        "eyJabcdefghij.",
        ".eyJ",
        "_live_",
        "sk_live_",
        "aa_",
        "aa_secret_",
        "_secret_",
        "whsec_",
    ),
    *(
        "pi_12345678_",
        "Bearer ",
        "Bearer \t",
        "://",
        "://a:b",
        "a@",
        "@a.",
        "a.b@c.d",
        "@",
        "Value '",
        "' does not exist",
    ),
    *("' does not exist in 'E' enum", "cannot represent ", "found: ", "'", '"', "'a", ", but encountered "),
)


@pytest.mark.parametrize("scanner", SCANNERS)
def test_twice_the_text_takes_a_scanner_less_than_three_times_as_long(scanner: str) -> None:
    for piece in PIECES:
        for example in ("", "_live_ .eyJ Value '", "4242424242424241 "):
            assert_linear(
                lambda text: SCANNERS[scanner](text), hostile_texts(piece, example)[0], f"{scanner} on {piece!r}"
            )


def test_what_a_stranger_made_to_be_slow_takes_milliseconds() -> None:
    """Measured at ten seconds, five and one, for a hundred kilobytes, before the patterns were changed."""
    size = 100_000
    hostile = {
        "a header of a token, over and over": (contains_secret, "_live_" + "-eyJ" * (size // 4)),
        "taken out of a log": (without_secrets, "_secret_" + "aa_" * (size // 3)),
        "the value of an enum": (without_values, "Value '" * (size // 7)),
        "digits and dashes": (contains_card_number, "4-" * (size // 2)),
    }

    for what, (run, text) in hostile.items():
        assert seconds(lambda run=run, text=text: run(text)) < 0.2, what  # type: ignore[misc]
