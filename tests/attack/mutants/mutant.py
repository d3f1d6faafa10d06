"""A wrong variant, as a change of one module's text."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: `old`, found once in `file`, becomes `new`. Then `test` fails, with `words` in its output."""

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
        """Return the module's wrong text. Raises ValueError unless there is exactly one place to change."""
        if source.count(self.old) != 1:
            raise ValueError(f"{self.name}: {source.count(self.old)} places in {self.file} read {self.old!r}")
        return source.replace(self.old, self.new)
