"""Stores of keys: each key is stored before it is sent, so that a crash loses none."""

import json
import os
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

Record = dict[str, Any]


class Store(Protocol):
    """Keeps one record for each order. `put` returns when the record would survive a crash."""

    def get(self, order_id: str) -> Record | None: ...

    def put(self, order_id: str, record: Record) -> None: ...

    def remove(self, order_id: str) -> None: ...


class MemoryStore:
    """Keeps records in memory: for tests, and for scripts that may start anew."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    def get(self, order_id: str) -> Record | None:
        return self._records.get(order_id)

    def put(self, order_id: str, record: Record) -> None:
        self._records[order_id] = record

    def remove(self, order_id: str) -> None:
        self._records.pop(order_id, None)


class FileStore:
    """Keeps a file for each order in a folder, written completely or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, order_id: str) -> Record | None:
        try:
            record: Record = json.loads(self._path(order_id).read_text())
        except FileNotFoundError:
            return None
        return record

    def put(self, order_id: str, record: Record) -> None:
        path = self._path(order_id)
        draft = path.with_suffix(".draft")
        with draft.open("w") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def remove(self, order_id: str) -> None:
        self._path(order_id).unlink(missing_ok=True)

    def _path(self, order_id: str) -> Path:
        return self._folder / f"{quote(order_id, safe='')}.json"
