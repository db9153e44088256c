"""An issue and its proof in, the findings of the last check out; a blocking one forbids approval."""

import html as html_escapes
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.conf import settings

from worker.errors import BroadsheetError
from worker.issues.corrections import printed_with
from worker.issues.evidence import Articles, find_placements, read_evidence, read_story_articles
from worker.issues.partners import list_partners
from worker.issues.wording import clean_line, clean_url
from worker.press.blocks import find_faults, fold, fold_plain, strip_marks
from worker.press.content import PrintedPartner, PrintedStory, print_partner, print_story
from worker.press.lint import lint_html
from worker.press.measure import measure_parts
from worker.press.proof import GO_MARK, MARKS, Proof
from worker.storage.models import Issue, IssueState, Kind, Placement, Section, StoryState
from worker.stories.memory import find_carried, find_survivor, items_of, trace_merged, went_out
from worker.stories.summary import Claim

SIZE_LIMIT = 90_000  # bytes; Gmail cuts a message off at 102 KB, and links grow when the reader's own are put in
TOKEN_LENGTH = 90  # of /go/TOKEN/ in a link through the counter, where a reader agreed to be measured
SUBJECT_WARNING = 78  # characters; RFC 5322 section 2.1.1's line, and more than any list of mails shows


@dataclass(frozen=True)
class Finding:
    """One check's outcome in words. `blocking`: the issue may not go out unless it is `ok`."""

    check: str
    ok: bool
    blocking: bool
    message: str


@dataclass(frozen=True)
class _Forms:
    """The proof as it is checked: with everything in it, the most a reader gets, and with nothing that is not everybody's."""

    full: Proof
    bare: Proof


def check_proof(issue: Issue, proof: Proof, *, placements: Iterable[Placement] | None = None,
                articles: Mapping[int, Articles] | None = None) -> list[Finding]:
    """Return every check's finding for `proof`, which must be of `issue` as its rows stand.

    `placements` and `articles` are the issue's, if they were read already (`find_placements`, `read_story_articles`).
    """
    placements = list(find_placements(issue) if placements is None else placements)
    live = [placement for placement in placements if not placement.dropped]
    dropped = [placement for placement in placements if placement.dropped]
    stories = [print_story(placement) for placement in live]
    partners = [print_partner(block) for block in issue.partner_blocks.all()]
    forms = _fold_both(proof)
    return [
        *_check_stories(live), *_check_subject(proof), *_check_blocks(proof),
        *_check_size(forms.full), *_check_text(forms.full, stories), *_check_marks(forms), *_check_address(forms.bare),
        *_check_syntax(forms.full, issue, stories, partners), *_check_dropped(forms.full, live, dropped),
        *_check_evidence(live, articles),
        *_check_html(forms), *_check_partners(forms.full, partners), *_check_sources(live), *_check_repeats(issue, live),
        *_check_merged(live),
    ]


def _fold_both(proof: Proof) -> _Forms:
    full = replace(proof, html=strip_marks(proof.html), text=strip_marks(proof.text))
    try:
        return _Forms(full, replace(proof, html=fold(proof.html, ()), text=fold_plain(proof.text, ())))
    except BroadsheetError:  # the blocks' own check says so
        return _Forms(full, full)


def _check_blocks(proof: Proof) -> Iterator[Finding]:
    faults = find_faults(proof.html, proof.text)
    yield from _judge("blocks", faults, "what only some readers get is marked as theirs")


def _judge(check: str, faults: list[str], fine: str, *, blocking: bool = True) -> Iterator[Finding]:
    """Yield one finding: `fine`, or the first fault and how many more there are."""
    if not faults:
        yield Finding(check, True, blocking, fine)
        return
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    yield Finding(check, False, blocking, faults[0] + more)


def _check_stories(live: list[Placement]) -> Iterator[Finding]:
    faults = [] if live else ["the issue prints no story; restore one, or reject the issue"]
    faults += [f"story {p.story_id} has no headline; write one, or drop it" for p in live if not clean_line(p.headline)]
    yield from _judge("stories", faults, f"{len(live)} stories")


def _check_subject(proof: Proof) -> Iterator[Finding]:
    faults = [] if proof.subject else ["the subject is empty; write one"]
    if any(ord(char) < 32 or ord(char) == 127 for char in proof.subject):
        faults.append("the subject holds a control character; write it again")
    yield from _judge("subject", faults, f"“{proof.subject}”")
    length = len(proof.subject)
    long = [f"the subject has {length} characters and will be cut short; {SUBJECT_WARNING} at most are read"]
    faults = long if length > SUBJECT_WARNING else []
    yield from _judge("subject length", faults, f"{length} characters", blocking=False)


