"""The same forge and towns as the crash tests have."""

from tests.crash.conftest import forge, town

__all__ = ["forge", "town"]
