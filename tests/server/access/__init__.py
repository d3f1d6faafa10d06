"""Tokens, scopes and what a socket is admitted with."""
