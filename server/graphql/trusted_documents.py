"""Trusted documents: operations known when the clients were built, sent by their hash instead of their text."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import orjson

from domain.caller import Caller, Scope
from server.graphql.request import GraphQLRequest
from server.http.errors import Code, refuse

HASH: Final = re.compile(r"[0-9a-f]{64}")
LARGEST_MANIFEST: Final = 16 * 1024 * 1024
APOLLO: Final = "apollo-persisted-query-manifest"


class ManifestRefused(Exception):
    """The manifest cannot be used; the message names the file or the entry and what is wrong with it."""


class Mode(StrEnum):
    """The documents that may run."""

    OFF = "off"  # any document, by its text
    ALLOWED = "allowed"  # any document by its text, and trusted documents by their hash
    ENFORCED = "enforced"  # trusted documents only, except for callers who may explore


@dataclass(frozen=True, slots=True)
class TrustedDocuments:
    """The documents of the manifest by their hash, and the mode that says whether others may run."""

    mode: Mode = Mode.OFF
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path, mode: Mode) -> "TrustedDocuments":
        """Load the documents of the manifest in this file. Raises ManifestRefused."""
        try:
            if path.stat().st_size > LARGEST_MANIFEST:
                raise ManifestRefused(f"{path}: larger than {LARGEST_MANIFEST} bytes")
            manifest = orjson.loads(path.read_bytes())
        except OSError:
            raise ManifestRefused(f"{path}: not readable") from None
        except ValueError:
            raise ManifestRefused(f"{path}: not JSON") from None
        return cls(mode, dict(_entries(manifest)))

    def query_of(self, request: GraphQLRequest, caller: Caller | None) -> str:
        """Return the text of the document to run. Raises RequestRefused for a document that may not run."""
        if request.query is None:
            return self._known(request)
        if request.document_hash is not None and hash_of(request.query) != request.document_hash:
            raise refuse("The document does not have the hash that was sent with it.", reason="DOCUMENT_HASH_MISMATCH")
        if self.mode is Mode.ENFORCED and not explores(caller) and hash_of(request.query) not in self.texts:
            raise refuse(
                "Only documents that were registered beforehand run here. Send the `documentId` of one.",
                reason="TRUSTED_DOCUMENTS_ONLY",
                code=Code.FORBIDDEN,
                status=403,
            )
        return request.query

    def _known(self, request: GraphQLRequest) -> str:
        if self.mode is Mode.OFF:
            raise refuse(
                "Documents are not taken by their hash here: send `query`.",
                reason="PERSISTED_QUERY_NOT_SUPPORTED",
                code=Code.PERSISTED_QUERY_NOT_SUPPORTED,
                json_status=200,
            )
        text = self.texts.get(request.document_hash or "")
        if text is None:
            raise refuse(
                "PersistedQueryNotFound",  # the error code that Apollo's clients expect
                reason="PERSISTED_QUERY_NOT_FOUND",
                code=Code.PERSISTED_QUERY_NOT_FOUND,
                json_status=200,
            )
        return text


def explores(caller: Caller | None) -> bool:
    """Return True for a caller who may send any document, and read the schema in production."""
    return caller is not None and caller.can(Scope.EXPLORER)


def hash_of(text: str) -> str:
    """Hash a document's text: SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _entries(manifest: object) -> Iterator[tuple[str, str]]:
    if not isinstance(manifest, dict):
        raise ManifestRefused("the manifest must be an object of documents by their hash")
    pairs: list[tuple[object, object]] = list(manifest.items())
    if manifest.get("format") == APOLLO:
        operations = manifest.get("operations")
        entries = [entry for entry in operations if isinstance(entry, dict)] if isinstance(operations, list) else []
        pairs = [(entry.get("id"), entry.get("body")) for entry in entries]
    for name, text in pairs:
        digest = name.removeprefix("sha256:") if isinstance(name, str) else ""
        if not HASH.fullmatch(digest) or not isinstance(text, str):
            raise ManifestRefused(f"{str(name)[:80]}: each entry must be a text under its SHA-256 in hexadecimal")
        if hash_of(text) != digest:
            raise ManifestRefused(f"{str(name)[:80]}: the text has another hash")
        yield digest, text
