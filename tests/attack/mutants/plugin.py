"""A pytest plugin, `-p tests.attack.mutants.plugin --mutant NAME`: the tests run against that wrong variant.

It is loaded before any module of the application, and the wrong module is compiled from its changed text.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

import pytest

from tests.attack.mutants import BY_NAME
from tests.attack.mutants.mutant import Mutant


class _Wrong(SourceFileLoader):
    """Loads a module from its changed text, and neither reads nor writes compiled files of it."""

    def __init__(self, mutant: Mutant, name: str, path: str) -> None:
        super().__init__(name, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        text = self._mutant.applied(self.get_data(self.path).decode())
        return compile(text, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None, fullname
        assert spec.origin is not None, fullname
        spec.loader = _Wrong(self._mutant, fullname, spec.origin)
        return spec


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutant", required=True, choices=sorted(BY_NAME))


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    mutant = BY_NAME[early_config.known_args_namespace.mutant]
    assert mutant.module not in sys.modules, f"{mutant.module} was imported before it could be made wrong"
    sys.meta_path.insert(0, _Finder(mutant))
