"""Processes that tests start, stop, freeze and kill, and what stands between them."""
