"""What the mail of an issue looks like to programs and people: inert, small, complete, readable, the same each time."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.issues.paper import NOW, make_story, send_out
from worker.errors import BroadsheetError
from worker.issues.corrections import record_correction
from worker.issues.draft import draft_issue
from worker.issues.wording import clean_line
from worker.press.blocks import fold_proof
from worker.press.content import IssueContent, PrintedCorrection, PrintedStory, SourceLink
from worker.press.lint import lint_html
from worker.press.preflight import SIZE_LIMIT, check_proof
from worker.press.render import PREFERENCES_MARK, UNSUBSCRIBE_MARK, render_content, render_proof, write_proof
from worker.storage.models import Editor, Issue

HOSTILE = [
    '"><script>alert(1)</script>', "</title></style><script>alert(1)</script>", "{{ x }} {% include 'y' %} {# z #}",
    "<mj-raw><b>raw</b></mj-raw>", "&lt;script&gt;alert(1)&lt;/script&gt;", "<!-- --><![CDATA[x]]> <?php x ?>",
    "--><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "</mj-text></mj-column><mj-image src='https://x.example'/>",
    "-->]]><![endif]--><script>", "&#60;script&#62; &amp;lt; &nbsp", "<a href=https://reader.invalid/unsubscribe/>x</a>",
    "\x00\x0b\x1b \ud800 \ufffe omega", "<style>*{display:none}</style>", "%3Cscript%3E", "Tom & Jerry's \"quote\" <3",
]


class Reader(HTMLParser):
    """Collects what a mail program would show, and the links it would follow."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.links, self.tags = "", [], set[str]()
        self.skipping = False
        self.feed(html)
        self.close()
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.skipping = tag == "style"
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += "" if self.skipping else data

    def handle_endtag(self, tag: str) -> None:
        self.skipping = False
        self.text += " " if tag in ("p", "h1", "h2", "title", "div") else ""


def content(text: str = "words", url: str = "https://outlet.example/") -> IssueContent:
    line = clean_line(text)
    story = PrintedStory(line, line, (SourceLink(line, url), SourceLink("Other Outlet", "")), 2)
    return IssueContent(
        subject=line, preheader=line, newsletter_title="AITrends", publisher=line, postal_address=line,
        day="Monday, 23 November 2026", edition_number=2, archive_url="http://127.0.0.1:8000/archive/aitrends/2026-11-23-2/",
        terms_url="http://127.0.0.1:8000/terms/", lead=story, tops=(story,), shorts=(story,),
        corrections=(PrintedCorrection("Friday, 20 November 2026", line),))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_text(text: str) -> None:
    proof = render_content(content(text))
    plain = render_content(content("words"))
    shown = Reader(proof.html)

    assert lint_html(proof.html) == []
    assert shown.tags == Reader(plain.html).tags
    assert shown.links == Reader(plain.html).links
    assert shown.text.count(clean_line(text)) == Reader(plain.html).text.count("words")
    assert clean_line(text) in " ".join(proof.text.split())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", proof.text + proof.html + proof.subject)
    assert "\n" not in proof.subject


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.one_of(st.sampled_from("<>&\"'{}%#/=-! \n]["), st.characters()), max_size=60))
def test_no_text_at_all_can_break_out(text: str) -> None:
    proof = render_content(content("a" + text))

    assert lint_html(proof.html) == []
    assert Reader(proof.html).tags == Reader(render_content(content("words")).html).tags
    assert proof.html.count(UNSUBSCRIBE_MARK) == proof.text.count(UNSUBSCRIBE_MARK) == 1


def test_a_link_with_an_ampersand_arrives_as_it_was() -> None:
    url = "https://outlet.example/?a=1&b=it's&lt=2&copy=3"
    proof = render_content(content(url=url))

    assert Reader(proof.html).links.count(url) == 3
    assert f"  {url}\n" in proof.text


def test_nothing_is_fetched_and_nothing_runs() -> None:
    proof = render_content(content())

    loading = r"<(script|link|img|iframe|object|form|base)\b|@import|url\(|fonts\.g|src="
    assert not re.search(loading, proof.html, re.IGNORECASE)
    assert {link.partition(":")[0] for link in Reader(proof.html).links} == {"https", "http"}


def test_the_frame_suits_phones_dark_rooms_and_screen_readers() -> None:
    html = render_content(content()).html

    assert '<html lang="en"' in html
    assert '<meta name="color-scheme" content="light dark" />' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "max-width:600px" in html
    assert "width=device-width" in html
    assert all('role="presentation"' in table for table in re.findall(r"<table[^>]*>", html))


def test_a_full_issue_with_long_titles_and_links_stays_small() -> None:
    story = PrintedStory("A long headline, " * 10, "A sentence of some length, as they are. " * 10,
                         (SourceLink("The Outlet of Record", "https://outlet.example/" + "path/" * 24),) * 6, 9)
    issue = IssueContent(
        subject="s", preheader="p", newsletter_title="AITrends", publisher="p", postal_address="a", day="d",
        edition_number=1, archive_url="https://x.example/", terms_url="https://x.example/", lead=story,
        tops=(story,) * 6, shorts=(PrintedStory(story.headline, "", story.sources[:3], 0),) * 10)

    assert len(render_content(issue).html.encode()) < SIZE_LIMIT


def test_the_plain_text_is_wrapped_and_keeps_links_whole() -> None:
    long = "https://outlet.example/" + "path/" * 40
    proof = render_content(content("a sentence that goes on and on, as sentences do, " * 6, long))
    lines = proof.text.splitlines()

    assert all(len(line) <= 72 or line.strip() == long for line in lines)
    assert f"  {long}" in lines
    assert lines[0] == "AITrends"
    assert UNSUBSCRIBE_MARK in lines
    assert PREFERENCES_MARK in lines
    assert "\n\n\n" not in proof.text
    assert not re.search(r"<\w|&\w+;", proof.text)


