"""RUNS: a validated document, by a plan that is made once for it, or by graphql-core where there is none. Subscriptions
are begun by graphql-core, and each of their events is answered so.

The answers are graphql-core's in every case. A plan only knows how things go well: whatever else happens, be it an
error, a null that may not be or a value of another type, graphql-core takes over with what the root fields gave, so
that nothing is done twice.
"""

from execution.executor import CompiledOperation, Events, Execution

__all__ = ["CompiledOperation", "Events", "Execution"]
