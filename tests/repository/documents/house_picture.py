"""The picture of the house: its rooms in layers, drawn from the imports into docs/architecture.md. `make house`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.repository.test_architecture import MAY_IMPORT, PROJECT, _modules, _roots

PAGE: Final = PROJECT / "docs" / "architecture.md"
DRAWN: Final = re.compile(r"(?<=<!-- drawn by `make house` -->\n).*?(?=<!-- the end of the picture -->)", re.DOTALL)

Graph = Mapping[str, frozenset[str]]


def imports(root: Path) -> Graph:
    """The rooms under `root`, and which others each one imports."""
    found: dict[str, set[str]] = {}
    for module in _modules(root):
        if module.room in MAY_IMPORT:
            found.setdefault(module.room, set()).update(_roots(module) & MAY_IMPORT.keys() - {module.room})
    return {room: frozenset(below) for room, below in found.items()}


def direct(graph: Graph) -> Graph:
    """The same without each arrow that another way leads along as well: what is left is enough to see the order."""
    return {
        room: frozenset(one for one in below if not any(one in reach(graph, other) for other in below - {one}))
        for room, below in graph.items()
    }


def reach(graph: Graph, room: str) -> frozenset[str]:
    """Every room below this one, however far. Imports run in no circle, which test_architecture.py holds."""
    below = graph.get(room, frozenset())
    return below.union(*(reach(graph, one) for one in below))


def layers(graph: Graph) -> list[list[str]]:
    """The rooms from the top to the bottom: each stands right above the highest room that it imports."""

    def height(room: str) -> int:
        return max((height(one) + 1 for one in graph.get(room, frozenset())), default=0)

    rows: dict[int, list[str]] = {}
    for room in sorted(graph):
        rows.setdefault(height(room), []).append(room)
    return [rows[one] for one in sorted(rows, reverse=True)]


def picture(graph: Graph) -> str:
    """The graph in Mermaid's language, which GitHub draws."""
    lines = ["flowchart TB"]
    for number, row in enumerate(layers(graph)):
        lines += [f'  subgraph layer{number}[" "]', "    direction LR", *(f"    {room}" for room in row), "  end"]
    lines += [f"  {room} --> {below}" for room, rooms in sorted(direct(graph).items()) for below in sorted(rooms)]
    return "\n".join(("```mermaid", *lines, "```")) + "\n"


def with_picture(page: str, drawn: str) -> str:
    """The page with this picture in its place."""
    assert DRAWN.search(page) is not None, "the page has no place for the picture"
    return DRAWN.sub(lambda _: drawn, page)


if __name__ == "__main__":
    PAGE.write_text(with_picture(PAGE.read_text(), picture(imports(PROJECT))))
    print(f"Drawn into {PAGE.relative_to(PROJECT)}.")
