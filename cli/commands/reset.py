"""Forget the demo's data: the embedded database, the offline Stripe's objects and the secrets made here.

Deletes only what Paygraph made in its state folder (PAYGRAPH_DIR), and nothing while a demo, server or worker uses it.
A database that DATABASE_URL names is not touched.
"""

import argparse
from typing import Final

from cli.failures import DONE, CannotRun
from settings import Settings

HELP: Final = "forget the demo's data"
EXAMPLE: Final = "python -m cli reset"
LOG_LEVEL: Final = "INFO"
HOLDS_STATE: Final = False  # it locks the folder exclusively


def add_options(_: argparse.ArgumentParser) -> None:
    """Add no options."""


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Delete what Paygraph made, and print what was deleted."""
    from cli.state_folder import alone, forget

    folder = settings.state_dir
    found = False
    if folder.exists():
        if not folder.is_dir():
            raise CannotRun(f"{folder} is no folder: PAYGRAPH_DIR names where the demo's data lies.")
        with alone(folder):
            found = forget(folder)
    print(f"Forgot the demo's data under {folder}." if found else f"There is no data of a demo under {folder}.")
    if folder.exists() and any(folder.iterdir()):
        print("What else is there was not made by Paygraph, and stays.")
    if settings.database_url is not None:
        print("The database that DATABASE_URL names was not touched.")
    return DONE
