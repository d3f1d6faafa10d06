"""RUNS: a validated document, by a plan that is made once for it, or by graphql-core.

A library of its own, see README.md. Answers are graphql-core's in every case. The rest of the house uses the six names
below.
"""

from execution import declare
from execution.executor import CompiledOperation, Events, Execution
from execution.projection import Projection, Relation

__all__ = ["CompiledOperation", "Events", "Execution", "Projection", "Relation", "declare"]
