"""The proof that the promises' tests can fail: each wrong variant is caught by the test that names its promise."""

import asyncio
import os
import re
import sys

import pytest

from models.embedded import EmbeddedPostgres
from tests.attack.mutants import MUTANTS
from tests.attack.mutants.mutant import ROOT, Mutant
from tests.conftest import OUTER_RUN

SECONDS = 240.0
PYTEST = ("-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider")


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
    assert re.search(r"^ERROR tests/", said, re.MULTILINE) is None, said
    assert mutant.words in failed, f"{mutant.test} failed for something else than {mutant.words!r}:\n{failed}"


@pytest.mark.short
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_wrong_variant_is_one_change_and_has_its_test(mutant: Mutant) -> None:
    """A change of the application or of a test that leaves a variant behind is seen at once."""
    source = (ROOT / mutant.file).read_text()
    file, _, test = mutant.test.partition("::")

    compile(mutant.applied(source), mutant.file, "exec")
    assert f"def {test}(" in (ROOT / file).read_text()
    assert mutant.words


def test_every_variant_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 50
