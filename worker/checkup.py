"""`broadsheet check`: one finding each for configuration, database, broker, sender and the senders' DNS, with its mend."""

from collections.abc import Iterator
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError

from worker import editorial
from worker.delivery import senders
from worker.delivery.alarms import list_addresses
from worker.delivery.domains import ask_record
from worker.delivery.inquiries import RECORDS
from worker.errors import BroadsheetError
from worker.press.signatures import APPROVERS
from worker.readers.journal import read_entries, why_not_writable
from worker.readers.replay import count_missing
from worker.redis import why_silent
from worker.storage.models import Editor, Frequency, Subscription, SubscriptionState, Verdict
from worker.storage.schema import pending_migrations
from worker.stories import calls
from worker.stories.model_answer import is_among


class Finding(NamedTuple):
    """One line of the check: what was looked at, whether it is well, and what to do if not."""

    part: str
    ok: bool
    blocking: bool  # the service cannot do its work until it is mended
    message: str


def check_all() -> list[Finding]:
    """Look at every part; never raises."""
    findings = [*_check_configuration(), _check_database(), _check_journal(), _check_broker(), _check_sender(), _check_summaries()]
    return [*findings, *_check_approvers(), *_check_digests(), *_check_domains()]


def _check_configuration() -> Iterator[Finding]:
    try:
        paper = editorial.load()
        yield Finding("feeds.toml", True, True, f"{len(paper.feeds)} feeds in {len(paper.newsletters)} newsletters")
    except BroadsheetError as error:
        yield Finding("feeds.toml", False, True, str(error))
    real = not settings.SENDER_URL.startswith("maildir:")
    if not settings.POSTAL_ADDRESS:
        yield Finding("POSTAL_ADDRESS", False, real, "not set: the law of most countries wants one in every newsletter")
    if real and not settings.BASE_URL.startswith("https://"):
        yield Finding("BASE_URL", False, True, f"{settings.BASE_URL}: one-click unsubscribe (RFC 8058) needs an https address")


def _check_database() -> Finding:
    try:
        count = pending_migrations()
    except BroadsheetError as error:
        return Finding("database", False, True, str(error))
    if count:
        return Finding("database", False, True, f"{count} migrations are missing; run: broadsheet migrate")
    approvers = Editor.objects.filter(is_active=True, role__in=APPROVERS).count()
    if not approvers:
        return Finding("database", False, False, "answers, but there is no approver; broadsheet editor add EMAIL --approver")
    return Finding("database", True, True, f"answers; {approvers} approvers")


def _check_approvers() -> Iterator[Finding]:
    """Who lets issues go, and who is told if nobody does."""
    try:
        approvers, told = Editor.objects.filter(is_active=True, role__in=APPROVERS).count(), list_addresses()
        newsletters = editorial.load().newsletters
    except (BroadsheetError, DatabaseError):
        return  # the checks of the database and of feeds.toml say so
    for key, newsletter in newsletters.items():
        if newsletter.four_eyes and approvers < 2:
            yield Finding("four eyes", False, False, f"{key} wants the approval of two people, and {approvers} may approve; "
                                                     "broadsheet editor add EMAIL --approver")
    if told:
        yield Finding("alarms", True, True, f"go to {len(told)} addresses: {', '.join(told[:3])}{' and more' if told[3:] else ''}")
    else:
        yield Finding("alarms", False, False, "nobody would be told of a missed deadline; add an approver, or set ALARM_ADDRESSES")


