"""An issue's placements in, each as the desk shows it out: its words with what bears them out, its outlets, why it is there."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from worker import editorial
from worker.issues.changes import placement_mark
from worker.issues.evidence import Articles, Checked, check_words, find_placements, read_evidence, read_story_articles
from worker.issues.wording import clean_line, clean_url
from worker.storage.models import Issue, Item, Kind, Placement, Section, StoryState, Waiver
from worker.stories.summary import Claim, Sentence

WHOLE = 8  # stories shown with all that is inside them; those after them are rows until one is opened: a page stays light


@dataclass(frozen=True)
class Kept:
    """What an editor typed into a form that could not be saved, to be shown back: nothing typed is lost."""

    form: str
    values: Mapping[str, str]
    row_id: int | None = None  # the placement's, or the partner block's
    clash: bool = False  # somebody else changed the row meanwhile


@dataclass(frozen=True)
class Source:
    """One outlet's report: `url` is empty unless it may be linked to."""

    outlet: str
    title: str
    url: str
    at: datetime | None
    left_out: bool = False  # by an editor: the mail does not name it


@dataclass(frozen=True)
class Stretch:
    """A part of a sentence; `doubt` says what kind of claim it is if no source has it."""

    text: str
    doubt: str = ""


@dataclass(frozen=True)
class Support:
    """An outlet's passage that bears a sentence out; `source` is None if its report is no longer stored."""

    passage: str
    verbatim: bool
    source: Source | None


@dataclass(frozen=True)
class Evidence:
    """A headline or a sentence as the desk shows it. `number` counts from 0 within the story: the headline is 0."""

    checked: Checked
    number: int
    stretches: Sequence[Stretch]
    supports: Sequence[Support]
    is_open: bool = False
    reason: str = ""

    @property
    def text(self) -> str:
        """The words."""
        return self.checked.sentence.text


@dataclass(frozen=True)
class StoryOnDesk:
    """A placement as the desk shows it. `place` counts from 1; `present` is what the machine says now, if it is another thing."""

    placement: Placement
    place: int
    sources: Sequence[Source]
    title: Evidence
    evidence: Sequence[Evidence]
    waivers: Sequence[Waiver]
    present: tuple[str, str] | None
    headline: str
    summary: str
    is_open: bool
    mark: str = ""  # changes.placement_mark: forms send it back as "seen"
    others: str = ""  # options of a form: the stories it may be merged into
    is_asked: bool = True  # it is one of the first, or was opened
    reports: Sequence[tuple[int, Source]] = ()  # every report of the story, with its item's number: what can be split off

    @property
    def pinned(self) -> bool:
        """Tell whether it keeps its place."""
        return self.placement.pinned

    @property
    def waived(self) -> Sequence[Waiver]:
        """The waivers in force, which can be taken back."""
        return [waiver for waiver in self.waivers if waiver.withdrawn is None]

    @property
    def topics(self) -> Sequence[str]:
        """What it is about, by name; none if everybody gets it."""
        return [name for key, (name, _) in editorial.READER_TOPICS.items() if key in self.placement.topics]

    @property
    def blocking(self) -> int:
        """How many of its printed sentences no source bears out and nobody waived."""
        return sum(one.checked.blocks for one in (self.title, *(() if self.is_short else self.evidence)))

    @property
    def starts_open(self) -> bool:
        """Tell whether there is something to do in it: words that were refused, or a sentence without a source."""
        return self.is_open or self.blocking > 0 or any(one.is_open for one in (self.title, *self.evidence))

    @property
    def is_whole(self) -> bool:
        """Tell whether what is inside it is on the page; else it is a row that can be opened."""
        return self.is_asked or self.starts_open

    @property
    def is_short(self) -> bool:
        """A short item is its headline: its summary is not printed."""
        return self.placement.section == Section.SHORT


@dataclass(frozen=True)
class Material:
    """An issue's placements and their stories' reports, read once for the page and for the preflight."""

    placements: Sequence[Placement]
    articles: Mapping[int, Articles]


def read_material(issue: Issue) -> Material:
    """Read them as they stand now."""
    placements = list(find_placements(issue))
    return Material(placements, read_story_articles([placement.story_id for placement in placements]))


def read_stories(
    material: Material, kept: Kept | None, opened: Collection[int] = ()
) -> tuple[list[StoryOnDesk], list[StoryOnDesk]]:
    """Return what the issue prints, in order, and what was dropped. `opened` are placements to be shown whole."""
    placements, articles = material.placements, material.articles
    checked = {placement.pk: read_evidence(placement, articles.get(placement.story_id, ())) for placement in placements}
    sources = read_sources(one.sentence for words in checked.values() for one in words)
    printed: list[StoryOnDesk] = []
    dropped: list[StoryOnDesk] = []
    for placement in placements:
        shelf = dropped if placement.dropped else printed
        story = _show(placement, len(shelf) + 1, checked[placement.pk], sources, kept)
        shelf.append(replace(story, reports=_list_reports(articles.get(placement.story_id, ())),
                             is_asked=story.place <= WHOLE or placement.pk in opened))
    return _offer_others(printed), dropped


