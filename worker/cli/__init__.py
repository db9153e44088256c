"""The command line: one file per room; every error a person can mend is one line on stderr and exit status 2."""

from worker.cli.commands import main

__all__ = ["main"]
