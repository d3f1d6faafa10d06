"""`reset` deletes what Paygraph made, nothing else, and nothing under a running demo."""

import signal
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.cli.commands import free_port, run, started

FOREIGN: Final = (
    "notes.txt",
    "postgres.conf",
    "stripe.sqlite3.bak",
    "stripe.sqlite3.acct_mine",
    "photos/1.jpg",
    ".env",
)


@pytest.fixture
def state(home: Path) -> Path:
    """Make a state folder with the files of `token` and `sandbox`, and a user's own files."""
    folder = home / "state"
    for name in FOREIGN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    return folder


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def _make_secrets(folder: Path) -> None:
    assert (await run("token", "--subject", "clerk", PAYGRAPH_DIR=str(folder))).code == 0


async def test_what_is_somebody_elses_stays(state: Path) -> None:
    port = free_port()
    async with started("sandbox", "--port", str(port), environment={"PAYGRAPH_DIR": str(state)}) as sandbox:
        await sandbox.said("The offline Stripe answers")
        headers = {"Authorization": "Bearer sk_test_1", "Stripe-Account": "acct_1A"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as stripe:
            assert (await stripe.post("/v1/customers")).status_code == 200
    await _make_secrets(state)
    ours = {"jwt_secret", "webhook_secret", "stripe.sqlite3", "stripe.sqlite3.acct_1A"}
    assert set(_files(state)) >= {*FOREIGN, *ours}

    ended = await run("reset", PAYGRAPH_DIR=str(state))

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        f"Forgot the demo's data under {state}.\nWhat else is there was not made by Paygraph, and stays.\n"
    )
    assert _files(state) == sorted(FOREIGN)


async def test_a_foreign_file_that_bears_a_name_of_ours_stays(home: Path) -> None:
    """`PAYGRAPH_DIR=.` in a user's own project."""
    own = {
        "jwt_secret": "my own, chosen by hand",
        "stripe.sqlite3": "notes about Stripe",
        "postgres/PG_VERSION": "16",
        "postgres/base/1/1259": "a table of mine",
    }
    for name, text in own.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    (home / "webhook_secret").symlink_to("jwt_secret")

    ended = await run("reset", PAYGRAPH_DIR=str(home))

    assert ended.code == 0
    assert ended.out == (
        f"There is no data of a demo under {home}.\nWhat else is there was not made by Paygraph, and stays.\n"
    )
    assert _files(home) == sorted([*own, "webhook_secret"])


async def test_a_folder_that_was_only_ours_goes_too(home: Path) -> None:
    folder = home / "state"
    await _make_secrets(folder)

    ended = await run("reset", PAYGRAPH_DIR=str(folder))

    assert (ended.code, ended.out) == (0, f"Forgot the demo's data under {folder}.\n")
    assert not folder.exists()


@pytest.mark.parametrize("text", ["", "a" * 64], ids=["empty", "whole"])
async def test_what_a_killed_command_left_half_made_goes_too(text: str, home: Path) -> None:
    """A half-written secret is deleted; a user's file with a similar name stays."""
    (home / ".jwt_secret-ab12_xyz").write_text(text)
    (home / ".jwt_secret-ab12_mine").write_text("mine")
    (home / ".webhook_secret-my_notes").write_text("mine")

    ended = await run("reset", PAYGRAPH_DIR=str(home))

    assert (ended.code, ended.out.splitlines()[0]) == (0, f"Forgot the demo's data under {home}.")
    assert _files(home) == [".jwt_secret-ab12_mine", ".webhook_secret-my_notes"]


async def test_where_nothing_is_nothing_is_made(home: Path) -> None:
    folder = home / "never" / "was"

    ended = await run("reset", PAYGRAPH_DIR=str(folder))

    assert (ended.code, ended.out) == (0, f"There is no data of a demo under {folder}.\n")
    assert list(home.iterdir()) == []


async def test_a_file_is_no_state_folder(home: Path) -> None:
    (home / "state").write_text("mine")

    ended = await run("reset", PAYGRAPH_DIR=str(home / "state"))

    assert (ended.code, ended.says_one_sentence()) == (2, True)
    assert (home / "state").read_text() == "mine"


async def test_a_configured_database_is_said_to_be_left_alone(home: Path) -> None:
    ended = await run("reset", PAYGRAPH_DIR=str(home / "state"), DATABASE_URL="postgresql://ada:hunter2@db/shop")

    assert ended.code == 0
    assert ended.out.splitlines()[1:] == ["The database that DATABASE_URL names was not touched."]
    assert "hunter2" not in ended.out


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
async def test_nothing_is_deleted_while_it_is_used(end: signal.Signals, home: Path) -> None:
    """The lock is the kernel's: it needs no content of a file, and ends with a killed process."""
    state = {"PAYGRAPH_DIR": str(home / "state")}
    async with started("sandbox", "--port", str(free_port()), environment=state) as sandbox:
        await sandbox.said("The offline Stripe answers")
        before = _files(home)

        refused = await run("reset", **state)
        assert _files(home) == before
        sandbox.signal(end)
        await sandbox.ended()
        done = await run("reset", **state)

    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"{home}/state is in use: stop the demo, server or worker that runs on it first. Nothing was deleted.\n"
    )
    assert done.code == 0
    assert not (home / "state").exists()
