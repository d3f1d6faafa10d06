"""Is the offline Stripe like Stripe? A fixed script of calls, made to both, and how their answers differ.

It settles what our documentation-based guesses are worth: docs/compare-stripe.md lists them.
"""

from sandbox.comparison.differences import Difference, report
from sandbox.comparison.run import CannotCompare, Comparison, compare
from sandbox.comparison.side import MOST_REQUESTS

__all__ = ["MOST_REQUESTS", "CannotCompare", "Comparison", "Difference", "compare", "report"]
