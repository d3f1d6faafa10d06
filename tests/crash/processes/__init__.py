"""Processes that tests start, stop, freeze and kill, and the proxies between them."""
