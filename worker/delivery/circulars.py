"""Letters about terms that many readers are owed in, handed over call by call out: one letter rendered, a copy for each.

A list of a million is told in hours, not days: a letter of one stage is the same for all who get the same newsletters, so it
is compiled once, spliced for each reader, and handed over as many at a time as the sender takes, like an issue.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Literal, NamedTuple

from django.conf import settings
from django.db import transaction

from worker import editorial
from worker.delivery.ledger import Lease, Ready, hand_over
from worker.delivery.message import AddressError, MessageTemplate, Sheet, freeze_template, make_copy
from worker.delivery.senders import Sender, open_sender
from worker.errors import BroadsheetError
from worker.press.render import TermsNotice, render_terms_notice
from worker.readers.differences import compare_wordings, list_points
from worker.readers.links import agree_url, preferences_url, unsubscribe_url
from worker.readers.renewal import Stage, find_stages
from worker.readers.suppress import suppressed_among
from worker.readers.terms import find_before, terms_path
from worker.storage import bulk
from worker.storage.models import DeliveryState, Notice, NoticeKind, Reader, Subscription, SubscriptionState, Terms

CLAIM = 200  # letters; whoever waits for a letter of their own waits for no more than these
Went = Literal["some", "nothing", "stopped"]  # letters were taken up; none is due; the next hop wants to be left alone


class Group(NamedTuple):
    """What letters have in common that are the same but for their readers' links."""

    terms_id: int
    stage: str
    newsletters: tuple[str, ...]


@dataclass
class Post:
    """One run's letters, each compiled once."""

    now: datetime
    terms: dict[int, Terms] = field(default_factory=dict)
    templates: dict[Group, MessageTemplate] = field(default_factory=dict)

    def wording(self, terms_id: int) -> Terms | None:
        """Return a published wording."""
        if terms_id not in self.terms:
            self.terms.update(Terms.objects.in_bulk([terms_id]))
        return self.terms.get(terms_id)

    def template(self, group: Group) -> MessageTemplate:
        """Return the letter; raises BroadsheetError if it cannot be rendered."""
        if group not in self.templates:
            self.templates[group] = _freeze(group, self.terms[group.terms_id], self.now)
        return self.templates[group]


class Way:
    """The way out, opened when the first letter is there; whoever brings a sender of their own closes it themselves."""

    def __init__(self, sender: Sender | None) -> None:
        self._given = sender
        self._opened: Sender | None = None

    def open(self) -> Sender:
        """Return the sender; raises what `open_sender` raises."""
        if self._given is not None:
            return self._given
        if self._opened is None:
            self._opened = open_sender()
        return self._opened

    def close(self) -> None:
        """Close what was opened here."""
        if self._opened is not None:
            self._opened.close()


def send_circulars(way: Way, post: Post, states: Counter[str]) -> Went:
    """Claim some of the letters that are due and hand them over.

    One run at a time: a second one would keep another worker from the news. Must be called outside a transaction. Raises
    what `hand_over` raises.
    """
    due = Notice.objects.filter(kind=NoticeKind.TERMS)
    if not bulk.is_due(due) or bulk.is_worked_on(due):
        return "nothing"
    sender = way.open()
    lease = Lease(Notice)
    went: Went = "nothing"
    try:
        pending = lease.claim(due, max(CLAIM, sender.batch_size))
        while pending:
            went = "some"
            lease.renew()
            since = monotonic()
            with lease.marking():
                ready, pending = _begin_call(pending, lease, post, sender.batch_size, states)
            if not ready:
                continue
            handed = hand_over(lease, ready, sender, since=since)
            states += handed.states
            if handed.policy or handed.pause:
                return "stopped"
    finally:
        lease.release()
    return went


def _begin_call(ids: Sequence[int], lease: Lease, post: Post, size: int,
                states: Counter[str]) -> tuple[list[Ready], list[int]]:
    """Commit `attempting` for the next copies of one letter, close those nobody wants, and return both the copies and the ids
    that are left for another call. `durable`: inside another transaction the commit would come after the network call.
    """
    with transaction.atomic(durable=True):
        rows = list(Notice.objects.filter(pk__in=ids, lease_token=lease.token, state=DeliveryState.QUEUED)
                    .select_for_update(skip_locked=True, of=("self",)).select_related("reader").order_by("pk"))
        groups, closed = _sort(rows, post)
        first, members = next(iter(groups.items()), (None, []))
        ready: list[Ready] = []
        if first:
            ready, failed = _make_ready(first, members[:size], post)
            closed += failed
        for (state, why), row_ids in _by_ending(closed).items():
            states[state] += bulk.close_unsent(Notice, row_ids, lease.token, state, why)
        bulk.mark_attempting(Notice, [one.row_id for one in ready], lease.token, lease.seconds)
    done = {one.row_id for one in ready} | {row_id for row_id, _, _ in closed}
    return ready, [row.pk for row in rows if row.pk not in done]


