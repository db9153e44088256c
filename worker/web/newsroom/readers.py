"""An address, or how it begins, in; the reader's evidence out: what they agreed to, when, to which words, and what they were sent.

Whoever looks somebody up is written to the audit log, under the reader's number: what is kept for good must not hold addresses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.contrib import messages
from django.db import transaction
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_http_methods, require_safe

from worker import editorial
from worker.errors import NotFoundError
from worker.readers.consent import evidence_of
from worker.readers.erase import erase as erase_address
from worker.readers.find import LEAST, find_readers
from worker.readers.terms import render_wording
from worker.storage.models import AuditEntry, Consent, Delivery, Notice, Reader, Subscription, SubscriptionState, Terms
from worker.web.newsroom.charts import Day, Spark, draw_spark, last_days
from worker.web.newsroom.guards import editor_of, for_approvers, for_editors, for_viewers

SHOWN = 25
DELIVERIES_SHOWN = 100


@dataclass(frozen=True)
class Line:
    """A newsletter's readers, counted by the state of their subscription, and who came and left in thirty days."""

    title: str
    counts: Sequence[tuple[str, int]]
    came: Spark
    left: int


@for_editors
@require_http_methods(["GET", "HEAD", "POST"])
def readers(request: HttpRequest) -> HttpResponse:
    """Counts per newsletter and state; POST looks for an address, which so never stands in a browser's or proxy's history."""
    words = request.POST.get("email", "").strip()[:254]
    found: list[Reader] = []
    if request.method == "POST" and len(words) >= LEAST:
        found = find_readers(words, limit=SHOWN + 1)
        _note(request, "look for a reader", "readers", found=", ".join(str(one.pk) for one in found[:SHOWN]) or "nobody")
    return render(request, "web/desk/readers.html", {
        "here": "readers", "lines": _count(), "states": SubscriptionState.values, "words": words, "asked": request.method == "POST",
        "least": LEAST, "found": found[:SHOWN], "more": len(found) > SHOWN})


@for_editors
@require_safe
def reader(request: HttpRequest, reader_id: int) -> HttpResponse:
    """One reader's evidence, made to be printed as well."""
    found = _find(reader_id)
    record = evidence_of(found)
    _note(request, "look up", f"reader {found.pk}")
    deliveries = Delivery.objects.filter(reader=found).select_related("issue").order_by("-pk")
    titles = _titles()
    return render(request, "web/desk/reader.html", {
        "here": "readers", "reader": found,
        "subscriptions": [(row, titles.get(row.newsletter, row.newsletter)) for row in found.subscriptions.order_by("newsletter")],
        "consents": Consent.objects.filter(reader=found),
        "wordings": record["wordings"], "letters": Notice.objects.filter(reader=found).order_by("pk"),
        "deliveries": deliveries[:DELIVERIES_SHOWN], "delivery_count": deliveries.count()})


@for_approvers
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest, reader_id: int) -> HttpResponse:
    """What erasing means, with a button; POST erases."""
    found = _find(reader_id)
    if request.method != "POST":
        return render(request, "web/desk/erase_reader.html", {"here": "readers", "reader": found})
    with transaction.atomic():  # nobody is erased without a note of who did it
        erase_address(found.email)
        _note(request, "erase", f"reader {reader_id}")
    messages.success(request, f"Reader {reader_id} is erased. A keyed hash of the address stays, so that nothing brings them back.")
    return redirect("desk:readers")


@for_viewers
@require_safe
def wording(request: HttpRequest, digest: str) -> HttpResponse:
    """The words under a hash of the ledger, as readers saw them."""
    found = Terms.objects.filter(sha256=digest).order_by("pk").first()
    if found is None:
        raise NotFoundError("There is no wording with this hash.")
    html = mark_safe(render_wording(found.wording))  # noqa: S308 - sanitised there, and written by the publisher
    return render(request, "web/desk/wording.html", {"here": "readers", "wording": found, "html": html})


def _find(reader_id: int) -> Reader:
    found = Reader.objects.filter(pk=reader_id).first() if reader_id < 2**63 else None
    if found is None:
        raise NotFoundError(f"There is no reader {reader_id}: they may have been erased.")
    return found


def _note(request: HttpRequest, action: str, subject: str, **detail: str) -> None:
    AuditEntry.objects.create(actor=editor_of(request).email[:254], action=action, subject=subject, detail=detail)


def _titles() -> dict[str, str]:
    return {key: newsletter.title for key, newsletter in editorial.load().newsletters.items()}


def _count() -> list[Line]:
    """Every configured newsletter, and those that have ended but still have readers."""
    counted = {(key, state): count for key, state, count in
               Subscription.objects.values_list("newsletter", "state").annotate(Count("pk")).order_by()}
    titles = _titles()
    ended = sorted({key for key, _ in counted} - titles.keys())
    today = timezone.now().date()
    came, left = (_count_days(column, today) for column in ("confirmed_at", "left_at"))
    return [Line(titles.get(key, key), [(state, counted.get((key, state), 0)) for state in SubscriptionState.values],
                 draw_spark(came.get(key, {}), today, noun="readers confirmed"),
                 sum(day.number for day in left.get(key, {}).values()))
            for key in (*titles, *ended)]


def _count_days(column: str, today: date) -> dict[str, dict[date, Day]]:
    """Return by newsletter how many subscriptions were confirmed, or left, on each of the last thirty days (UTC)."""
    since = datetime.combine(last_days(today)[0], time(), tzinfo=UTC)
    rows = Subscription.objects.filter(**{f"{column}__gte": since}).order_by()
    found: dict[str, dict[date, Day]] = {}
    for key, day, count in rows.values_list("newsletter", TruncDate(column)).annotate(Count("pk")):
        found.setdefault(key, {})[day] = Day(count)
    return found
