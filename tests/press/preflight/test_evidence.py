"""Words that no source bears out, and what an editor may do about them."""

from tests.press.preflight.findings import find
from worker.issues import edit
from worker.press.preflight import Finding
from worker.storage.models import Editor, Issue, Item


def test_a_sentence_nobody_answers_for_blocks_approval(issue: Issue, editor: Editor) -> None:
    placement = issue.placements.get(position=1)
    placement.summary += " An invented one."
    placement.save()
    assert "“The second” says “An invented one.”, which none of its sources bears out" in find(issue, "evidence").message

    edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=placement.pk, headline="The second", summary="Mine.")
    assert find(issue, "evidence").ok


def test_a_claim_that_no_source_has_is_named_and_lets_the_issue_go_once_it_is_waived(issue: Issue, editor: Editor) -> None:
    placement = issue.placements.get(position=1)
    text = "It cost $7 million."
    edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=placement.pk, headline="The second", summary=text)
    found = find(issue, "evidence")
    assert (found.ok, found.blocking) == (False, True)
    assert found.message.startswith("“The second” says “$7 million” (number), which none of its sources bears out")

    edit.waive(issue.pk, editor=editor, revision=2, placement_id=placement.pk, text=text, reason="We saw the invoice.")
    assert find(issue, "evidence") == Finding("evidence", True, True, "every claim has its source, 1 waived")


def test_a_headline_is_held_against_its_sources_too(issue: Issue, editor: Editor) -> None:
    issue.placements.update(section="short")
    placement = issue.placements.get(position=1)
    edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=placement.pk, headline="The second: Orla Brandt", summary="")

    assert "“Orla Brandt” (name)" in find(issue, "evidence").message


def test_a_report_rewritten_since_is_a_warning(issue: Issue) -> None:
    story = issue.placements.get(position=1).story
    assert find(issue, "rewritten reports").ok
    Item.objects.filter(story=story).update(summary="One sentence. Another one, mended.")

    found = find(issue, "rewritten reports")

    assert (found.ok, found.blocking) == (False, False)
    assert "“The second” rests on a report that its outlet has rewritten since: “Another one.”" in found.message


def test_a_source_that_left_the_story_blocks_approval(issue: Issue) -> None:
    Item.objects.filter(story=issue.placements.get(position=1).story).update(story=None)

    assert not find(issue, "evidence").ok
