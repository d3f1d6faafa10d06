"""Bytes, headers, errors and logs of every route."""
