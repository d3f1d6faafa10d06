"""The repository's own rules: architecture, documents, names, patterns."""
