"""The town of the crash tests serves the clients too."""

from tests.crash.conftest import forge, town

__all__ = ["forge", "town"]
