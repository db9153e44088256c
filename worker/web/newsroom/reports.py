"""A newsletter, or an issue, in; what came of what went out, as a table, a picture and a CSV, out."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from worker import editorial
from worker.delivery.figures import Figures, find_clicked, read_figures
from worker.delivery.standing import STATES
from worker.errors import NotFoundError
from worker.issues.wording import clean_url
from worker.readers.cells import guard_cell
from worker.storage.models import Issue
from worker.web.newsroom.guards import for_viewers
from worker.web.newsroom.picture import draw_slices
from worker.web.newsroom.sheet import find_issue

SHOWN = 12  # issues on a page
COLUMNS = ("issue", "newsletter", "period", "digest", "subject", "state", "started_at", "audience", *STATES, "left_after",
           "complaints", "measured", "opened", "clicked")


@dataclass(frozen=True)
class Column:
    """An issue in the picture: what was taken stands above the line, the rest on top of it; all in hundredths of the height."""

    x: float
    width: float
    got: float
    rest: float


@dataclass(frozen=True)
class Line:
    """One issue in the table; shares are in words, "" where nothing was measured."""

    figures: Figures
    title: str
    opened: str
    clicked: str


@for_viewers
@require_safe
def reports(request: HttpRequest) -> HttpResponse:
    """The issues that went out, of one newsletter or of all, newest first."""
    titles = _titles()
    newsletter = request.GET.get("newsletter", "")
    if newsletter and newsletter not in titles:
        raise NotFoundError(f"There is no newsletter {newsletter[:40]}.")
    page = Paginator(_find(newsletter), SHOWN).get_page(request.GET.get("page"))
    lines = [_make_line(read_figures(issue), titles) for issue in page]
    query = urlencode({"newsletter": newsletter}) if newsletter else ""
    return render(request, "web/desk/reports.html", {
        "here": "reports", "lines": lines, "page": page, "titles": titles, "newsletter": newsletter,
        "query": f"{query}&" if query else "", "columns": draw_columns([line.figures for line in reversed(lines)]),
        "most": max((line.figures.audience for line in lines), default=0)})


@for_viewers
@require_safe
def report(request: HttpRequest, issue_id: int) -> HttpResponse:
    """One issue's figures, and the links that most readers followed."""
    issue = find_issue(issue_id)
    if issue.started_at is None:
        raise NotFoundError(f"Issue {issue_id} has not gone out, so there are no figures of it.")
    line = _make_line(read_figures(issue), _titles())
    return render(request, "web/desk/report.html", {
        "here": "reports", "issue": issue, "line": line, "figures": line.figures, "slices": draw_slices(line.figures.states),
        "clicked": [(one, clean_url(one.link)) for one in find_clicked(issue)] if line.figures.measured else ()})


@for_viewers
@require_safe
def download(request: HttpRequest) -> HttpResponseBase:
    """The same as a CSV, all issues of it. It holds figures alone, of nobody in particular."""
    newsletter = request.GET.get("newsletter", "")
    if newsletter and newsletter not in _titles():
        raise NotFoundError(f"There is no newsletter {newsletter[:40]}.")
    name = f"reports-{newsletter or 'all'}-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        (line.encode() for line in write_lines(read_figures(issue) for issue in _find(newsletter).iterator(chunk_size=50))),
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def write_lines(found: Iterable[Figures]) -> Iterator[str]:
    """Return the CSV, a line at a time; no cell starts a formula."""
    def line(cells: Iterable[object]) -> str:
        out = StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([guard_cell(str(cell)) for cell in cells])
        return out.getvalue()

    yield line(COLUMNS)
    for one in found:
        issue, measured = one.issue, one.measured
        yield line([issue.pk, issue.newsletter, issue.period, "yes" if issue.digest else "no", issue.subject, issue.state,
                    issue.started_at.isoformat(timespec="seconds") if issue.started_at else "", one.audience,
                    *(one.states.get(state, 0) for state in STATES), one.left, one.complaints,
                    *((measured.agreed, measured.opened, measured.followed) if measured else ("", "", ""))])


def draw_columns(found: Sequence[Figures]) -> list[Column]:
    """Return the picture's columns, oldest first, as high as the largest audience. Pure."""
    most = max((one.audience for one in found), default=0) or 1
    step = 1000 / max(len(found), SHOWN)  # a few are no wider than many
    return [Column(round(number * step + step * 0.15, 2), round(step * 0.7, 2), round(100 * one.got / most, 2),
                   round(100 * (one.audience - one.got) / most, 2)) for number, one in enumerate(found)]


def _make_line(figures: Figures, titles: dict[str, str]) -> Line:
    measured = figures.measured
    opened = _share(measured.opened, measured.agreed) if measured else ""
    clicked = _share(measured.followed, measured.agreed) if measured else ""
    return Line(figures, titles.get(figures.issue.newsletter, figures.issue.newsletter), opened, clicked)


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({100 * part / whole:.0f}\N{NO-BREAK SPACE}%)"


def _find(newsletter: str) -> QuerySet[Issue]:
    rows = Issue.objects.filter(started_at__isnull=False).order_by("-started_at", "-pk")
    return rows.filter(newsletter=newsletter) if newsletter else rows


def _titles() -> dict[str, str]:
    return {key: newsletter.title for key, newsletter in editorial.load().newsletters.items()}
