"""A placed story in, its words held against its items as they are stored now out: what bears each out, and what nothing does."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from django.db.models import QuerySet

from worker import editorial
from worker.issues.wording import clean_line
from worker.storage.models import Issue, Item, Placement, Waiver
from worker.stories.articles import as_article
from worker.stories.evidence import check_sentence
from worker.stories.sentences import split_sentences, tidy
from worker.stories.similarity import Article
from worker.stories.summary import Claim, Sentence

Articles = tuple[Article, ...]


@dataclass(frozen=True)
class Checked:
    """A headline or one sentence of a summary, who wrote it, and the waiver that covers it as it stands, if there is one."""

    part: Literal["headline", "summary"]
    sentence: Sentence
    by_editor: bool
    waiver: Waiver | None = None
    rewritten: bool = False  # the passage it was taken from is in no report any more: the outlet has changed it since

    @property
    def doubts(self) -> tuple[Claim, ...]:
        """What no source has. A machine's sentence that nothing bears out is in doubt as a whole."""
        if self.sentence.doubts or self.sentence.support or self.by_editor:
            return self.sentence.doubts
        return (Claim("statement", self.sentence.text),)

    @property
    def serious(self) -> tuple[Claim, ...]:
        """The doubts that need a waiver: an editor may comment, but names, numbers, dates and quotations are the sources'."""
        return tuple(claim for claim in self.doubts if not (self.by_editor and claim.kind == "statement"))

    @property
    def blocks(self) -> bool:
        """Tell whether it stands against approval."""
        return bool(self.serious) and self.waiver is None


def find_placements(issue: Issue) -> QuerySet[Placement]:
    """Return the issue's placements with all that `read_evidence` asks of them, in three queries."""
    return issue.placements.select_related("story", "since", "edited_by").prefetch_related("waivers__made_by")


def read_evidence(placement: Placement, articles: Articles | None = None) -> list[Checked]:
    """Check the headline, then each sentence of the summary, against the items the story has now.

    `articles` are those items, if they were read already (`read_story_articles`).
    """
    if articles is None:
        articles = read_story_articles([placement.story_id]).get(placement.story_id, ())
    headline = clean_line(placement.headline)
    own = placement.edited_by_id is not None and headline != clean_line(placement.story.headline)
    checked = [Checked("headline", check_words(headline, articles), own)]
    rows = {clean_line(row["text"]): row for row in placement.sentences}
    summary = clean_line(placement.summary)
    pieces = list(rows) if " ".join(rows) == summary else split_sentences(summary)
    for piece in pieces:
        # Summaries rewritten before sentences were checked have no rows at all.
        by_hand = rows[piece].get("editor", False) if piece in rows else bool(placement.edited_by_id and not rows)
        checked.append(Checked("summary", check_words(piece, articles), by_hand,
                               rewritten=piece in rows and not by_hand and _is_gone(rows[piece], articles)))
    waivers = list(placement.waivers.all())
    return [replace(one, waiver=_find_waiver(one, waivers)) for one in checked]


def trace_summary(placement: Placement, summary: str) -> list[dict[str, Any]]:
    """Return the rows a placement keeps of a summary an editor saves: as checked now, the editor's own marked `editor`."""
    articles = read_story_articles([placement.story_id]).get(placement.story_id, ())
    machines = {clean_line(row["text"]) for row in placement.sentences if not row.get("editor")}
    rows = []
    for piece in split_sentences(summary):
        row = check_words(piece, articles).as_row()
        rows.append(row if piece in machines else {**row, "editor": True})
    return rows


def read_story_articles(story_ids: Iterable[int]) -> dict[int, Articles]:
    """Return the items of each story as the checker reads them, in one query; a copy too may have a headline of its own."""
    titles = {name: source.title for name, source in editorial.load().feeds_by_name().items()}
    found: dict[int, list[Article]] = defaultdict(list)
    items = Item.objects.filter(story__in=set(story_ids)).select_related("feed").order_by("at", "id")
    for item in items:
        if item.story_id is not None:
            found[item.story_id].append(as_article(item, titles))
    return {story_id: tuple(articles) for story_id, articles in found.items()}


@lru_cache(maxsize=2_000)  # a page asks for the same words twice, and for most of them again after the next edit
def check_words(text: str, articles: Articles) -> Sentence:
    """Return what `check_sentence` finds, remembered for as long as neither the words nor the items change."""
    return check_sentence(text, articles)


@lru_cache(maxsize=200)
def _read_texts(articles: Articles) -> str:
    return "\n".join(tidy(text) for article in articles for text in (article.title, article.summary))


def _is_gone(row: Mapping[str, Any], articles: Articles) -> bool:
    """Whether a passage that bore the sentence out when it was placed is in none of the reports now."""
    return any(tidy(str(passage.get("passage", ""))) not in _read_texts(articles) for passage in row["support"])


def _find_waiver(checked: Checked, waivers: Sequence[Waiver]) -> Waiver | None:
    """The newest waiver in force of exactly these words whose doubts include all that there are now."""
    serious = {(claim.kind, claim.text) for claim in checked.serious}
    for waiver in sorted(waivers, key=lambda waiver: waiver.pk, reverse=True):
        if serious and waiver.withdrawn is None and waiver.text == checked.sentence.text and serious <= {
                (doubt["kind"], doubt["text"]) for doubt in waiver.doubts}:
            return waiver
    return None
