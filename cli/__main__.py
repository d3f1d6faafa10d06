"""The entry point of `python -m cli`."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to clean up, Ctrl-C just ends the process

from cli.command_line import main  # noqa: E402 - these imports take a second, and Ctrl-C must work meanwhile

if __name__ == "__main__":
    sys.exit(main())