def _check_size(proof: Proof) -> Iterator[Finding]:
    measured, _ = measure_parts(proof.html, "", edition_html=proof.html, site=settings.BASE_URL)
    token = len(settings.BASE_URL) + TOKEN_LENGTH - len(GO_MARK)
    size = max(len(proof.html.encode()), len(measured.encode()) + measured.count(GO_MARK) * token)
    faults = [f"the mail has {size:,} bytes of HTML, and mail programs would cut it off; drop stories until it is "
              f"under {SIZE_LIMIT:,}"]
    yield from _judge("size", faults if size >= SIZE_LIMIT else [], f"{size:,} of {SIZE_LIMIT:,} bytes")


def _check_text(proof: Proof, stories: list[PrintedStory]) -> Iterator[Finding]:
    said = " ".join(proof.text.split())
    faults = [] if said else ["there is no plain-text part"]
    faults += [f"the plain-text part leaves out “{story.headline}”"
               for story in stories if story.headline not in said or story.summary not in said]
    yield from _judge("plain text", faults, "says all that the HTML says")


def _check_marks(forms: _Forms) -> Iterator[Finding]:
    """Each once, whatever a reader gets: a link that stood among what only some get would be missing for the others."""
    faults = []
    for mark in MARKS:
        what = urlsplit(mark).path.strip("/")
        for part, bodies in (("HTML", (forms.full.html, forms.bare.html)), ("plain text", (forms.full.text, forms.bare.text))):
            wrong = [body.count(mark) for body in bodies if body.count(mark) != 1]
            faults += [f"the {part} holds the {what} link {count} times; it must be there once" for count in wrong[:1]]
    yield from _judge("unsubscribe and preferences", faults, "one of each in both parts")


def _check_address(proof: Proof) -> Iterator[Finding]:
    """The sender's postal address must stand in every mail: CAN-SPAM, 15 U.S.C. 7704(a)(5)(A)(iii)."""
    address = clean_line(settings.POSTAL_ADDRESS)
    blocking = urlsplit(settings.SENDER_URL).scheme != "maildir"
    if not address:
        faults = ["POSTAL_ADDRESS is empty, and the law asks for the publisher's in every mail; set it"]
    elif address not in " ".join(proof.text.split()) or html_escapes.escape(address, quote=True) not in proof.html:
        faults, blocking = ["the postal address is missing from the mail's foot; put it back into the template"], True
    else:
        faults = []
    yield from _judge("postal address", faults, address, blocking=blocking)


def _check_syntax(
    proof: Proof, issue: Issue, stories: list[PrintedStory], partners: list[PrintedPartner]
) -> Iterator[Finding]:
    """Look for template tags that came out as text, beyond those that outlets themselves wrote."""
    given = " ".join([issue.subject, issue.preheader, *(c.text for c in printed_with(issue))])
    given += " ".join(f"{s.headline} {s.summary} {' '.join(link.outlet for link in s.sources)}" for s in stories)
    given += " ".join(f"{p.label} {p.headline} {p.text}" for p in partners)
    printed = re.sub(r"(?s)<style.*?</style>", "", proof.html) + proof.text
    faults = [f"a template came out with {sign} in it, so a part of it was not filled in; mend the template"
              for sign in ("{{", "{%", "%}") if sign in printed and sign not in given]
    yield from _judge("placeholders", faults, "all filled in")


def _check_dropped(proof: Proof, live: list[Placement], dropped: list[Placement]) -> Iterator[Finding]:
    printed = " ".join(clean_line(p.headline) for p in live)
    linked = {source.get("url") for p in live for source in p.sources}
    faults = []
    for placement in dropped:
        headline = clean_line(placement.headline)
        urls = {clean_url(str(source.get("url", ""))) for source in placement.sources} - linked - {""}
        told = headline and headline not in printed and headline in " ".join(proof.text.split())
        if told or any(f"{url}\n" in proof.text for url in urls):
            faults.append(f"“{headline}” was dropped but is still in the mail; mend the template")
    yield from _judge("dropped stories", faults, f"{len(dropped)} dropped, none printed")


def _check_evidence(live: list[Placement], articles: Mapping[int, Articles] | None) -> Iterator[Finding]:
    """Every claim printed is in an item that its story has now, or was waived; a short item prints its headline alone."""
    if articles is None:
        articles = read_story_articles([placement.story_id for placement in live])
    faults, rewritten, waived = [], [], 0
    for placement in live:
        checked = [one for one in read_evidence(placement, articles.get(placement.story_id, ()))
                   if one.part == "headline" or placement.section != Section.SHORT]
        waived += sum(one.waiver is not None for one in checked)
        faults += [f"“{clean_line(placement.headline)}” says {_name_claim(claim)}, which none of its sources bears out; "
                   "rewrite it, or waive it with a reason" for one in checked if one.blocks for claim in one.serious]
        rewritten += [f"“{clean_line(placement.headline)}” rests on a report that its outlet has rewritten since: "
                      f"“{one.sentence.text}”; read it again" for one in checked if one.rewritten]
    fine = "every claim has its source" + (f", {waived} waived" if waived else "")
    yield from _judge("evidence", faults, fine)
    yield from _judge("rewritten reports", rewritten, "none since the draft", blocking=False)


