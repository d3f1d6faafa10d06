"""The proof that the promises' tests can fail: each wrong variant is caught by the test that names its promise."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from database.embedded import EmbeddedPostgres
from tests.attack.mutants import MUTANTS
from tests.attack.mutants.mutant import ROOT, Mutant
from tests.attack.variants import VARIANTS
from tests.conftest import OUTER_RUN

SECONDS = 240.0
PYTEST = ("-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider")

PROCESSES: Final = "shown by processes that the test starts, which these variants do not reach"
OTHERS: Final = "shown by tests in another language"
# Promises without a wrong variant here, by the beginning of their row. The named variants are in variants.py: their
# scenarios in test_variants.py show, by processes too, that these tests can fail.
EXCEPTIONS: Final = {
    "8": f"{PROCESSES}; `confirmed_at_create` and `stripe_key_for_each_attempt` stand for it",
    "9": f"{PROCESSES}; `confirmed_at_create` stands for it",
    "13": f"{PROCESSES}, without a database; nothing stands for it",
    "14": f"{PROCESSES}; `stripe_key_for_each_attempt` stands for it: an answer that was not kept is asked for again",
    "15": f"{PROCESSES}; `event_not_kept` stands for it",
    "49": f"{PROCESSES}; `lease_ignored` stands for it: whoever takes work up waits for the lease of who left",
    "53": "not promised",
    "56": f"{PROCESSES}; all of variants.py stands for it",
    "57": f"{PROCESSES}; `lease_ignored` and `fence_ignored` stand for it",
    "58": f"{PROCESSES}; `id_of_its_own` stands for it: commits are lost",
    "59": "a benchmark of `make attack`",
    "memory does not grow with the payments": "a benchmark of `make attack`",
    "a new total and a confirmation at once": f"{PROCESSES}; what each of its acts may get wrong has variants",
    "500 subscribers at each of two replicas": f"{PROCESSES}; each replica does what one is shown to do",
    "no request without a token costs more": "measured in CPU time: what is wrong by a little is not seen each time",
    "the GraphQL-over-HTTP audits": f"{OTHERS}, and by other people's clients of processes",
    "a manifest that graphql-codegen": OTHERS,
    "as a subgraph it composes": f"{OTHERS}, by composers of other people's",
    "a double click, a lost answer, a reload": OTHERS,
    "in the explorer quick sends": OTHERS,
    "a normalised cache": OTHERS,
    "the single-page app of docs/clients": OTHERS,
    "the Kotlin of docs/clients": OTHERS,
    "a command that cannot be done": f"{PROCESSES}: each command is one; nothing stands for it",
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_each_wrong_variant_is_caught_by_the_test_of_its_promise(
    mutant: Mutant, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> None:
    root = tmp_path_factory.getbasetemp()
    run = root.parent if worker_id != "master" else root  # whose server is `postgres`
    given = ("-p", "tests.attack.mutants.plugin", "--mutant", mutant.name, mutant.test)
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, *PYTEST, *given),
        cwd=ROOT,
        env={**os.environ, OUTER_RUN: str(run)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said = (await running.communicate())[0].decode()
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()

    failed = said[said.find(" FAILURES ") : said.find(" short test summary info ")]
    assert running.returncode == pytest.ExitCode.TESTS_FAILED, f"{mutant.test} did not notice {mutant.name}:\n{said}"
    assert re.search(r"^_+ ERROR (at setup|collecting)", said, re.MULTILINE) is None, said
    assert mutant.words in failed, f"{mutant.test} failed for something else than {mutant.words!r}:\n{failed}"


@pytest.mark.short
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_wrong_variant_is_one_change_and_has_its_test(mutant: Mutant) -> None:
    """A change of the application or of a test that leaves a variant behind is found at once."""
    source = (ROOT / mutant.file).read_text()
    file, _, test = mutant.test.partition("::")

    compile(mutant.applied(source), mutant.file, "exec")
    assert f"def {test}(" in (ROOT / file).read_text()
    assert mutant.words


def test_every_variant_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 150


def _promises() -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the promises of the tables in docs/guarantees.md, each with all names of its row."""
    head = ""
    for line in (ROOT / "docs/guarantees.md").read_text().splitlines():
        if not line.startswith("|"):
            head = ""
        elif not head:
            head = line
        elif not head.startswith("| compared") and not line.startswith("|---"):
            yield line.split("|")[1].strip(), re.findall(r"`([^`]+)`", line)


def _is_named(mutant: Mutant, names: Sequence[str]) -> bool:
    """Return True when a row names the test of this variant, by the beginning of its name or by its file."""
    file, _, test = mutant.test.partition("::")
    return any(
        name in (file, test) or (name.endswith("…") and test.startswith(name.removesuffix("…"))) for name in names
    )


@pytest.mark.short
def test_each_promise_has_a_wrong_variant_or_says_why_not() -> None:
    promises = list(_promises())
    without = [what for what, names in promises if not any(_is_named(mutant, names) for mutant in MUTANTS)]
    reasons = {
        what: [key for key in EXCEPTIONS if what == key or (" " in key and what.startswith(key))] for what in without
    }
    named = {word for why in EXCEPTIONS.values() for word in re.findall(r"`(\w+)`", why)}

    assert len(promises) > 100
    assert {what: keys for what, keys in reasons.items() if len(keys) != 1} == {}
    assert {key for keys in reasons.values() for key in keys} == set(EXCEPTIONS), "exceptions that are none any more"
    assert named <= VARIANTS.keys()
