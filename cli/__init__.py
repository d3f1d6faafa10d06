"""The command line, `python -m cli`: one file a command, each with its help, its options and what it does.

Nothing is imported here: `__main__` comes after this, and sees to Ctrl-C before anything slow is imported.
"""
