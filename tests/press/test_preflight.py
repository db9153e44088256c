"""What the last check finds, and whether it lets the issue go."""

from dataclasses import replace
from typing import Any

import pytest

from tests.issues.paper import NOW, make_story, send_out
from worker.issues import edit
from worker.issues.draft import draft_issue
from worker.press.blocks import begin_block
from worker.press.preflight import Finding, check_proof
from worker.press.proof import UNSUBSCRIBE_MARK, Proof
from worker.press.render import render_proof
from worker.storage.models import Editor, Issue, Item, Placement

ONLY = begin_block("partners")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


@pytest.fixture
def issue() -> Issue:
    make_story("The lead", ["first-outlet", "second-outlet"])
    make_story("The second")
    return draft_issue("aitrends", now=NOW)


def find(issue: Issue, check: str, proof: Proof | None = None) -> Finding:
    return next(found for found in check_proof(issue, proof or render_proof(issue)) if found.check == check)


def test_a_sound_issue_passes_every_check(issue: Issue) -> None:
    assert [found for found in check_proof(issue, render_proof(issue)) if not found.ok] == []


@pytest.mark.parametrize(("check", "change", "words"), [
    ("subject", lambda p: replace(p, subject=""), "empty"),
    ("subject", lambda p: replace(p, subject="a\nBcc: b"), "control character"),
    ("size", lambda p: replace(p, html=p.html + " " * 90_000), "would cut it off"),
    ("plain text", lambda p: replace(p, text=""), "no plain-text part"),
    ("plain text", lambda p: replace(p, text=p.text.replace("The second", "")), "leaves out “The second”"),
    ("unsubscribe and preferences", lambda p: replace(p, html=p.html.replace(UNSUBSCRIBE_MARK, "")),
     "unsubscribe link 0 times"),
    ("unsubscribe and preferences", lambda p: replace(p, text=p.text + UNSUBSCRIBE_MARK), "unsubscribe link 2 times"),
    ("postal address", lambda p: replace(p, text=p.text.replace("Example Street", "")), "missing from the mail"),
    ("placeholders", lambda p: replace(p, text=p.text + "{{ name }}"), "came out with {{"),
    ("html", lambda p: replace(p, html=p.html.replace("</body>", "<script>x</script></body>")), "<script>"),
    ("html", lambda p: replace(p, html=p.html.replace("</body>", "<img src='https://x.example/'></body>")), "<img>"),
    ("html", lambda p: replace(p, html=p.html.replace("</body>", f"{ONLY}</body>\ue012")), "</html> closes nothing"),
    ("blocks", lambda p: replace(p, html=p.html + ONLY), "begins and does not end"),
    ("blocks", lambda p: replace(p, text=p.text + "\ue012"), "ends that did not begin"),
    ("blocks", lambda p: replace(p, text=p.text + f"{ONLY}x\ue012"), "differ in what only some readers get (partners)"),
    ("unsubscribe and preferences", lambda p: replace(p, text=p.text.replace(UNSUBSCRIBE_MARK, f"{ONLY}{UNSUBSCRIBE_MARK}\ue012")),
     "unsubscribe link 0 times"),
    ("postal address", lambda p: replace(p, text=p.text.replace("1 Example", f"{ONLY}1\ue012 Example")), "missing from the mail"),
    ("size", lambda p: replace(p, html=p.html.replace("</body>", "<a href=\"https://x.example/\">x</a>" * 700 + "</body>")),
     "would cut it off"),  # 24 KB of links, but through the counter 90
])
def test_a_fault_in_the_proof_blocks_approval(issue: Issue, check: str, change: Any, words: str) -> None:
    found = find(issue, check, change(render_proof(issue)))

    assert (found.ok, found.blocking) == (False, True)
    assert words in found.message


def test_a_long_subject_is_a_warning(issue: Issue, editor: Editor) -> None:
    edit.retitle(issue.pk, editor=editor, revision=1, subject="x" * 79, preheader="")
    issue.refresh_from_db()

    assert find(issue, "subject length") == Finding(
        "subject length", False, False, "the subject has 79 characters and will be cut short; 78 at most are read")


@pytest.mark.parametrize(("sender", "blocking"), [
    ("maildir:/tmp/outbox", False), ("smtp://relay.example:25", True), ("sendgrid:", True),
])
def test_without_a_postal_address_only_the_local_sender_may_go(
    issue: Issue, settings: Any, sender: str, blocking: bool
) -> None:
    settings.POSTAL_ADDRESS, settings.SENDER_URL = "", sender

    found = find(issue, "postal address")

    assert (found.ok, found.blocking) == (False, blocking)
    assert "POSTAL_ADDRESS is empty" in found.message


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


def test_short_items_print_no_summary_and_need_none_in_the_text(issue: Issue) -> None:
    issue.placements.filter(position=1).update(section="short", summary="Only in the rows.", sentences=[])
    proof = render_proof(issue)

    assert "Only in the rows." not in proof.html + proof.text
    assert [found for found in check_proof(issue, proof) if not found.ok] == []


def test_a_source_that_left_the_story_blocks_approval(issue: Issue) -> None:
    Item.objects.filter(story=issue.placements.get(position=1).story).update(story=None)

    assert not find(issue, "evidence").ok


def test_an_issue_without_a_story_is_stopped(issue: Issue, editor: Editor) -> None:
    for revision, placement in enumerate(issue.placements.all(), 1):
        edit.drop(issue.pk, editor=editor, revision=revision, placement_id=placement.pk)

    assert "prints no story" in find(issue, "stories").message


def test_a_dropped_story_that_is_printed_all_the_same_is_noticed(issue: Issue, editor: Editor) -> None:
    before = render_proof(issue)
    edit.drop(issue.pk, editor=editor, revision=1, placement_id=issue.placements.get(position=1).pk)

    assert "“The second” was dropped" in find(issue, "dropped stories", before).message
    assert find(issue, "dropped stories").ok


def test_a_story_readers_have_had_is_stopped_unless_the_day_is_repeated_by_hand(issue: Issue) -> None:
    again = draft_issue("aitrends", now=NOW, again=True)
    send_out(issue)
    assert find(again, "repeats").ok

    again.period = "2026-11-24"
    again.save()
    assert "was in the issue of 2026-11-23 already" in find(again, "repeats").message


def test_an_outlet_without_a_safe_link_is_named_and_warned_of(issue: Issue) -> None:
    placement = issue.placements.get(position=1)
    Placement.objects.filter(pk=placement.pk).update(sources=[{"outlet": "Odd Outlet", "url": "javascript:alert(1)"}])
    proof = render_proof(issue)

    found = find(issue, "links", proof)

    assert (found.ok, found.blocking) == (False, False)
    assert "Odd Outlet" in proof.html
    assert "javascript" not in proof.html + proof.text
    assert find(issue, "html", proof).ok
