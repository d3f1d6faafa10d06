"""The code of docs/clients/python.md, which tests/clients/test_examples.py runs."""
