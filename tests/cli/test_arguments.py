"""Every option of every command with a wrong value: one plain sentence and exit code 2, never a traceback."""

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from cli.command_line import COMMANDS, parser
from schema import print_sdl
from schema.federation import print_subgraph_sdl
from tests.cli.commands import PROJECT, CommandFactory, run

SECRET: Final = "sk_live_" + "51N0tReal" * 4
NO_PORT: Final = ("0", "65536", "-1", "eighty", "8000.0", "", " 80", "٨٠", "9" * 5000)
NO_FLAG: Final = ("=yes",)  # passed with `=`, for these take no value
NO_MOMENT: Final = ("yesterday", "", "2026-13-01", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "1.5")
NO_LEVEL: Final = ("LOUD", "", "10")
# One row for each option of a command; the names are the parser's.
WRONG: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("demo", "--port"): NO_PORT,
    ("serve", "--host"): (
        "",
        "a/b",
        "http://localhost",
        "no.such.host.invalid",
        "192.0.2.1",
        "a" * 300,
        "..",
        "\udcff",
    ),
    ("serve", "--port"): NO_PORT,
    ("serve", "--workers"): ("0", "-1", "many", "257"),
    ("worker", "--port"): NO_PORT,
    ("sandbox", "--port"): NO_PORT,
    ("sandbox", "--webhook-url"): (
        "",
        "localhost",
        "ftp://a",
        "http://",
        "http://a:b",
        "http://[",
        "http://a b",
        SECRET,
    ),
    ("token", "--subject"): ("", " ", " a", "a\nb", "\udcff", "a" * 256),
    ("token", "--scope"): ("payments:steal", "payments:read,refunds:write", SECRET),
    ("token", "--ttl"): ("0", "-5", "an hour", "1e9", "9" * 5000, "3600.5", ""),
    ("schema", "--write"): NO_FLAG,
    ("schema", "--federation"): NO_FLAG,
    ("replay", "event_ids"): ("", "1", "evt_", "evt_ü", "\udcff", SECRET),
    ("replay", "--dead"): NO_FLAG,
    ("replay", "--dry-run"): NO_FLAG,
    ("adopt", "intent_ids"): ("", "1", "pi_", "pi_ü", "evt_1", "pi_1/../x", "\udcff", SECRET),
    ("adopt", "--apply"): NO_FLAG,
    ("reconcile", "--from"): NO_MOMENT,
    ("reconcile", "--to"): NO_MOMENT,
    ("reconcile", "--repair"): NO_FLAG,
    ("verify-audit", "--head"): ("/", "/no/such/folder/heads", f"{__file__}", f"{__file__}/heads"),
    ("anything", "--log-level"): NO_LEVEL,
}


def _commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _options() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for name, command in _commands():
        for action in command._actions:
            option = next(iter(action.option_strings), action.dest)
            if option not in ("-h", "--log-level"):
                found.add((name, option))
    return found


def test_every_option_is_tried() -> None:
    assert _options() == WRONG.keys() - {("anything", "--log-level")}


def _said(command: str, option: str, value: str) -> list[str]:
    given = option + value if value in NO_FLAG else f"{option}={value}"
    if command == "anything":
        return [given, "schema"]
    needed = ["--subject=clerk"] if command == "token" and option != "--subject" else []
    return [command, *needed, given] if option.startswith("-") else [command, "--", value]


@pytest.mark.parametrize(("command", "option"), [pytest.param(*row, id=" ".join(row)) for row in WRONG])
async def test_a_wrong_value_is_refused_in_one_sentence(
    command: str, option: str, home: Path, command_factory: CommandFactory
) -> None:
    """The first value starts a process of its own; the others are told to forks of one that has imported everything."""
    for number, value in enumerate(WRONG[command, option]):
        said, state = _said(command, option, value), str(home / "state")
        ended = command_factory.run(*said, PAYGRAPH_DIR=state) if number else await run(*said, PAYGRAPH_DIR=state)

        assert (ended.code, ended.out) == (2, ""), (value, ended)
        assert ended.says_one_sentence(), (value, ended.err)
        assert SECRET not in ended.err
        assert option.removesuffix("s") in ended.err  # an option for several values is named by one of them
    assert not (home / "state" / "postgres").exists()


