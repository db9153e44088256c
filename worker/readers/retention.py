"""The rows whose time is over in, deleted, emptied or shortened out, in batches: nothing of people is kept longer than needed.

How long each thing is kept, and why, stands in docs/privacy.md; a test holds that register to the tables there are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import structlog
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import DatabaseError, transaction
from django.db.models import Exists, F, Max, Min, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from worker.storage.models import (
    Consent,
    ConsentAction,
    Delivery,
    DeliveryState,
    Departure,
    ImportRun,
    Issue,
    Measurement,
    Notice,
    NoticeKind,
    ProviderEvent,
    Reader,
    Removal,
    SignUp,
    Subscription,
    SubscriptionState,
    Visit,
)
from worker.storage.networks import ledger_slices, shorten_networks

log = structlog.get_logger(__name__)
BATCH = 500  # rows a transaction; SQLite's limit on parameters was once 999
SPAN = 5000  # numbers of deliveries a transaction
STUCK = timedelta(days=1)
VISITS = timedelta(hours=1)  # who has an issue on the screen is shown for seconds
_MOVING = (NoticeKind.ADDRESS, NoticeKind.MOVED)  # they hold an address that need not be the reader's any more, or yet
_OPEN = (DeliveryState.QUEUED, DeliveryState.ATTEMPTING)
Step = Callable[[], Iterator[int]]  # each batch's count, as it is committed


@dataclass(frozen=True)
class Retained:
    """How many rows each rule touched, by its name; `finished` is false if the time was over before the work was."""

    counts: Mapping[str, int]
    finished: bool


def retain(*, seconds: float = 120, now: datetime | None = None) -> Retained:
    """Let go of everything whose time is over; stop after `seconds`, the next run goes on. May run twice at once."""
    now = now or timezone.now()
    ends = monotonic() + seconds
    counts = dict.fromkeys((rules := _rules(now)), 0)
    for name, step in rules.items():
        try:
            for count in step():
                counts[name] += count
                if monotonic() > ends:
                    return Retained(counts, finished=False)
        except DatabaseError:  # the other rules hold all the same
            log.exception("what is past its time could not be let go of", rule=name)
    if stuck := SignUp.objects.filter(at__lt=now - STUCK).count():
        log.error("sign-ups wait to be decided since more than a day; is a worker running?", count=stuck)
    return Retained(counts, finished=True)


def _rules(now: datetime) -> dict[str, Step]:
    unconfirmed = now - timedelta(days=settings.KEEP_UNCONFIRMED_DAYS)
    networks = now - timedelta(days=settings.KEEP_NETWORK_DAYS)
    events = now - timedelta(days=settings.KEEP_EVENTS_DAYS)
    letters = Notice.objects.exclude(state__in=_OPEN)
    runs = ImportRun.objects.exclude(name="")
    return {
        "sign-ups never decided": lambda: _delete(SignUp.objects.filter(at__lt=unconfirmed)),
        "readers never confirmed": lambda: _delete_unconfirmed(unconfirmed, now),
        "subscriptions never confirmed": lambda: _end_pending(unconfirmed),
        "letters about a change of address": lambda: _delete(letters.filter(kind__in=_MOVING, created_at__lt=unconfirmed)),
        "network addresses shortened": lambda: (
            shorten_networks(first, last, networks) for first, last in ledger_slices()),
        "issues' traces": lambda: _let_traces_go(events),
        "words of mail systems, letters": lambda: _empty(
            letters.filter(updated_at__lt=events).exclude(error="", provider_id=""), error="", provider_id=""),
        "words of who left": lambda: _empty(Departure.objects.filter(at__lt=events).exclude(words=""), words=""),
        "names of imported files": lambda: _empty(runs.filter(started_at__lt=events), name=""),
        "sign-in attempts": lambda: _delete_attempts(events),
        "visits to drafts": lambda: _delete(Visit.objects.filter(seen_at__lt=now - VISITS)),
        "sessions": lambda: _delete(Session.objects.filter(expire_date__lt=now)),
    }


def _batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """Return the keys of `rows`, some at a time, until none is left; what is taken is expected to be `rows` no more."""
    after = rows
    while keys := list(after.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield keys
        if len(keys) < BATCH:
            return
        if isinstance(keys[-1], int):  # not over the same rows again
            after = rows.filter(pk__gt=keys[-1])


def _delete(rows: QuerySet[Any]) -> Iterator[int]:
    for keys in _batches(rows):
        _, by_model = rows.model._default_manager.filter(pk__in=keys).delete()
        yield by_model.get(rows.model._meta.label, 0)


def _empty(rows: QuerySet[Any], **values: Any) -> Iterator[int]:
    for keys in _batches(rows):
        yield rows.model._default_manager.filter(pk__in=keys).update(**values)


def _let_traces_go(cutoff: datetime) -> Iterator[int]:
    """Empty what mail systems said of the copies of issues that began to go out before `cutoff`, and delete what was measured
    of them. Issue by issue: nobody looks through years of deliveries. From the first run on nothing more is taken down of an
    issue; the next one finds what was just being taken down. While copies of a held issue are open, every run looks."""
    for issue in Issue.objects.filter(traces_swept=False, started_at__lt=cutoff).order_by("pk").iterator():
        Issue.objects.filter(pk=issue.pk).update(traces_kept=False)
        copies = Delivery.objects.filter(issue=issue)
        span = copies.aggregate(first=Min("pk"), last=Max("pk"))
        for start in range(span["first"] or 0, (span["last"] or -1) + 1, SPAN):
            some = copies.filter(pk__gte=start, pk__lt=start + SPAN)
            with transaction.atomic():
                measured, _ = Measurement.objects.filter(delivery__in=some).delete()
                said = ProviderEvent.objects.filter(delivery__in=some).exclude(detail="").update(detail="")
                answered = some.exclude(state__in=_OPEN).exclude(error="", provider_id="").update(error="", provider_id="")
            yield measured + said + answered
        if not issue.traces_kept and not copies.filter(state__in=_OPEN).exists():
            Issue.objects.filter(pk=issue.pk).update(traces_swept=True)


def _delete_attempts(cutoff: datetime) -> Iterator[int]:
    attempts: tuple[type[Model], ...] = (AccessAttempt, AccessFailureLog, AccessLog)
    for model in attempts:
        yield from _delete(model._default_manager.filter(attempt_time__lt=cutoff))


def _never_confirmed(cutoff: datetime) -> QuerySet[Reader]:
    """Readers who were asked before `cutoff` and never pressed the button, nor agreed in any other way."""
    own = Subscription.objects.filter(reader=OuterRef("pk"))
    proven = Q(confirmed_at__isnull=False) | Q(left_at__isnull=False) | Q(
        state__in=(SubscriptionState.CONFIRMED, SubscriptionState.LEFT))
    agreed = Consent.objects.filter(reader=OuterRef("pk"), action=ConsentAction.GIVEN)
    return Reader.objects.filter(~Exists(own.filter(proven)), ~Exists(own.filter(asked_at__gte=cutoff)), ~Exists(agreed),
                                 created_at__lt=cutoff)


def _delete_unconfirmed(cutoff: datetime, now: datetime) -> Iterator[int]:
    """Whoever confirms at this moment holds the reader's lock, or finds the reader gone: looked at again under it."""
    while found := list(_never_confirmed(cutoff).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            locked = list(Reader.objects.select_for_update(no_key=True, skip_locked=True).filter(pk__in=found)
                          .order_by("pk").values_list("pk", flat=True))
            still = list(_never_confirmed(cutoff).filter(pk__in=locked).values_list("pk", flat=True))
            Removal.objects.bulk_create([Removal(reader_number=pk, reason="unconfirmed", at=now) for pk in still],
                                        ignore_conflicts=True)
            Reader.objects.filter(pk__in=still).delete()
        yield len(still)
        if len(found) < BATCH or not still:
            return


def _end_pending(cutoff: datetime) -> Iterator[int]:
    """A reader's further newsletter that was never confirmed goes; one they had left before and asked for again is left again.

    The round moves on, so that no letter still lying about confirms it.
    """
    late = Subscription.objects.filter(state=SubscriptionState.PENDING, asked_at__lt=cutoff)
    for keys in _batches(late):
        with transaction.atomic():
            readers = Subscription.objects.filter(pk__in=keys).values("reader_id")
            list(Reader.objects.select_for_update(no_key=True).filter(pk__in=readers).order_by("pk").values_list("pk"))
            rows = late.filter(pk__in=keys)
            left = rows.exclude(left_at=None, confirmed_at=None).update(
                state=SubscriptionState.LEFT, confirm_round=F("confirm_round") + 1)
            gone, _ = rows.filter(left_at=None, confirmed_at=None).delete()
        yield left + gone
