"""Leases: one process at a time works on a row, and one that died is followed by another.

A row that is work to be done holds `due`, the moment from which it may be taken, and `attempt`, its fencing token. Who
takes it moves `due` forward by the length of a lease and gets the next token. Who still holds an older token writes
nothing: each writer compares the token in the statement, or under the lock, with which it writes.
"""

from typing import Final

# What a statement sets that takes a row; its first value is the lease's length in seconds. The database's clock
# decides, which all processes share.
TAKEN: Final = "attempt = attempt + 1, due = now() + $1 * interval '1 second'"


class LeaseLost(Exception):
    """Another process has taken the row over since. What was found out is that process's to find out again."""
