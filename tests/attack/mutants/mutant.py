"""A wrong variant, as a change of one module's text."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old`, which stands once in `file`, becomes `new`. Then `test` fails, and says so with `words` in what failed."""

    name: str
    file: str
    old: str
    new: str
    test: str
    words: str

    @property
    def module(self) -> str:
        """The module's name."""
        name = self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return name.removeprefix("clients.python.")  # which is on the tests' path

    def applied(self, source: str) -> str:
        """The wrong text of the module. Raises ValueError where there is nothing, or more than one place, to change."""
        if source.count(self.old) != 1:
            raise ValueError(f"{self.name}: {source.count(self.old)} places in {self.file} read {self.old!r}")
        return source.replace(self.old, self.new)
