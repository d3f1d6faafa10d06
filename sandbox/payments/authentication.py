"""The result of a passed 3D Secure authentication, as charges and attempts show it."""

from typing import Any

Json = dict[str, Any]

PASSED: Json = {
    "authentication_flow": "challenge",
    "electronic_commerce_indicator": "05",
    "exemption_indicator": None,
    "result": "authenticated",
    "result_reason": None,
    "transaction_id": None,
    "version": "2.2.0",
}


def three_d_secure(*, without: tuple[str, ...] = ()) -> Json:
    """Return the result, without the fields that the object does not have."""
    return {name: value for name, value in PASSED.items() if name not in without}
