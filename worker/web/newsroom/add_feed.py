"""The address of a feed, or of an outlet's page, in; the feed as it would come in, and then a block of feeds.toml, out."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from worker import editorial, feeds_file
from worker.errors import BroadsheetError
from worker.feeds.preview import Found, Preview, look_at, take_turn
from worker.feeds.sources import name_feed, sync_feeds
from worker.issues.wording import clean_url
from worker.storage.models import AuditEntry
from worker.tasks import nudge
from worker.web.errors import status_of
from worker.web.newsroom.feed_forms import AddressForm, NewFeedForm
from worker.web.newsroom.guards import editor_of, for_approvers, for_editors


@for_editors
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Ask for an address; POST looks at it, which stores nothing, and so stands in no history."""
    if request.method != "POST":
        return _show(request)
    form = AddressForm(request.POST)
    if not form.is_valid():
        return _show(request, address=request.POST.get("address", "")[:2000], trouble=form.words(), status=422)
    address = form.cleaned_data["address"]
    try:
        with take_turn(editor_of(request).pk):
            found = look_at(address)
    except BroadsheetError as error:
        return _show(request, address=address, trouble=str(error), status=status_of(error))
    return _show(request, address=address, found=found)


@for_approvers
@require_POST
def write(request: HttpRequest) -> HttpResponse:
    """Write the feed into feeds.toml, and let it be asked at once."""
    form = NewFeedForm(request.POST)
    address = request.POST.get("url", "")[:2000]
    if not form.is_valid():
        return _show(request, address=address, form=form, trouble="Not added: see below.", status=422)
    values = form.values()
    try:
        known = feeds_file.change_file(feeds_file.add_feed(values), mark=form.cleaned_data["mark"])
    except BroadsheetError as error:
        return _show(request, address=address, form=form, trouble=str(error), block=getattr(error, "block", ""),
                     status=status_of(error))
    name = values["name"]
    AuditEntry.objects.create(actor=editor_of(request).email[:254], action="add feed", subject=f"feed {name}"[:80],
                              detail={"url": values["url"], "newsletters": values["newsletters"]})
    sync_feeds(known)
    nudge("gather", [name])
    messages.success(request, f"{values['title']} stands in feeds.toml and is asked now. Look again in a few seconds.")
    return redirect("desk:feed", name)


def _show(request: HttpRequest, *, address: str = "", found: Found | None = None, form: NewFeedForm | None = None,
          trouble: str = "", block: str = "", status: int = 200) -> HttpResponse:
    feed = found.feed if found else None
    if feed and form is None and editor_of(request).may_approve:
        form = NewFeedForm(initial=_suggest(feed))
    lines = [(line, clean_url(line.entry.url)) for line in feed.lines] if feed else []
    return render(request, "web/desk/add_feed.html", {
        "here": "feeds", "address": address, "found": found, "feed": feed, "lines": lines, "form": form, "trouble": trouble,
        "paste": block, "unwritable": feeds_file.why_unwritable() if form else ""}, status=status)


def _suggest(feed: Preview) -> dict[str, Any]:
    known = editorial.load()
    named = name_feed(feed.url, feed.title[:300], known)
    return {"mark": feeds_file.read_file().mark, "name": named.name, "title": named.title, "url": feed.url, "weight": 1.0,
            "topic": "press", "interval": "1h", "language": feed.language or "en", "newsletters": list(known.newsletters)}
