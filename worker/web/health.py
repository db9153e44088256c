"""Three questions of a machine: is the process up, can it answer readers, and what are its figures."""

import ipaddress
from collections.abc import Iterator
from typing import Any

import structlog
from django.db import Error
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from worker.errors import BroadsheetError
from worker.storage.models import Delivery, Feed, Issue, Item, Notice, Story, Subscription
from worker.storage.schema import pending_migrations

log = structlog.get_logger(__name__)

# Counting every delivery ever made grows without end; these many of the newest issues are still on the move.
ISSUES_COUNTED = 20
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP")


def _say(words: str, status: int = 200) -> HttpResponse:
    return HttpResponse(words + "\n", status=status, content_type="text/plain; charset=utf-8")


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process takes requests. Asks nobody else, so a slow database does not get it killed."""
    return _say("up")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and has every migration; 503 in words otherwise."""
    try:
        missing = pending_migrations()
    except BroadsheetError as error:
        log.warning("not ready", why=str(error))  # the address of the database is for the log, not for strangers
        return _say("not ready: the database does not answer; is it running, and is DATABASE_URL right?", 503)
    if missing:
        return _say(f"not ready: the database lacks {missing} migrations; run: broadsheet migrate", 503)
    return _say("ready")


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus, read from the database; for this machine itself or a signed-in editor only."""
    if not (is_local(request) or request.user.is_authenticated):
        return _say("only for this machine itself, or signed in at the desk", 403)
    registry = CollectorRegistry()
    registry.register(_Rows())
    try:
        figures = generate_latest(registry)
    except Error as error:
        log.warning("no figures", why=str(error))
        return _say("no figures: the database does not answer or lacks tables; see /readyz", 503)
    return HttpResponse(figures, content_type=CONTENT_TYPE_LATEST)


def is_local(request: HttpRequest) -> bool:
    """Tell whether the request comes from this machine and not through a proxy that runs on it."""
    if any(header in request.META for header in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class _Rows:
    """A prometheus-client collector over the rows' states: the database is the truth, no process keeps counts."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield _by_state("broadsheet_items", "News items", Item.objects.all())
        yield _by_state("broadsheet_stories", "Stories", Story.objects.all())
        yield _by_state("broadsheet_feeds", "Feeds, by what became of the last fetch", Feed.objects.all())
        yield _by_state("broadsheet_issues", "Issues", Issue.objects.all(), "newsletter")
        yield _by_state("broadsheet_subscriptions", "Places on the lists", Subscription.objects.all(), "newsletter")
        yield _by_state("broadsheet_notices", "Letters of the service's own", Notice.objects.all(), "kind")
        newest = list(Issue.objects.order_by("-drafted_at", "-id").values_list("id", flat=True)[:ISSUES_COUNTED])
        yield _by_state("broadsheet_deliveries", f"Copies of the {ISSUES_COUNTED} newest issues",
                        Delivery.objects.filter(issue__in=newest), "issue__newsletter")


def _by_state(name: str, words: str, rows: QuerySet[Any], *by: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[*(label.rpartition("__")[2] for label in by), "state"])
    for *labels, state, count in rows.order_by().values_list(*by, "state").annotate(count=Count("id")):
        family.add_metric([*labels, state], count)
    return family
