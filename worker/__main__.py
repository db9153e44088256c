"""The `broadsheet` command: `python -m worker` is the same."""

from worker.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
