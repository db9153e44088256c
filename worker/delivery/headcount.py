"""A newsletter in, how many readers an issue would go to out, and how many not and why: one statement, kept for a minute.

Whoever looks at a draft sees a figure that is at most a minute old; whoever approves it has it counted afresh, and that count is
kept with the edition. The audience itself is fixed later, when the issue starts (`delivery.audience`).
"""

from dataclasses import asdict, dataclass

from django.core.cache import cache
from django.db.models import Count, Q
from django.db.models.functions import Now

from worker.delivery.audience import list_rules
from worker.storage.models import Edition, Frequency, Issue, Subscription, SubscriptionState

KEPT_SECONDS = 60  # a million subscriptions take a second or two to count


@dataclass(frozen=True)
class Headcount:
    """`readers` would get the issue. The others confirmed too, and get none: `suppressed`, as mail to them came back, or they
    marked it as unwanted, or must not be written to; `paused`, as they asked for; `asked`, until they agree to the terms in force.
    `without_partners` are those of `readers` who did not ask for partners' content."""

    readers: int
    suppressed: int = 0
    paused: int = 0
    asked: int = 0
    without_partners: int = 0

    def say(self, *, partners: bool) -> str:
        """Return it in words; `partners`: the issue holds partners' content."""
        parts = [f"{self.readers:,}", f"{self.suppressed:,} suppressed", f"{self.paused:,} paused" if self.paused else "",
                 f"{self.asked:,} yet to agree to the terms" if self.asked else "",
                 f"{self.without_partners:,} without partner blocks" if partners else ""]
        return "; ".join(filter(None, parts))


def count_heads(newsletter: str, *, digest: bool = False) -> Headcount:
    """Count now. Readers who chose the other frequency are not counted: another issue is theirs."""
    gets = Q(*list_rules(newsletter, digest=digest).values())
    confirmed = Q(state=SubscriptionState.CONFIRMED)
    paused = confirmed & Q(reader__paused_until__gt=Now())
    rows = Subscription.objects.filter(
        newsletter=newsletter, frequency=Frequency.WEEKLY if digest else Frequency.EVERY,
        state__in=[SubscriptionState.CONFIRMED, SubscriptionState.SUPPRESSED])
    found = rows.aggregate(
        readers=Count("pk", filter=gets), paused=Count("pk", filter=paused), confirmed=Count("pk", filter=confirmed),
        suppressed=Count("pk", filter=Q(state=SubscriptionState.SUPPRESSED, confirmed_at__isnull=False)),
        without_partners=Count("pk", filter=gets & Q(reader__partners=False)))
    # Whoever is confirmed, not paused and still gets none waits for the terms: it is the only rule left.
    asked = found.pop("confirmed") - found["readers"] - found["paused"]
    return Headcount(asked=asked, **found)


def read_headcount(newsletter: str, *, digest: bool = False) -> Headcount:
    """Return what was counted within the last minute, by whichever page of this process asked first."""
    key = f"headcount:{newsletter}:{'weekly' if digest else 'every'}"
    kept: Headcount | None = cache.get(key)
    if kept is None:
        kept = count_heads(newsletter, digest=digest)
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def count_for(issue: Issue) -> dict[str, int]:
    """Count afresh whom an issue is being approved for, as it is kept with its edition and in the audit log."""
    found = asdict(count_heads(issue.newsletter, digest=issue.digest))
    if not issue.partner_blocks.exists():
        del found["without_partners"]
    return found


def say_headcount(edition: Edition) -> str:
    """Return in words whom an issue was approved for; "" of one that was approved before this was counted."""
    if not edition.headcount:
        return ""
    return Headcount(**edition.headcount).say(partners="without_partners" in edition.headcount)
