"""Approval: bound to the bytes that were read, by a person who may, and taken back while it can be."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from tests.issues.paper import NOW, make_story, send_out, unprinted
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.issues import edit
from worker.issues.corrections import record_correction
from worker.issues.draft import draft_issue
from worker.press.approve import approve_issue, check_edition, withdraw_approval
from worker.press.proof import hash_proof
from worker.press.render import read_proof, render_proof
from worker.storage.models import AuditEntry, Edition, Editor, Issue, IssueState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


@pytest.fixture
def issue() -> Issue:
    make_story("The lead", ["first-outlet", "second-outlet"])
    make_story("The second")
    return draft_issue("aitrends", now=NOW)


def test_an_approval_freezes_the_bytes_that_were_read(issue: Issue, approver: Editor) -> None:
    proof = render_proof(issue)

    edition = approve_issue(issue.pk, editor=approver, proof_sha256=proof.sha256)

    issue.refresh_from_db()
    assert issue.state == IssueState.APPROVED
    assert (edition.subject, edition.html, edition.text) == (proof.subject, proof.html, proof.text)
    assert edition.sha256 == proof.sha256 == hash_proof(edition.subject, edition.html, edition.text)
    assert edition.approved_by == approver
    assert (edition.from_name, edition.from_email, edition.list_title) == ("AITrends", "aitrends@example.com", "AITrends")
    assert all(found["ok"] or not found["blocking"] for found in edition.preflight)
    assert AuditEntry.objects.get(action="approve").detail["sha256"] == proof.sha256
    assert read_proof(issue)[0] == proof


def test_the_same_approval_twice_is_one(issue: Issue, approver: Editor) -> None:
    sha256 = render_proof(issue).sha256

    first = approve_issue(issue.pk, editor=approver, proof_sha256=sha256)
    second = approve_issue(issue.pk, editor=approver, proof_sha256=sha256)

    assert first == second
    assert AuditEntry.objects.filter(action="approve").count() == 1


@pytest.mark.parametrize("change", ["edit", "row", "template", "address", "correction", "publisher"])
def test_one_changed_byte_voids_the_approval(
    issue: Issue, approver: Editor, settings: Any, tmp_path: Any, editorial_file: Any, change: str
) -> None:
    if change == "correction":
        earlier = send_out(Issue.objects.create(
            newsletter="aitrends", period="2026-11-20", subject="x", window_start=NOW - timedelta(days=4),
            window_end=NOW - timedelta(days=3)))
    seen = render_proof(issue).sha256
    if change == "edit":
        edit.retitle(issue.pk, editor=approver, revision=1, subject="The lead.", preheader=issue.preheader)
    elif change == "row":
        issue.placements.filter(position=1).update(summary="One sentence. Another one!")
    elif change == "template":
        spoil_template(settings, tmp_path)
    elif change == "address":
        settings.POSTAL_ADDRESS += "."
    elif change == "correction":
        record_correction(earlier.pk, editor=approver, text="It was 7.")
    else:
        editorial_file.write_text(editorial_file.read_text().replace("Example Press", "Example Press Ltd"))

    with pytest.raises(ConflictError, match="is not what you read any more"):
        approve_issue(issue.pk, editor=approver, proof_sha256=seen)

    issue.refresh_from_db()
    assert issue.state == IssueState.DRAFT
    assert not Edition.objects.exists()
    assert not AuditEntry.objects.filter(action="approve").exists()


def spoil_template(settings: Any, tmp_path: Any) -> None:
    """Change one space of one template in a copy of them."""
    import shutil

    shutil.copytree(settings.TEMPLATES_DIR / "email", tmp_path / "templates" / "email")
    settings.TEMPLATES_DIR = tmp_path / "templates"
    foot = tmp_path / "templates" / "email" / "base.txt"
    foot.write_text(foot.read_text().replace("Published by", "Published  by"))


def test_who_may_not_approve_cannot(issue: Issue, editor: Editor, approver: Editor) -> None:
    sha256 = render_proof(issue).sha256
    with pytest.raises(BroadsheetError, match=r"editor@example\.com may not approve"):
        approve_issue(issue.pk, editor=editor, proof_sha256=sha256)

    Editor.objects.filter(pk=approver.pk).update(is_active=False)  # while the session goes on
    with pytest.raises(BroadsheetError, match="may not approve"):
        approve_issue(issue.pk, editor=approver, proof_sha256=sha256)
    assert not Edition.objects.exists()


def test_a_blocking_finding_stops_it(issue: Issue, approver: Editor, settings: Any) -> None:
    settings.POSTAL_ADDRESS, settings.SENDER_URL = "", "smtp://relay.example:25"

    with pytest.raises(BroadsheetError, match="may not go out: POSTAL_ADDRESS is empty"):
        approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(issue).sha256)

    settings.SENDER_URL = "maildir:/tmp/outbox"
    assert approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(issue).sha256)


@pytest.mark.parametrize("state", ["rejected", "sending", "sent", "cancelled", "held"])
def test_only_a_draft_is_approved(issue: Issue, approver: Editor, state: str) -> None:
    sha256 = render_proof(issue).sha256
    Issue.objects.update(state=state)

    with pytest.raises(ConflictError, match="only a draft can"):
        approve_issue(issue.pk, editor=approver, proof_sha256=sha256)
    with pytest.raises(NotFoundError, match="no issue 999999"):
        approve_issue(999999, editor=approver, proof_sha256=sha256)


def test_an_approval_can_be_withdrawn_until_the_issue_is_on_its_way(issue: Issue, approver: Editor) -> None:
    earlier = send_out(Issue.objects.create(
        newsletter="aitrends", period="2026-11-20", subject="x", window_start=NOW, window_end=NOW))
    record_correction(earlier.pk, editor=approver, text="It was 7.")
    proof = render_proof(issue)
    approve_issue(issue.pk, editor=approver, proof_sha256=proof.sha256)
    assert not unprinted("aitrends").exists()
    assert "It was 7." in Edition.objects.get().text

    withdraw_approval(issue.pk, editor=approver)

    issue.refresh_from_db()
    assert issue.state == IssueState.DRAFT
    assert not Edition.objects.exists()
    assert unprinted("aitrends").count() == 1
    assert render_proof(issue) == proof
    assert AuditEntry.objects.filter(action="withdraw").count() == 1
    with pytest.raises(ConflictError, match="only an approved issue"):
        withdraw_approval(issue.pk, editor=approver)


def test_an_edition_whose_bytes_changed_is_not_sent(issue: Issue, approver: Editor) -> None:
    edition = approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(issue).sha256)
    check_edition(edition)

    edition.html += " "

    with pytest.raises(BroadsheetError, match="bytes are not those that were approved"):
        check_edition(edition)


@pytest.mark.django_db(transaction=True)
def test_two_approvals_at_once_make_one_edition(issue: Issue, approver: Editor) -> None:
    sha256 = render_proof(issue).sha256
    start = threading.Barrier(3)
    made: list[int] = []

    def approve() -> None:
        try:
            start.wait(10)
            made.append(approve_issue(issue.pk, editor=approver, proof_sha256=sha256).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=approve) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert made == [Edition.objects.get().pk] * 3
    assert AuditEntry.objects.filter(action="approve").count() == 1
