"""Statements of a shop about an order beside its amount: line items, shipping, the text on the payer's statement."""
