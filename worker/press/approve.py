"""A draft and the hash of the proof an approver read in, the edition that may be sent out; or all of it taken back."""

from collections.abc import Mapping
from dataclasses import asdict

from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError, ConflictError
from worker.issues.changes import find_open_runs
from worker.issues.corrections import printed_with
from worker.issues.find import lock_issue
from worker.issues.revise import close_runs, record
from worker.press.preflight import Finding, check_proof, list_blocking
from worker.press.proof import Proof, hash_proof
from worker.press.render import Check, render_proof
from worker.press.signatures import APPROVERS, lacks_another, require_another, sign, wants_two
from worker.storage.models import Correction, Edition, Editor, Issue, IssueState, Signature


class BlockedError(BroadsheetError):
    """The gate is shut: the message names the first finding and its mend, `findings` all that block."""

    def __init__(self, message: str, findings: list[Finding]) -> None:
        super().__init__(message)
        self.findings = findings


def let_go(
    issue_id: int, *, editor: Editor, proof_sha256: str, headcount: Mapping[str, int] | None = None, check: Check = check_proof
) -> Edition | Signature:
    """Take one approver's word for the proof they read: approve the issue, or sign it if a second person's is still wanted.

    Signing twice is signing once. Raises what `approve_issue` raises, for the first of two as well.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        _check_approver(editor)
        if issue.state != IssueState.DRAFT or not lacks_another(issue, editor, proof_sha256):
            return approve_issue(issue_id, editor=editor, proof_sha256=proof_sha256, headcount=headcount, check=check)
        _read_checked(issue, proof_sha256, check)
        signature, is_new = sign(issue, editor, proof_sha256)
        if is_new:
            record(editor, "sign", issue, {"sha256": proof_sha256})
    return signature


def approve_issue(
    issue_id: int, *, editor: Editor, proof_sha256: str, headcount: Mapping[str, int] | None = None, check: Check = check_proof
) -> Edition:
    """Freeze the draft's proof into its edition and mark the issue approved; the same approval twice is one.

    The proof is rendered again while the issue is locked, and must have the hash of the one the editor read. `headcount` is whom
    it is approved for, as counted now; it is kept with the edition. `check` makes the findings: `delivery.gate` passes its own,
    which are these and more. Raises ConflictError if one byte differs or the issue is no draft, BroadsheetError if the editor may
    not approve or a second person's word is wanted first (`let_go` takes it), BlockedError if a blocking check fails; then
    nothing is written.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        _check_approver(editor)
        if issue.state == IssueState.APPROVED and issue.edition.sha256 == proof_sha256:
            return issue.edition
        if issue.state != IssueState.DRAFT:
            raise ConflictError(f"issue {issue.pk} is {issue.state}, so it cannot be approved; only a draft can")
        # Read before rendering: a correction added in between is in the proof, whose hash then differs.
        printed = list(printed_with(issue).values_list("pk", flat=True))
        proof, findings = _read_checked(issue, proof_sha256, check)
        require_another(issue, editor, proof_sha256)
        newsletter = editorial.load().newsletter(issue.newsletter)
        edition = Edition.objects.create(
            issue=issue, subject=proof.subject, html=proof.html, text=proof.text, sha256=proof.sha256,
            from_name=newsletter.from_name, from_email=newsletter.from_email, list_title=newsletter.title,
            preflight=[asdict(finding) for finding in findings], headcount=dict(headcount or {}),
            approved_by=editor, approved_at=timezone.now())
        Correction.objects.filter(pk__in=printed, issue__digest=issue.digest).update(printed_in=issue)
        _change_state(issue, IssueState.APPROVED)
        close_runs(issue, find_open_runs(issue))  # nobody writes on in it
        if wants_two(issue):
            sign(issue, editor, proof.sha256)
        record(editor, "approve", issue, {"sha256": proof.sha256, **(headcount or {})})
    return edition


def _read_checked(issue: Issue, proof_sha256: str, check: Check) -> tuple[Proof, list[Finding]]:
    """Return the locked issue's proof with its findings; raises if it is not the one that was read, or may not go out."""
    proof = render_proof(issue)
    if proof.sha256 != proof_sha256:
        raise ConflictError(f"issue {issue.pk} is not what you read any more: its text, a correction, a template "
                            "or a setting has changed since; read the proof again, then approve it")
    findings = check(issue, proof)
    _refuse_blocked(issue, findings)
    return proof, findings


def withdraw_approval(issue_id: int, *, editor: Editor) -> None:
    """Make a draft again of an approved issue not yet on its way; its edition is gone, its corrections unprinted. Of a draft that
    the first of two signed, the signature goes.

    Raises ConflictError if it is not approved, BroadsheetError if the editor may not approve.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        _check_approver(editor)
        gone, _ = Signature.objects.filter(issue=issue).delete()
        if gone and issue.state == IssueState.DRAFT:
            record(editor, "withdraw", issue, {"signatures": gone})
            return
        if issue.state != IssueState.APPROVED:
            raise ConflictError(
                f"issue {issue.pk} is {issue.state}; only an approved issue that is not on its way can be withdrawn")
        sha256 = issue.edition.sha256
        issue.edition.delete()
        Correction.objects.filter(printed_in=issue).update(printed_in=None)
        issue.drafted_at = timezone.now()  # the deadline that counts is the next one from here
        issue.send_at, issue.send_zone = None, ""
        _change_state(issue, IssueState.DRAFT)
        record(editor, "withdraw", issue, {"sha256": sha256})


def check_edition(edition: Edition) -> None:
    """Raise BroadsheetError unless the edition's bytes are those that were approved."""
    if hash_proof(edition.subject, edition.html, edition.text) != edition.sha256:
        raise BroadsheetError(f"issue {edition.issue_id}: the edition's bytes are not those that were approved, so it "
                              "is not sent; withdraw the approval and approve the issue again")


def _change_state(issue: Issue, state: IssueState) -> None:
    issue.state = state
    issue.revision += 1
    issue.save(update_fields=["state", "revision", "drafted_at", "send_at", "send_zone"])


def _check_approver(editor: Editor) -> None:
    # From the database: rights taken away since the editor signed in count at once.
    if not Editor.objects.filter(pk=editor.pk, is_active=True, role__in=APPROVERS).exists():
        raise BroadsheetError(f"{editor.email} may not approve issues; ask an approver, or make one: "
                              f"broadsheet editor add {editor.email} --approver")


def _refuse_blocked(issue: Issue, findings: list[Finding]) -> None:
    blocked = list_blocking(findings)
    if blocked:
        first, more = blocked[0], f" (and {len(blocked) - 1} more: see the preflight)" if len(blocked) > 1 else ""
        mend = f"; {first.mend[0].lower()}{first.mend[1:].rstrip('.')}" if first.mend else ""
        raise BlockedError(f"issue {issue.pk} may not go out: {first.message}{mend}{more}", blocked)
