"""Print the GraphQL schema as the code defines it, or write it to schema/schema.graphql."""

import argparse
from pathlib import Path
from typing import Final

from cli.failures import DONE
from settings import Settings

HELP: Final = "print the schema, or write it to schema/schema.graphql"
EXAMPLE: Final = "python -m cli schema > schema.graphql"
LOG_LEVEL: Final = "INFO"
HOLDS_STATE: Final = False
FILE: Final = Path(__file__).parents[2] / "schema" / "schema.graphql"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option for writing the file."""
    parser.add_argument("--write", action="store_true", help="write schema/schema.graphql, and print nothing")


def run(_: Settings, options: argparse.Namespace) -> int:
    """Print or write the schema."""
    from schema import print_sdl

    text = print_sdl()
    if options.write:
        FILE.write_text(text)
    else:
        print(text, end="")
    return DONE
