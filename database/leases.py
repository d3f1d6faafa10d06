"""Leases: one process at a time works on a row, and another process takes the work over when it dies.

A row of work holds `due`, the moment from which it may be taken, and `attempt`, its fencing token. A process that takes
the row moves `due` forward by the length of a lease and gets the next token. A process with an older token writes
nothing: each writer compares the token in the statement, or under the lock, with which it writes.
"""

from typing import Final

# The assignments of a statement that takes a row; its first value is the lease's length in seconds. The moments are the
# database's, whose clock all processes share.
TAKEN: Final = "attempt = attempt + 1, due = now() + $1 * interval '1 second'"


class LeaseLost(Exception):
    """Another process has taken the row over since, and has to repeat the work of this lease."""
