"""The rows an import refuses in, a CSV of them out: line, address as it stood there, and the reason."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from worker.errors import BroadsheetError
from worker.readers.cells import guard_cell
from worker.readers.importing import Refusal


class RefusedSheet:
    """A CSV that begins to be with the first row it is given."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is written yet."""
        self._path = path
        self._draft = path.with_name(f"{path.name}.part")
        self._file: IO[str] | None = None

    def add(self, refusal: Refusal) -> None:
        """Write one row, of which no spreadsheet takes a cell for a formula. Raises BroadsheetError if it cannot be."""
        self.begin()
        with self._telling():
            self._write(str(refusal.line), refusal.email, refusal.why)

    def begin(self) -> None:
        """Make the file, with the columns' names, unless it is there."""
        if self._file is None:
            with self._telling():
                # Addresses: for this user's eyes only. A byte that is no text is shown by its number.
                self._file = open(self._draft, "w", newline="", encoding="utf-8", errors="backslashreplace",  # noqa: SIM115
                                  opener=lambda path, flags: os.open(path, flags, 0o600))
                self._write("line", "email", "reason")

    def end(self) -> bool:
        """Put the file in its place, whole; say whether there is one."""
        if self._file is None:
            return False
        with self._telling():
            self._file.close()
            self._draft.replace(self._path)
        self._file = None
        return True

    def drop(self) -> None:
        """Leave nothing of a file that was not ended."""
        if self._file:
            self._file.close()
            self._draft.unlink(missing_ok=True)

    def _write(self, *cells: str) -> None:
        writer = csv.writer(self._file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")  # type: ignore[arg-type]
        writer.writerow([guard_cell(cell.replace("\0", "\\0")) for cell in cells])

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BroadsheetError(f"{self._path}: the report of refused rows cannot be written ({error.strerror or error}); "
                                  "name another place with --report FILE") from error


@contextmanager
def write_refused(path: Path, *, always: bool) -> Iterator[RefusedSheet]:
    """Yield a sheet that stands at `path` once all went well; if nobody was refused only if `always`."""
    sheet = RefusedSheet(path)
    try:
        yield sheet
        if always:
            sheet.begin()
        sheet.end()
    finally:
        sheet.drop()