def _check_journal() -> Finding:
    """Without it an erasure is refused, and a restored backup could not be told who asked to be forgotten."""
    file = settings.ERASURE_JOURNAL
    if reason := why_not_writable():
        return Finding("erasures", False, True, f"ERASURE_JOURNAL {file}: {reason}; let this user write there: nobody can be "
                                                "erased until then, and who leaves could come back with a restored backup")
    try:
        journal = read_entries()
        missing = count_missing(journal)
    except BroadsheetError as error:
        return Finding("erasures", False, True, str(error))
    except DatabaseError:
        return Finding("erasures", True, True, f"{file} can be written; the database cannot say whether it knows what stands there")
    if missing:
        return Finding("erasures", False, True, f"{missing} of {len(journal)} entries of {file} are not in the database: "
                                                "was a backup restored? run: broadsheet readers replay-erasures")
    if journal.unreadable:
        return Finding("erasures", False, False, f"{file}: line {journal.unreadable[0]} cannot be read, of "
                                                 f"{len(journal.unreadable)} such; whoever it named may be erased again by hand")
    return Finding("erasures", True, True, f"{file} can be written; all {len(journal)} entries are in the database")


def _check_broker() -> Finding:
    if not settings.REDIS_URL:
        return Finding("broker", True, True, "embedded: `broadsheet up` starts it")
    reason = why_silent(settings.REDIS_URL)
    if reason:
        return Finding("broker", False, True, f"REDIS_URL does not answer ({reason}); start it, or unset REDIS_URL")
    return Finding("broker", True, True, "answers")


def _check_sender() -> Finding:
    try:
        return Finding("sender", True, True, senders.check())
    except BroadsheetError as error:
        return Finding("sender", False, True, str(error))


def _check_summaries() -> Finding:
    """Never blocking: where no model answers, the sources' own sentences stand in."""
    if not settings.SUMMARISER_URL:
        return Finding("summaries", True, False, "the sources' own sentences; SUMMARISER_URL names a language model")
    from worker.stories.abstractive import open_summariser  # takes a second to import

    where = f"{settings.SUMMARISER_MODEL} at {settings.SUMMARISER_URL}"
    try:
        with open_summariser() as summariser:
            names = summariser.model.list_models()
    except BroadsheetError as error:
        return Finding("summaries", False, False, f"{where}: {error}; start that server or mend SUMMARISER_*: until then "
                                                  "summaries are the sources' own sentences")
    if names and not is_among(settings.SUMMARISER_MODEL, names):
        return Finding("summaries", False, False, f"{settings.SUMMARISER_URL} lists no model {settings.SUMMARISER_MODEL}; set "
                                                  f"SUMMARISER_MODEL to one it has: {', '.join(names[:5])}")
    return Finding("summaries", True, False, f"{where} answers; {_say_spent()}")


def _check_digests() -> Iterator[Finding]:
    """A digest that was taken out of feeds.toml leaves readers behind who asked for nothing else."""
    weekly = Subscription.objects.filter(state=SubscriptionState.CONFIRMED, frequency=Frequency.WEEKLY)
    try:
        for key, newsletter in editorial.load().newsletters.items():
            count = weekly.filter(newsletter=key).count() if newsletter.digest_on is None else 0
            if count:
                yield Finding(f"digest {key}", False, False, f"{count} reader{'s' * (count != 1)} chose one mail a week, and "
                              "there is none: give the newsletter its digest_on again in feeds.toml")
    except (BroadsheetError, DatabaseError):
        return  # said above


def _say_spent() -> str:
    try:
        spent = calls.read_spent()
    except DatabaseError:
        return "what was spent is not known: the database does not answer"
    of = f" of {settings.SUMMARISER_DAILY_LIMIT}" if settings.SUMMARISER_DAILY_LIMIT is not None else ""
    return f"{spent.requests} request{'s' * (spent.requests != 1)} today (UTC) for {spent.cost.normalize():f}{of}"


def _check_domains() -> Iterator[Finding]:
    """SPF, DKIM and DMARC of each From domain, as the gate before approval looks at them."""
    try:
        newsletters = editorial.load().newsletters.values()
    except BroadsheetError:
        return
    for domain in sorted({newsletter.from_email.rpartition("@")[2] for newsletter in newsletters}):
        for subject in RECORDS:
            record = ask_record(subject, domain)
            mend = f"; {record.mend}" if record.mend else ""
            yield Finding(record.label, record.verdict == Verdict.GOOD, False, record.words + mend)
