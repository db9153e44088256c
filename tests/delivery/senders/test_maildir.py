"""Copies as files in a maildir that mail programs can open."""

import mailbox
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from worker.delivery.message import Copy, Sheet, freeze_template, make_copy
from worker.delivery.senders import Kind, check, open_sender
from worker.errors import TransientError

TEMPLATE = freeze_template(Sheet("Hello", "<p>Größe</p>", "Größe", "News", "news@example.com", is_notice=True),
                           number=1, at=datetime(2026, 11, 23, tzinfo=UTC))


def copies(count: int) -> list[Copy]:
    return [make_copy(TEMPLATE, "delivery_id", number, f"r{number}@example.com") for number in range(count)]


def test_a_mail_program_reads_what_was_written(tmp_path: Path) -> None:
    sender = open_sender(f"maildir:{tmp_path / 'deep' / 'box'}")
    assert [outcome.kind for outcome in sender.send(copies(3))] == [Kind.ACCEPTED] * 3
    box = mailbox.Maildir(tmp_path / "deep" / "box", create=False)
    assert sorted(str(mail["To"]) for mail in box) == [f"r{n}@example.com" for n in range(3)]
    assert list((tmp_path / "deep" / "box" / "tmp").iterdir()) == []


def test_the_same_copy_never_lies_there_twice(tmp_path: Path) -> None:
    for _ in range(2):
        open_sender(f"maildir:{tmp_path}").send(copies(3))
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_mails_are_private(tmp_path: Path) -> None:
    open_sender(f"maildir:{tmp_path / 'box'}").send(copies(1))
    (file,) = (tmp_path / "box" / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "box" / "new").stat().st_mode) == 0o700


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    sender = open_sender(f"maildir:{tmp_path / 'file' / 'box'}")
    for call in (sender.check, lambda: sender.send(copies(1))):
        with pytest.raises(TransientError, match="SENDER_URL"):
            call()


def test_a_maildir_that_vanishes_leaves_the_rest_unsent(tmp_path: Path) -> None:
    sender = open_sender(f"maildir:{tmp_path}")
    some = copies(3)
    sender.send(some[:1])
    (tmp_path / "tmp").rmdir()
    with pytest.raises(TransientError):
        sender.send(some[1:])


def test_check_says_where_mail_goes(tmp_path: Path) -> None:
    assert str(tmp_path) in check(f"maildir:{tmp_path}")
