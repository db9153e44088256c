"""The main job on a folder of feed documents: gather, group, summarise, draft, approve, deliver. May be run again.

The samples play two days: the issue of the first is approved and sent, and the news of the second meets what its readers had.
"""

import csv
import json
import mailbox
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import Message
from functools import partial
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from worker import editorial
from worker.delivery import audience, deliver, notices
from worker.delivery.gate import let_go
from worker.delivery.senders import open_sender
from worker.demo import documents
from worker.errors import BroadsheetError
from worker.feeds.gather import Gathered, gather_feeds
from worker.feeds.sources import sync_feeds
from worker.issues.draft import draft_issue
from worker.issues.partners import add_block
from worker.press.render import render_proof, write_proof
from worker.readers.confirm import confirm, read_confirmation
from worker.readers.subscribe import sign_up
from worker.readers.terms import publish_terms
from worker.storage.models import (
    Editor,
    Feed,
    Issue,
    IssueState,
    Item,
    Kind,
    Placement,
    Reader,
    Role,
    Story,
    SubscriptionState,
)
from worker.stories.group import group_items
from worker.stories.summarise import summarise_stories
from worker.stories.threads import tie_stories

DEMO_EDITOR = "demo@example.com"
NEWSLETTER = "aitrends"  # approved and delivered; the others' drafts are left for you to approve
READERS = Path(__file__).parent / "readers.csv"
PORT = 8099
WINDOW = timedelta(hours=96)
NEVER = timedelta(days=36_500)

Tell = Callable[[str, int, int], None]  # (what is going on, how many are done, of how many)


@dataclass
class Report:
    """What happened, in numbers, and where to look."""

    moment: datetime
    gathered: Sequence[Gathered]
    items: int = 0
    stories: int = 0
    shared_stories: int = 0
    readers: int = 0
    issue: Issue | None = None
    why_no_issue: str = ""
    audience: int = 0
    states: dict[str, int] = field(default_factory=dict)
    sent_now: int = 0
    drafts: list[Issue] = field(default_factory=list)
    later: Sequence[Gathered] = ()  # what the second day brought
    updates: list[Placement] = field(default_factory=list)  # in its draft: stories the first issue told, with what is new
    had: list[str] = field(default_factory=list)  # why its draft left stories out that readers have had
    proof: list[Path] = field(default_factory=list)
    outbox: Path = Path()
    a_mail: Path | None = None


def run_demo(folder: Path | None, tell: Tell) -> Report:
    """Run the demo in BROADSHEET_HOME; run again, it finds what it did and sends nobody anything twice.

    Raises BroadsheetError if the folder holds no documents, or the home holds a real paper's readers.
    """
    folder = (folder or documents.SAMPLES).resolve()
    home = Path(settings.BROADSHEET_HOME)
    port = _claim_home(home)
    outbox = _local_outbox(home)
    paths = documents.find_documents(folder)
    tell("reading the documents", 0, len(paths))
    read = documents.read_documents(paths)
    report = Report(documents.newest_moment(read, timezone.now()), gathered=[], outbox=outbox)
    with documents.serve_folder(folder, port) as address:
        _configure(home, address, documents.write_editorial(folder, address, read))
        report.gathered = _gather(report.moment, tell)
    _make_stories(report, tell)
    report.readers = _sign_readers_up(home, tell)
    _make_issue(report, home, tell, with_partner=folder == documents.SAMPLES)
    end = report.moment
    if folder == documents.SAMPLES:
        end = _play_next_day(report, folder, port, tell)
    _leave_drafts(report, end, tell)
    return report


