"""An approved edition in, one template per kind of copy out: what a reader agreed to and chose decides which one is theirs."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.conf import settings

from worker import editorial
from worker.delivery.audience import read_edition
from worker.delivery.fence import check_turns
from worker.delivery.message import MessageTemplate, Sheet, freeze_template
from worker.editorial import READER_TOPICS
from worker.press.approve import check_edition
from worker.press.blocks import choose_keys, fold, fold_plain, list_keys
from worker.press.measure import measure_parts
from worker.storage.models import Issue

KEPT = timedelta(seconds=60)  # `Date` is of when the templates were frozen, and is to be of about when a copy goes out
Choice = tuple[bool, bool, str]  # what Reader says: partners, tracking, topics


@dataclass
class Variants:
    """The templates of one edition, each frozen when the first copy of its kind is made.

    Two readers get the same template if the edition holds the same blocks for both: without partners' content in it there
    are half as many kinds, and one alone if nobody is measured and no story is for some readers only.
    """

    whole: Sheet  # with the marks of blocks
    number: int
    at: datetime
    sha256: str = ""  # the edition's
    _frozen: dict[tuple[frozenset[str], bool], MessageTemplate] = field(default_factory=dict)
    _found: dict[Choice, MessageTemplate] = field(default_factory=dict)

    def serves(self, whole: Sheet, at: datetime) -> bool:
        """Say whether a batch of this sheet, going out at this moment, may use these: they are the same, and not a minute old."""
        return whole == self.whole and timedelta(0) <= at - self.at < KEPT

    def find(self, partners: bool, tracking: bool, topics: str) -> MessageTemplate:
        """Return the template for a reader who has agreed to this and chose these topics (with spaces between; "": all).

        Raises BroadsheetError if the blocks do not fit together, or no way out is left in one of the parts.
        """
        choice = partners, tracking, topics
        if choice not in self._found:
            chosen = READER_TOPICS.keys() & set(topics.split())
            keys = choose_keys(list_keys(self.whole.html) | list_keys(self.whole.text), partners=partners, topics=chosen)
            if (keys, tracking) not in self._frozen:
                self._frozen[keys, tracking] = self._freeze(keys, tracking)
            self._found[choice] = self._frozen[keys, tracking]
        return self._found[choice]

    def _freeze(self, keys: frozenset[str], tracking: bool) -> MessageTemplate:
        html, text = fold(self.whole.html, keys), fold_plain(self.whole.text, keys)
        if tracking:
            html, text = measure_parts(html, text, edition_html=self.whole.html, site=settings.BASE_URL)
        return freeze_template(replace(self.whole, html=html, text=text), number=self.number, at=self.at, whole=self.whole)


def read_variants(issue: Issue, at: datetime, kept: Variants | None) -> Variants:
    """Return the issue's edition ready to be spliced for whoever gets it; `kept`, if that still serves.

    Raises BroadsheetError if there is none, its bytes are not those that were approved, or cannot be made into mails;
    OldDatabaseError if more of it has been sent than its database knows.
    """
    edition = read_edition(issue.pk)
    check_edition(edition)
    check_turns(issue, edition)
    named = (edition.from_name, edition.from_email, edition.list_title) if edition.from_email else _name_now(issue)
    sheet = Sheet(edition.subject, edition.html, edition.text, *named, list_key=issue.newsletter,
                  feedback=f"{issue.slug}:{issue.newsletter}:issue:broadsheet")
    if kept and kept.serves(sheet, at):
        return kept
    variants = Variants(sheet, issue.pk, at, edition.sha256)
    variants.find(partners=False, tracking=False, topics="")  # a fault shows before anything is claimed
    return variants


def _name_now(issue: Issue) -> tuple[str, str, str]:
    """Return who an edition comes from that was approved before editions said so."""
    newsletter = editorial.load().newsletter(issue.newsletter)
    return newsletter.from_name, newsletter.from_email, newsletter.title
