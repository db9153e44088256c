"""A real issue, from stories to an approved edition: some of it for readers of a topic only, and a partner's content in it."""

from collections.abc import Mapping, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.conftest import EDITORIAL
from tests.issues.paper import NOW, make_story
from worker.issues import partners
from worker.issues.draft import draft_issue
from worker.press.approve import approve_issue
from worker.press.render import render_proof
from worker.readers.addresses import address_key
from worker.readers.terms import publish_terms
from worker.storage.models import Editor, Issue, Reader, Role, Subscription, SubscriptionState

LEAD, CHIPS, POLICY, EVERYBODYS, SHORT_LAB = (
    "Harbour bridge opens to trains", "Chip plant doubles its output", "Parliament passes the data law",
    "Ferry strike ends after a week", "Lab releases a small model")
LABEL, OFFER = "From our partner Harbour Conferences", "Two days of talks by the sea"
PIXEL, COUNTED = "/seen/", "/go/"


def write_topics(file: Path) -> None:
    """Give feeds.toml outlets of several topics; AITrends prints a lead, three top stories and the rest in brief."""
    feeds = "".join(f'\n[[feeds]]\nname = "{topic}-outlet"\ntitle = "{topic.title()} Outlet"\nurl = "http://127.0.0.1:9/{topic}"\n'
                    f'newsletters = ["aitrends"]\ntopic = "{topic}"\n' for topic in ("chips", "policy", "press", "lab"))
    text = EDITORIAL.replace('partners = ["Harbour Conferences"]',
                             'network = ["Northlight Journal"]\npartners = ["Harbour Conferences"]')
    file.write_text(text.replace('from_name = "AITrends"', 'from_name = "AITrends"\ntop_stories = 3') + feeds)


def draft_for_topics(file: Path) -> Issue:
    """Return a draft: a lead for everybody, a story each for chips, policy and everybody, and two for chips and labs in brief."""
    write_topics(file)
    outlets = {LEAD: ["press-outlet", "first-outlet", "second-outlet"], CHIPS: ["chips-outlet", "lab-outlet"],
               POLICY: ["policy-outlet"], EVERYBODYS: ["press-outlet"], SHORT_LAB: ["lab-outlet"]}
    order = [make_story(headline, feeds, sentences=[f"{headline}, it was said."]).pk for headline, feeds in outlets.items()]
    issue = draft_issue("aitrends", now=NOW)
    for placement in issue.placements.all():
        placement.position = order.index(placement.story_id)
        placement.section = "lead" if placement.position == 0 else "top" if placement.position < 4 else "short"
        placement.save()
    return issue


def add_offer(issue: Issue, editor: Editor) -> None:
    """Put a partner's content into the draft; the wording beside the readers' box names the partner."""
    publish_terms()
    issue.refresh_from_db()
    partners.add_block(issue.pk, editor=editor, revision=issue.revision, partner="Harbour Conferences", headline=OFFER,
                       text="Speakers from forty laboratories.", url="https://conferences.example/?a=1&b=2")


def make_edition(file: Path) -> int:
    """Return the number of an approved issue with all of it."""
    approver = Editor.objects.filter(email="chief@example.com").first() or Editor.objects.create_user(
        "chief@example.com", role=Role.APPROVER)
    issue = draft_for_topics(file)
    add_offer(issue, approver)
    issue.refresh_from_db()
    approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(issue).sha256)
    return issue.pk


def add_reader(email: str, **chosen: object) -> Reader:
    """Store a confirmed reader of AITrends with these consents and topics."""
    reader = Reader.objects.create(email=email, email_key=address_key(email), **chosen)
    Subscription.objects.create(reader=reader, newsletter="aitrends", state=SubscriptionState.CONFIRMED)
    return reader


def read_mails(raw: Sequence[bytes]) -> Mapping[str, EmailMessage]:
    """Return the mails by whom they are for."""
    mails = [message_from_bytes(one, policy=policy.default) for one in raw]
    return {str(mail["To"]): mail for mail in mails if isinstance(mail, EmailMessage)}


def part_of(mail: EmailMessage, kind: str) -> str:
    """Return one part as it is read."""
    part = mail.get_body((kind,))
    assert part
    return str(part.get_content()).replace("\r\n", "\n")
