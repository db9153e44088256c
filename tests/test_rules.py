"""docs/rules.md, the table of laws and senders' rules, held to the code and the tests it names."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
RULES = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
HEAD = "| rule | what it asks | code | test |"
ROWS = [line for line in RULES.splitlines() if line.startswith("| ") and line != HEAD]
# Every law and rule the table must speak of; a row that is lost fails here.
SPOKEN_OF = (
    "4(11)", "5(1)(c)", "5(1)(e)", "7(1)", "7(2)", "7(3)", "7(4)", "15", "17", "20", "21(2)", "25", "30", "32", "ePrivacy 13(1)",
    "PECR reg. 22", "CNIL", "(a)(1)", "(a)(2)", "(a)(3)", "(a)(4)", "(a)(5)", "s. 6(1)", "s. 11(2)", "s. 11(3)", "RFC 8058",
    "RFC 2369", "RFC 2919", "RFC 3834", "Gmail", "Yahoo", "Microsoft")


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_every_row_names_a_rule_its_code_and_its_test() -> None:
    assert len(ROWS) > 40
    for row in ROWS:
        cells = _cells(row)
        assert len(cells) == 4, row
        assert re.findall(r"`(?:worker|templates|docs)/[\w/.-]+`", cells[2]), row
        assert re.findall(r"`tests/[\w/]+\.py::test_\w+`", cells[3]), row


def test_every_file_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:worker|templates|docs|tests)/[\w/.-]+?)(?:::\w+)?`", RULES))
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_every_test_it_names_is_there() -> None:
    missing = set()
    for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", RULES):
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}  # what pytest collects of a file
        if name not in functions or not name.startswith("test_"):
            missing.add(f"{file}::{name}")
    assert missing == set()


def test_no_rule_is_left_out() -> None:
    spoken = " ".join(_cells(row)[0] for row in ROWS)
    assert [rule for rule in SPOKEN_OF if rule not in spoken] == []
