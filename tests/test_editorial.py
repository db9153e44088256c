"""feeds.toml: what it may say, and how a mistake in it is named."""

from pathlib import Path

import pytest

from tests.conftest import EDITORIAL
from worker.editorial import load, read_editorial
from worker.errors import BroadsheetError


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "feeds.toml"
    file.write_text(text, encoding="utf-8")
    return file


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_project_s_own_file_holds_two_newsletters_and_sixty_feeds() -> None:
    paper = read_editorial(Path(__file__).parent.parent / "feeds.toml")
    assert set(paper.newsletters) == {"aitrends", "daily"}
    assert paper.newsletters["aitrends"].days == ("mon", "tue", "wed", "thu", "fri")
    assert len(paper.feeds) >= 60
    assert len({feed.url for feed in paper.feeds}) == len(paper.feeds)


MISTAKES = [
    # (what is written, instead of what, the key named, a part of what is allowed)
    ('weigth = 2', 'weight = 2', "weigth", "did you mean 'weight'"),
    ('weight = 9', 'weight = 2', "weight", "less than or equal to 3"),
    ('weight = "much"', 'weight = 2', "weight", "number"),
    ('topic = "robots"', 'topic = "lab"', "topic", "'lab', 'chips'"),
    ('url = "file:///etc/passwd"', 'url = "http://127.0.0.1:9/third.xml"', "url", "http://"),
    ('draft_at = "25:00"', 'draft_at = "05:30"', "draft_at", "pattern"),
    ('timezone = "Mars/Olympus"', 'timezone = "Europe/London"', "timezone", "Europe/London"),
    ('from_email = "nobody"', 'from_email = "daily@example.com"', "from_email", "email"),
    ('newsletters = ["weekly"]', 'newsletters = ["daily"]', "newsletters", "allowed: aitrends, daily"),
    ('name = "first-outlet"', 'name = "third-outlet"', "name", "unique"),
    ('days = ["monday"]', 'days = ["mon", "tue", "wed", "thu", "fri"]', "days", "'mon', 'tue'"),
    ('title = "two\\nlines"', 'title = "Third Outlet"', "title", "pattern"),
]


@pytest.mark.parametrize(("wrong", "right", "key", "allowed"), MISTAKES, ids=[wrong for wrong, *_ in MISTAKES])
def test_a_mistake_is_named_with_its_line_its_key_and_what_is_allowed(
    tmp_path: Path, wrong: str, right: str, key: str, allowed: str
) -> None:
    assert right in EDITORIAL
    text = EDITORIAL.replace(right, wrong, 1)
    with pytest.raises(BroadsheetError) as caught:
        read_editorial(write(tmp_path, text))
    message = str(caught.value)
    number = line_of(text, wrong) if wrong != 'name = "first-outlet"' else text.splitlines().index(wrong, 32) + 1
    assert f"feeds.toml:{number}: " in message
    assert key in message
    assert allowed in message
    assert "\n" not in message


@pytest.mark.parametrize(("text", "says"), [
    ("[publisher\n", "not valid TOML"),
    ("", "publisher: missing"),
    (EDITORIAL.replace('draft_at = "05:30"\n', "", 1), "newsletters.aitrends.draft_at: missing"),
])
def test_a_broken_file_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BroadsheetError, match=says):
        read_editorial(write(tmp_path, text))


def test_a_missing_file_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(BroadsheetError, match="FEEDS_FILE"):
        read_editorial(tmp_path / "none.toml")


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "feeds.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BroadsheetError, match="not UTF-8"):
        read_editorial(file)


def test_the_file_is_read_again_when_it_changes(editorial_file: Path) -> None:
    import os

    assert load().publisher.name == "Example Press"
    editorial_file.write_text(EDITORIAL.replace("Example Press", "Other Press"))
    os.utime(editorial_file, (1, 1))
    assert load().publisher.name == "Other Press"
