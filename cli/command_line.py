"""The commands, their parser, and the one place where an error becomes a sentence.

A command's `run` returns the exit code: 0 when it succeeded, 1 when it succeeded and reports a finding, 2 when it could
not run; then one sentence says why.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from types import FrameType, ModuleType
from typing import Final, NoReturn

from cli.arguments import log_level
from cli.commands import (
    adopt,
    compare_stripe,
    demo,
    migrate,
    reconcile,
    replay,
    reset,
    sandbox,
    schema,
    serve,
    token,
    verify_audit,
    worker,
)
from cli.failures import COULD_NOT, INTERRUPTED, CannotRun, sentence
from cli.version import Version

COMMANDS: Final[dict[str, ModuleType]] = {
    "demo": demo,
    "serve": serve,
    "worker": worker,
    "migrate": migrate,
    "sandbox": sandbox,
    "token": token,
    "schema": schema,
    "replay": replay,
    "reconcile": reconcile,
    "adopt": adopt,
    "verify-audit": verify_audit,
    "compare-stripe": compare_stripe,
    "reset": reset,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    try:
        code = _run(options)
        sys.stdout.flush()  # here, where its failure can still be reported
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the output has ended: `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT
    except Exception as error:  # noqa: BLE001 - the last resort: a person reads the sentence, so it may hold no secret
        print(sentence(error), file=sys.stderr)
        return COULD_NOT
    return code


def parser() -> argparse.ArgumentParser:
    """Build the parser of every command."""
    whole = _Parser(prog="python -m cli", description="Paygraph: payments over GraphQL, exactly once.")
    whole.add_argument("--version", action=Version, help="say which version this is, and end")
    whole.add_argument("--log-level", type=log_level, metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR")
    commands = whole.add_subparsers(required=True, metavar="command", title="commands", dest="command")
    for name, command in COMMANDS.items():
        own = commands.add_parser(
            name,
            help=command.HELP,
            description=command.__doc__,
            epilog=f"example:\n  {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        own.add_argument(
            "--log-level",
            type=log_level,
            metavar="LEVEL",
            default=argparse.SUPPRESS,  # or it would override the option before the command
            help=f"DEBUG, INFO, WARNING or ERROR; {command.LOG_LEVEL} if not given",
        )
        command.add_options(own)
    return whole


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, with possible secrets redacted."""

    def __init__(self, **named: object) -> None:
        super().__init__(**{**named, "allow_abbrev": False})  # type: ignore[arg-type]  # passed on as given

    def error(self, message: str) -> NoReturn:
        from server.http.redaction import redact_text

        line = " ".join(redact_text(message).split())
        self.exit(COULD_NOT, f"{self.prog}: {line}. See: {self.prog} --help\n")


def _run(options: argparse.Namespace) -> int:
    from cli.state_folder import in_use, is_needed
    from server.http.logs import configure_logging
    from settings import Settings

    command = COMMANDS[options.command]
    if not getattr(command, "NEEDS_SETTINGS", True):
        configure_logging(json=False, level=options.log_level or command.LOG_LEVEL)
        _clean_up_on_signals()
        return int(command.run(options))
    try:
        settings = Settings.load()
    except UnicodeDecodeError:
        raise CannotRun(".env is no text in UTF-8.") from None
    configure_logging(json=settings.log_format == "json", level=options.log_level or command.LOG_LEVEL)
    _clean_up_on_signals()
    holds = command.HOLDS_STATE and is_needed(settings)
    with in_use(settings.state_dir) if holds else nullcontext():
        result: int = command.run(settings, options)
    return result


def _clean_up_on_signals() -> None:
    """From now on end the command by an exception on SIGINT, SIGTERM and SIGHUP, so that its `finally` blocks run.

    The embedded database then stops too, whether by Ctrl-C, SIGTERM or a closed terminal.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` ignores SIGHUP
            signal.signal(number, _leave)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