@pytest.mark.django_db
@pytest.mark.usefixtures("editorial_file")
class TestFromRows:
    """The same, from an issue's rows."""

    @pytest.fixture
    def issue(self) -> Issue:
        make_story("The lead & more", ["first-outlet", "second-outlet"])
        make_story("The second")
        return draft_issue("aitrends", now=NOW)

    def test_the_proof_says_it_all_and_says_the_same_twice(self, issue: Issue) -> None:
        proof = render_proof(issue)

        assert render_proof(Issue.objects.get(pk=issue.pk)) == proof
        for part in (proof.text, Reader(proof.html).text):
            words = " ".join(part.split())
            for wanted in ("The lead & more", "The second", "One sentence. Another one.", "First Outlet",
                           "Second Outlet", "Monday, 23 November 2026", "1 Example Street, London", "Example Press",
                           "because you confirmed your subscription to AITrends"):
                assert wanted in words
        assert "http://127.0.0.1:8000/archive/aitrends/2026-11-23/" in Reader(proof.html).links
        assert proof.subject == "The lead & more"

    def test_the_number_of_queries_does_not_grow_with_the_issue(self, django_assert_max_num_queries: Any) -> None:
        for number in range(14):
            make_story(f"Story {number}")
        big = draft_issue("daily", now=NOW)
        assert big.placements.count() > 10
        with django_assert_max_num_queries(12):
            check_proof(big, render_proof(big))

    def test_a_correction_is_printed_in_the_next_issue(self, issue: Issue, editor: Editor) -> None:
        record_correction(send_out(issue).pk, editor=editor, text="It was 7 <b>not</b> 70.")
        issue.refresh_from_db()
        make_story("Next", at=NOW.replace(hour=9))
        following = draft_issue("aitrends", now=NOW.replace(day=24))

        assert "Issue of Monday, 23 November 2026: It was 7 <b>not</b> 70." in Reader(render_proof(following).html).text
        assert "It was 7" in render_proof(following).text
        assert "It was 7" not in render_proof(issue).text

    def test_the_proof_is_written_as_three_files(self, issue: Issue, tmp_path: Path) -> None:
        proof = render_proof(issue)

        files = write_proof(issue, tmp_path / "a" / "b")

        assert [file.name for file in files] == ["issue.html", "issue.txt", "preflight.json"]
        shown = fold_proof(proof)
        assert files[0].read_text("utf-8") == shown.html
        assert files[1].read_text("utf-8") == shown.text
        assert "The second" in shown.text
        assert "\ue010" in proof.html  # of a topic that readers may choose
        assert not any("\ue000" <= char <= "\uf8ff" for char in shown.html + shown.text)
        report = json.loads(files[2].read_text("utf-8"))
        assert (report["sha256"], report["ready"], report["issue"]) == (proof.sha256, True, issue.pk)
        assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == sorted(file.name for file in files)

    def test_a_place_that_cannot_be_written_is_one_line(self, issue: Issue, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(BroadsheetError, match=r"the proof cannot be written to .*file"):
            write_proof(issue, tmp_path / "file")

    @pytest.mark.parametrize(("name", "source", "words"), [
        ("issue.mjml", "<mjml>\n<mj-body>\n<mj-sectoin></mj-sectoin></mj-body></mjml>",
         "templates/email/issue.mjml does not compile: unknown tag <mj-sectoin> at line 3"),
        ("issue.mjml", "<mjml><mj-body>\n<mj-section></mj-body></mjml>",
         "templates/email/issue.mjml does not compile: mismatched tag at line 2"),
        ("issue.mjml", "<p />", "templates/email/issue.mjml does not compile: unexpected token"),
        ("issue.mjml", "<mjml>\n{% if %}</mjml>", "templates/email/issue.mjml line 2: "),
        ("parts/leave.mjml", "\n\n{{ unsubscribe_url|nofilter }}",
         "templates/email/parts/leave.mjml line 3: Invalid filter"),
        ("issue.txt", "{{ issue.headlin }}", r"templates/email/issue.txt asks for \{\{ issue.headlin \}\}"),
        ("base.txt", None, "there is no template email/base.txt"),
    ])
    def test_a_broken_template_is_one_line_that_names_it(
        self, issue: Issue, settings: Any, tmp_path: Path, name: str, source: str | None, words: str
    ) -> None:
        folder = copy_templates(settings, tmp_path)
        (folder / "email" / name).unlink()
        if source is not None:
            (folder / "email" / name).write_text(source)

        with pytest.raises(BroadsheetError, match=words) as caught:
            render_proof(issue)
        assert "\n" not in str(caught.value)

    def test_a_changed_template_changes_the_proof_at_once(self, issue: Issue, settings: Any, tmp_path: Path) -> None:
        folder = copy_templates(settings, tmp_path)
        before = render_proof(issue)
        part = folder / "email" / "parts" / "leave.mjml"
        part.write_text(part.read_text().replace("Unsubscribe", "Leave"))

        assert render_proof(issue).sha256 != before.sha256


def copy_templates(settings: Any, tmp_path: Path) -> Path:
    """Point the settings at a copy of the mail templates that a test may spoil."""
    for file in (Path(settings.TEMPLATES_DIR) / "email").rglob("*"):
        if file.is_file():
            copy = tmp_path / "templates" / file.relative_to(settings.TEMPLATES_DIR)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    settings.TEMPLATES_DIR = tmp_path / "templates"
    return tmp_path / "templates"