def _play_next_day(report: Report, folder: Path, port: int, tell: Tell) -> datetime:
    """Gather the next day's documents and draft its issue, which is left for you; returns the moment that day plays at."""
    read = documents.read_documents(documents.find_documents(documents.NEXT_DAY))
    moment = documents.newest_moment(read, timezone.now())
    with documents.serve_folder(folder, port, documents.NEXT_DAY) as address:
        _configure(Path(settings.BROADSHEET_HOME), address, documents.write_editorial(folder, address, read))
        report.later = _gather(moment, tell)
    _make_stories(report, tell)
    draft = draft_issue(NEWSLETTER, now=moment)
    report.updates = list(draft.placements.filter(kind=Kind.UPDATE, dropped=False).select_related("since"))
    report.had = [f"{one['headline']}: {one['reason']}" for one in draft.left_out if not one["reason"].startswith("ranked")]
    _keep_open(report, draft)
    return moment


def _claim_home(home: Path) -> int:
    """Mark the home as the demo's own and return the port it serves on; refuses a home that holds a real paper."""
    marker = home / "demo.json"
    if marker.exists():
        try:
            return int(json.loads(marker.read_text())["port"])
        except (ValueError, KeyError, TypeError):  # half-written by a run that was killed: the home is still the demo's
            return PORT
    if settings.RUNNING or any(rows.objects.exists() for rows in (Reader, Issue, Item)):
        raise BroadsheetError(f"{home} holds a real paper; run the demo in a home of its own: "
                              "BROADSHEET_HOME=var/demo broadsheet demo")
    marker.write_text(json.dumps({"port": PORT}))
    return PORT


def _local_outbox(home: Path) -> Path:
    """See that sample readers are only ever written to in a local maildir, whatever SENDER_URL says."""
    if not settings.SENDER_URL.startswith("maildir:"):
        settings.SENDER_URL = f"maildir:{home / 'outbox'}"
    return Path(settings.SENDER_URL.removeprefix("maildir:"))


def _configure(home: Path, address: str, text: str) -> None:
    file = home / "feeds.toml"
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
    settings.FEEDS_FILE = file
    settings.FETCH_ALLOW_HOSTS = [*settings.FETCH_ALLOW_HOSTS, address.removeprefix("http://")]
    sync_feeds(editorial.load())
    publish_terms()


def _gather(moment: datetime, tell: Tell) -> list[Gathered]:
    total = len(editorial.load().feeds)
    done: list[Gathered] = []

    def count(one: Gathered) -> None:
        done.append(one)
        tell("gathering", len(done), total)

    gathered = sorted(gather_feeds(now=moment, force=True, on_done=count), key=lambda one: one.name)
    # Nobody serves the documents once the demo has ended: `broadsheet up` in this home is not to ask for them.
    Feed.objects.filter(name__in=[one.name for one in gathered]).update(next_fetch_at=timezone.now() + NEVER)
    return gathered


def _make_stories(report: Report, tell: Tell) -> None:
    tell("grouping items into stories", 0, 1)
    group_items()
    tell("summarising the stories", 0, 1)
    summarise_stories()
    tie_stories()
    report.items = Item.objects.count()
    outlets: dict[int, set[int]] = {}
    for story, feed in Item.objects.filter(story__isnull=False).values_list("story_id", "feed_id"):
        outlets.setdefault(story, set()).add(feed)
    report.stories = Story.objects.filter(items__isnull=False).distinct().count()
    report.shared_stories = sum(len(feeds) > 1 for feeds in outlets.values())


def _sign_readers_up(home: Path, tell: Tell) -> int:
    """Take the sample readers through the double opt-in: form, letter, link, confirmation."""
    with READERS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    letters = home / "letters"
    sender = open_sender(f"maildir:{letters}")
    try:
        for row in rows:
            sign_up(row["email"], row["newsletters"].split(";"), partners=row["partners"] == "yes",
                    tracking=row["tracking"] == "yes")
        notices.send_notices(sender)
        for number, token in enumerate(_read_letters(letters), 1):
            tell("readers confirm", number, len(rows))
            confirm(token, read_confirmation(token).seal)
        notices.send_notices(sender)
    finally:
        sender.close()
    confirmed = Reader.objects.filter(subscriptions__state=SubscriptionState.CONFIRMED, subscriptions__newsletter=NEWSLETTER)
    return confirmed.distinct().count()


