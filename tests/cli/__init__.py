"""The command line, as seen by a person at a terminal."""
