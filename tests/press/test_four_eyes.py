"""Four eyes: two different people approve the very same bytes, or the issue stays a draft."""

import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.db import connection

from tests.issues.paper import NOW, make_story
from worker import editorial
from worker.errors import BroadsheetError, ConfigurationError, ConflictError
from worker.issues import edit, history
from worker.issues.draft import draft_issue, hold_overdue
from worker.press.approve import approve_issue, let_go, withdraw_approval
from worker.press.render import render_proof
from worker.press.signatures import find_others, find_signatures
from worker.storage.models import AuditEntry, Edition, Editor, Issue, IssueState, Role, Signature

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def four_eyes(editorial_file: Path) -> None:
    editorial_file.write_text(editorial_file.read_text().replace(
        'title = "AITrends"\n', 'title = "AITrends"\nfour_eyes = true\n'))


@pytest.fixture
def issue(four_eyes: None) -> Issue:
    make_story("The lead", ["first-outlet", "second-outlet"])
    make_story("The second")
    return draft_issue("aitrends", now=NOW)


@pytest.fixture
def second(db: None) -> Editor:
    return Editor.objects.create_user("second@example.com", role=Role.ADMIN)


def sign(issue: Issue, editor: Editor, **more: Any) -> Edition | Signature:
    return let_go(issue.pk, editor=editor, proof_sha256=render_proof(Issue.objects.get(pk=issue.pk)).sha256, **more)


def state(issue: Issue) -> str:
    return Issue.objects.get(pk=issue.pk).state


def test_the_first_signs_and_the_second_approves(issue: Issue, approver: Editor, second: Editor) -> None:
    first = sign(issue, approver)
    assert isinstance(first, Signature)
    assert state(issue) == IssueState.DRAFT
    assert not Edition.objects.exists()
    assert [one.email for one in find_others([approver])] == [second.email]

    edition = sign(issue, second, headcount={"readers": 7})

    assert isinstance(edition, Edition)
    assert state(issue) == IssueState.APPROVED
    assert edition.approved_by == second
    assert [one.editor for one in find_signatures(issue, edition.sha256)] == [approver, second]
    assert list(AuditEntry.objects.filter(action__in=["sign", "approve"]).order_by("pk").values_list("actor", "action")) == [
        (approver.email, "sign"), (second.email, "approve")]
    assert AuditEntry.objects.get(action="approve").detail["readers"] == 7


def test_nobody_is_two_people(issue: Issue, approver: Editor) -> None:
    assert sign(issue, approver) == sign(issue, approver)
    assert state(issue) == IssueState.DRAFT
    assert AuditEntry.objects.filter(action="sign").count() == 1
    with pytest.raises(BroadsheetError, match="two people"):
        approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(issue).sha256)
    assert state(issue) == IssueState.DRAFT


def test_one_changed_byte_voids_the_first_signature(issue: Issue, approver: Editor, second: Editor) -> None:
    sign(issue, approver)
    edit.retitle(issue.pk, editor=approver, revision=1, subject="The leads", preheader="")

    assert isinstance(sign(issue, second), Signature), "the second is the first now"
    assert state(issue) == IssueState.DRAFT
    assert isinstance(sign(issue, approver), Edition)


def test_a_signature_of_other_bytes_does_not_count_when_they_are_given(issue: Issue, approver: Editor, second: Editor) -> None:
    old = render_proof(issue).sha256
    sign(issue, approver)
    edit.retitle(issue.pk, editor=approver, revision=1, subject="The leads", preheader="")
    with pytest.raises(ConflictError, match="is not what you read any more"):
        let_go(issue.pk, editor=second, proof_sha256=old)
    assert state(issue) == IssueState.DRAFT


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": Role.EDITOR}])
def test_who_may_not_approve_any_more_has_not_signed(
    issue: Issue, approver: Editor, second: Editor, change: dict[str, Any]
) -> None:
    sign(issue, approver)
    Editor.objects.filter(pk=approver.pk).update(**change)
    assert isinstance(sign(issue, second), Signature)
    assert state(issue) == IssueState.DRAFT


