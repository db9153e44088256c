"""Erasing by hand: what is no address is told from an address nobody has, and what is stored goes however it is written."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cli.test_bad_input import assert_one_line, run
from worker.cli.records import erase_command
from worker.errors import BroadsheetError
from worker.readers.addresses import read_address
from worker.storage.models import Reader


@pytest.mark.parametrize("words", ["two words", "two\nlines"])
def test_what_is_no_address_is_not_said_to_be_suppressed(service_environment: dict[str, str], words: str) -> None:
    done = run(service_environment, "readers", "erase", words)
    assert_one_line(done, f"{words!r}: this is not an e-mail address")
    assert "suppressed" not in done.stderr


def test_an_address_nobody_has_is_suppressed_and_not_imported_later(service_environment: dict[str, str], tmp_path: Path) -> None:
    assert_one_line(run(service_environment, "readers", "erase", "ada@example.com"), "there is no reader", "suppressed")
    file = tmp_path / "list.csv"
    file.write_text("email\nAda@example.com\n")
    done = run(service_environment, "readers", "import", str(file), "--newsletter", "daily", "--consent-source", "a paper form")
    assert "0 imported, 0 already there, 1 refused" in done.stdout


@pytest.mark.django_db
def test_a_reader_whose_stored_address_would_be_refused_today_is_erased_all_the_same() -> None:
    old = "ada@@example"
    with pytest.raises(BroadsheetError):
        read_address(old)
    Reader.objects.create(email=old, email_key=old)
    done = CliRunner().invoke(erase_command, ["ADA@@example", "--yes"], catch_exceptions=False)
    assert (done.exit_code, done.stdout) == (0, "ADA@@example is erased\n")
    assert not Reader.objects.exists()
