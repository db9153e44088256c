"""The gate before approval: what a worker asks for it, what blocks, what is only minded, and that a mend opens it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.delivery.press import add_readers
from tests.fakes.feed_server import FeedServer, refuse, send
from tests.issues.paper import NOW, make_story, send_out
from worker.delivery import inquiries
from worker.delivery.gate import check_issue, let_go, read_gate
from worker.errors import BroadsheetError, ConflictError
from worker.issues import links
from worker.issues.draft import draft_issue
from worker.issues.partners import list_partners
from worker.press.approve import BlockedError
from worker.press.preflight import Finding
from worker.press.preflight.links import hash_about
from worker.press.render import render_proof
from worker.storage.models import AuditEntry, Delivery, Editor, Inquiry, Issue, PartnerBlock, Reader, Subject, Verdict

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]
REASON = "The page is back on Monday, the outlet says."


@pytest.fixture
def outlets(settings: Any) -> Any:
    """Return a server on which the outlets' pages lie."""
    with FeedServer() as server:
        settings.FETCH_ALLOW_HOSTS = [server.host]
        yield server


@pytest.fixture
def issue(outlets: FeedServer) -> Issue:
    make_story("The lead", ["first-outlet", "second-outlet"], url=outlets.url + "/{feed}/{story}")
    return draft_issue("aitrends", now=NOW)


def urls_of(issue: Issue) -> list[str]:
    return [source["url"] for source in issue.placements.get().sources]


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def find_all(issue: Issue, check: str) -> list[Finding]:
    issue = Issue.objects.get(pk=issue.pk)
    return [one for one in check_issue(issue, render_proof(issue)) if one.check == check]


def find(issue: Issue, check: str) -> Finding:
    return find_all(issue, check)[0]


def answer(issue: Issue, url: str, verdict: Verdict, words: str = "is gone", ago: timedelta = timedelta(0)) -> None:
    Inquiry.objects.update_or_create(subject=Subject.LINK, key=hash_about(url), defaults={
        "about": url, "verdict": verdict, "words": words, "asked_at": timezone.now() - ago, "due_at": timezone.now()})


def approve(issue: Issue, editor: Editor) -> None:
    issue = Issue.objects.get(pk=issue.pk)
    let_go(issue.pk, editor=editor, proof_sha256=render_proof(issue).sha256)


def test_before_anything_was_asked_all_of_it_is_minded_and_nothing_blocks(issue: Issue, approver: Editor) -> None:
    found = check_issue(issue, render_proof(issue))
    assert [(one.check, one.blocking) for one in found if not one.ok] == [
        ("links asked", False), ("way out", False), ("way out from outside", False), ("audience", False)]
    assert find(issue, "links asked").message == "3 of 3 links have not been asked yet"
    approve(issue, approver)


def test_a_worker_asks_everything_and_the_findings_turn(issue: Issue, outlets: FeedServer) -> None:
    first, second = urls_of(issue)
    outlets.behaviours |= {path_of(first): send(b"x"), path_of(second): refuse(404)}

    assert inquiries.ask_due() == 5  # two outlets, the terms, the way out here and from outside

    [dead] = find_all(issue, "links answer")
    assert (dead.ok, dead.blocking, dead.about, dead.where) == (False, True, second, f"story-{issue.placements.get().pk}")
    assert "for “The lead” is gone: the server answers 404" in dead.message
    assert find(issue, "links asked").ok
    assert find(issue, "way out").ok
    assert inquiries.ask_due() == 0, "what was asked just now is not asked again"


@pytest.mark.parametrize(("verdict", "ago", "check", "blocks"), [
    (Verdict.BAD, timedelta(0), "links answer", True), (Verdict.UNSURE, timedelta(0), "links not certain", False),
    (Verdict.BAD, timedelta(hours=25), "links asked", False), (Verdict.GOOD, timedelta(0), "links asked", False)])
def test_only_what_is_certainly_gone_and_was_asked_lately_blocks(
    issue: Issue, approver: Editor, verdict: Verdict, ago: timedelta, check: str, blocks: bool
) -> None:
    answer(issue, urls_of(issue)[0], verdict, ago=ago)
    found = find(issue, check)
    assert (found.ok, found.blocking) == (False, blocks)
    if blocks:
        with pytest.raises(BlockedError, match="is gone; leave the outlet out, or let the link stand with a reason"):
            approve(issue, approver)
    else:
        approve(issue, approver)