_Closed = tuple[int, str, str]  # a row's id, the state it ends in, why


def _sort(rows: Sequence[Notice], post: Post) -> tuple[dict[Group, list[Notice]], list[_Closed]]:
    """Return the letters that are wanted, by what they have in common, and those that are not."""
    suppressed = suppressed_among(row.reader.email for row in rows)
    newsletters = _read_newsletters(rows)
    today = post.now.astimezone(UTC).date()
    groups: dict[Group, list[Notice]] = {}
    closed: list[_Closed] = []
    for row in rows:
        terms, stage = post.wording(row.details.get("terms", 0)), str(row.details.get("stage", ""))
        own = newsletters.get(row.reader_id, ())
        if row.reader.email in suppressed:
            closed.append((row.pk, DeliveryState.SUPPRESSED, "the address must not be written to"))
        elif terms is None:
            closed.append((row.pk, DeliveryState.FAILED, "the letter names no published terms"))
        elif not own or stage not in find_stages(terms, today) or not is_open(stage, terms, row.reader):
            closed.append((row.pk, DeliveryState.CANCELLED, "what it was about has moved on"))
        else:
            groups.setdefault(Group(terms.pk, stage, own), []).append(row)
    return groups, closed


def is_open(stage: str, terms: Terms, reader: Reader) -> bool:
    """Say whether the reader has not yet done what the letter would ask. Pure."""
    if stage == Stage.TOLD:
        return True
    if stage == Stage.LAPSED:
        return not getattr(reader, terms.kind)
    return reader.terms_since < terms.effective


def _read_newsletters(rows: Sequence[Notice]) -> dict[int, tuple[str, ...]]:
    """Return what each reader gets, of the newsletters that feeds.toml still has; one that has only ended ones counts as
    reading the first."""
    known = editorial.load().newsletters
    found: dict[int, set[str]] = {}
    for reader_id, key in Subscription.objects.filter(
            reader__in={row.reader_id for row in rows}, state=SubscriptionState.CONFIRMED).values_list("reader", "newsletter"):
        found.setdefault(reader_id, set()).add(key)
    first = next(iter(known))
    return {reader_id: tuple(key for key in known if key in keys) or (first,) for reader_id, keys in found.items()}


def _make_ready(group: Group, rows: Sequence[Notice], post: Post) -> tuple[list[Ready], list[_Closed]]:
    try:
        template = post.template(group)
    except BroadsheetError as error:
        return [], [(row.pk, DeliveryState.FAILED, str(error)) for row in rows]
    ready: list[Ready] = []
    failed: list[_Closed] = []
    for row in rows:
        preferences = preferences_url(row.reader_id)
        # One link cannot leave two newsletters: then the preferences page, which lists both, is the way out.
        leave = unsubscribe_url(row.reader_id, group.newsletters[0]) if len(group.newsletters) == 1 else preferences
        try:
            copy = make_copy(template, "notice_id", row.pk, row.reader.email, unsubscribe_url=leave,
                             preferences_url=preferences, agree_url=agree_url(row.reader_id, group.terms_id))
            ready.append(Ready(row.pk, row.attempts, copy))
        except AddressError as error:
            failed.append((row.pk, DeliveryState.FAILED, str(error)))
    return ready, failed


def _by_ending(closed: Iterable[_Closed]) -> dict[tuple[str, str], list[int]]:
    endings: dict[tuple[str, str], list[int]] = {}
    for row_id, state, why in closed:
        endings.setdefault((state, why), []).append(row_id)
    return endings


def _freeze(group: Group, terms: Terms, now: datetime) -> MessageTemplate:
    """Compile the letter about a wording for those who get these newsletters."""
    configured = editorial.load()
    title = " and ".join(configured.newsletter(key).title for key in group.newsletters)
    before = find_before(terms)
    page = f"{settings.BASE_URL}{terms_path(terms)}"
    points = list_points(compare_wordings(before.wording, terms.wording)) if before else []
    letter = render_terms_notice(title, TermsNotice(
        stage=group.stage, kind=terms.kind, version=terms.version, effective=terms.effective, material=terms.material,
        wording_url=page, changes_url=f"{page}changes/" if before else "",
        points=[(point.heading, point.done, point.words) for point in points]))
    first = configured.newsletter(group.newsletters[0])
    sheet = Sheet(subject=letter.subject, html=letter.html, text=letter.text, from_name=first.from_name,
                  from_email=first.from_email, is_notice=True, feedback=f"terms:{group.newsletters[0]}:notice:broadsheet")
    return freeze_template(sheet, number=terms.pk, at=now)
