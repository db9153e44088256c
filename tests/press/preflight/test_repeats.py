"""Stories that readers have had, and headlines that read like one they have had."""

from datetime import timedelta

import pytest

from tests.issues.paper import NOW, make_story, send_out
from tests.press.preflight.findings import find, find_all
from worker.issues.draft import draft_issue
from worker.press.preflight.repeats import are_alike
from worker.storage.models import Issue
from worker.stories.similarity import read_stems


def test_a_story_readers_have_had_is_stopped_unless_the_day_is_repeated_by_hand(issue: Issue) -> None:
    again = draft_issue("aitrends", now=NOW, again=True)
    send_out(issue)
    assert find(again, "repeats").ok

    again.period = "2026-11-24"
    again.save()
    assert "was in the issue of 2026-11-23 already" in find(again, "repeats").message


@pytest.mark.parametrize(("one", "other", "alike"), [
    ("Norvane to buy speech firm Larkspur for $900 million", "Norvane to buy speech firm Larkspur for $950 million", True),
    ("Norvane to buy speech firm Larkspur for $900 million", "Larkspur workers fear for their jobs after Norvane deal", False),
    ("Chips fall", "Chips fall", False),  # two words are too few to tell
    ("", "", False),
])
def test_headlines_are_alike_if_they_are_the_same_but_for_a_few_words(one: str, other: str, alike: bool) -> None:
    assert are_alike(read_stems(one), read_stems(other)) is alike


def test_a_headline_like_one_of_the_last_two_weeks_is_minded(issue: Issue) -> None:
    issue.placements.filter(position=0).update(headline="Norvane to buy speech firm Larkspur for $900 million")
    send_out(issue)
    make_story("Ferry fleet goes electric", at=NOW + timedelta(days=1), sentences=["Nine ferries run on batteries from Monday."])
    later = draft_issue("aitrends", now=NOW + timedelta(days=1, hours=2))
    later.placements.update(headline="Norvane to buy the speech firm Larkspur for $900 million in cash")

    [found] = find_all(later, "like headlines")

    assert (found.ok, found.blocking, found.where) == (False, False, f"story-{later.placements.get().pk}")
    assert "reads like “Norvane to buy speech firm Larkspur for $900 million” in the issue of 2026-11-23" in found.message
    Issue.objects.filter(pk=issue.pk).update(period="2026-11-01")
    assert find(later, "like headlines").ok, "what is older than two weeks is told again if it is news again"


def test_two_headlines_of_one_issue_that_are_alike_are_minded(issue: Issue) -> None:
    for position, more in enumerate(("", " today")):
        issue.placements.filter(position=position).update(headline=f"Harbour bridge opens to tram traffic{more}")

    assert "in this issue" in find(issue, "like headlines").message
