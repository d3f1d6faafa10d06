"""Declines explained: one table of Stripe's codes, and the texts for buyers in their languages."""

from domain.declines.codes import AUTHENTICATE, DECLINES, GENERIC, HIDDEN, LOST_OR_STOLEN, Decline, Next, Reason
from domain.declines.explanation import (
    UNKNOWN_FAILURE,
    decline_of,
    explain_decline,
    for_buyer,
    searched_codes,
    unusable_method_of,
)
from domain.declines.texts import ENGLISH, LANGUAGES, choose_language, text_for_buyer

__all__ = [
    "AUTHENTICATE",
    "DECLINES",
    "ENGLISH",
    "GENERIC",
    "HIDDEN",
    "LANGUAGES",
    "LOST_OR_STOLEN",
    "UNKNOWN_FAILURE",
    "Decline",
    "Next",
    "Reason",
    "choose_language",
    "decline_of",
    "explain_decline",
    "for_buyer",
    "searched_codes",
    "text_for_buyer",
    "unusable_method_of",
]
