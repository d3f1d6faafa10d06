"""Marks by which people recognise a payment: names, numbers, moments, receipts."""
