"""Stories that are not there, there all the same, or without an outlet."""

from tests.press.preflight.findings import faults_of, find
from worker.issues import edit
from worker.press.render import render_proof
from worker.storage.models import Editor, Issue, Placement


def test_short_items_print_no_summary_and_need_none_in_the_text(issue: Issue) -> None:
    issue.placements.filter(position=1).update(section="short", summary="Only in the rows.", sentences=[])
    proof = render_proof(issue)

    assert "Only in the rows." not in proof.html + proof.text
    assert faults_of(issue, proof) == []


def test_an_issue_without_a_story_is_stopped(issue: Issue, editor: Editor) -> None:
    for revision, placement in enumerate(issue.placements.all(), 1):
        edit.drop(issue.pk, editor=editor, revision=revision, placement_id=placement.pk)

    assert "prints no story" in find(issue, "stories").message


def test_a_dropped_story_that_is_printed_all_the_same_is_noticed(issue: Issue, editor: Editor) -> None:
    before = render_proof(issue)
    edit.drop(issue.pk, editor=editor, revision=1, placement_id=issue.placements.get(position=1).pk)

    assert "“The second” was dropped" in find(issue, "dropped stories", before).message
    assert find(issue, "dropped stories").ok


def test_an_outlet_without_a_safe_link_is_named_and_warned_of(issue: Issue) -> None:
    placement = issue.placements.get(position=1)
    Placement.objects.filter(pk=placement.pk).update(sources=[{"outlet": "Odd Outlet", "url": "javascript:alert(1)"}])
    proof = render_proof(issue)

    found = find(issue, "links", proof)

    assert (found.ok, found.blocking) == (False, False)
    assert "Odd Outlet" in proof.html
    assert "javascript" not in proof.html + proof.text
    assert find(issue, "html", proof).ok
