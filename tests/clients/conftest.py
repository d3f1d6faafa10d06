"""The cluster of the crash tests serves the clients too."""

from tests.crash.conftest import cluster, process_factory

__all__ = ["cluster", "process_factory"]