def _offer_others(printed: Sequence[StoryOnDesk]) -> list[StoryOnDesk]:
    """Write the options once for all the forms that offer them: in a long issue they would be thousands."""
    options = {story.placement.pk: format_html('<option value="{}">{}</option>', str(story.placement.pk), story.placement.headline)
               for story in printed}
    return [replace(story, others=SafeString("".join(option for pk, option in options.items() if pk != story.placement.pk)))
            if story.is_whole else story for story in printed]


def show_sentences(texts: Iterable[str], articles: Articles) -> list[Evidence]:
    """Return the machine's own words about a story, checked against the story's items."""
    checked = [Checked("summary", check_words(clean_line(text), articles), by_editor=False) for text in texts]
    sources = read_sources(one.sentence for one in checked)
    return [_show_words(one, number, sources, None) for number, one in enumerate(checked)]


def read_sources(sentences: Iterable[Sentence]) -> dict[str, Source]:
    """Return the report behind each passage of the sentences, by the item's number, in one query."""
    wanted = {int(passage.item_id) for sentence in sentences for passage in sentence.support}
    feeds = editorial.load().feeds_by_name()
    items = Item.objects.filter(pk__in=wanted).select_related("feed").only("title", "url", "at", "feed__name")
    return {str(item.pk): make_source(feeds[item.feed.name].title if item.feed.name in feeds else item.feed.name,
                                      item.title, item.url, item.at) for item in items}


def make_source(outlet: str, title: str, url: str, at: datetime | None) -> Source:
    """Return a source whose link a browser may be given."""
    return Source(outlet, title, clean_url(url), at)


def mark_doubts(text: str, doubts: Iterable[Claim]) -> list[Stretch]:
    """Cut the text at the claims that no source has; a doubt about the whole sentence marks nothing in it."""
    found: list[tuple[int, int, str]] = []
    for claim in doubts:
        at = text.find(claim.text) if claim.kind != "statement" else -1
        if at >= 0:
            found.append((at, at + len(claim.text), claim.kind))
    stretches, done = [], 0
    for start, end, kind in sorted(found):
        if start >= done:
            stretches += [Stretch(text[done:start]), Stretch(text[start:end], kind)]
            done = end
    return [stretch for stretch in [*stretches, Stretch(text[done:])] if stretch.text]


def _list_reports(articles: Articles) -> list[tuple[int, Source]]:
    return [(int(one.id), make_source(one.source or "", one.title, one.url, one.published)) for one in articles]


def _show(
    placement: Placement, place: int, checked: Sequence[Checked], sources: Mapping[str, Source], kept: Kept | None
) -> StoryOnDesk:
    mine = kept if kept and kept.row_id == placement.pk else None
    words = mine.values if mine and mine.form == "rewrite" else None
    shown = [_show_words(one, number, sources, mine) for number, one in enumerate(checked)]
    return StoryOnDesk(
        placement=placement, place=place, sources=[_read_source(source, placement) for source in placement.sources],
        title=shown[0], evidence=shown[1:], waivers=list(placement.waivers.all()), present=_read_present(placement, shown),
        headline=words["headline"] if words else placement.headline,
        summary=words["summary"] if words else placement.summary, is_open=words is not None, mark=placement_mark(placement),
    )


def _show_words(checked: Checked, number: int, sources: Mapping[str, Source], kept: Kept | None) -> Evidence:
    sentence = checked.sentence
    supports = [Support(passage.text, clean_line(sentence.text) in clean_line(passage.text), sources.get(passage.item_id))
                for passage in sentence.support]
    typed = kept.values if kept and kept.form == "waive" and kept.values.get("said") == sentence.text else None
    return Evidence(checked, number, mark_doubts(sentence.text, checked.doubts), supports, typed is not None,
                    typed["reason"] if typed else "")


def _read_present(placement: Placement, shown: Sequence[Evidence]) -> tuple[str, str] | None:
    """The headline and summary that the machine has for the story now, if they are others; empty words for an update,
    which is written anew when it is asked for."""
    story = placement.story
    if story.state != StoryState.SUMMARISED:
        return None
    if placement.kind == Kind.UPDATE:
        return ("", "") if placement.edited_by_id or any(one.checked.blocks for one in shown) else None
    words = clean_line(story.headline), clean_line(story.summary)
    return None if words == (clean_line(placement.headline), clean_line(placement.summary)) else words


def _read_source(source: Mapping[str, Any], placement: Placement) -> Source:
    at = parse_datetime(source.get("published") or "")
    shown = make_source(source.get("outlet", ""), source.get("title", ""), source.get("url", ""), at)
    return replace(shown, left_out=source.get("url", "") in placement.sources_left_out)
