"""A text in, a spreadsheet cell that can start no formula out; and back.

OWASP, "CSV injection": a cell that begins with = + - @, a tab or a line end is run as a formula by spreadsheet programs;
so is one that begins with the full-width forms of these signs in some languages' editions.
"""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BEFORE = "' \xa0\u3000"  # what a program may pass over before it looks for a formula; our own apostrophe is among it


def guard_cell(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula: with an apostrophe before it where it might."""
    return f"'{text}" if text.lstrip(_BEFORE).startswith(FORMULA) else text


def strip_guard(cell: str) -> str:
    """Return the text that `guard_cell` made this cell of."""
    return cell[1:] if cell.startswith("'") and cell.lstrip(_BEFORE).startswith(FORMULA) else cell
