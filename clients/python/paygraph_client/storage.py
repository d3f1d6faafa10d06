"""Where attempts are kept, so that a program that died continues with the same key."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Protocol


class Storage(Protocol):
    """A map from text to text. `set` returns when the value is safe; one process uses it at a time."""

    def get(self, name: str) -> str | None: ...

    def set(self, name: str, value: str) -> None: ...

    def remove(self, name: str) -> None: ...


class MemoryStorage:
    """Forgets everything with the process: for tests, and for callers that keep the attempt elsewhere."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self._values.get(name)

    def set(self, name: str, value: str) -> None:
        self._values[name] = value

    def remove(self, name: str) -> None:
        self._values.pop(name, None)


class FileStorage:
    """One file for each name, readable by its owner only; whole and on the disk, or not there at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def get(self, name: str) -> str | None:
        try:
            return self._path(name).read_text()
        except FileNotFoundError:
            return None

    def set(self, name: str, value: str) -> None:
        handle, path = tempfile.mkstemp(dir=self._folder)
        with os.fdopen(handle, "w") as file:
            file.write(value)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path, self._path(name))
        self._keep_folder()

    def remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)
        self._keep_folder()

    def _path(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}.json"

    def _keep_folder(self) -> None:
        """A rename is on the disk when its folder is."""
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
