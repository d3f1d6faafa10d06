"""Declines: the table of codes, what is stored of them, and the texts for buyers."""
