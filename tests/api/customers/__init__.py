"""Customers, and the payment methods that they keep."""
