"""How Python's garbage collector treats a process that serves: what start-up has made is never looked at again."""

import gc
from typing import Final

# Counted objects until a collection of the young ones. A request makes hundreds and frees them by itself.
YOUNG: Final = 10_000
OLDER: Final = 20
OLDEST: Final = 50


def settle_memory() -> None:
    """Call once when everything is imported and built.

    Modules, schema and classes are some 130,000 objects that never go. Looking through them takes 50 ms, in which no
    request is answered, and would happen every few thousand requests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)