def _name_claim(claim: Claim) -> str:
    return f"“{claim.text}”" + ("" if claim.kind == "statement" else f" ({claim.kind})")


def _check_merged(live: list[Placement]) -> Iterator[Finding]:
    """A ruling brings drafts along; an approval that was withdrawn afterwards may still hold what is no story any more."""
    faults = [f"“{clean_line(p.headline)}” was merged into story {p.story.merged_into_id}; drop it, and pull that one in "
              "unless it is there" for p in live if p.story.state == StoryState.MERGED]
    yield from _judge("merged stories", faults, "none")


def _check_html(forms: _Forms) -> Iterator[Finding]:
    faults = lint_html(forms.full.html) or (lint_html(forms.bare.html) if forms.bare != forms.full else [])
    yield from _judge("html", faults, "nothing in it but text, layout and safe links")


def _check_partners(proof: Proof, partners: list[PrintedPartner]) -> Iterator[Finding]:
    """Readers agreed to the partners named beside the box, and to content that says whose it is."""
    named = {clean_line(name) for name in list_partners()} if partners else set()
    said = " ".join(proof.text.split())
    faults = [f"“{one.partner}” is not named in feeds.toml and in the partners' wording in force, so no reader agreed to its "
              "content; take the block out, or publish a wording that names it" for one in partners if one.partner not in named]
    faults += [f"the block of “{one.partner}” has no headline or no text; write them, or take it out"
               for one in partners if not one.headline or not one.text]
    faults += [f"the block of “{one.partner}” has no address that a mail may link to; give one that begins with https://"
               for one in partners if not one.url.startswith(("http://", "https://"))]
    faults += [f"the label “{one.label}” is missing from the mail; put it back into the template" for one in partners
               if one.label not in said or html_escapes.escape(one.label, quote=True).replace("&#x27;", "&#39;")
               not in proof.html.replace("&#x27;", "&#39;")]
    yield from _judge("partners", faults, f"{len(partners)} blocks, each labelled" if partners else "none")


def _check_sources(live: list[Placement]) -> Iterator[Finding]:
    unsourced = [f"“{clean_line(p.headline)}” names no outlet; drop it" for p in live if not p.sources]
    yield from _judge("sources", unsourced, "every story names its outlets")
    unlinked = [f"{source.get('outlet')} gave no address that a mail may link to, for “{clean_line(p.headline)}”"
                for p in live for source in p.sources if not clean_url(str(source.get("url", "")))]
    yield from _judge("links", unlinked, "every outlet is linked", blocking=False)


def _check_repeats(issue: Issue, live: list[Placement]) -> Iterator[Finding]:
    """Nobody gets the same news twice, but another issue of the period was asked for by hand and may repeat it.

    An update goes beyond what its story said up to the issue it follows; that one must have gone out. A digest is held
    against earlier digests alone, since repeating the week's issues is what it is for; and its stories against each other.
    """
    what = "digest" if issue.digest else "issue"
    lives_in = trace_merged(p.story_id for p in live)
    carried = find_carried(issue.newsletter, digest=issue.digest).filter(story__in=lives_in)
    out = carried.exclude(issue__period=issue.period).exclude(issue__state=IssueState.DRAFT).select_related("issue")
    since = {p.story_id: p.since for p in live if p.kind == Kind.UPDATE and p.since}
    headlines = {p.story_id: clean_line(p.headline) for p in live}
    faults = [f"“{headlines[story]}” was in the {what} of {p.issue.period} already; drop it" for p in out
              if (story := lives_in[p.story_id]) not in since or p.issue.window_end > since[story].window_end]
    faults += [f"“{clean_line(p.headline)}” is an update, but the {what} of {p.since.period} did not go out; send that first, or "
               "drop it" for p in live if p.story_id in since and p.since and not went_out(p.since)]
    faults += _find_told_twice(live) if issue.digest else []
    yield from _judge("repeats", faults, "no story that readers have had")


def _find_told_twice(live: list[Placement]) -> Iterator[str]:
    """A week has a story's first words and its later ones; two places that rest on one report are one story told twice."""
    first: dict[tuple[str, int], Placement] = {}
    for placement in live:
        told = {("story", find_survivor(placement.story).pk), *(("report", item) for item in items_of(placement))}
        twin = next((first[key] for key in sorted(told) if key in first), None)
        if twin is not None:
            yield f"“{clean_line(placement.headline)}” and “{clean_line(twin.headline)}” tell the same story; drop one of them"
        first |= {key: first.get(key, placement) for key in told}
