"""Planted secrets, each with a number of its own, and a search that finds them in any output.

A finding names the place where the secret was planted, by its number.
"""

import base64
import io
import json
import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncpg
import httpx
import pytest
import structlog

from database.connection import parse_url
from server.http.logs import configure_logging

_MARK = re.compile(r"plant(\d{6})", re.IGNORECASE)
_CARD = re.compile(r"400005(\d{9})\d")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s\-._/\u2010-\u2015\u200b-\u200d\u00ad]{1,3}(?=\d)")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def _card(number: int) -> str:
    """Make a Visa number that nobody has: 400005, the number, and Luhn's digit."""
    body = f"400005{number:09}"
    total = sum(sum(divmod(int(c) * (2 if place % 2 == 0 else 1), 10)) for place, c in enumerate(reversed(body)))
    return body + str(-total % 10)


def _spaced(number: int) -> str:
    card = _card(number)
    return " ".join(card[start : start + 4] for start in range(0, 16, 4))


def _token(number: int) -> str:
    """Make a text in the form of a JWT. It contains its number as it is, so that no decoding is needed to find it."""
    header = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    return f"{header}.eyJzdWIiOiJplant{number:06}.c2lnbmF0dXJl"


KINDS: Mapping[str, Callable[[int], str]] = {
    "card": _card,
    "card in groups": _spaced,
    "card in full width": lambda number: _card(number).translate(_FULL_WIDTH),
    "card with unseen characters": lambda number: "\u200b".join(_card(number)),
    "card with its expiry": lambda number: f"{_card(number)} 12/28",
    "secret key": lambda number: f"sk_test_51Hplant{number:06}AbCdEfGh",
    "restricted key": lambda number: f"rk_live_51Hplant{number:06}AbCdEfGh",
    "webhook secret": lambda number: f"whsec_plant{number:06}AbCdEfGh+/==",
    "bearer token": _token,
    "client secret": lambda number: f"pi_3Nplant{number:06}_secret_9xYzplant{number:06}",
    "e-mail": lambda number: f"ada.plant{number:06}@example.com",
}
E_MAIL = "e-mail"


@dataclass
class Planter:
    """Makes secrets of one kind or of all, and remembers the place of each."""

    places: dict[int, str] = field(default_factory=dict)

    def plant(self, kind: str, place: str) -> str:
        """Make a secret of this kind for this place."""
        number = len(self.places) + 1
        self.places[number] = f"{kind} in {place}"
        return KINDS[kind](number)

    def seen_in(self, text: str) -> list[str]:
        """Return the places of the secrets in this text, through any escapes and disguises."""
        return sorted(self.places[number] for number in _numbers(text) if number in self.places)

    def seen_in_answer(self, response: httpx.Response) -> list[str]:
        """Return the places of the secrets in an answer: its body, its headers, and its reason."""
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.multi_items())
        return self.seen_in(f"{response.text}\n{headers}\n{response.reason_phrase}")

    async def seen_in_database(self, database_url: str) -> dict[str, set[str]]:
        """Return the places of the secrets in the database, for each column that holds any."""
        found: dict[str, set[str]] = defaultdict(set)
        async for column, text in _cells(database_url):
            for place in self.seen_in(text):
                found[place].add(column)
        return dict(found)


def _numbers(text: str) -> set[int]:
    text = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), text)
    found = {int(number) for number in _MARK.findall(text)}
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    found |= {int(number) for number in _CARD.findall(_BETWEEN_DIGITS.sub("", plain))}
    return found


async def _cells(database_url: str) -> AsyncIterator[tuple[str, str]]:
    """Yield every value of every row of every table, with its column's name."""
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        for table in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            name = table["tablename"]
            for row in await connection.fetch(f'SELECT row_to_json(t)::text AS row FROM "{name}" t'):
                for column, value in json.loads(row["row"]).items():
                    yield f"{name}.{column}", json.dumps(value, ensure_ascii=False)
    finally:
        await connection.close()


@dataclass
class Lines:
    """All output of the process since: its log as JSON and as for a console, stdout and stderr."""

    as_json: io.StringIO
    for_console: io.StringIO
    outputs: pytest.CaptureFixture[str]
    printed: str = ""

    @property
    def text(self) -> str:
        self.printed += "".join(self.outputs.readouterr())
        return "\n".join((self.as_json.getvalue(), self.for_console.getvalue(), self.printed))


@contextmanager
def all_lines(outputs: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """Log at DEBUG, in both forms at once."""
    root = logging.getLogger()
    handlers, level, raising = list(root.handlers), root.level, logging.raiseExceptions
    lines = Lines(io.StringIO(), io.StringIO(), outputs)
    configure_logging(json=True, level="DEBUG", stream=lines.as_json)
    [first] = [handler for handler in root.handlers if handler not in handlers]
    configure_logging(json=False, level="DEBUG", stream=lines.for_console)
    root.addHandler(first)
    try:
        yield lines
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.raiseExceptions = raising
        structlog.reset_defaults()
