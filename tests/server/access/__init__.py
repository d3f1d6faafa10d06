"""Tokens, scopes and the admission of sockets."""
