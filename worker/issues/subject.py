"""An issue's first stories in, its subject line and preheader out: what a reader sees before opening."""

import re
from collections.abc import Sequence
from datetime import date

from worker.editorial import Newsletter
from worker.issues.wording import SUBJECT_LENGTH, clean_line, cut_line

PREHEADER_LENGTH = 120
LEAST_HEADLINE = 30  # however long the newsletter's own words are
DIGEST_SUBJECT = "{title}, the week: {headline}"


def compose_subject(newsletter: Newsletter, headline: str, period: str, *, digest: bool = False) -> str:
    """Return the subject for an issue led by `headline` on `period` (ISO date): one line, without control characters.

    `{headline}`, `{title}` and `{date}` of the newsletter's pattern are filled in once; what they hold is never read
    as a pattern again. The headline is cut at a word so that the whole stays within 70 characters. A digest says that it
    is one, whatever the newsletter's own pattern.
    """
    pattern = DIGEST_SUBJECT if digest else newsletter.subject
    day = date.fromisoformat(period)
    values = {"title": newsletter.title, "date": f"{day.day} {day:%B}"}
    around = len(_fill(pattern, {**values, "headline": ""}))
    values["headline"] = cut_line(headline, max(SUBJECT_LENGTH - around, LEAST_HEADLINE))
    return clean_line(_fill(pattern, values))[:200]


def _fill(pattern: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(headline|title|date)\}", lambda found: values[found[1]], pattern)


def compose_preheader(headlines: Sequence[str]) -> str:
    """Return the line mail programs show beside the subject: the second story's headline, or nothing."""
    return cut_line(headlines[1], PREHEADER_LENGTH) if len(headlines) > 1 else ""
