"""Unusable files that the settings name: one sentence that names the variable, and nothing begun."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.cli.commands import PROJECT, Ended, free_port, run


@pytest.mark.parametrize("command", [("demo",), ("serve",), ("serve", "--workers", "2")], ids=["demo", "serve", "two"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "not readable"), ("{", "not JSON"), ("[]", "the manifest must be an object of documents by their hash")],
    ids=["missing", "broken", "list"],
)
async def test_a_manifest_that_cannot_be_used_is_refused(
    command: tuple[str, ...], text: str | None, reason: str, home: Path
) -> None:
    manifest = home / "manifest.json"
    if text is not None:
        manifest.write_text(text)
    environment = {"TRUSTED_DOCUMENTS": str(manifest), "TRUSTED_DOCUMENTS_MODE": "allowed"}

    ended = await run(*command, **environment, PORT=str(free_port()), PAYGRAPH_DIR=str(home / "state"))

    assert (ended.code, ended.out, ended.says_one_sentence()) == (2, "", True), ended.err
    assert ended.err.startswith("TRUSTED_DOCUMENTS: ")
    assert ended.err.endswith(f"{reason}.\n")


@pytest.mark.parametrize("below", ["", "/deeper"], ids=["file", "below-a-file"])
async def test_a_state_folder_that_is_none_is_refused(below: str, home: Path) -> None:
    (home / "state").write_text("mine")

    ended = await run("token", "--subject", "clerk", PAYGRAPH_DIR=f"{home}/state{below}")

    assert (ended.code, ended.out, ended.says_one_sentence()) == (2, "", True)
    assert ended.err.startswith(f"PAYGRAPH_DIR: {home}/state{below} cannot be used: ")


async def test_a_file_of_the_offline_stripe_that_is_none_is_refused(home: Path) -> None:
    (home / "stripe.sqlite3").write_text("notes about Stripe " * 1000)

    ended = await run("sandbox", "--port", str(free_port()), PAYGRAPH_DIR=str(home))

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"PAYGRAPH_DIR: {home}/stripe.sqlite3 is no file of the offline Stripe's: move it away.\n"
    assert (home / "stripe.sqlite3").read_text().startswith("notes")


async def test_a_secret_that_is_none_is_refused(home: Path) -> None:
    """An older version could leave such a file when it was killed while writing."""
    (home / "jwt_secret").touch()

    ended = await run("token", "--subject", "clerk", PAYGRAPH_DIR=str(home))

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"PAYGRAPH_DIR: {home}/jwt_secret holds no secret of 32 bytes: move it away.\n"


async def _in(folder: Path, *arguments: str) -> Ended:
    """Run a command as if this folder, with its .env, were the current one."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *arguments),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)},
        cwd=folder,
        stdout=-1,
        stderr=-1,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def test_an_env_file_that_is_no_text_is_refused(home: Path) -> None:
    (home / ".env").write_bytes(b"STRIPE_SECRET_KEY=sk_test_\xff\xfe\n")

    ended = await _in(home, "token", "--subject", "clerk")

    assert (ended.code, ended.out, ended.err) == (2, "", ".env is no text in UTF-8.\n")


async def test_a_current_folder_as_state_folder_keeps_what_was_there(home: Path) -> None:
    """`PAYGRAPH_DIR=.`: files that a command made are deleted, all others stay."""
    (home / "thesis.txt").write_text("three years of work")
    (home / ".env").write_text("PAYGRAPH_DIR=.\n")
    made = await _in(home, "token", "--subject", "clerk")
    assert (home / "jwt_secret").exists()

    ended = await _in(home, "reset")

    assert (made.code, ended.code, ended.err) == (0, 0, "")
    assert sorted(path.name for path in home.iterdir()) == [".env", "thesis.txt"]
