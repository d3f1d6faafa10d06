"""Garbage collector settings of a serving process: objects made at start-up are never examined again."""

import gc
from typing import Final

# Tracked objects until a young collection. A request makes hundreds, and reference counting frees them.
YOUNG: Final = 10_000
OLDER: Final = 20
OLDEST: Final = 50


def settle_memory() -> None:
    """Freeze the objects made so far. Call once when everything is imported and built.

    Modules, schema and classes are some 130,000 objects that live as long as the process. A full collection of them
    takes 50 ms, during which no request is answered, and would run every few thousand requests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)
