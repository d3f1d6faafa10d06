"""A town for each test: the offline Stripe here, the application in a process of its own."""

from tests.crash.conftest import forge, town

__all__ = ["forge", "town"]
