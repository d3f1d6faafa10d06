"""Texts for buyers: a catalogue for each language, and the choice of one.

docs/adr/0029-texts-for-buyers.md says why they are TOML.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from domain.declines.codes import Decline

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "de", "es", "fr", "it", "ja", "nl", "pt")
ANY: Final = "*"
LONGEST_LOCALE: Final = 35  # RFC 5646, 4.4.1
FOLDER: Final = Path(__file__).parent / "catalogues"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one language, whole sentences each; `between` stands between two sentences."""

    between: str
    reasons: Mapping[str, str]
    next: Mapping[str, str]


@cache
def catalogue(language: str) -> Catalogue:
    """Read the catalogue of one of the languages, once."""
    return Catalogue(**tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8")))


def text_for_buyer(decline: Decline, language: str = ENGLISH) -> str:
    """Return what a buyer reads of a decline: why, and what to do next. Of a hidden one, the same as of any other."""
    texts = catalogue(language)
    return f"{texts.reasons[decline.reason]}{texts.between}{texts.next[decline.next.text]}"


def choose_language(locale: str | None, accepted: Sequence[str] = ()) -> str:
    """Return the language of the locale, else the first of the accepted ones that there is, else English.

    Both are BCP 47 tags. `de-AT` is served by `de`, a malformed tag by no language. `*` among the accepted is any.
    """
    if locale is not None and (asked := _look_up(locale)) is not None:
        return asked
    for tag in accepted:
        if tag == ANY:
            break
        if (found := _look_up(tag)) is not None:
            return found
    return ENGLISH


def _look_up(tag: str) -> str | None:
    """Return the language that serves a tag, cut from its end until one does (RFC 4647, 3.4: lookup)."""
    rest = tag.lower().replace("_", "-") if len(tag) <= LONGEST_LOCALE else ""
    while rest and rest not in LANGUAGES:
        rest = rest.rpartition("-")[0]
    return rest or None
