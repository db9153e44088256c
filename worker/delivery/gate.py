"""An issue and its proof in, every finding that stands between it and its readers out: the press's, and what sending adds."""

from collections.abc import Iterable, Iterator, Mapping

from django.conf import settings
from django.utils import timezone

from worker import editorial
from worker.delivery.domains import mend_of
from worker.delivery.headcount import count_for, read_headcount
from worker.delivery.inquiries import RECORDS, is_real_sender
from worker.issues.evidence import Articles
from worker.issues.find import find_issue
from worker.press import approve as approval
from worker.press.preflight import Finding, check_proof
from worker.press.preflight.finding import Fault, judge
from worker.press.preflight.links import OLDEST, hash_about
from worker.press.proof import Proof
from worker.press.render import read_proof
from worker.storage.models import Delivery, Edition, Editor, Inquiry, Issue, Placement, Signature, Subject, Verdict

CHANGE = 0.2  # of the last issue's readers: more come or gone since than that is looked at before it is sent
_WAIT = "Let it be checked now, or wait: the service asks by itself."


def check_issue(issue: Issue, proof: Proof, *, placements: Iterable[Placement] | None = None,
                articles: Mapping[int, Articles] | None = None) -> list[Finding]:
    """Return every finding. Only the database is asked; `placements` and `articles` may have been read by the caller."""
    return [*check_proof(issue, proof, placements=placements, articles=articles), *_check_way_out(), *_check_domains(issue),
            *_check_audience(issue)]


def read_gate(issue: Issue, *, placements: Iterable[Placement] | None = None,
              articles: Mapping[int, Articles] | None = None) -> tuple[Proof, list[Finding]]:
    """Return the edition's bytes and findings if the issue was approved, else the draft's as they are now."""
    return read_proof(issue, lambda one, proof: check_issue(one, proof, placements=placements, articles=articles))


def let_go(issue_id: int, *, editor: Editor, proof_sha256: str) -> Edition | Signature:
    """Take an approver's word (`press.approve.let_go`), with the whole gate in the way and the readers counted afresh."""
    return approval.let_go(issue_id, editor=editor, proof_sha256=proof_sha256, headcount=count_for(find_issue(issue_id)),
                           check=check_issue)


def _check_way_out() -> Iterator[Finding]:
    """What RFC 8058 and the mailbox providers ask, as it was last tried (`delivery.wayout`)."""
    here, site = (_read(subject, settings.BASE_URL) for subject in (Subject.WAY_OUT, Subject.SITE))
    logs = "Nobody could leave: see the log of the web and of the worker, and mend it before anything is sent."
    yield from _say("way out", here, logs)
    yield from _say("way out from outside", site, f"Mail providers must reach {settings.BASE_URL}: open it from another network, "
                    "and mend BASE_URL or the proxy before it.", blocking=is_real_sender())
    if is_real_sender() and not settings.BASE_URL.startswith("https://"):
        fault = Fault(f"BASE_URL is {settings.BASE_URL}, and one-click unsubscribing needs https (RFC 8058)",
                      "Give BASE_URL an address that begins with https://.")
        yield from judge("way out by https", [fault], "")


def _check_domains(issue: Issue) -> Iterator[Finding]:
    """SPF, DKIM and DMARC of the domain that the issue comes from; a mail that stays in a folder needs none."""
    if not is_real_sender():
        return
    domain = editorial.load().newsletter(issue.newsletter).from_email.rpartition("@")[2].lower()
    for subject in RECORDS:
        mend = mend_of(subject, domain)
        yield from _say(f"{subject.upper()} {domain}", _read(subject, domain), f"{mend[0].upper()}{mend[1:]}.", blocking=False)


def _check_audience(issue: Issue) -> Iterator[Finding]:
    """A list that shrank or grew by a fifth since the last issue was imported twice, or lost; a person looks first."""
    now = read_headcount(issue.newsletter, digest=issue.digest).readers
    before = Issue.objects.filter(newsletter=issue.newsletter, digest=issue.digest, started_at__isnull=False).exclude(pk=issue.pk)
    last = before.order_by("-started_at").first()
    then = Delivery.objects.filter(issue=last).count() if last else 0
    look = "Look at the readers' list before you approve."
    faults = []
    if not now:
        faults = [Fault("nobody would get it: no reader has confirmed this newsletter", look)]
    elif last and then and abs(now - then) > CHANGE * then:
        way = "more" if now > then else "fewer"
        faults = [Fault(f"{now:,} readers would get it, {abs(now - then):,} {way} than the issue of {last.slug} had ({then:,})",
                        look)]
    since = f", {then:,} had the issue of {last.slug}" if last and then else ""
    yield from judge("audience", faults, f"{now:,} reader{'s' * (now != 1)}{since}", blocking=False)


def _read(subject: Subject, about: str) -> Inquiry | None:
    """Return the last answer, None if there is none that is fresh enough to count."""
    row = Inquiry.objects.filter(subject=subject, key=hash_about(about)).first()
    fresh = timezone.now() - OLDEST
    return row if row and row.asked_at and row.asked_at >= fresh else None


def _say(check: str, row: Inquiry | None, mend: str, *, blocking: bool = True) -> Iterator[Finding]:
    """Only what is certainly wrong blocks; what nobody could ask, or has asked, is minded."""
    if row is None:
        yield from judge(check, [Fault("not tried yet", _WAIT)], "", blocking=False)
    elif row.verdict == Verdict.GOOD:
        yield from judge(check, [], row.words)
    else:
        yield from judge(check, [Fault(row.words, mend)], "", blocking=blocking and row.verdict == Verdict.BAD)
