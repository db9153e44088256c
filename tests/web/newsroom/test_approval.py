"""The decision's pane: who lets an issue go, for how many, who is still wanted, what stops it, and how it looks in the inbox."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from tests.web.newsroom.browsers import sign_in
from worker.delivery.audience import freeze_audience
from worker.storage.models import Alarm, AuditEntry, Delivery, Edition, Editor, Issue, Role, Signature

pytestmark = pytest.mark.usefixtures("readers")
HOSTILE = '"><script>alert(1)</script>{{ 7 }}'


@pytest.fixture
def four_eyes(issue: Issue, editorial_file: Path) -> None:
    editorial_file.write_text(editorial_file.read_text().replace('title = "AITrends"\n', 'title = "AITrends"\nfour_eyes = true\n'))


@pytest.fixture
def second_desk(db: None) -> Client:
    return sign_in(Editor.objects.create_user("second@example.com", "correct horse battery", role=Role.ADMIN))


@pytest.fixture
def viewers_desk(db: None) -> Client:
    return sign_in(Editor.objects.create_user("viewer@example.com", "correct horse battery", role=Role.VIEWER))


def _page(desk: Client, issue: Issue) -> str:
    return " ".join(desk.get(f"/desk/issues/{issue.pk}/").text.split())


def _act(desk: Client, issue: Issue, verb: str, **words: object) -> str:
    return desk.post(f"/desk/issues/{issue.pk}/{verb}/", words, follow=True).text


def _approve(desk: Client, issue: Issue, send: str = "later") -> str:
    sha256 = desk.get(f"/desk/issues/{issue.pk}/").context["sheet"].proof.sha256
    return _act(desk, issue, "approve", proof_sha256=sha256, send=send)


def _state(issue: Issue) -> str:
    return Issue.objects.get(pk=issue.pk).state


def test_before_the_decision_the_page_says_for_how_many_which_bytes_and_until_when(issue: Issue, desk: Client) -> None:
    page = _page(desk, issue)
    sha256 = desk.get(f"/desk/issues/{issue.pk}/").context["sheet"].proof.sha256
    assert '<dd class="to">2; 0 suppressed</dd>' in page
    assert f'title="{sha256}"' in page
    assert f"<code>{sha256[:12]}</code>" in page
    assert f'<code class="whole">{sha256}</code>' in page
    deadline = r"\w+day \d+ \w+ \d{4}, 09:00 in Europe/London \(UTC\+0\d:00\), which is 0\d:00 UTC"
    assert re.search(f"Approve by <strong>{deadline}</strong>", page)
    assert re.search(r'<span class="left">in \d+ (d|h|min)', page)


def test_an_approval_is_said_in_full_and_on_record(issue: Issue, desk: Client, approver: Editor) -> None:
    said = _approve(desk, issue)
    edition = Edition.objects.get()
    assert f"Approved. Proof {edition.sha256[:12]}, to 2; 0 suppressed." in said
    page = _page(desk, issue)
    moment = r"\w+ \d+ \w+ \d{4}, \d\d:\d\d Europe/London \(\d\d:\d\d UTC\)"
    assert re.search(rf"Approved by <strong>{approver.email}</strong>, {moment}", page)
    assert '<dd class="to">2; 0 suppressed</dd>' in page
    assert "changes nothing about them" in page
    entry = AuditEntry.objects.get(action="approve")
    assert (entry.actor, entry.detail["readers"], entry.detail["sha256"]) == (approver.email, 2, edition.sha256)


def test_the_count_of_the_approval_stays_whoever_joins_later(issue: Issue, desk: Client) -> None:
    from tests.delivery.press import add_readers

    _page(desk, issue)
    add_readers(["third@example.com"])
    assert "Approve and send to 2 readers" in _page(desk, issue), "a look may be a minute old"
    _approve(desk, issue)
    assert Edition.objects.get().headcount["readers"] == 3, "an approval is counted afresh"
    add_readers(["fourth@example.com"])
    assert '<dd class="to">3; 0 suppressed</dd>' in _page(desk, issue)


def test_two_approvers_let_it_go_one_after_the_other(issue: Issue, four_eyes: None, desk: Client, second_desk: Client) -> None:
    page = _page(desk, issue)
    assert "Two people must approve this issue" in page
    assert "Sign as the first of two" in page
    assert "Approve and send" not in page

    said = _approve(desk, issue, "now")

    assert "It is not approved yet: second@example.com must approve the same text." in said
    assert _state(issue) == "draft"
    page = _page(desk, issue)
    assert "Signed by <strong>approver@example.com</strong>" in page
    assert "now second@example.com must approve the same text" in page
    assert "Take my signature back" in page
    assert "/approve/" not in page, "nobody is asked twice"

    assert "Approve and send to 2 readers" in _page(second_desk, issue)
    _approve(second_desk, issue, "now")
    assert _state(issue) == "sending"
    page = _page(desk, issue)
    assert "Signed by <strong>approver@example.com</strong>" in page
    assert "Approved by <strong>second@example.com</strong>" in page


def test_a_changed_issue_says_whose_signature_is_void(
    issue: Issue, four_eyes: None, desk: Client, second_desk: Client, editors_desk: Client
) -> None:
    _approve(desk, issue)
    _act(editors_desk, issue, "retitle", revision=1, subject="Another subject for the day", preheader="")
    page = _page(second_desk, issue)
    assert "The signature of approver@example.com" in page
    assert "is void: the issue has changed since" in page
    assert "Sign as the first of two" in page


def test_a_signature_is_taken_back_on_the_page(issue: Issue, four_eyes: None, desk: Client, second_desk: Client) -> None:
    _approve(desk, issue)
    assert "The signature is taken back." in _act(desk, issue, "withdraw")
    assert not Signature.objects.exists()
    _approve(second_desk, issue)
    assert _state(issue) == "draft"


def test_alone_at_the_desk_four_eyes_say_what_is_missing(issue: Issue, four_eyes: None, desk: Client) -> None:
    assert "of whom there is none" in _approve(desk, issue)
    assert "ask an admin of the desk to make one" in _page(desk, issue)


def test_the_presses_stop_wherever_something_can_be_stopped(issue: Issue, desk: Client, editors_desk: Client) -> None:
    assert "Stop the presses" not in _page(desk, issue)
    _approve(desk, issue)
    page = _page(desk, issue)
    assert "Stop the presses" in page
    assert "Nobody has a copy yet: stopped now, 2 readers will not get it." in page
    assert "Stop the presses" not in _page(editors_desk, issue)
    _act(desk, issue, "send")
    freeze_audience(issue.pk)
    Delivery.objects.filter(pk=Delivery.objects.first().pk).update(state="accepted")
    page = _page(desk, issue)
    assert "1 copy is out and cannot be called back; stopped now, 1 reader will not get it." in page
    assert "Pause it instead" in page
    Issue.objects.filter(pk=issue.pk).update(state="held", note="why")
    page = _page(desk, issue)
    assert "Stop this issue for good" in page
    assert "Pause it instead" not in page
    assert "Stopped for good. 1 reader will not get it." in _act(desk, issue, "cancel", note="The lead is wrong")
    assert "The lead is wrong" in _page(desk, issue)
    assert "Stop the presses" not in _page(desk, issue)


def test_what_a_stop_would_spare_is_live(issue: Issue, desk: Client, editors_desk: Client) -> None:
    _approve(desk, issue, "now")
    freeze_audience(issue.pk)
    pane = {"headers": {"HX-Request": "true"}}
    live = desk.get(f"/desk/issues/{issue.pk}/progress/", **pane).text
    assert '<p id="stop-counts" hx-swap-oob="true"><strong>Nobody has a copy yet: stopped now, 2 readers' in live
    assert "stop-counts" not in editors_desk.get(f"/desk/issues/{issue.pk}/progress/", **pane).text
    assert "hx-swap-oob" not in desk.get(f"/desk/issues/{issue.pk}/").text


def test_who_was_told_by_mail_is_on_the_page(issue: Issue, desk: Client) -> None:
    Issue.objects.filter(pk=issue.pk).update(state="held", drafted_at=timezone.now() - timedelta(days=2))
    Alarm.objects.create(kind="late", key="a", event="a", issue=issue, to="one@example.com", state="accepted")
    Alarm.objects.create(kind="late", key="b", event="b", issue=issue, to="two@example.com", state="suppressed",
                         error="no mail there")
    page = _page(desk, issue)
    assert "one@example.com (sent)" in page
    assert "two@example.com (not sent: no mail there)" in page
    assert re.search(r"Its deadline was .*, \d d .*ago\.", page)


def test_a_viewer_reads_all_of_it_and_is_offered_nothing(issue: Issue, desk: Client, viewers_desk: Client) -> None:
    page = viewers_desk.get(f"/desk/issues/{issue.pk}/").text
    pane = page[page.index('<section id="decision"') : page.index("</main>")]
    assert "2; 0 suppressed" in pane
    assert 'method="post"' not in re.sub(r"(?s)<form[^>]*test-mail.*?</form>", "", pane)
    assert "In the inbox" in pane


def test_the_inbox_shows_the_issue_in_four_programs_light_and_dark(issue: Issue, desk: Client) -> None:
    page = _page(desk, issue)
    for program in ("Gmail, desktop", "Gmail, phone", "Outlook, desktop", "Apple Mail, phone"):
        assert page.count(f'<span class="program">{program}</span>') == 2
    assert 'class="mails light"' in page
    assert 'class="mails dark"' in page


def test_words_are_tried_out_without_being_saved(issue: Issue, editors_desk: Client, viewers_desk: Client) -> None:
    tried = editors_desk.get(f"/desk/issues/{issue.pk}/inbox/", {"subject": HOSTILE, "preheader": "Two"}).text
    assert "<script>alert" not in tried
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 }}" in tried
    assert "Save these words" in tried
    rows = editors_desk.get(f"/desk/issues/{issue.pk}/inbox/", {"subject": "One"}, headers={"HX-Request": "true"}).text
    assert "<html" not in rows
    assert "3 characters" in rows
    assert "Save these words" not in viewers_desk.get(f"/desk/issues/{issue.pk}/inbox/", {"subject": "One"}).text
    assert Issue.objects.get(pk=issue.pk).subject == issue.subject


def test_a_suggestion_is_taken_with_one_press(issue: Issue, editors_desk: Client) -> None:
    page = editors_desk.get(f"/desk/issues/{issue.pk}/")
    suggestion = page.context["approval"].inbox.suggestions[0]
    assert f'aria-label="Take this {suggestion.field}: {suggestion.text}"' in page.text
    _act(editors_desk, issue, "retitle", revision=1, subject=suggestion.subject, preheader=suggestion.preheader)
    now = Issue.objects.get(pk=issue.pk)
    assert (now.subject, now.preheader) == (suggestion.subject, suggestion.preheader)


def test_a_hostile_headline_is_inert_in_the_pane(make_story, desk: Client) -> None:
    from worker.issues.draft import draft_issue

    for headline in ("Harbour bridge opens", "Ferry fleet goes electric", "Tram line extended"):
        make_story(f"{headline} {HOSTILE}", text=f"{headline}, the council said.")
    issue = draft_issue("aitrends")
    page = desk.get(f"/desk/issues/{issue.pk}/").text
    assert "<script>alert" not in page
    assert 'aria-label="Take this' in page