def _read_letters(letters: Path) -> Iterator[str]:
    """Yield the token of each confirmation letter that lies unread in the maildir.

    A letter is marked as read when the next one is asked for, its token used: a demo killed in between uses it again.
    """
    box = mailbox.Maildir(letters, create=True)
    for key in sorted(box.keys()):
        letter = box[key]
        if letter.get_subdir() != "new":
            continue
        yield from re.findall(r"/confirm/([^/\s]+)/", _plain_text(letter))[:1]
        letter.set_subdir("cur")
        box[key] = letter


def _plain_text(letter: Message) -> str:
    part = next((part for part in letter.walk() if part.get_content_type() == "text/plain"), None)
    payload = part.get_payload(decode=True) if part else None
    return payload.decode() if isinstance(payload, bytes) else ""


def _make_issue(report: Report, home: Path, tell: Tell, *, with_partner: bool) -> None:
    tell("drafting", 0, 1)
    try:
        report.issue = draft_issue(NEWSLETTER, now=report.moment, window_start=report.moment - WINDOW)
    except BroadsheetError as error:
        report.why_no_issue = str(error)
        return
    if with_partner:
        _print_partner(report.issue)
    report.proof = write_proof(report.issue, home / "proof")
    _approve_and_send(report, report.issue, tell)


def _print_partner(issue: Issue) -> None:
    """Put an invented partner's content into the draft: it comes to the readers who agreed to that, and to nobody else."""
    if issue.state == IssueState.DRAFT and not issue.partner_blocks.exists():
        add_block(issue.pk, editor=_find_editor(), revision=issue.revision, partner=editorial.load().publisher.all_partners[-1],
                  headline="Six short books on how machines read", url="https://northlight-books.example/six-short-books/",
                  text="An evening each, without a formula. Readers of AITrends get the six for the price of four.")
        issue.refresh_from_db()


def _find_editor() -> Editor:
    editor = Editor.objects.filter(email=DEMO_EDITOR).first()
    return editor or Editor.objects.create_user(DEMO_EDITOR, role=Role.ADMIN)


def _leave_drafts(report: Report, moment: datetime, tell: Tell) -> None:
    """Draft the other newsletters' issues, for you to approve."""
    tell("drafting", 0, 1)
    for key in editorial.load().newsletters:
        if key == NEWSLETTER:
            continue
        try:
            _keep_open(report, draft_issue(key, now=moment, window_start=moment - WINDOW))
        except BroadsheetError as error:
            report.why_no_issue = report.why_no_issue or str(error)


def _keep_open(report: Report, issue: Issue) -> None:
    """Give a draft, whose deadline lies in the documents' past, as long from now on as any draft made today."""
    if Issue.objects.filter(pk=issue.pk, state=IssueState.DRAFT).update(drafted_at=timezone.now()):
        report.drafts.append(issue)


def _approve_and_send(report: Report, issue: Issue, tell: Tell) -> None:
    """Take the issue on from wherever an earlier run left it."""
    editor = _find_editor()
    if issue.state == IssueState.DRAFT:
        tell("approving", 0, 1)
        let_go(issue.pk, editor=editor, proof_sha256=render_proof(issue).sha256)
        issue.refresh_from_db()
    if issue.state == IssueState.APPROVED:
        audience.start_issue(issue.pk, by=editor.email)
        issue.refresh_from_db()
    before = deliver.status(issue.pk)["states"].get("accepted", 0)
    if issue.state == IssueState.SENDING:
        deliver.deliver_issue(issue.pk, on_progress=partial(tell, "delivering"))
        issue.refresh_from_db()
    now = deliver.status(issue.pk)
    report.audience, report.states = now["audience"], now["states"]
    report.sent_now = now["states"].get("accepted", 0) - before
    report.a_mail = next(iter(sorted((report.outbox / "new").glob(f"*.{issue.pk}.*"))), None)
