"""What `broadsheet stories` says of a story: why its reports are together, who copied whom, what readers have had."""

from datetime import timedelta

import pytest

from tests.issues.paper import NOW, make_story, send_out
from worker.cli.stories import print_stories, print_story
from worker.errors import NotFoundError
from worker.issues.draft import draft_issue
from worker.storage.models import Item, Story
from worker.stories.listing import list_stories, read_story
from worker.stories.reasons import explain_in_words, explain_thread, say_number

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]
TEXT = "Norvane has agreed to buy Larkspur for $900 million."
REASON = {"closest": "1", "names": ["DeepSeek", "V4"], "numbers": ["600000000000"], "hours": 3.1, "closeness": 0.83}


@pytest.mark.parametrize(("reason", "words"), [
    ({}, "the first report"),
    (REASON, "joined because it shares DeepSeek and V4 and the number 600 billion, and was published 3 h from The Verge's report; "
             "very close in meaning"),
    ({**REASON, "names": [], "numbers": [], "hours": 0.2}, "joined because it was published within an hour of The Verge's report; "
                                                           "very close in meaning"),
    ({"closest": "1", "names": [], "numbers": [], "hours": None, "closeness": 0.1},
     "joined because it is like the report of The Verge"),
])
def test_a_reason_is_said_in_words(reason: dict[str, object], words: str) -> None:
    assert explain_in_words(reason, "The Verge") == words


@pytest.mark.parametrize(("number", "said"), [("1500000000", "1.5 billion"), ("84.1%", "84.1%"), ("23000", "23,000"),
                                              ("27.1", "27.1"), ("2000000", "2 million")])
def test_a_number_is_said_as_one_reads_it(number: str, said: str) -> None:
    assert say_number(number) == said


def test_why_a_story_follows_another_is_said_in_words() -> None:
    reason = {"story": 1, "headline": "The purchase", "names": ["Larkspur"], "numbers": [], "days": 9.0, "closeness": 0.7}
    assert explain_thread(reason) == "follows “The purchase”, 9 days later: shares Larkspur; close in meaning"
    assert explain_thread({}) == ""


def test_copies_are_outlets_of_the_item_they_repeat() -> None:
    story = make_story("Copied", ["first-outlet", "second-outlet", "third-outlet"])
    one, other, third = story.items.order_by("pk")
    Item.objects.filter(pk=other.pk).update(copy_of=one)
    Item.objects.filter(pk=third.pk).update(reason={**REASON, "closest": str(one.pk)})

    [listed] = list_stories()

    assert [(item["source"], [copy["source"] for copy in item["outlets"]]) for item in listed["items"]] == [
        ("First Outlet", ["Second Outlet"]), ("Third Outlet", [])]
    assert "First Outlet's report" in listed["items"][1]["reason"]


def test_each_newsletter_s_memory_is_told() -> None:
    story = make_story("Norvane buys Larkspur", ["first-outlet"])
    make_story("Elmwood’s harvest waits", ["third-outlet"])
    issue = send_out(draft_issue("aitrends", now=NOW))

    listed = {one["headline"]: one for one in list_stories()}

    memory = listed["Norvane buys Larkspur"]["memory"]
    assert (memory["aitrends"]["kind"], memory["daily"]["kind"]) == ("had", "new")
    assert [(one["issue"], one["kind"]) for one in memory["aitrends"]["issues"]] == [(issue.pk, "new")]
    assert set(listed["Elmwood’s harvest waits"]["memory"]) == {"daily"}
    assert listed["Norvane buys Larkspur"]["id"] == story.pk


def test_an_update_waiting_for_its_issue_is_told_with_what_is_new() -> None:
    story = make_story("Norvane to buy Larkspur for $900 million", sentences=[TEXT])
    issue = send_out(draft_issue("aitrends", now=NOW))
    at = NOW + timedelta(hours=3)
    Item.objects.create(
        feed=story.items.get().feed, identity="later", title="Norvane to cut 340 jobs at Larkspur", at=at, seen_at=at, story=story,
        summary="Some 340 of Larkspur’s 1,200 employees will lose their jobs, the union said.", url="https://a.example/")

    memory = list_stories()[0]["memory"]["aitrends"]

    assert (memory["kind"], memory["since"]) == ("update", issue.pk)
    assert "340" in memory["what_is_new"]


def test_one_story_in_full_shows_reasons_evidence_and_timeline(capsys: pytest.CaptureFixture[str]) -> None:
    story = make_story("Norvane buys Larkspur", ["first-outlet", "second-outlet"], sentences=[TEXT])
    sentence = {**story.sentences[0], "doubts": [{"kind": "number", "text": "$900 million"}]}
    Story.objects.filter(pk=story.pk).update(sentences=[sentence])

    print_story(read_story(story.pk))

    shown = capsys.readouterr().out
    for words in ("Norvane buys Larkspur", f"First Outlet: “{TEXT}”", "the first report", "aitrends: new",
                  "not found in any source: number “$900 million”"):
        assert words in shown


def test_the_table_marks_doubts(capsys: pytest.CaptureFixture[str]) -> None:
    story = make_story("Norvane buys Larkspur", ["first-outlet", "second-outlet"])
    Story.objects.filter(pk=story.pk).update(doubts=[{"kind": "name", "text": "Norvane"}])
    print_stories(list_stories())
    assert "[1 not found in the sources]" in capsys.readouterr().out


def test_an_unknown_story_is_said_in_a_line() -> None:
    with pytest.raises(NotFoundError, match="there is no story 7"):
        read_story(7)
