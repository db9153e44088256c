"""feeds.toml changed from the desk: comments and order stay, nothing else changes, and never half a file."""

import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

from worker import editorial, feeds_file
from worker.errors import BroadsheetError, ConfigurationError, ConflictError, NotFoundError

TEXT = """\
# Kept by hand: read me first.
[publisher]
name = "Example Press"   # the name

[newsletters.daily]
title = "Daily"
description = "News."
days = ["mon", "tue"] # not on weekends
draft_at = "06:00"
send_by = "10:00"   # London time
timezone = "Europe/London"
from_name = "Daily"
from_email = "daily@example.com"

# ---- laboratories ----

[[feeds]]
name = "one"
title = "One"  # the first
url = "https://one.example/feed"
newsletters = [
  "daily",
]

# ---- the press ----

[[feeds]]
name = "two"
title = "Two"
url = "https://two.example/feed"
newsletters = ["daily"]
weight = 2

# a remark at the end
"""
NEW = {"name": "three", "title": "Three “[[feeds]]” = \"x\"", "url": "https://three.example/", "newsletters": ["daily"],
       "weight": 1.0, "topic": "lab", "interval": "1h"}


@pytest.fixture
def file(editorial_file: Path, settings: Any, tmp_path: Path) -> Path:
    settings.BROADSHEET_HOME = tmp_path / "home"
    editorial_file.write_text(TEXT)
    return editorial_file


def change(what: feeds_file.Change, mark: str | None = None) -> editorial.Editorial:
    return feeds_file.change_file(what, mark=mark or feeds_file.read_file().mark)


def test_a_feed_is_added_after_the_last_one_and_a_service_that_runs_sees_it(file: Path) -> None:
    assert list(editorial.load().feeds_by_name()) == ["one", "two"]
    change(feeds_file.add_feed(NEW))
    three = editorial.load().feeds_by_name()["three"]
    assert (three.title, three.topic, three.weight) == (NEW["title"], "lab", 1.0)
    before, _, after = file.read_text().partition('\n[[feeds]]\nname = "three"')
    assert before == TEXT.removesuffix("\n# a remark at the end\n")
    assert after.endswith("\n# a remark at the end\n")
    assert "interval" not in file.read_text(), "what is as when it is left out is left out"


def test_a_file_without_a_last_line_end_gets_it(file: Path) -> None:
    file.write_text(TEXT.removesuffix("\n\n# a remark at the end\n"))
    assert list(change(feeds_file.add_feed(NEW)).feeds_by_name()) == ["one", "two", "three"]


def test_an_edit_changes_its_values_alone(file: Path) -> None:
    change(feeds_file.edit_feed("one", {"title": "First", "weight": 1.5, "topic": "press", "newsletters": ["daily"]}))
    expected = TEXT.replace('title = "One"  # the first', 'title = "First"  # the first').replace(
        '  "daily",\n]\n', '  "daily",\n]\nweight = 1.5\n')
    assert file.read_text() == expected


def test_an_edit_of_what_is_so_already_changes_nothing(file: Path) -> None:
    change(feeds_file.edit_feed("two", {"weight": 2.0, "interval": "1h"}))
    assert file.read_text() == TEXT


@pytest.mark.parametrize(("name", "gone"), [
    ("one", TEXT[TEXT.index('[[feeds]]\nname = "one"'):TEXT.index("# ---- the press")]),
    ("two", TEXT[TEXT.index('[[feeds]]\nname = "two"'):TEXT.index("# a remark")]),
])
def test_a_feed_is_taken_out_and_every_remark_stays(file: Path, name: str, gone: str) -> None:
    known = change(feeds_file.remove_feed(name))
    assert len(known.feeds) == 1
    assert file.read_text() == TEXT.replace(gone, "")


def test_a_newsletters_settings_keep_their_remarks(file: Path) -> None:
    known = change(feeds_file.edit_newsletter("daily", {"send_by": "11:30", "days": ["mon"], "top_stories": 4}))
    assert (known.newsletters["daily"].send_by, known.newsletters["daily"].top_stories) == ("11:30", 4)
    text = file.read_text()
    assert 'send_by = "11:30"   # London time\n' in text
    assert 'days = ["mon"] # not on weekends\n' in text
    assert len(text.splitlines()) == len(TEXT.splitlines()) + 1


@pytest.mark.parametrize(("wish", "error", "words"), [
    (feeds_file.add_feed({**NEW, "name": "one"}), ConfigurationError, "taken by another feed"),
    (feeds_file.add_feed({**NEW, "newsletters": ["weekly"]}), ConfigurationError, "no newsletter 'weekly'"),
    (feeds_file.add_feed({**NEW, "url": "javascript:x"}), ConfigurationError, "http://"),
    (feeds_file.edit_feed("nobody", {"title": "x"}), NotFoundError, "nobody"),
    (feeds_file.edit_newsletter("daily", {"send_by": "25:00"}), ConfigurationError, "send_by"),
])
def test_what_is_not_valid_is_refused_and_changes_nothing(
        file: Path, wish: feeds_file.Change, error: type[BroadsheetError], words: str) -> None:
    with pytest.raises(error, match=words):
        change(wish)
    assert file.read_text() == TEXT


def test_the_last_feed_stays(file: Path) -> None:
    change(feeds_file.remove_feed("one"))
    with pytest.raises(ConfigurationError):
        change(feeds_file.remove_feed("two"))


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(file: Path) -> None:
    seen = feeds_file.read_file().mark
    file.write_text(TEXT + "# by hand\n")
    with pytest.raises(ConflictError, match="changed meanwhile"):
        change(feeds_file.add_feed(NEW), seen)
    assert file.read_text().endswith("# by hand\n")


def test_of_two_at_once_one_is_told_and_no_feed_is_lost(file: Path) -> None:
    seen, told = feeds_file.read_file().mark, []

    def add(number: int) -> None:
        try:
            change(feeds_file.add_feed({**NEW, "name": f"new-{number}"}), seen)
        except ConflictError as error:
            told.append(str(error))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 5
    assert len(tomllib.loads(file.read_text())["feeds"]) == 3


def test_a_file_that_cannot_be_replaced_is_said_with_the_block_to_paste(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(16, "Device or resource busy")  # what a file mounted by itself says

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(feeds_file.UnwritableError, match="Device or resource busy") as refused:
        change(feeds_file.add_feed(NEW))
    assert tomllib.loads(refused.value.block)["feeds"][0]["name"] == "three"
    assert file.read_text() == TEXT
    assert list(file.parent.glob(".feeds.toml.*")) == []


def test_the_files_rights_stay(file: Path) -> None:
    file.chmod(0o640)
    change(feeds_file.add_feed(NEW))
    assert file.stat().st_mode & 0o777 == 0o640


def test_lists_written_in_another_way_are_left_to_a_hand(file: Path) -> None:
    head = TEXT[:TEXT.index("# ---- laboratories")]
    file.write_text('feeds = [{name = "one", title = "One", url = "https://one.example/", newsletters = ["daily"]}]\n' + head)
    before = file.read_text()
    with pytest.raises(BroadsheetError, match="by hand"):
        change(feeds_file.add_feed(NEW))
    assert file.read_text() == before
