"""An issue's words in, those that somebody forgot to fill in out: of a template, of a draft, of a program."""

import re
from collections.abc import Iterator

from worker.issues.corrections import printed_with
from worker.press.preflight.finding import Fault, Finding, judge
from worker.press.preflight.looks import TEMPLATE
from worker.press.preflight.reading import Reading, place, quote

_TAGS = ("{{", "{%", "%}")
# What an author writes to come back to, and what nobody means to print. An outlet may: its own words are left alone.
_FORGOTTEN = re.compile(
    r"\[(?:(?:first|last|your|reader|company|product|partner|outlet)[ _-]?)?(?:name|date|link|url|title|city|number|text|headline)"
    r"\]"
    r"|\[insert\b[^\]]*\]|<(?:name|link|date)>|lorem ipsum|\bTODO\b|\bTBD\b|\bFIXME\b|\bXXX+\b")
_IGNORING_CASE = re.compile(_FORGOTTEN.pattern.partition(r"|\bTODO")[0], re.IGNORECASE)
_NOTHING = frozenset(["None", "nan", "NaN", "null", "undefined", "[object Object]"])


def check_placeholders(reading: Reading) -> Iterator[Finding]:
    """Yield one finding about all of it."""
    yield from judge("placeholders", [*_find_tags(reading), *_find_forgotten(reading), *_find_empty(reading)], "all filled in")


def find_forgotten(text: str) -> str:
    """Return the first placeholder in a text, "" if there is none."""
    found = _FORGOTTEN.search(text) or _IGNORING_CASE.search(text)
    return found[0] if found else ""


def _find_tags(reading: Reading) -> Iterator[Fault]:
    """Look for template tags that came out as text, beyond those that outlets themselves wrote."""
    issue = reading.issue
    given = " ".join([issue.subject, issue.preheader, *(c.text for c in printed_with(issue))])
    given += " ".join(f"{s.headline} {s.summary} {' '.join(link.outlet for link in s.sources)}" for s in reading.stories)
    given += " ".join(f"{p.label} {p.headline} {p.text}" for p in reading.partners)
    printed = re.sub(r"(?s)<style.*?</style>", "", reading.full.html) + reading.full.text
    for sign in _TAGS:
        if sign in printed and sign not in given:
            yield Fault(f"a template came out with {sign} in it, so a part of it was not filled in", TEMPLATE)


def _find_forgotten(reading: Reading) -> Iterator[Fault]:
    """Look in the words that editors write; those that a report has too are the outlet's own."""
    own = " ".join(f"{article.title} {article.summary}" for articles in reading.articles.values() for article in articles)
    for words, name in ((reading.proof.subject, "subject"), (reading.issue.preheader, "preheader")):
        if (sign := find_forgotten(words)) and sign not in own:
            yield Fault(f"the {name} holds “{sign}”", "Write what belongs there.", name)
    for placement, story in zip(reading.live, reading.stories, strict=True):
        reports = " ".join(f"{a.title} {a.summary}" for a in reading.articles.get(placement.story_id, ()))
        if (sign := find_forgotten(f"{story.headline} {story.summary}")) and sign not in reports:
            yield Fault(f"{quote(placement)} holds “{sign}”", "Write what belongs there.", place(placement))
    for block, partner in zip(reading.blocks, reading.partners, strict=True):
        words = f"{partner.headline} {partner.text}".replace(partner.partner, "")
        if sign := find_forgotten(words):
            yield Fault(f"the content of “{partner.partner}” holds “{sign}”", "Write what belongs there.", f"partner-{block.pk}")


def _find_empty(reading: Reading) -> Iterator[Fault]:
    """Look for what a template prints when a value is missing: a link without aim or words, a program's word for nothing."""
    given = {words for story in reading.stories for words in (story.headline, story.summary, *(s.outlet for s in story.sources))}
    for element in reading.page.elements:
        said = " ".join(element.text.split())
        if element.tag == "a" and element.target.strip() in ("", "#"):
            yield Fault(f"the link “{said[:60]}” leads nowhere", TEMPLATE)
        elif element.tag == "a" and not said and not element.alternative.strip():
            yield Fault(f"a link to {element.target[:80]} has no words", TEMPLATE)
        elif said in _NOTHING and said not in given:
            yield Fault(f"“{said}” stands alone, as a program writes it where something is missing", TEMPLATE)
