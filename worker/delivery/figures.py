"""An issue that went out in, its figures out: those of `broadsheet status`, and what came after it, as far as anybody can know."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from worker.delivery.measuring import Measured, count_measured
from worker.delivery.standing import count_copies
from worker.press.measure import list_links
from worker.storage.models import OPENED, Edition, Issue, Measurement, ProviderEvent, Subscription

AFTER = timedelta(days=7)  # who leaves later leaves for another reason


@dataclass(frozen=True)
class Figures:
    """One issue's. `states` sum to the audience; `measured` is None where nobody who got it agrees to be measured."""

    issue: Issue
    states: Mapping[str, int]
    left: int
    complaints: int
    measured: Measured | None

    @property
    def audience(self) -> int:
        """How many copies there are."""
        return sum(self.states.values())

    @property
    def got(self) -> int:
        """How many were taken, by the next mail system or by the mailbox."""
        return self.states.get("accepted", 0) + self.states.get("delivered", 0)

    @property
    def others(self) -> int:
        """Those that are neither taken, nor back, nor uncertain: failed, suppressed, cancelled, or still on their way."""
        return self.audience - self.got - self.states.get("bounced", 0) - self.states.get("uncertain", 0)


@dataclass(frozen=True)
class Clicked:
    """A link of an issue, and by how many of its measured readers it was followed."""

    link: str
    headline: str
    outlet: str
    readers: int


def read_figures(issue: Issue) -> Figures:
    """Return the figures of an issue that was started."""
    complaints = ProviderEvent.objects.filter(delivery__issue=issue, kind="complained").count()
    return Figures(issue, count_copies(issue.pk), _count_left(issue), complaints, count_measured(issue.pk))


def _count_left(issue: Issue) -> int:
    """Count who got a copy and left the newsletter before the next issue started, within seven days."""
    if issue.started_at is None:
        return 0
    later = Issue.objects.filter(newsletter=issue.newsletter, digest=issue.digest, started_at__gt=issue.started_at)
    following = later.order_by("started_at").values_list("started_at", flat=True).first()
    ends = min(issue.started_at + AFTER, following) if following else issue.started_at + AFTER
    return Subscription.objects.filter(newsletter=issue.newsletter, left_at__gte=issue.started_at, left_at__lt=ends,
                                       reader__deliveries__issue=issue).count()


def find_clicked(issue: Issue, *, limit: int = 10) -> Sequence[Clicked]:
    """Return the links that most of an issue's measured readers followed, with the stories they belong to."""
    counts = Counter(Measurement.objects.filter(delivery__issue=issue, delivery__reader__tracking=True).exclude(link=OPENED)
                     .values_list("link", flat=True))
    edition = Edition.objects.filter(issue=issue).only("html").first()
    links = list_links(edition.html) if edition and counts else ()
    told = {str(source.get("url")): (placement.headline, str(source.get("outlet", "")))
            for placement in issue.placements.all() for source in placement.sources}
    return [Clicked(links[number], *told.get(links[number], ("", "")), readers)
            for number, readers in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:limit] if 0 <= number < len(links)]
