"""A CSV file as some program wrote it in; its rows by line number, or why a row cannot be read, out."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from worker.errors import BroadsheetError

LONGEST_LINE = 20_000  # characters; a row of an address list is far shorter
_MOST_LINES = 20  # that one quoted cell may reach over
_EMAIL_COLUMNS = {"email", "emailaddress"}
_NAME_COLUMNS = {"name", "fullname"}


@dataclass(frozen=True)
class Row:
    """One row: `why` is empty, or says in words what is wrong with it."""

    line: int
    email: str = ""
    name: str = ""
    why: str = ""
    recoded: bool = False  # it was not UTF-8 and was read as Windows-1252


@dataclass(frozen=True)
class Layout:
    """How the file is laid out, as its first line says."""

    delimiter: str
    width: int
    email: int
    name: int | None


class Sheet:
    """An open CSV file with a known layout."""

    def __init__(self, file: TextIO, path: Path) -> None:
        """Read the first line; raises BroadsheetError if it names no e-mail column."""
        self._lines = _number_lines(file)
        self.layout = _read_layout(next(self._lines, (1, ""))[1], path)

    def rows(self) -> Iterator[Row]:
        """Yield every row after the first line, readable or not; blank lines are passed over."""
        held: list[tuple[int, str]] = []
        while True:
            number, text = held.pop(0) if held else next(self._lines, (0, ""))
            if not number:
                return
            if not text.strip():
                continue
            if len(text) > LONGEST_LINE:
                yield Row(number, why=f"it is longer than {LONGEST_LINE} characters")
                continue
            if text.count('"') % 2:
                self._hold_more(text, held)
                whole = text + "".join(more for _, more in held)
                joined = self._split(whole) if not whole.count('"') % 2 else []
                if held and len(joined) == self.layout.width:
                    held.clear()
                    yield self._read(number, joined)
                    continue
            yield self._read(number, self._split(text))

    def _hold_more(self, text: str, held: list[tuple[int, str]]) -> None:
        """Fill `held` with the lines that close a quote left open in `text`."""
        quotes = text.count('"')
        for position in range(_MOST_LINES):
            if position == len(held):
                line = next(self._lines, None)
                if line is None:
                    return
                held.append(line)
            quotes += held[position][1].count('"')
            if quotes % 2 == 0:
                return

    def _split(self, text: str) -> list[str]:
        try:
            return next(csv.reader([text], delimiter=self.layout.delimiter), [])
        except csv.Error:
            return []

    def _read(self, number: int, cells: list[str]) -> Row:
        layout = self.layout
        if len(cells) != layout.width:
            return Row(number, why=f"it has {len(cells)} columns where the first line has {layout.width}")
        if any("\0" in cell for cell in cells):
            return Row(number, why="it holds a NUL byte")
        email, name = cells[layout.email], cells[layout.name] if layout.name is not None else ""
        try:
            return Row(number, _recode(email), _recode(name), recoded=not _is_text(email + name))
        except UnicodeDecodeError:
            return Row(number, why="it is neither UTF-8 nor Windows-1252 text")


@contextmanager
def open_sheet(path: Path) -> Iterator[Sheet]:
    """Open a CSV file; raises BroadsheetError if it is not there, is empty, or its first line names no e-mail column.

    Understood: a byte-order mark, UTF-8 and UTF-16, any line ends, and commas, semicolons or tabs between the cells.
    """
    try:
        with path.open("rb") as raw:
            mark = raw.read(2)
        encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        # Bytes that are not UTF-8 are carried through as they are, so that one bad row does not spoil the others.
        errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
        with path.open(encoding=encoding, errors=errors) as file:
            yield Sheet(file, path)
    except OSError as error:
        raise BroadsheetError(f"{path}: {error.strerror or error}; give the CSV file to read") from error


def _number_lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """Yield (line from 1, text); of an overlong line only its beginning, which is longer than LONGEST_LINE."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        yield number, line
        while line and not line.endswith("\n"):
            line = file.readline(LONGEST_LINE + 1)


def _read_layout(first: str, path: Path) -> Layout:
    for delimiter in (",", ";", "\t"):
        try:
            cells = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            continue
        names = ["".join(c for c in cell.casefold() if c.isalnum()) for cell in cells]
        email = next((n for n, name in enumerate(names) if name in _EMAIL_COLUMNS), None)
        if email is not None:
            name = next((n for n, name in enumerate(names) if name in _NAME_COLUMNS), None)
            return Layout(delimiter, len(cells), email, name)
    shown = ascii(first.strip()[:60])
    raise BroadsheetError(f"{path}:1: no column is called email (the line is {shown}); "
                          "name the columns in the first line, e.g. email,name")


def _is_text(text: str) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for letter in text)


def _recode(text: str) -> str:
    if _is_text(text):
        return text
    return text.encode("utf-8", "surrogateescape").decode("cp1252")