def test_a_signature_is_taken_back(issue: Issue, approver: Editor, second: Editor) -> None:
    sign(issue, approver)
    withdraw_approval(issue.pk, editor=approver)
    assert not Signature.objects.exists()
    assert isinstance(sign(issue, second), Signature)


def test_a_withdrawn_approval_needs_two_again(issue: Issue, approver: Editor, second: Editor) -> None:
    sign(issue, approver)
    sign(issue, second)
    withdraw_approval(issue.pk, editor=second)
    assert isinstance(sign(issue, second), Signature)
    assert state(issue) == IssueState.DRAFT


def test_an_editor_signs_nothing_and_a_blocked_issue_is_not_signed(issue: Issue, editor: Editor, approver: Editor) -> None:
    with pytest.raises(BroadsheetError, match="may not approve"):
        sign(issue, editor)
    issue.placements.update(dropped=True)
    with pytest.raises(BroadsheetError, match="may not go out"):
        sign(issue, approver)
    assert not Signature.objects.exists()


def test_one_signature_does_not_keep_the_deadline_off_and_counts_when_the_same_is_opened_again(
        issue: Issue, approver: Editor, second: Editor) -> None:
    sign(issue, approver)
    assert hold_overdue(now=NOW + timedelta(hours=4)) == [issue.pk]
    with pytest.raises(ConflictError, match="only a draft can"):
        sign(issue, second)
    edit.reopen(issue.pk, editor=approver, revision=2)
    assert isinstance(sign(issue, second), Edition)


def test_an_undo_back_to_what_was_signed_is_signed_and_nothing_else_is(issue: Issue, approver: Editor, second: Editor) -> None:
    sign(issue, approver)
    placement = issue.placements.all()[1]
    edit.drop(issue.pk, editor=approver, revision=1, placement_id=placement.pk)
    history.undo(issue.pk, editor=approver, revision=2)
    history.redo(issue.pk, editor=approver, revision=3)
    assert isinstance(sign(issue, second), Signature), "they are the first to let this go"
    history.undo(issue.pk, editor=approver, revision=4)
    with pytest.raises(BroadsheetError, match="nobody but"):
        approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(issue).sha256)
    assert isinstance(sign(issue, second), Edition)


def test_one_pair_of_eyes_is_enough_elsewhere(editorial_file: Path, issue: Issue, approver: Editor) -> None:
    editorial_file.write_text(editorial_file.read_text().replace("four_eyes = true", "four_eyes = false"))
    assert isinstance(sign(issue, approver), Edition)
    assert not Signature.objects.exists()


def test_feeds_toml_is_told_what_four_eyes_may_be(editorial_file: Path) -> None:
    editorial_file.write_text(editorial_file.read_text().replace("four_eyes = true", 'four_eyes = "yes"'))
    with pytest.raises(ConfigurationError, match=r"feeds.toml:\d+: newsletters.aitrends.four_eyes"):
        editorial.read_editorial(editorial_file)


def test_the_terminal_says_who_signed_and_who_is_wanted(issue: Issue, approver: Editor, second: Editor) -> None:
    from worker.cli.desk import approve_command

    def run(*words: str) -> str:
        done = CliRunner().invoke(approve_command, [str(issue.pk), *words], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    told = " ".join(run("--by", approver.email).split())
    assert f"signed by {approver.email}" in told
    assert f"from {second.email}" in told
    assert json.loads(run("--by", approver.email, "--json"))["wanted_from"] == [second.email]
    assert f"approved by {second.email}" in run("--by", second.email)
    assert state(issue) == IssueState.APPROVED


@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_once_are_a_first_and_a_second(issue: Issue, approver: Editor, second: Editor) -> None:
    sha256 = render_proof(issue).sha256
    done: list[Any] = []

    def press(editor: Editor) -> None:
        try:
            done.append(let_go(issue.pk, editor=editor, proof_sha256=sha256))
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(one,)) for one in (approver, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(one).__name__ for one in done) == ["Edition", "Signature"]
    assert state(issue) == IssueState.APPROVED
