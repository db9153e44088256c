"""An issue and an allowed address in, one test mail out: what a reader would get, with links that change nothing for anybody.

It owes nobody anything: no row of the ledger is made, and a provider's reports name nothing of ours (`test_id`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.delivery.message import Copy, Sheet, make_copy
from worker.delivery.senders import Kind, Outcome, Sender, open_sender
from worker.delivery.variants import Variants
from worker.errors import BroadsheetError, ConflictError
from worker.issues.find import find_issue, lock_issue
from worker.press.approve import check_edition
from worker.press.render import render_proof
from worker.readers.addresses import Address, address_key, read_address
from worker.readers.links import unsubscribe_mailto
from worker.readers.moving import mask_address
from worker.readers.suppress import is_suppressed
from worker.storage.models import AuditEntry, Edition, Issue, IssueState

PREFIX = "[TEST] "
MOST_AN_HOUR = 20  # of one issue: enough to look at it in every mail program there is, too few to write to a list
ACTION = "test mail"
_TESTED = (IssueState.DRAFT, IssueState.APPROVED)


@dataclass(frozen=True)
class Trial:
    """A test mail that the next hop took."""

    to: str
    subject: str
    sender: str


def trial_url(link: str) -> str:
    """Return where a test mail's `unsubscribe` or `preferences` leads: a page that says what the real one would do.

    It is signed with nothing and names nobody, so that it cannot open what is a reader's own.
    """
    return f"{settings.BASE_URL}/desk/test-mail/{link}/"


def send_test(issue_id: int, typed: str, *, by: str, own: str = "", partners: bool = False, sender: Sender | None = None,
              now: datetime | None = None) -> Trial:
    """Send the issue as it stands now, or as it was approved, to one address, marked as a test; nothing in it is measured.

    `own` is the address of the editor who asks, who may always write to themselves; others must be in TEST_ADDRESSES. `partners`:
    as a reader gets it who agreed to partners' content. Raises NotFoundError, ConflictError if the issue is neither draft nor
    approved, BroadsheetError if the address may not be written to, after twenty test mails within the hour, or in the next hop's
    words; TransientError or SenderRefusedError if the next hop cannot be used.
    """
    now = now or timezone.now()
    address = read_address(typed)
    _check_allowed(address, own)
    issue = find_issue(issue_id)
    if issue.state not in _TESTED:
        raise ConflictError(f"issue {issue_id} is {issue.state}: only a draft or an approved issue is tried out")
    template = Variants(_write_sheet(issue), issue_id, now).find(partners, False, "")
    leave = trial_url("unsubscribe")
    copy = make_copy(template, "test_id", _record(issue_id, address, by, partners, now), address.email, unsubscribe_url=leave,
                     unsubscribe_mailto=unsubscribe_mailto(leave), preferences_url=trial_url("preferences"))
    return Trial(address.email, template.sheet.subject, hand_over_alone(copy, sender))


def is_allowed(address: Address, own: str = "") -> bool:
    """Say whether a test mail may go to this address."""
    names = {address.key, "@" + address.key.rpartition("@")[2]}
    return bool(names & set(settings.TEST_ADDRESSES)) or (own != "" and address.key == address_key(own))


def _check_allowed(address: Address, own: str) -> None:
    if not is_allowed(address, own):
        known = ", ".join([*([own] if own else []), *settings.TEST_ADDRESSES]) or "nobody yet"
        raise BroadsheetError(f"{address.email} may not get test mails; those who may: {known} (TEST_ADDRESSES says who)")
    if is_suppressed(address.email):
        raise BroadsheetError(f"{address.email} must not be written to: mail to it came back, or its owner asked for none")


def _write_sheet(issue: Issue) -> Sheet:
    """Return what a reader would get: the edition if there is one, else the proof of the draft as it stands."""
    edition = Edition.objects.filter(issue=issue).first()
    if edition:
        check_edition(edition)
    letter = edition or render_proof(issue)
    paper = editorial.load().newsletter(issue.newsletter)
    named = (paper.from_name, paper.from_email, paper.title)
    if edition and edition.from_email:
        named = edition.from_name, edition.from_email, edition.list_title
    return Sheet(f"{PREFIX}{letter.subject}", letter.html, letter.text, *named, list_key=issue.newsletter,
                 feedback=f"{issue.slug}:{issue.newsletter}:test:broadsheet")


def _record(issue_id: int, address: Address, by: str, partners: bool, now: datetime) -> int:
    """Write down that a test mail was asked for, before it goes, and return the entry's number, which is the mail's.

    Raises BroadsheetError if that is one too many within the hour; asked at once, they wait for one another.
    """
    with transaction.atomic():
        lock_issue(issue_id)
        entries = AuditEntry.objects.filter(subject=f"issue {issue_id}", action=ACTION, at__gt=now - timedelta(hours=1))
        times = list(entries.order_by("-at").values_list("at", flat=True)[:MOST_AN_HOUR])
        if len(times) == MOST_AN_HOUR:
            next_at = times[-1] + timedelta(hours=1)
            raise BroadsheetError(f"{MOST_AN_HOUR} test mails of issue {issue_id} were asked for within the hour; the next may go "
                                  f"at {next_at:%H:%M} UTC")
        detail = {"to": mask_address(address.email), "as": "a reader with partners' content" if partners else "a reader"}
        return AuditEntry.objects.create(at=now, actor=by[:254], action=ACTION, subject=f"issue {issue_id}", detail=detail).pk


def hand_over_alone(copy: Copy, sender: Sender | None) -> str:
    """Hand over one copy that has no row, and return the sender's name; raises BroadsheetError unless the next hop took it."""
    out = sender or open_sender()
    try:
        outcome = out.send([copy])[0]
    finally:
        if sender is None:
            out.close()
    if outcome.kind is not Kind.ACCEPTED:
        raise BroadsheetError(_explain(outcome))
    return out.name


def _explain(outcome: Outcome) -> str:
    words = {
        Kind.UNCERTAIN: "it was handed over, but the answer was lost; look whether it has come before you ask for another one",
        Kind.DEFERRED: "the next hop refused it for the moment; try again in a while",
        Kind.UNSENT: "it was not handed over; try again in a while",
        Kind.REFUSED: "the next hop refused the address or the mail",
        Kind.POLICY: "the next hop refuses us, and would refuse readers' copies too",
    }[outcome.kind]
    return f"{words} ({outcome.detail})" if outcome.detail else words
