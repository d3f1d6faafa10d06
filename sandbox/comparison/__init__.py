"""A comparison of the offline Stripe with Stripe: a fixed script of calls, made to both.

It tests the guesses that are based on documentation alone: docs/compare-stripe.md lists them.
"""

from sandbox.comparison.differences import Difference, report
from sandbox.comparison.run import CannotCompare, Comparison, compare
from sandbox.comparison.side import MOST_REQUESTS

__all__ = ["MOST_REQUESTS", "CannotCompare", "Comparison", "Difference", "compare", "report"]
