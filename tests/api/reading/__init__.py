"""Queries, pages, statements, documents, the audit trail."""