@pytest.mark.parametrize("command", ["demo", "serve", "worker"])
async def test_a_wrong_port_in_the_environment_is_refused(command: str, home: Path) -> None:
    ended = await run(command, PORT="http", PAYGRAPH_DIR=str(home / "state"))

    assert ended.code == 2
    assert ended.err == (
        f"python -m cli {command}: argument --port: must be a whole number from 1 to 65535, here or in PORT."
        f" See: python -m cli {command} --help\n"
    )


async def test_a_wrong_port_in_the_environment_matters_to_nobody_else() -> None:
    assert (await run("schema", PORT="http")).code == 0


async def test_the_schema_is_printed_as_a_subgraph_by_the_option_or_the_setting() -> None:
    plain, asked, set_ = await asyncio.gather(
        run("schema", FEDERATION="false"), run("schema", "--federation"), run("schema", FEDERATION="true")
    )

    assert (plain.code, plain.out) == (0, print_sdl())
    assert asked == set_
    assert (asked.code, asked.out) == (0, print_subgraph_sdl())


@pytest.mark.parametrize("given", [[], ["pay"], ["demo", "now"], ["demo", "--speed", SECRET], ["--vers"]], ids=len)
async def test_an_unknown_command_or_option_is_refused_in_one_sentence(given: list[str]) -> None:
    ended = await run(*given)

    assert (ended.code, ended.out) == (2, "")
    assert ended.says_one_sentence()
    assert SECRET not in ended.err


async def test_the_version_is_the_projects() -> None:
    project = (PROJECT / "pyproject.toml").read_text()
    version = re.findall(r'^version = "(.+)"$', project, re.MULTILINE)

    ended = await run("--version")

    assert (ended.code, ended.out, ended.err) == (0, f"paygraph {version[0]}\n", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_commands_help_says_what_it_does_and_shows_an_example(name: str) -> None:
    """And each of its options has a help of its own."""
    command = dict(_commands())[name]
    text = command.format_help()

    assert len(str(command.description).split()) >= 10
    assert f"example:\n  {COMMANDS[name].EXAMPLE}\n" in text
    assert f"python -m cli {name}" in COMMANDS[name].EXAMPLE
    assert [action.dest for action in command._actions if not action.help] == []


@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_log_level_is_taken_before_and_after_the_command(where: str, home: Path) -> None:
    """Without the option each command has its own level."""
    level = ["--log-level", "debug"]
    said = [*level, "reset"] if where == "before" else ["reset", *level]

    parsed = parser().parse_args(said)
    ended = await run(*said, PAYGRAPH_DIR=str(home / "state"))

    assert parsed.log_level == "DEBUG"
    assert (ended.code, ended.err) == (0, "")


async def test_several_commands_at_once_make_one_secret(home: Path) -> None:
    """A token that one of them signs is accepted by all of them."""
    state = {"PAYGRAPH_DIR": str(home / "state")}

    ended = await asyncio.gather(*(run("token", "--subject", "clerk", "--ttl", "3600", **state) for _ in range(4)))

    assert [one.code for one in ended] == [0] * 4
    assert sorted(path.name for path in (home / "state").iterdir()) == [".paygraph.lock", "jwt_secret"]
    assert len((home / "state" / "jwt_secret").read_text()) == 64


@pytest.mark.parametrize("reader", ["head -n 1", "true"])
async def test_a_reader_who_leaves_is_no_reason_for_a_trace(reader: str) -> None:
    command = f"{sys.executable} -m cli schema | {reader}"
    shell = await asyncio.create_subprocess_shell(command, cwd=PROJECT, stdout=-1, stderr=-1)

    _, err = await shell.communicate()

    assert err == b""
