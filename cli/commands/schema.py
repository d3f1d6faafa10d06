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
    """Add the options for writing the file, and for the subgraph."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--write", action="store_true", help="write schema/schema.graphql, and print nothing")
    which.add_argument(
        "--federation",
        action="store_true",
        help="print it as a subgraph of Apollo Federation 2, as FEDERATION serves it",
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print or write the schema."""
    from schema import print_sdl

    if options.write:
        FILE.write_text(print_sdl())
        return DONE
    if options.federation or settings.federation:
        from schema.federation import print_subgraph_sdl as print_sdl

    print(print_sdl(), end="")
    return DONE
