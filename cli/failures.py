"""Failures of a command: one sentence for a person, never a traceback, never a secret."""

from typing import Final

DONE: Final = 0
COULD_NOT: Final = 2  # the exit code of a command that could not run; 1 is one that ran and has a finding
INTERRUPTED: Final = 130  # a shell's exit code of Ctrl-C


class CannotRun(Exception):
    """A command cannot run; the text is the sentence for its user."""


def sentence(error: Exception) -> str:
    """Return the reason as the user may read it, without text that may hold a value unless we wrote it."""
    from cli.operations.demo_examples import OperationRefused
    from database.embedded import CannotStart
    from database.reachability import CannotUseDatabase
    from database.transactions import DatabaseUnavailable
    from provider import ProviderFailure
    from settings import SettingsError

    ours = (CannotRun, CannotUseDatabase, CannotStart, OperationRefused, SettingsError)
    if isinstance(error, ours):
        return str(error)
    if isinstance(error, DatabaseUnavailable):
        return f"The database cannot be asked now ({error}). Try again in a minute."
    if isinstance(error, ProviderFailure):
        return f"Stripe cannot be asked now ({error}). Try again in a minute."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror or type(error).__name__}."
    if isinstance(error, PermissionError) and error.errno is None:
        return f"{error}."  # an exception of ours
    if isinstance(error, OSError):
        return f"The system refused: {error.strerror or type(error).__name__}."
    return _fault(error)


def _fault(error: Exception) -> str:
    """Describe a bug by its type and place; its text may hold a secret."""
    from server.http.errors import describe_failure

    first = describe_failure(error)[0]
    stack = first["stack"]
    place = stack[-1] if isinstance(stack, list) and stack else "an unknown place"
    return f"This is a fault of Paygraph's, please report it: {first['type']} at {place}."