def test_a_dead_outlet_is_left_out_and_the_gate_opens(issue: Issue, editor: Editor, approver: Editor) -> None:
    url = urls_of(issue)[1]
    answer(issue, url, Verdict.BAD)
    placement = issue.placements.get()

    links.leave_out_source(issue.pk, editor=editor, revision=1, placement_id=placement.pk, url=url)

    assert find(issue, "links answer").ok
    issue.refresh_from_db()
    proof = render_proof(issue)
    assert url not in proof.html + proof.text
    assert AuditEntry.objects.get(action="leave out source").detail["url"] == url
    assert find(issue, "evidence").ok, "its report goes on bearing out what is said"
    approve(issue, approver)


def test_the_last_outlet_of_a_story_is_not_left_out(issue: Issue, editor: Editor) -> None:
    first, second = urls_of(issue)
    given = {"editor": editor, "placement_id": issue.placements.get().pk}
    links.leave_out_source(issue.pk, revision=1, url=second, **given)
    with pytest.raises(BroadsheetError, match="the only outlet that the story names"):
        links.leave_out_source(issue.pk, revision=2, url=first, **given)
    with pytest.raises(ConflictError, match="does not name that outlet"):
        links.leave_out_source(issue.pk, revision=2, url=second, **given)
    with pytest.raises(ConflictError, match="was changed meanwhile"):
        links.leave_out_source(issue.pk, revision=1, url=first, **given)


def test_a_dead_link_is_waived_for_a_reason_that_stands_in_the_audit_log(issue: Issue, editor: Editor, approver: Editor) -> None:
    url = urls_of(issue)[0]
    answer(issue, url, Verdict.BAD)
    with pytest.raises(BroadsheetError, match="say in 10 to"):
        links.waive_link(issue.pk, editor=editor, revision=1, url=url, reason="ok")
    with pytest.raises(ConflictError, match="does not hold that link"):
        links.waive_link(issue.pk, editor=editor, revision=1, url="https://other.net/", reason=REASON)

    links.waive_link(issue.pk, editor=editor, revision=1, url=url, reason=REASON)

    assert find(issue, "links answer").ok
    entry = AuditEntry.objects.get(action="waive link")
    assert (entry.actor, entry.detail["url"], entry.detail["reason"]) == (editor.email, url, REASON)
    approve(issue, approver)


def test_a_dead_page_of_our_own_is_waived_as_its_mend_says(issue: Issue, editor: Editor, approver: Editor, settings: Any) -> None:
    own = f"{settings.BASE_URL}/terms/"
    answer(issue, own, Verdict.BAD)
    assert find(issue, "links answer").mend.endswith("let the link stand with a reason.")
    links.waive_link(issue.pk, editor=editor, revision=1, url=own, reason=REASON)
    approve(issue, approver)


def test_a_partners_dead_link_is_given_another_address(issue: Issue) -> None:
    block = PartnerBlock.objects.create(issue=issue, partner=list_partners()[0] if list_partners() else "P", headline="H", text="T",
                                        url="https://partner.net/gone")
    answer(issue, block.url, Verdict.BAD)
    [dead] = find_all(issue, "links answer")
    assert (dead.where, dead.mend) == (f"partner-{block.pk}", "Give another address, or let the link stand with a reason.")


def test_a_blocked_approval_writes_nothing_and_names_all_that_blocks(issue: Issue, approver: Editor) -> None:
    for url in urls_of(issue):
        answer(issue, url, Verdict.BAD)
    with pytest.raises(BlockedError, match=r"\(and 1 more: see the preflight\)") as caught:
        approve(issue, approver)
    assert [one.about for one in caught.value.findings] == urls_of(issue)
    issue.refresh_from_db()
    assert issue.state == "draft"


def test_what_was_approved_keeps_its_findings_with_their_mends(issue: Issue, approver: Editor) -> None:
    before = check_issue(issue, render_proof(issue))
    approve(issue, approver)
    issue.refresh_from_db()
    answer(issue, urls_of(issue)[0], Verdict.BAD)
    assert read_gate(issue)[1] == before


@pytest.mark.parametrize(("subject", "check", "sender", "blocks"), [
    (Subject.WAY_OUT, "way out", "maildir:/tmp/x", True), (Subject.SITE, "way out from outside", "maildir:/tmp/x", False),
    (Subject.SITE, "way out from outside", "smtp://relay.net:25", True)])
def test_a_closed_way_out_blocks(
    issue: Issue, settings: Any, approver: Editor, subject: Subject, check: str, sender: str, blocks: bool
) -> None:
    settings.SENDER_URL = sender
    Inquiry.objects.create(subject=subject, key=hash_about(settings.BASE_URL), about=settings.BASE_URL, verdict=Verdict.BAD,
                           words="closed", asked_at=timezone.now())
    found = find(issue, check)
    assert (found.ok, found.blocking, found.message) == (False, blocks, "closed")
    assert found.mend
    if blocks:
        with pytest.raises(BlockedError, match="closed; "):
            approve(issue, approver)
    else:
        approve(issue, approver)


