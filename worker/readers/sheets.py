"""A CSV file as some program wrote it in; its rows by line number, or why a row cannot be taken, out."""

import csv
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

from worker.errors import BroadsheetError
from worker.readers.cells import strip_guard
from worker.readers.layouts import Layout, read_layout

LONGEST_LINE = 20_000  # characters; a row of an address list is far shorter
_MOST_LINES = 20  # that one quoted cell may reach over
# Beside the people who are subscribed, Mailchimp's export holds files of those who are not; their columns do not all say so.
_OTHER_FILES = ("unsubscribed_", "nonsubscribed_", "cleaned_")


class Row(NamedTuple):
    """One row: `why` is empty, or says in words why nobody can be taken from it."""

    line: int
    email: str = ""
    name: str = ""
    why: str = ""
    broken: bool = False  # it cannot be read; without this a `why` is about the person
    recoded: bool = False  # it was not UTF-8 and was read as Windows-1252
    origin: str = ""  # when they agreed, if the file says so
    network_address: str | None = None  # and from where
    newsletter: str = ""  # the one it is about, in a list of our own


class Sheet:
    """An open CSV file with a known layout."""

    def __init__(self, file: TextIO, path: Path) -> None:
        """Read the first line; raises BroadsheetError if it names no e-mail column."""
        self._lines = _number_lines(file)
        self.layout = self._read_layout(path)
        if self.layout.system == "Mailchimp" and path.name.casefold().startswith(_OTHER_FILES):
            raise BroadsheetError(f"{path}: this is Mailchimp's file of people who are not subscribed; import the one whose "
                                  "name begins with subscribed_")

    def _read_layout(self, path: Path) -> Layout:
        first = next(self._lines, (1, ""))[1]
        given = first.strip().casefold()
        delimiters: tuple[str, ...] = (",", ";", "\t", "|")
        if given.startswith("sep=") and len(given) == 5:  # a spreadsheet's note of what stands between the cells
            delimiters, first = (given[4],), next(self._lines, (2, ""))[1]
        for delimiter in delimiters:
            layout = read_layout(_split(first, delimiter), delimiter)
            if layout:
                return layout
        shown = ascii(first.strip()[:60])
        raise BroadsheetError(f"{path}:1: no column is called email (the line is {shown}); "
                              "name the columns in the first line, e.g. email,name")

    def rows(self) -> Iterator[Row]:
        """Yield every row after the first line, readable or not; blank lines are passed over."""
        held: deque[tuple[int, str]] = deque()
        delimiter = self.layout.delimiter
        while True:
            number, text = held.popleft() if held else next(self._lines, (0, ""))
            if not number:
                return
            if text.isspace():
                continue
            if len(text) > LONGEST_LINE:
                yield Row(number, why=f"it is longer than {LONGEST_LINE} characters", broken=True)
                continue
            if '"' not in text:  # what csv would do, in a fifth of the time
                yield self._read(number, text.rstrip("\n").split(delimiter))
                continue
            if text.count('"') % 2:
                self._hold_more(text, held)
                whole = text + "".join(more for _, more in held)
                joined = _split(whole, delimiter) if not whole.count('"') % 2 else []
                if held and len(joined) == self.layout.width:
                    held.clear()
                    yield self._read(number, joined)
                    continue
            yield self._read(number, _split(text, delimiter))

    def batches(self, size: int) -> Iterator[list[Row]]:
        """Yield the rows in lists of up to `size`."""
        rows = self.rows()
        while batch := list(islice(rows, size)):
            yield batch

    def _hold_more(self, text: str, held: deque[tuple[int, str]]) -> None:
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

    def _read(self, number: int, cells: list[str]) -> Row:
        layout = self.layout
        if len(cells) != layout.width:
            return Row(number, cells[layout.email] if layout.email < len(cells) else "", broken=True,
                       why=f"it has {len(cells)} columns where the first line has {layout.width}")
        email = cells[layout.email]
        name = cells[layout.name] if layout.name is not None else ""
        if not name and layout.parts:
            name = " ".join(cells[part] for part in layout.parts)
        recoded = False
        if not (email.isascii() and name.isascii()):
            try:
                recoded = not (_is_text(email) and _is_text(name))
                email, name = _recode(email), _recode(name)
            except UnicodeDecodeError:
                return Row(number, email, why="it is neither UTF-8 nor Windows-1252 text", broken=True)
        if "\0" in email or "\0" in name:
            return Row(number, email, why="it holds a NUL byte", broken=True)
        if email[:1] == "'" or name[:1] == "'":
            email, name = strip_guard(email), strip_guard(name)
        why = layout.refusal(cells) if layout.signs else ""
        origin, address = layout.origin(cells) if layout.moments else ("", None)
        newsletter = cells[layout.newsletter] if layout.newsletter is not None else ""
        return Row(number, email, name, why, False, recoded, origin, address, newsletter)


@contextmanager
def open_sheet(path: Path) -> Iterator[Sheet]:
    """Open a CSV file; raises BroadsheetError if it is not there, is empty, or its first line names no e-mail column.

    Understood: a byte-order mark, UTF-8 and UTF-16, any line ends, and commas, semicolons, tabs or bars between the cells.
    """
    try:
        with path.open("rb") as raw:
            encoding = _guess_encoding(raw.read(8))
        # Bytes that are not UTF-8 are carried through as they are, so that one bad row does not spoil the others.
        errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
        with path.open(encoding=encoding, errors=errors) as file:
            yield Sheet(file, path)
    except OSError as error:
        raise BroadsheetError(f"{path}: {error.strerror or error}; give the CSV file to read") from error


def _guess_encoding(start: bytes) -> str:
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if len(start) == 8:  # a spreadsheet's UTF-16 without its mark: the header is ASCII, so that every other byte is NUL
        if not any(start[1::2]) and all(start[::2]):
            return "utf-16-le"
        if not any(start[::2]) and all(start[1::2]):
            return "utf-16-be"
    return "utf-8-sig"


def _number_lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """Yield (line from 1, text); of an overlong line only its beginning, which is longer than LONGEST_LINE."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        yield number, line
        while line and not line.endswith("\n"):
            line = file.readline(LONGEST_LINE + 1)


def _split(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


def _is_text(text: str) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for letter in text)


def _recode(text: str) -> str:
    if _is_text(text):
        return text
    return text.encode("utf-8", "surrogateescape").decode("cp1252")
