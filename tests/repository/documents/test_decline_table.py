"""docs/declines.md says of every code what the buyer reads and what the app is advised, as the code does."""

import re

from domain.declines import LANGUAGES
from domain.declines.codes import TABLE
from domain.states import RetryAdvice
from tests.repository.documents.decline_table import PAGE, table, with_table


def test_the_table_is_the_one_of_the_code() -> None:
    page = PAGE.read_text()

    assert page == with_table(page), "run `python -m tests.repository.documents.decline_table`"


def test_each_row_of_the_code_is_one_of_the_table() -> None:
    rows = table().splitlines()[2:]

    assert [re.findall(r"`([a-z_0-9]+)`", row.split("|")[1]) for row in rows] == [
        list(codes) for codes in TABLE.values()
    ]


def test_the_page_says_what_to_do_after_each_advice_and_names_each_language() -> None:
    page = PAGE.read_text()

    advised = re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)
    languages = re.findall(
        r"`([a-z]{2})`", page.partition("## In the payer's language")[2].partition("\n\n")[2].partition("\n\n")[0]
    )

    assert sorted(advised) == sorted(advice.value for advice in RetryAdvice)
    assert sorted(languages) == sorted(LANGUAGES)
