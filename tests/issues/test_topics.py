"""What a placed story is about, by the outlets that report it, and what keeps it so when the story changes."""

from pathlib import Path

import pytest

from tests.delivery.editions import write_topics
from tests.issues.paper import NOW, make_story
from worker.issues import edit
from worker.issues.draft import draft_issue
from worker.issues.regroup import merge_stories
from worker.storage.models import Editor, Feed, Item, ItemState, Placement

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _outlets(editorial_file: Path) -> None:
    write_topics(editorial_file)
    file = editorial_file.read_text()
    editorial_file.write_text(file + file[file.index('[[feeds]]\nname = "chips'):file.index('[[feeds]]\nname = "policy')]
                              .replace("chips", "aggregator"))


@pytest.mark.parametrize(("feeds", "topics"), [
    (["chips-outlet"], ["chips"]),
    (["chips-outlet", "policy-outlet", "lab-outlet"], ["chips", "labs", "policy"]),
    (["chips-outlet", "press-outlet"], []),  # the general press has it: it is for everybody
    (["press-outlet"], []),
    (["chips-outlet", "aggregator-outlet"], ["chips"]),
    (["aggregator-outlet"], []),
    (["no-longer-in-feeds-toml", "lab-outlet"], ["labs"]),
])
def test_a_story_is_about_what_its_reporters_write_of(feeds: list[str], topics: list[str]) -> None:
    story = make_story("The lead", ["press-outlet", "first-outlet"])
    assert story.pk
    about = make_story("The second", feeds)
    make_story("A third", ["second-outlet"])
    issue = draft_issue("aitrends", now=NOW)
    placement = issue.placements.filter(story=about).first()
    if placement is None:  # nobody but a feed of another paper reports it
        pytest.fail("the story was not placed")
    assert placement.topics == topics


def _join(story_id: int, feed: str) -> None:
    Item.objects.create(feed=Feed.objects.get_or_create(name=feed)[0], identity=f"late-{story_id}-{feed}", title="The second",
                        url="https://outlet.example/late", summary="One sentence.", published_at=NOW, at=NOW,
                        state=ItemState.GROUPED, story_id=story_id)


def test_renewing_and_pulling_in_read_the_topics_afresh(editor: Editor) -> None:
    make_story("The lead", ["press-outlet", "first-outlet"])
    story = make_story("The second", ["chips-outlet"])
    issue = draft_issue("aitrends", now=NOW)
    placement = issue.placements.get(story=story)
    assert placement.topics == ["chips"]
    _join(story.pk, "policy-outlet")
    edit.renew(issue.pk, editor=editor, revision=1, placement_id=placement.pk)
    assert Placement.objects.get(pk=placement.pk).topics == ["chips", "policy"]
    edit.drop(issue.pk, editor=editor, revision=2, placement_id=placement.pk)
    _join(story.pk, "press-outlet")
    edit.pull_in(issue.pk, editor=editor, revision=3, story_id=story.pk)
    assert Placement.objects.get(pk=placement.pk).topics == []


def test_a_merged_story_is_about_what_both_were(editor: Editor) -> None:
    make_story("The lead", ["press-outlet", "first-outlet"])
    first, second = make_story("The second", ["chips-outlet"]), make_story("The third", ["policy-outlet"])
    issue = draft_issue("aitrends", now=NOW)
    merge_stories([first.pk, second.pk], editor=editor)
    kept = issue.placements.get(story_id=min(first.pk, second.pk), dropped=False)
    assert kept.topics == ["chips", "policy"]


def test_another_issue_of_the_day_keeps_them() -> None:
    make_story("The lead", ["press-outlet", "first-outlet"])
    make_story("The second", ["chips-outlet"])
    draft_issue("aitrends", now=NOW)
    again = draft_issue("aitrends", now=NOW, again=True)
    assert [placement.topics for placement in again.placements.all()] == [[], ["chips"]]
