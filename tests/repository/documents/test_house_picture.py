"""The picture in docs/architecture.md is what the imports say: `make house` draws it."""

from pathlib import Path

import pytest

from tests.repository.documents.house_picture import PAGE, Graph, direct, imports, layers, picture, reach, with_picture
from tests.repository.test_architecture import MAY_IMPORT, PROJECT

HOUSE: Graph = {
    "cli": frozenset({"services", "models", "domain"}),
    "services": frozenset({"models", "domain"}),
    "models": frozenset({"domain"}),
    "domain": frozenset(),
}


def test_the_committed_picture_is_what_the_command_draws() -> None:
    page = PAGE.read_text()

    assert with_picture(page, picture(imports(PROJECT))) == page, "draw it again: `make house`"


def test_every_room_is_in_it_and_every_arrow_is_allowed() -> None:
    drawn = imports(PROJECT)

    assert drawn.keys() == MAY_IMPORT.keys()
    assert all(below <= MAY_IMPORT[room] for room, below in drawn.items())


def test_an_import_that_another_way_leads_along_has_no_arrow_of_its_own() -> None:
    assert direct(HOUSE) == {
        "cli": frozenset({"services"}),
        "services": frozenset({"models"}),
        "models": frozenset({"domain"}),
        "domain": frozenset(),
    }
    assert reach(direct(HOUSE), "cli") == reach(HOUSE, "cli") == frozenset({"services", "models", "domain"})


def test_a_room_stands_right_above_what_it_imports() -> None:
    graph = {**HOUSE, "provider": frozenset({"domain"})}

    assert layers(graph) == [["cli"], ["services"], ["models", "provider"], ["domain"]]


def test_a_new_import_changes_the_picture(tmp_path: Path) -> None:
    for path, text in (("models/tables.py", "import domain\n"), ("domain/money.py", ""), ("provider/client.py", "")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    before = picture(imports(tmp_path))

    (tmp_path / "provider/client.py").write_text("def late():\n    from domain.money import Money\n")

    assert "provider --> domain" not in before
    assert "provider --> domain" in picture(imports(tmp_path))


def test_a_page_without_a_place_for_it_is_reported() -> None:
    with pytest.raises(AssertionError, match="no place"):
        with_picture("# A page\n", "a picture")
