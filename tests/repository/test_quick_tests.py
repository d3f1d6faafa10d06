"""`make test-quick` finds the tests of every room."""

import subprocess
from pathlib import Path

import pytest

from tests.repository.quick_tests import LEFT_OUT, ROOMS, STRUCTURE, NoRoom, changed_files, main, paths_for, paths_of
from tests.repository.test_architecture import MAY_IMPORT, PROJECT


def test_every_room_has_tests_of_its_own() -> None:
    assert MAY_IMPORT.keys() - ROOMS.keys() == set()
    assert [room for room, paths in ROOMS.items() if not paths] == []


def test_every_room_and_every_path_that_is_named_exists() -> None:
    named = {path for paths in ROOMS.values() for path in paths} | {*STRUCTURE, *LEFT_OUT}

    assert [path for path in sorted(named) if not (PROJECT / path).exists()] == []
    assert [room for room in ROOMS if not ((PROJECT / room).is_dir() or (PROJECT / f"{room}.py").exists())] == []


@pytest.mark.parametrize(
    ("room", "same_as"),
    [
        ("services/money", "services/money"),
        ("services/money/", "services/money"),
        ("services/money/payments", "services/money"),
        ("services/retry_policy", "services"),
        ("schema/types/payments", "schema"),
        ("worker", "worker"),
    ],
)
def test_the_longest_name_that_fits_counts(room: str, same_as: str) -> None:
    assert paths_of(room) == ROOMS[same_as]


def test_a_room_that_is_none_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NoRoom, match="service is no room"):
        paths_of("service")

    assert main(["service"]) == 2
    assert "services/money" in capsys.readouterr().err


def test_a_file_that_differs_stands_for_its_room_and_a_test_for_itself() -> None:
    files = [
        "services/money/payments.py",
        "tests/live/test_feed.py",
        "README.md",
        "services/money/refunds.py",
        "Makefile",
    ]

    assert paths_for(files) == [*ROOMS["services/money"], "tests/live/test_feed.py", *ROOMS["docs"]]


def test_what_takes_too_long_is_left_out_of_a_folder_that_a_room_has() -> None:
    folders = {path for paths in ROOMS.values() for path in paths}

    assert [path for path in LEFT_OUT if not any(path.startswith(f"{folder}/") for folder in folders)] == []


def test_what_differs_is_found_committed_or_not(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "main")
    for name in ("kept.py", "edited.py", "removed.py"):
        (tmp_path / name).write_text("")
    git("add", ".")
    git("commit", "-m", "before")
    git("checkout", "-b", "work")
    (tmp_path / "committed.py").write_text("")
    git("add", ".")
    git("commit", "-m", "after")
    (tmp_path / "edited.py").write_text("x = 1\n")
    (tmp_path / "removed.py").unlink()
    (tmp_path / "new.py").write_text("")

    assert sorted(changed_files(tmp_path)) == ["committed.py", "edited.py", "new.py"]
