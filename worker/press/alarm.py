"""What is told of an issue that waits for somebody's decision in, the letter about it out: to people of the newsroom."""

from dataclasses import dataclass

from worker.issues.wording import clean_line
from worker.press.proof import Letter
from worker.press.render import render_letter
from worker.storage.models import AlarmKind

SUBJECTS = {
    AlarmKind.SOON: "Not approved yet: {title} {slug}",
    AlarmKind.LATE: "Not sent: {title} {slug} was not approved in time",
    AlarmKind.STOPPED: "Stopped on its way: {title} {slug}",
    AlarmKind.MISSED: "Not started: {title} {slug} missed its hour",
}


@dataclass(frozen=True)
class AlarmWords:
    """What an alarm says. `deadline` and `left` are about an approval, `why`, `out` and `waiting` about a send."""

    kind: str
    slug: str
    issue_subject: str
    issue_url: str
    deadline: str = ""
    left: str = ""
    signed: str = ""  # who let it go already, where two must
    why: str = ""
    out: str = ""  # copies that cannot be called back
    waiting: str = ""  # copies that are not out


def render_alarm(newsletter_title: str, words: AlarmWords) -> Letter:
    """Return the letter. Raises BroadsheetError if it cannot be rendered."""
    subject = SUBJECTS[AlarmKind(words.kind)].format(title=clean_line(newsletter_title), slug=words.slug)
    return render_letter("held", subject, newsletter_title, kind=words.kind, slug=words.slug, issue_url=words.issue_url,
                         issue_subject=clean_line(words.issue_subject), deadline=words.deadline, left=words.left,
                         signed=words.signed, why=_end(words.why), out=words.out, waiting=words.waiting)


def _end(why: str) -> str:
    """Return a reason as a sentence."""
    words = clean_line(why).rstrip(".")
    return f"{words[:1].upper()}{words[1:]}." if words else "nobody said why."
