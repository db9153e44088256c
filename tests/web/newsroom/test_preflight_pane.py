"""The gate at the desk: what blocks stands first, each with its mend, and mending it there opens the way."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.web.newsroom.browsers import find_address, sign_in
from worker.press.preflight.links import hash_about
from worker.press.render import render_proof
from worker.storage.models import AuditEntry, Editor, Inquiry, Issue, Placement, Role, Subject, Verdict

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
REASON = "The page is back on Monday, the outlet says."
HTMX = {"HX-Request": "true"}


def answer(url: str, verdict: str = Verdict.BAD, words: str = "is gone: the server answers 404") -> Inquiry:
    return Inquiry.objects.create(subject=Subject.LINK, key=hash_about(url), about=url, verdict=verdict, words=words,
                                  asked_at=timezone.now(), due_at=timezone.now() + timezone.timedelta(hours=1))


@pytest.fixture
def dead(issue: Issue) -> str:
    """Return the address of the second outlet of the first story, which is gone."""
    url: str = issue.placements.all()[0].sources[1]["url"]
    answer(url)
    return url


def post(browser: Client, name: str, issue: Issue, **given: Any) -> Any:
    issue.refresh_from_db()
    return browser.post(find_address(name, issue), {"revision": issue.revision, **given}, headers=HTMX)


def test_what_blocks_stands_before_what_is_minded_and_what_passed(issue: Issue, editors_desk: Client, dead: str) -> None:
    page = editors_desk.get(find_address("issue", issue)).text
    heaps = [page.index(words) for words in ("Blocks approval</h3>", "To mind (", "Passed (")]
    assert heaps == sorted(heaps)
    assert "1 finding: approval is blocked" in page
    assert "Leave the outlet out, or let the link stand with a reason." in page
    assert f'<a href="#story-{issue.placements.all()[0].pk}"' in page
    assert f'href="{dead}"' in page


def test_a_dead_outlet_left_out_clears_the_finding_in_the_same_answer(issue: Issue, editors_desk: Client, dead: str) -> None:
    answered = post(editors_desk, "leave-out-source", issue, url=dead)
    assert answered.status_code == 200
    assert "Nothing blocks approval" in answered.text
    assert "(left out of the mail)" in answered.text
    assert Placement.objects.get(pk=issue.placements.all()[0].pk).sources_left_out == [dead]
    assert dead not in render_proof(Issue.objects.get(pk=issue.pk)).html


def test_without_script_one_comes_back_to_the_story(issue: Issue, editors_desk: Client, dead: str) -> None:
    answered = editors_desk.post(find_address("leave-out-source", issue), {"revision": issue.revision, "url": dead})
    assert answered.status_code == 302
    assert answered.headers["Location"].endswith(f"#story-{issue.placements.all()[0].pk}")


def test_a_waiver_clears_the_finding_and_stands_in_the_audit_log(issue: Issue, editors_desk: Client, dead: str) -> None:
    answered = post(editors_desk, "waive-link", issue, url=dead, reason=REASON)
    assert answered.status_code == 200
    assert "Nothing blocks approval" in answered.text
    assert AuditEntry.objects.get(action="waive link").detail["reason"] == REASON


def test_a_reason_that_is_too_short_comes_back_in_its_form(issue: Issue, editors_desk: Client, dead: str) -> None:
    answered = post(editors_desk, "waive-link", issue, url=dead, reason="too short")
    assert answered.status_code == 422
    assert "<details open>" in answered.text.partition("Let the link stand")[0][-60:]
    assert ">too short</textarea>" in answered.text


def test_an_older_revision_changes_nothing_and_keeps_what_was_typed(issue: Issue, editors_desk: Client, dead: str) -> None:
    Issue.objects.filter(pk=issue.pk).update(revision=7)
    answered = editors_desk.post(find_address("waive-link", issue), {"revision": 1, "url": dead, "reason": REASON}, headers=HTMX)
    assert answered.status_code == 409
    assert f">{REASON}</textarea>" in answered.text


def test_viewers_read_it_all_and_change_nothing(issue: Issue, dead: str) -> None:
    viewer = sign_in(Editor.objects.create_user("viewer@example.com", role=Role.VIEWER))
    page = viewer.get(find_address("issue", issue)).text
    assert "1 finding: approval is blocked" in page
    for words in ("Leave this outlet out", "Let the link stand</summary>", 'id="check-links"'):
        assert words not in page
    for name in ("leave-out-source", "waive-link", "check-links"):
        assert post(viewer, name, issue, url=dead, reason=REASON).status_code == 403
    assert Issue.objects.get(pk=issue.pk).links_waived == []


def test_the_button_lets_everything_be_asked_and_the_pane_looks_again(issue: Issue, editors_desk: Client) -> None:
    answered = post(editors_desk, "check-links", issue)
    assert answered.status_code == 200
    assert answered.text.lstrip().startswith('<div id="preflight" hx-get=')
    assert "Asking: " in answered.text
    assert Inquiry.objects.filter(subject=Subject.LINK).count() == 7
    assert Inquiry.objects.filter(asked_at=None).count() == 9
    plain = editors_desk.post(find_address("check-links", issue))
    assert plain.headers["Location"].endswith("#preflight")


def test_the_pane_rests_once_all_is_answered_or_its_patience_is_over(issue: Issue, editors_desk: Client) -> None:
    post(editors_desk, "check-links", issue)
    address = find_address("preflight", issue)
    now = int(timezone.now().timestamp())
    assert "hx-get" in editors_desk.get(f"{address}?since={now}").text.partition(">")[0]
    assert "hx-get" not in editors_desk.get(f"{address}?since={now - 200}").text.partition(">")[0]
    for strange in ("", "x", "-1", "9" * 40, "²"):
        assert editors_desk.get(f"{address}?since={strange}").status_code == 200
    Inquiry.objects.update(asked_at=timezone.now(), verdict=Verdict.GOOD, due_at=timezone.now() + timezone.timedelta(hours=1))
    assert "hx-get" not in editors_desk.get(f"{address}?since={now}").text.partition(">")[0]


def test_when_the_answers_shut_the_gate_the_buttons_beside_it_follow(issue: Issue, desk: Client, dead: str) -> None:
    answered = desk.get(f"{find_address('preflight', issue)}?since=0&blocked=0")
    assert answered.headers["HX-Retarget"] == "#decision"
    assert 'value="now" disabled' in answered.text
    assert "HX-Retarget" not in desk.get(f"{find_address('preflight', issue)}?since=0&blocked=1").headers


def test_an_approval_is_refused_in_the_words_of_the_first_finding_and_its_mend(issue: Issue, desk: Client, dead: str) -> None:
    proof = render_proof(issue)
    answered = desk.post(find_address("approve", issue), {"proof_sha256": proof.sha256, "send": "later"})
    assert answered.status_code in (400, 409, 422)
    assert "is gone: the server answers 404; leave the outlet out, or let the link stand with a reason." in answered.text
    assert Issue.objects.get(pk=issue.pk).state == "draft"


def test_nothing_is_asked_anew_of_what_is_no_draft(issue: Issue, editors_desk: Client) -> None:
    Issue.objects.update(state="rejected")
    answered = post(editors_desk, "check-links", issue)
    assert answered.status_code == 409
    assert "only a draft is checked anew" in answered.text
    assert Inquiry.objects.count() == 0


def test_hostile_words_stay_words(issue: Issue, editors_desk: Client) -> None:
    first = issue.placements.all()[0]
    first.headline = HOSTILE
    first.sources = [{"outlet": HOSTILE, "title": HOSTILE, "url": "https://news.net/?a=1&b=%22x"}, *first.sources]
    first.save()
    answer("https://news.net/?a=1&b=%22x", words=f"is gone {HOSTILE}")
    page = editors_desk.get(find_address("issue", issue)).text
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "is gone &lt;script&gt;" in page
    assert 'value="https://news.net/?a=1&amp;b=%22x"' in page
