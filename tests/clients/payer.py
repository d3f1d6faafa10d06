"""A buyer's program that is killed: pays one order and prints what became of it.

Run as `python -m tests.clients.payer URL TOKEN FOLDER ORDER`.
"""

import asyncio
import sys
from pathlib import Path

from paygraph_client import FileStorage, Paygraph


async def main(url: str, token: str, folder: str, order_id: str) -> None:
    """Pay, or go on paying."""
    async with Paygraph(url, token, FileStorage(Path(folder)), patience=20, first_pause=0.01) as paygraph:
        outcome = await paygraph.pay(order_id, 10_000, "USD", "pm_card_visa")
        print(type(outcome).__name__)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
