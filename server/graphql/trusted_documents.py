"""Trusted documents: operations that were known when the clients were built, sent by their hash instead of their text.

A manifest is a JSON file, as relay-compiler and graphql-codegen write it (`{hash: text}`) or as Apollo does
(`{"format": "apollo-persisted-query-manifest", "operations": [{"id": hash, "body": text}]}`). The hash is SHA-256 of
the text, in hexadecimal, with or without `sha256:` before it.
"""

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
    """The manifest cannot be used; the text names the file or the entry and what is wrong with it."""


class Mode(StrEnum):
    """Which documents run."""

    OFF = "off"  # texts only
    ALLOWED = "allowed"  # texts, and trusted documents by their hash
    ENFORCED = "enforced"  # trusted documents only, except for callers who may explore


@dataclass(frozen=True, slots=True)
class TrustedDocuments:
    """The documents of the manifest by their hash, and whether others run."""

    mode: Mode = Mode.OFF
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path, mode: Mode) -> "TrustedDocuments":
        """The documents of the manifest in this file. Raises ManifestRefused."""
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
        """The text of the document that is to run. Raises RequestRefused for one that must not."""
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
                "PersistedQueryNotFound",  # the words that Apollo's clients look for
                reason="PERSISTED_QUERY_NOT_FOUND",
                code=Code.PERSISTED_QUERY_NOT_FOUND,
                json_status=200,
            )
        return text


def explores(caller: Caller | None) -> bool:
    """Whether the caller may send any document, and read the schema in production."""
    return caller is not None and caller.can(Scope.EXPLORER)


def hash_of(text: str) -> str:
    """SHA-256 of a document's text, in hexadecimal."""
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