def test_a_real_sender_needs_https_and_its_domains_records(issue: Issue, settings: Any) -> None:
    checks = {one.check for one in check_issue(issue, render_proof(issue))}
    assert not {"way out by https", "SPF example.com"} & checks, "a mail that stays in a folder comes from nobody's domain"
    settings.SENDER_URL = "smtp://relay.net:25"
    assert find(issue, "way out by https").blocking
    for label in ("SPF", "DKIM", "DMARC"):
        found = find(issue, f"{label} example.com")
        assert (found.ok, found.blocking, found.message) == (False, False, "not tried yet")
    Inquiry.objects.create(subject=Subject.SPF, key=hash_about("example.com"), about="example.com", verdict=Verdict.UNSURE,
                           words="could not be asked (NoNameservers)", asked_at=timezone.now())
    found = find(issue, "SPF example.com")
    assert (found.blocking, found.message) == (False, "could not be asked (NoNameservers)")


@pytest.mark.parametrize(("then", "now", "ok", "words"), [
    (0, 0, False, "nobody would get it"), (0, 3, True, "3 readers"), (10, 10, True, "10 had the issue of"), (10, 12, True, ""),
    (10, 13, False, "13 readers would get it, 3 more than the issue of"), (10, 7, False, "7 readers would get it, 3 fewer than"),
    (10, 0, False, "nobody would get it")])
def test_an_audience_that_changed_much_is_minded(issue: Issue, then: int, now: int, ok: bool, words: str) -> None:
    add_readers([f"r{number}@example.com" for number in range(now)])
    if then:
        past = send_out(Issue.objects.create(newsletter="aitrends", period="2026-11-20", window_start=NOW, window_end=NOW,
                                             subject="S"))
        Delivery.objects.bulk_create([Delivery(issue=past, reader=reader) for reader in Reader.objects.bulk_create(
            [Reader(email=f"o{number}@example.com", email_key=f"o{number}@example.com") for number in range(then)])])
    found = find(issue, "audience")
    assert (found.ok, found.blocking) == (ok, False)
    assert words in found.message


def test_two_workers_never_ask_the_same_and_a_killed_one_holds_it_up_for_minutes(issue: Issue) -> None:
    now = timezone.now()
    wanted = dict.fromkeys(inquiries.list_wanted(issue), False)
    inquiries._enter(wanted, now)
    assert len(inquiries._claim(wanted, now)) == 5
    assert inquiries._claim(wanted, now + timedelta(seconds=1)) == []
    assert len(inquiries._claim(wanted, now + timedelta(minutes=5))) == 5


def test_an_answer_is_asked_for_again_when_it_has_grown_old_or_the_deadline_comes(issue: Issue, outlets: FeedServer) -> None:
    for url in urls_of(issue):
        outlets.behaviours[path_of(url)] = send(b"x")
    Issue.objects.filter(pk=issue.pk).update(drafted_at=timezone.now())
    inquiries.ask_due()
    now = timezone.now()
    good = set(Inquiry.objects.filter(subject=Subject.LINK, verdict=Verdict.GOOD).values_list("about", flat=True))
    assert good >= set(urls_of(issue))
    later = now + inquiries.AGAIN[Verdict.GOOD] + timedelta(minutes=1)
    wanted = dict.fromkeys(inquiries.list_wanted(issue), False)
    assert {row.about for row in inquiries._claim(wanted, later)} >= good
    Inquiry.objects.update(asking_until=None)
    soon = now + inquiries.BEFORE_DEADLINE + timedelta(minutes=1)
    assert not good & {row.about for row in inquiries._claim(wanted, soon)}
    Inquiry.objects.update(asking_until=None)
    assert {row.about for row in inquiries._claim(dict.fromkeys(wanted, True), soon)} >= good


def test_the_button_asks_anew_but_not_twice_a_minute(issue: Issue) -> None:
    inquiries.ask_again(issue)
    assert inquiries.count_waiting(issue) == 5
    inquiries.ask_due(seconds=30)
    assert inquiries.count_waiting(issue) == 0
    inquiries.ask_again(issue)
    assert inquiries.count_waiting(issue) == 0
    Inquiry.objects.update(asked_at=timezone.now() - timedelta(minutes=2))
    inquiries.ask_again(issue)
    assert inquiries.count_waiting(issue) == 5


def test_nothing_is_asked_for_what_is_no_draft_and_old_answers_go(issue: Issue) -> None:
    Issue.objects.update(state="rejected")
    assert inquiries.ask_due() == 0
    answer(issue, "https://old.net/", Verdict.GOOD)
    assert inquiries.forget() == 0
    assert inquiries.forget(now=timezone.now() + timedelta(days=31)) == 1
