"""An issue's sender, subject and preheader in; how lists of mails show them, what to mind, and other words for them, out.

Where a list cuts is approximate: fonts, windows and settings differ. The widths come from published measurements, at half an em for
a character of running text: Apple Mail on an iPhone 14 shows 48 characters of subject and 99 of preheader
(emailtooltester.com, "Email Subject Lines Character Limit"); Gmail shows about 77 characters of subject on a desktop and 40 on a
phone, Outlook on a desktop 50 to 73 (wordcounterfree.com and wordcounternow.com, on character limits). Senders' names are cut at 20
to 25 characters on phones (campaign.name). Where they disagree, the narrower is taken.
"""

import html as html_escapes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from worker.editorial import Newsletter
from worker.errors import BroadsheetError
from worker.issues.wording import clean_line
from worker.press.blocks import fold_proof
from worker.press.graphemes import measure, split_graphemes
from worker.press.proof import Proof
from worker.press.subject_advice import Advice, Suggestion, advise, suggest
from worker.storage.models import Issue, Section

RECENT = 10  # issues whose subjects are held against this one's
BODY_LENGTH = 300  # characters of the mail's own words; no list shows more


@dataclass(frozen=True)
class Client:
    """A mail program's list: how wide each part is, in em. `line` is what subject and preheader share, if they do."""

    name: str
    layout: str
    sender: float
    subject: float
    snippet: float = 0
    line: float = 0


CLIENTS = (
    Client("Gmail, desktop", "gmail-wide", sender=12, subject=36, line=58),
    Client("Gmail, phone", "gmail-phone", sender=12, subject=20, snippet=20),
    Client("Outlook, desktop", "outlook", sender=16, subject=26, snippet=26),
    Client("Apple Mail, phone", "apple", sender=13, subject=24, snippet=49.5),
)


@dataclass(frozen=True)
class Cut:
    """What of a text is shown: `text` ends in an ellipsis if `is_cut`; `in_word`: in the middle of a word."""

    text: str
    is_cut: bool = False
    in_word: bool = False


@dataclass(frozen=True)
class Row:
    """One mail in one program's list. `drawn` are the mail's own words that the program draws in after a short preheader."""

    client: Client
    sender: Cut
    subject: Cut
    snippet: Cut
    drawn: Cut


@dataclass(frozen=True)
class Inbox:
    """What templates/web/desk/_inbox.html needs."""

    rows: Sequence[Row]
    advice: Sequence[Advice]
    suggestions: Sequence[Suggestion]
    at: str
    subject: str
    preheader: str
    is_tried: bool = False  # these words are not those that are saved


def read_inbox(issue: Issue, newsletter: Newsletter, titles: Mapping[str, str], proof: Proof | None) -> Inbox:
    """Return how the issue looks in lists of mails under these `titles` (subject, preheader), saved or just typed."""
    subject, preheader = (clean_line(titles.get(key, ""))[:200] for key in ("subject", "preheader"))
    others = Issue.objects.filter(newsletter=issue.newsletter, digest=issue.digest).exclude(pk=issue.pk)
    recent = list(others.order_by("-drafted_at").values_list("subject", flat=True)[:RECENT])
    placed = issue.placements.filter(dropped=False, section__in=[Section.LEAD, Section.TOP])
    headlines = [clean_line(headline) for headline in placed.values_list("headline", flat=True)[:4]]
    body = find_opening(proof.html, issue.preheader) if proof else ""
    rows = show_rows(newsletter.from_name, subject, preheader, body)
    advice = [*advise(subject, preheader, recent), *_judge_rows(rows)]
    is_tried = (subject, preheader) != (clean_line(issue.subject), clean_line(issue.preheader))
    return Inbox(rows, advice, suggest(headlines, subject, preheader), newsletter.send_by, subject, preheader, is_tried)


def find_opening(html: str, preheader: str) -> str:
    """Return the first words of a mail's body after its preheader: what mail programs draw in if that is short."""
    try:
        shown = fold_proof(Proof("", html, "", "")).html
    except BroadsheetError:  # the preflight says so
        return ""
    body = re.sub(r"(?is)<head.*?</head>|<style.*?</style>|<!--.*?-->|<title.*?</title>", " ", shown)
    words = clean_line(html_escapes.unescape(re.sub(r"<[^>]*>", " ", body)))
    return words.removeprefix(clean_line(preheader)).strip()[:BODY_LENGTH]


def show_rows(sender: str, subject: str, preheader: str, body: str = "") -> list[Row]:
    """Return the row of each program. Pure."""
    return [_show_row(client, sender, subject, preheader, body) for client in CLIENTS]


def _show_row(client: Client, sender: str, subject: str, preheader: str, body: str) -> Row:
    shown = cut_to(subject, client.subject)
    room = client.snippet or client.line - measure(split_graphemes(shown.text + " – "))
    snippet = cut_to(preheader, room)
    left = room - measure(split_graphemes(snippet.text + " "))
    drawn = cut_to(body, left) if not snippet.is_cut and left > 2 else Cut("", is_cut=bool(body))
    return Row(client, cut_to(sender, client.sender), shown, snippet, drawn)


def cut_to(text: str, width: float) -> Cut:
    """Return what of `text` is shown in so many em, as a mail program cuts it: between any two characters. Pure."""
    whole = split_graphemes(text)
    if measure(whole) <= width:
        return Cut(text)
    room = width - measure("…")
    kept: list[str] = []
    for one in whole:
        room -= measure([one])
        if room < 0:
            break
        kept.append(one)
    following = whole[len(kept)]
    in_word = bool(kept) and kept[-1].isalnum() and following.isalnum()
    return Cut("".join(kept).rstrip() + "…", is_cut=True, in_word=in_word)


def _judge_rows(rows: Sequence[Row]) -> list[Advice]:
    """Say where the subject is cut, with what is left of it, and where the mail's own words are drawn in."""
    found = [Advice(False, f"{row.client.name} cuts the subject{' in the middle of a word' if row.subject.in_word else ''}: "
                           f"“{row.subject.text}”") for row in rows if row.subject.is_cut]
    names = [row.client.name for row in rows if row.drawn.text]
    if names:
        found.append(Advice(False, f"The preheader leaves room: {'; '.join(names)} would draw in the mail’s first words after it."))
    if any(row.sender.is_cut for row in rows):
        found.append(Advice(False, "The sender’s name (from_name in feeds.toml) is cut on some screens."))
    return found
