"""Drafts in, what the gate has to know of the world asked and written down out: links, DNS records, the way out.

None of it is asked while an editor waits for a page: a worker asks, on the timetable and when it is woken, and keeps the
answers for hours. Two workers never ask the same thing at once, and one that is killed holds it up for minutes only.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from worker import editorial
from worker.delivery.domains import ask_record
from worker.delivery.wayout import ask_own, try_here, try_outside
from worker.errors import BroadsheetError
from worker.feeds.asking import Answer, ask_links
from worker.issues.timetable import deadline
from worker.press.preflight.links import hash_about, list_outward
from worker.storage.models import Inquiry, Issue, IssueState, Subject, Verdict

SECONDS = 45.0  # how long one run begins to ask
MOST_A_RUN = 200
LEASE = timedelta(minutes=4)  # more than a task may take
AGAIN = {Verdict.GOOD: timedelta(hours=6), Verdict.UNSURE: timedelta(hours=1), Verdict.BAD: timedelta(minutes=30)}
BEFORE_DEADLINE = timedelta(hours=1)  # from then on no older answer is good enough
SHORTEST = timedelta(minutes=1)  # between two askings of one thing, however often the button is pressed
KEPT = timedelta(days=30)
RECORDS = (Subject.SPF, Subject.DKIM, Subject.DMARC)
Wanted = tuple[Subject, str]


def ask_due(issue_id: int | None = None, *, now: datetime | None = None, seconds: float = SECONDS) -> int:
    """Ask what the drafts (or the one draft) need and nobody has asked lately; return how many answers there are. A step."""
    moment = now or timezone.now()
    drafts = Issue.objects.filter(state=IssueState.DRAFT)
    wanted: dict[Wanted, bool] = {}
    for issue in drafts if issue_id is None else drafts.filter(pk=issue_id):
        urgent = _is_urgent(issue, moment)
        for one in list_wanted(issue):
            wanted[one] = wanted.get(one, False) or urgent
    if not wanted:
        return 0
    _enter(wanted, moment)
    rows = _claim(wanted, moment)
    try:
        return _ask(rows, seconds)
    finally:
        Inquiry.objects.filter(pk__in=[row.pk for row in rows], asking_until=moment + LEASE).update(asking_until=None)


def ask_again(issue: Issue, *, now: datetime | None = None) -> None:
    """Let everything about this draft be asked anew by the next run, but for what was asked within the minute."""
    moment = now or timezone.now()
    wanted = list_wanted(issue)
    _enter(wanted, moment)
    rows = _find(wanted).filter(Q(asked_at=None) | Q(asked_at__lt=moment - SHORTEST))
    rows.filter(due_at__gt=moment).update(due_at=moment)


def count_waiting(issue: Issue, *, now: datetime | None = None) -> int:
    """Return how much about this draft is still to be asked."""
    return _find(list_wanted(issue)).filter(due_at__lte=now or timezone.now()).count()


def forget(*, now: datetime | None = None) -> int:
    """Delete the answers that no draft has wanted for a month; return how many."""
    return Inquiry.objects.filter(due_at__lt=(now or timezone.now()) - KEPT).delete()[0]


def list_wanted(issue: Issue) -> list[Wanted]:
    """Return what the gate asks about this draft. A mail that goes to a folder comes from nobody's domain."""
    wanted: list[Wanted] = [(Subject.LINK, link.url) for link in list_outward(issue)[:MOST_A_RUN]]
    wanted += [(Subject.WAY_OUT, settings.BASE_URL), (Subject.SITE, settings.BASE_URL)]
    if is_real_sender():
        try:
            domain = editorial.load().newsletter(issue.newsletter).from_email.rpartition("@")[2].lower()
        except BroadsheetError:  # a newsletter that was taken out of feeds.toml
            return wanted
        wanted += [(subject, domain) for subject in RECORDS]
    return wanted


def is_real_sender() -> bool:
    """Tell whether mail leaves this machine."""
    return not settings.SENDER_URL.startswith("maildir:")


def _is_urgent(issue: Issue, now: datetime) -> bool:
    try:
        return deadline(editorial.load().newsletter(issue.newsletter), issue.drafted_at) - now <= BEFORE_DEADLINE
    except BroadsheetError:
        return False


def _find(wanted: Iterable[Wanted]) -> QuerySet[Inquiry]:
    """Return the rows of these."""
    keys: dict[Subject, list[str]] = {}
    for subject, about in wanted:
        keys.setdefault(subject, []).append(hash_about(about))
    found = Q(pk=None)
    for subject, of in keys.items():
        found |= Q(subject=subject, key__in=of)
    return Inquiry.objects.filter(found)


def _enter(wanted: Iterable[Wanted], now: datetime) -> None:
    rows = [Inquiry(subject=subject, key=hash_about(about), about=about, due_at=now) for subject, about in wanted]
    Inquiry.objects.bulk_create(rows, ignore_conflicts=True)


def _claim(wanted: dict[Wanted, bool], now: datetime) -> list[Inquiry]:
    """Take what is due and nobody has, in one statement: whoever comes second finds it taken."""
    urgent = [one for one, is_urgent in wanted.items() if is_urgent]
    if urgent:
        _find(urgent).filter(asked_at__lt=now - BEFORE_DEADLINE, due_at__gt=now).update(due_at=now)
    free = Q(asking_until=None) | Q(asking_until__lt=now)
    due = list(_find(wanted).filter(free, due_at__lte=now).order_by("due_at", "pk").values_list("pk", flat=True)[:MOST_A_RUN])
    Inquiry.objects.filter(free, pk__in=due).update(asking_until=now + LEASE)
    return list(Inquiry.objects.filter(pk__in=due, asking_until=now + LEASE))


def _ask(rows: list[Inquiry], seconds: float) -> int:
    """Ask, and write each answer down as it comes."""
    done: list[Inquiry] = []

    def keep(row: Inquiry, answer: Answer) -> None:
        now = timezone.now()
        Inquiry.objects.filter(pk=row.pk).update(verdict=answer.verdict, words=answer.words[:300], asked_at=now,
                                                 due_at=now + AGAIN[answer.verdict], asking_until=None)
        done.append(row)

    by_url = {row.about: row for row in rows if row.subject == Subject.LINK}
    own = [url for url in by_url if url.startswith(f"{settings.BASE_URL}/")]
    for row in rows:
        if row.subject != Subject.LINK:
            keep(row, _ask_one(row))
    for url in own:
        keep(by_url[url], ask_own(url))
    ask_links([url for url in by_url if url not in own], seconds=seconds, on_done=lambda url, answer: keep(by_url[url], answer))
    return len(done)


def _ask_one(row: Inquiry) -> Answer:
    subject = Subject(row.subject)
    ask = {Subject.WAY_OUT: try_here, Subject.SITE: try_outside}.get(subject, partial(_ask_domain, subject, row.about))
    return ask()


def _ask_domain(subject: Subject, domain: str) -> Answer:
    record = ask_record(subject, domain)
    return Answer(record.verdict, record.words)
