"""Terms: published once, never changed, rendered inert."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.readers.subscribe import sign_up
from worker.readers.terms import (
    box_wordings,
    current_terms,
    find_terms,
    find_wordings,
    publish_terms,
    read_shown,
    render_wording,
    seal_shown,
)
from worker.storage.models import Terms

pytestmark = pytest.mark.django_db
FRONT = '---\nversion: "{version}"\neffective: {effective}\nmaterial: {material}\ntitle: Terms\n---\n'


@pytest.fixture
def write(tmp_path: Path, editorial_file: Path) -> Callable[..., Path]:
    """Return a function that writes a file of terms and returns its folder."""
    folder = tmp_path / "terms"
    folder.mkdir()

    def write_file(text: str = "We are {publisher}, {postal_address}. Partners: {partners}.\n", *, version: str = "1.0",
                   effective: str = "2026-01-01", material: str = "true", kind: str = "newsletter") -> Path:
        front = FRONT.format(version=version, effective=effective, material=material)
        (folder / f"{kind}-{version}.md").write_text(front + text)
        return folder

    return write_file


def test_publishing_twice_changes_nothing(editorial_file: Path) -> None:
    first = publish_terms()
    assert {row.kind for row in first} == {"newsletter", "privacy", "partners", "tracking"}
    assert publish_terms() == []
    assert Terms.objects.count() == len(first)
    assert "{" not in "".join(row.wording for row in first)


def test_the_publisher_is_filled_in(write: Callable[..., Path], settings: Any) -> None:
    settings.POSTAL_ADDRESS = "1 Example Street,\nLondon"
    publish_terms(write())
    assert current_terms().wording == ("We are Example Press, 1 Example Street, London. "
                                       "Partners: our affiliate partners: Harbour Conferences.\n")


def agree() -> None:
    """Somebody signs up under the terms in force."""
    sign_up("reader@example.com", ["aitrends"])


def test_a_wording_nobody_agreed_to_may_still_be_mended(write: Callable[..., Path]) -> None:
    publish_terms(write("Frist.\n"))
    seal = seal_shown({"newsletter": current_terms()})
    publish_terms(write("First.\n"))
    assert current_terms().wording == "First.\n"
    shown = read_shown(seal)
    assert shown
    assert find_wordings(shown.named) is None, "a form opened before shows a wording that is there no more"


def test_a_changed_wording_needs_a_new_version(write: Callable[..., Path]) -> None:
    publish_terms(write())
    agree()
    before = current_terms()
    with pytest.raises(ConflictError, match="version"):
        publish_terms(write("Now you owe us money.\n"))
    assert (current_terms().pk, current_terms().sha256) == (before.pk, before.sha256)
    write()
    publish_terms(write("Now you owe us money.\n", version="1.1", effective="2026-02-01"))
    assert current_terms().version == "1.1"
    assert find_terms("1.0").wording == before.wording


def test_partners_that_change_need_a_new_version_too(write: Callable[..., Path], editorial_file: Path) -> None:
    folder = write()
    publish_terms(folder)
    agree()
    editorial_file.write_text(editorial_file.read_text().replace("Harbour Conferences", "Somebody Else"))
    with pytest.raises(ConflictError):
        publish_terms(folder)


def test_a_wording_that_names_one_more_partner_ends_the_older_consents(write: Callable[..., Path], editorial_file: Path) -> None:
    publish_terms(write("Partners: Harbour Conferences.\n", kind="partners"))
    editorial_file.write_text(editorial_file.read_text().replace('["Harbour Conferences"]', '["Harbour Conferences", "NewCo"]'))
    with pytest.raises(ConflictError, match=r"names NewCo, which version 1\.0 did not.*set `material: true`"):
        publish_terms(write("More partners: {partners}.\n", kind="partners", version="1.1", material="false"))
    publish_terms(write("More partners: {partners}.\n", kind="partners", version="1.1"))
    assert current_terms("partners").version == "1.1"


def test_a_version_counts_from_its_day(write: Callable[..., Path]) -> None:
    write()
    publish_terms(write("Later.\n", version="2.0", effective="2026-06-01"))
    assert current_terms(today=date(2026, 5, 31)).version == "1.0"
    assert current_terms(today=date(2026, 6, 1)).version == "2.0"


def test_without_terms_the_message_says_what_to_run(db: None) -> None:
    with pytest.raises(BroadsheetError, match="broadsheet terms publish"):
        current_terms()
    with pytest.raises(NotFoundError):
        find_terms("9.9")


@pytest.mark.parametrize(("text", "says"), [
    ("no front matter\n", "begin with a block"),
    ("---\nversion: 1\n", "begin with a block"),
    (FRONT.format(version="1.0", effective="2026-01-01", material="true"), "begin with a block"),
    (FRONT.format(version="1.0", effective="soon", material="true") + "Text\n", "effective"),
    (FRONT.format(version="1.0", effective="2026-01-01", material="yes") + "Text\n", "material"),
    (FRONT.format(version="../../x", effective="2026-01-01", material="true") + "Text\n", "version"),
    (FRONT.format(version="1.0", effective="2026-01-01", material="true") + "Text {secret}\n", "secret"),
    ("---\nversion: 1\nauthor: me\n---\nText\n", "author"),
    ("---\nversion: 1\n---\nText\n", "missing"),
    ("\ufeff---\r\nversion: 1\r\neffective: 2026-01-01\r\nmaterial: false\r\ntitle: T\r\n---\r\nText\r\n", ""),
])
def test_a_broken_file_is_named_and_nothing_is_published(tmp_path: Path, editorial_file: Path, text: str,
                                                         says: str) -> None:
    folder = tmp_path / "terms"
    folder.mkdir()
    (folder / "newsletter-1.md").write_bytes(text.encode())
    if not says:
        assert publish_terms(folder)[0].wording == "Text\n"
        return
    with pytest.raises(BroadsheetError, match=says) as refused:
        publish_terms(folder)
    assert "newsletter-1.md" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not Terms.objects.exists()


def test_an_unknown_kind_and_an_empty_folder_are_named(tmp_path: Path, write: Callable[..., Path]) -> None:
    with pytest.raises(BroadsheetError, match="newsletter, privacy"):
        publish_terms(write(kind="cookies"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BroadsheetError, match="no terms"):
        publish_terms(tmp_path / "empty")


@pytest.mark.parametrize("hostile", [
    "<script>alert(1)</script>", "[x](javascript:alert(1))", '<a href="https://e.example" onclick="x()">y</a>',
    "<img src=x onerror=alert(1)>", "<iframe src=https://e.example></iframe>", "<style>body{display:none}</style>"])
def test_a_wording_is_rendered_inert(hostile: str) -> None:
    html = render_wording(f"# Terms\n\n{hostile}\n").lower()
    assert "<h1>terms</h1>" in html
    for danger in ("<script", "javascript:", "onclick", "onerror", "<img", "<iframe", "<style", "alert(1)</"):
        assert danger not in html


def test_what_a_form_showed_can_be_read_back_and_not_made_up(terms: Terms) -> None:
    wordings = box_wordings()
    assert set(wordings) == {"newsletter", "partners", "tracking"}
    seal = seal_shown(wordings)
    shown = read_shown(seal)
    assert shown
    assert find_wordings(shown.named) == wordings
    assert 0 <= shown.age < 100
    for bad in ("", "x", seal[:-1], seal + "x", seal.swapcase(), "x" * 5000):
        assert read_shown(bad) is None
