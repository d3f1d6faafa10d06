"""The command line, `python -m cli`: one file for each command, with its help, its options and its action.

This file imports nothing: `__main__` runs after it, and handles Ctrl-C before any slow import.
"""
