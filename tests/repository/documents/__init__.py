"""Tests of the documents: what they name exists, and they have their form."""
