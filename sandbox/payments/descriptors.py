"""Statement descriptors: the text of a payment on the payer's statement.

Source: docs.stripe.com/get-started/account/statement-descriptors. A card's is the account's prefix, `* ` and the suffix
of the payment; any other method's is the account's own text or the payment's.
"""

from typing import Any

from sandbox.errors import invalid
from sandbox.http.params import text

ACCOUNT = "PAYGRAPH"  # the account's static descriptor, and its prefix
SHORTEST, LONGEST = 5, 22
FORBIDDEN = frozenset("<>\\'\"*")


def static(value: Any, name: str) -> str | None:
    """Check the whole descriptor of a payment that is no card's."""
    checked = _checked(value, name)
    if checked is not None and len(checked) < SHORTEST:
        raise invalid(f"The statement descriptor must be at least {SHORTEST} characters.", param=name)
    return checked


def suffix(value: Any, name: str) -> str | None:
    """Check the suffix of a card's descriptor, which with the account's prefix has at most 22 characters."""
    checked = _checked(value, name)
    if checked is not None and len(calculated(checked)) > LONGEST:
        raise invalid(
            f"The statement descriptor {calculated(checked)!r} must be at most {LONGEST} characters, with the account's"
            " prefix.",
            param=name,
        )
    return checked


def calculated(ending: str | None) -> str:
    """Return the descriptor of a card's payment as the payer reads it."""
    return f"{ACCOUNT}* {ending}".upper() if ending else ACCOUNT


def _checked(value: Any, name: str) -> str | None:
    checked = text(value, name)
    if checked is None:
        return None
    if len(checked) > LONGEST:
        raise invalid(f"The statement descriptor must be at most {LONGEST} characters.", param=name)
    if not checked.isascii() or FORBIDDEN & set(checked):
        raise invalid("The statement descriptor has only Latin characters, and none of < > \\ ' \" *.", param=name)
    if not any(character.isalpha() for character in checked):
        raise invalid("The statement descriptor must contain at least one letter.", param=name)
    return checked
