"""Plain English, which an engineer of the field reads once.

A docstring promises something, it does not ask. An async function is named after what it does. A local variable leaves
the names of its module alone.
"""

import ast
import re
import symtable
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
UNREAD: Final = frozenset({".venv", "node_modules", ".git", ".paygraph"})

INDIRECT_QUESTION: Final = re.compile(r"(What|How|Whether|When|Why|Who|Which)\b")
# The docstring of a type or a field under schema/ is its description in GraphQL, released with the schema.
DESCRIBES_ITSELF: Final = "schema"

NAMED_BY_VERBS: Final = frozenset({"services", "database", "server"})
VERBS: Final = frozenset(
    """
    abandon accept acquire add admit adopt advance answer apply ask attach authenticate await begin bring build call
    cancel capture carry change check claim classify close commit compare confirm connect count create discard
    detach disprove drain draw drop end ensure evaluate execute expire explain fail fetch find finish follow forward
    get give handle has insert is keep knows lease list listen load lock look make mark may measure merge migrate
    move notify open poll prepare prove publish push put query read receive reconcile record recover refresh refund
    refuse register release render renew repair replay report require reset resolve resume retrieve retry run save
    select send serve set settle share show sign start stop store stream subscribe sum sync take transact translate
    update upsert verify wait walk write
    """.split()
)
CALLED_BY_A_FRAMEWORK: Final = frozenset({"startup", "_executemany"})  # of uvicorn.Server, of asyncpg.Connection


def _room(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def _sources() -> Iterator[tuple[str, str]]:
    """The path and the text of every Python file."""
    for path in sorted(ROOT.rglob("*.py")):
        inside = path.relative_to(ROOT)
        if not UNREAD & set(inside.parts):
            yield inside.as_posix(), path.read_text()


def questions(path: str, text: str) -> Iterator[str]:
    """First lines of docstrings that begin as an indirect question does."""
    for node, docstring in _docstrings(path, ast.parse(text)):
        if INDIRECT_QUESTION.match(docstring):
            yield f"{path}:{getattr(node, 'lineno', 1)}: {docstring.splitlines()[0]}"


def _docstrings(path: str, tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every docstring but the ones that are descriptions in GraphQL."""
    released = {
        id(node)
        for described in ast.walk(tree)
        if isinstance(described, ast.ClassDef) and _room(path) == DESCRIBES_ITSELF
        for node in (described, *described.body)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring and id(node) not in released:
                yield node, docstring


def broken_lines(path: str, text: str) -> Iterator[str]:
    """First lines of docstrings that end before their sentence does."""
    for node, docstring in _docstrings(path, ast.parse(text)):
        first = docstring.splitlines()[0]
        if not first.endswith((".", "!", "?", ":", "…")):
            yield f"{path}:{getattr(node, 'lineno', 1)}: {first}"


def nameless_acts(path: str, text: str) -> Iterator[str]:
    """Async functions whose name does not begin with a verb."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("__") and _room(path) in NAMED_BY_VERBS:
            first, *_ = node.name.lstrip("_").split("_")
            if first not in VERBS and node.name not in CALLED_BY_A_FRAMEWORK:
                yield f"{path}:{node.lineno}: {node.name}"


def shadows(path: str, text: str) -> Iterator[str]:
    """Locals named like an import, a function, a class or a constant of their module, at the line of their function."""
    module = symtable.symtable(text, path, "exec")
    top = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    top -= _fixtures(text)
    for table in _functions(module):
        for symbol in table.get_symbols():
            if symbol.is_local() and symbol.get_name() in top:
                yield f"{path}:{table.get_lineno()}: {symbol.get_name()}"


def _functions(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        if child.get_type() == "function":
            yield child
        yield from _functions(child)


def _fixtures(text: str) -> set[str]:
    """Fixtures of a test's own module: pytest finds them by the name of a parameter."""
    return {
        node.name
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


def test_no_docstring_begins_as_a_question() -> None:
    assert [one for path, text in _sources() for one in questions(path, text)] == []


def test_the_first_sentence_of_a_docstring_fits_on_its_line() -> None:
    assert [one for path, text in _sources() for one in broken_lines(path, text)] == []


def test_a_sentence_that_goes_on_below_is_seen() -> None:
    assert list(broken_lines("domain/part.py", '"""Money that goes\nback."""\n')) == [
        "domain/part.py:1: Money that goes"
    ]


def test_an_async_function_is_named_after_what_it_does() -> None:
    assert [one for path, text in _sources() for one in nameless_acts(path, text)] == []


def test_a_local_leaves_the_names_of_its_module_alone() -> None:
    assert [one for path, text in _sources() for one in shadows(path, text)] == []


@pytest.mark.parametrize("word", ["What", "How", "Whether", "When", "Why", "Who", "Which"])
def test_a_docstring_that_asks_is_found(word: str) -> None:
    text = f'"""{word} is it?\n\nMore."""\n\n\nclass A:\n    """{word} a type is."""\n\n\ndef f():\n    """Do it."""\n'

    assert list(questions("domain/money.py", text)) == [
        f"domain/money.py:1: {word} is it?",
        f"domain/money.py:6: {word} a type is.",
    ]


def test_a_description_in_graphql_may_ask_and_a_helper_beside_it_may_not() -> None:
    text = (
        'class Payment:\n    """What was paid."""\n\n    def status(self):\n        """How it stands."""\n\n\n'
        'def made():\n    """What is made."""\n'
    )

    assert list(questions("schema/types.py", text)) == ["schema/types.py:8: What is made."]
    assert len(list(questions("resolvers/types.py", text))) == 3


def test_an_async_function_without_a_verb_is_found() -> None:
    text = "async def _payments(): ...\n\n\nasync def read_payments(): ...\n\n\ndef payments(): ...\n"

    assert list(nameless_acts("services/live/x.py", text)) == ["services/live/x.py:1: _payments"]
    assert list(nameless_acts("resolvers/x.py", text)) == []


def test_a_shadow_is_found_and_a_fixture_casts_none() -> None:
    text = (
        "import change\n\n\n@pytest.fixture\ndef shop(): ...\n\n\n"
        "def f(shop, change):\n    for read in ():\n        pass\n\n\ndef read():\n    return change\n"
    )

    assert sorted(shadows("x.py", text)) == ["x.py:8: change", "x.py:8: read"]
