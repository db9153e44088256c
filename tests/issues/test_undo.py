"""Undo and redo: whatever was changed, in whatever order, comes back to the byte, and goes there again."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.issues.paper import NOW, headlines, make_story
from worker.errors import BroadsheetError, ConflictError
from worker.issues import arrange, edit, history, links, partners, regroup
from worker.issues.draft import draft_issue
from worker.issues.snapshot import take_snapshot
from worker.press.render import render_proof
from worker.storage.models import AuditEntry, Change, Editor, Issue, Item, Placement, Ruling, Section, Story, Waiver

pytestmark = pytest.mark.django_db
DOUBT = "Norvane paid $17 million for it."
REASON = "Their press office confirmed it to us by telephone."
BLOCK = {"partner": "Harbour Conferences", "headline": "Two days on harbours", "text": "Forty speakers.",
         "url": "https://conferences.example/"}


@pytest.fixture(autouse=True)
def _published(db: None, editorial_file: Path) -> None:
    """Three top stories; and the wording beside the readers' box names Harbour Conferences."""
    from worker.readers.terms import publish_terms

    text = editorial_file.read_text()
    editorial_file.write_text(text.replace('from_name = "AITrends"', 'top_stories = 3\nshort_items = 3\nfrom_name = "AITrends"'))
    publish_terms()


@pytest.fixture
def issue(editor: Editor) -> Issue:
    """Return a draft of seven stories, of which two more were left out, with a partner's content and a waiver."""
    for number, headline in enumerate(["Norvane buys Larkspur", "Ferries go electric", "Tram line extended", "Harbour bridge opens",
                                       "Chip plant delayed", "Museum digitises maps", "Robots sort parcels", "Radio turns ninety",
                                       "School tries tutors"]):
        make_story(headline, ["first-outlet", "second-outlet"], sentences=[f"{headline}, said office {number} of the city."])
    found = draft_issue("aitrends", now=NOW)
    partners.add_block(found.pk, editor=editor, revision=1, **BLOCK)
    edit.rewrite(found.pk, editor=editor, revision=2, placement_id=found.placements.all()[6].pk, headline="Robots sort parcels",
                 summary=DOUBT)
    edit.waive(found.pk, editor=editor, revision=3, placement_id=found.placements.all()[6].pk, text=DOUBT, reason=REASON)
    found.refresh_from_db()
    return found


def look(issue: Issue) -> tuple[Any, ...]:
    """Everything that undo must bring back: the proof's bytes, the issue's rows, the waivers in force, the stories' items."""
    issue.refresh_from_db()
    rows = take_snapshot(issue)
    # One pulled in and waived cannot go, since a waiver is never deleted: it is dropped (tested below).
    drafted = sorted(map(int, rows["placements"]))[:7]
    rows["placements"] = {pk: values for pk, values in rows["placements"].items() if int(pk) in drafted or not values["dropped"]}
    rows["waivers"] = {pk for pk, in_force in rows["waivers"].items() if in_force}
    stories = dict(Item.objects.values_list("pk", "story"))
    rulings = sorted(Ruling.objects.values_list("one", "other", "together"))
    return render_proof(issue).sha256, rows, stories, rulings


def agree(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Compare piece by piece, so that a failure names what differs."""
    for kind in ("issue", "blocks", "waivers"):
        assert one[1][kind] == other[1][kind]
    assert one[1]["placements"].keys() == other[1]["placements"].keys()
    for pk, values in one[1]["placements"].items():
        for name, value in values.items():
            assert (pk, name, value) == (pk, name, other[1]["placements"][pk][name])
    assert one[2:] == other[2:]
    assert one[0] == other[0]


Act = Callable[[Issue, Editor, list[Placement], random.Random], object]


def _of(issue: Issue, editor: Editor) -> dict[str, Any]:
    return {"issue_id": issue.pk, "editor": editor, "revision": issue.revision}


def _split(i: Issue, e: Editor, p: list[Placement], r: random.Random) -> object:
    items = list(Item.objects.filter(story=p[0].story_id).order_by("pk").values_list("pk", flat=True))
    return regroup.split_off(**_of(i, e), placement_id=p[0].pk, item_ids=items[:1])


def _unwaive(i: Issue, e: Editor, p: list[Placement], r: random.Random) -> object:
    waiver = Waiver.objects.filter(placement__issue=i, withdrawn=None).first()
    if waiver is None:
        raise BroadsheetError("no waiver is in force")
    return edit.unwaive(**_of(i, e), placement_id=waiver.placement_id, waiver_id=waiver.pk)


def _waive(i: Issue, e: Editor, p: list[Placement], r: random.Random) -> object:
    edit.rewrite(**_of(i, e), placement_id=p[0].pk, headline=p[0].headline, summary=f"{DOUBT} {p[0].summary}")
    i.refresh_from_db()
    return edit.waive(**_of(i, e), placement_id=p[0].pk, text=DOUBT, reason=REASON)


def _restore(i: Issue, e: Editor, p: list[Placement], r: random.Random) -> object:
    dropped = i.placements.filter(dropped=True).first()
    if dropped is None:
        raise BroadsheetError("none is dropped")
    return edit.restore(**_of(i, e), placement_id=dropped.pk)


def _renew(i: Issue, e: Editor, p: list[Placement], r: random.Random) -> object:
    Story.objects.filter(pk=p[0].story_id).update(headline=f"Anew {r.random()}", state="summarised")
    return edit.renew(**_of(i, e), placement_id=p[0].pk)


def _pull_in(i: Issue, e: Editor, p: list[Placement], r: random.Random) -> object:
    placed = i.placements.filter(dropped=False).values("story")
    story = Story.objects.filter(state="summarised").exclude(pk__in=placed).first()
    if story is None:
        raise BroadsheetError("all are placed")
    return edit.pull_in(**_of(i, e), story_id=story.pk)


def _block(i: Issue) -> int:
    block = i.partner_blocks.first()
    if block is None:
        raise BroadsheetError("there is none")
    return block.pk


ACTS: dict[str, Act] = {
    "rewrite": lambda i, e, p, r: edit.rewrite(
        **_of(i, e), placement_id=p[0].pk, headline=f"H {r.random()}", summary=f"S {r.random()}."),
    "move": lambda i, e, p, r: edit.move(**_of(i, e), placement_id=p[0].pk, to=r.randrange(9)),
    "drop": lambda i, e, p, r: edit.drop(**_of(i, e), placement_id=p[0].pk),
    "restore": _restore,
    "renew": _renew,
    "waive": _waive,
    "unwaive": _unwaive,
    "pull in": _pull_in,
    "retitle": lambda i, e, p, r: edit.retitle(**_of(i, e), subject=f"T {r.random()}", preheader="P"),
    "add partner": lambda i, e, p, r: partners.add_block(**_of(i, e), **{**BLOCK, "headline": f"P {r.random()}"}),
    "edit partner": lambda i, e, p, r: partners.edit_block(**_of(i, e), block_id=_block(i), **{**BLOCK, "text": f"P {r.random()}"}),
    "remove partner": lambda i, e, p, r: partners.remove_block(**_of(i, e), block_id=_block(i)),
    "pin": lambda i, e, p, r: arrange.pin(**_of(i, e), placement_id=p[0].pk, pinned=not p[0].pinned),
    "section": lambda i, e, p, r: arrange.set_section(**_of(i, e), placement_id=p[0].pk, section=r.choice(list(Section))),
    "merge": lambda i, e, p, r: regroup.merge_into(**_of(i, e), placement_id=p[0].pk, into=p[1].pk),
    "merge on the stories page": lambda i, e, p, r: regroup.merge_stories([p[0].story_id, p[1].story_id], editor=e),
    "split": _split,
    "lead outlet": lambda i, e, p, r: arrange.lead_with(**_of(i, e), placement_id=p[0].pk, outlet=len(p[0].sources) - 1),
    "leave out source": lambda i, e, p, r: links.leave_out_source(**_of(i, e), placement_id=p[0].pk, url=p[0].sources[-1]["url"]),
    "waive link": lambda i, e, p, r: links.waive_link(**_of(i, e), url=p[0].sources[0]["url"], reason=f"{REASON} {r.random()}"),
}


def act(name: str, issue: Issue, editor: Editor, chance: random.Random) -> bool:
    """Do it to two stories of the issue; tell whether it could be done."""
    issue.refresh_from_db()
    chosen = chance.sample(list(issue.placements.filter(dropped=False)), 2)
    try:
        ACTS[name](issue, editor, chosen, chance)
    except BroadsheetError:
        return False
    return True


def step(verb: Callable[..., str], issue: Issue, editor: Editor) -> str:
    issue.refresh_from_db()
    return verb(issue.pk, editor=editor, revision=issue.revision)


@pytest.mark.parametrize("name", sorted(ACTS))
def test_each_action_is_undone_and_done_again_to_the_byte(issue: Issue, editor: Editor, approver: Editor, name: str) -> None:
    chance = random.Random(name)
    if name == "restore":
        act("drop", issue, editor, chance)
    states, revision, made = [look(issue)], issue.revision, issue.changes.count()
    tries = 0
    while not act(name, issue, editor, chance) or look(issue) == states[0]:  # a move to its own place does nothing
        tries += 1
        assert tries < 20, f"{name} does nothing whatever it is done to"
    done = issue.changes.count() - made
    states.append(look(issue))
    for _ in range(2):
        for _ in range(done):
            words = step(history.undo, issue, approver)
        assert words.startswith("Undone: editor@example.com ")
        assert look(issue) == states[0]
        for _ in range(done):
            assert step(history.redo, issue, approver).startswith("Done again: editor@example.com ")
        assert look(issue) == states[1]
    assert issue.revision > revision + 2
    assert AuditEntry.objects.filter(action="undo", actor="approver@example.com", subject=f"issue {issue.pk}").count() == 2 * done


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_is_undone_and_done_again_step_by_step(issue: Issue, editor: Editor, seed: int) -> None:
    chance = random.Random(seed)
    states, counts = [look(issue)], [issue.changes.count()]
    for _ in range(14):
        act(chance.choice(list(ACTS)), issue, editor, chance)
        if issue.changes.count() > counts[-1]:
            states.append(look(issue))
            counts.append(issue.changes.count())
    assert len(states) > 6
    for back in range(len(states) - 1, 0, -1):
        for _ in range(counts[back] - counts[back - 1]):
            step(history.undo, issue, editor)
        agree(look(issue), states[back - 1])
    for forth in range(1, len(states)):
        for _ in range(counts[forth] - counts[forth - 1]):
            step(history.redo, issue, editor)
        agree(look(issue), states[forth])


def test_rows_come_back_under_their_numbers_and_a_waiver_is_never_deleted(issue: Issue, editor: Editor) -> None:
    block = issue.partner_blocks.get()
    partners.remove_block(**_of(issue, editor), block_id=block.pk)
    step(history.undo, issue, editor)
    assert issue.partner_blocks.get().pk == block.pk

    act("waive", issue, editor, random.Random(1))
    waivers = set(Waiver.objects.values_list("pk", flat=True))
    step(history.undo, issue, editor)
    assert set(Waiver.objects.values_list("pk", flat=True)) == waivers
    assert Waiver.objects.filter(withdrawn=None).count() == len(waivers) - 1


def test_a_story_pulled_in_and_waived_stays_as_dropped_when_both_are_undone(issue: Issue, editor: Editor) -> None:
    act("pull in", issue, editor, random.Random(1))
    placement = issue.placements.last()
    for text in (DOUBT,):
        issue.refresh_from_db()
        edit.rewrite(**_of(issue, editor), placement_id=placement.pk, headline=placement.headline, summary=text)
        issue.refresh_from_db()
        edit.waive(**_of(issue, editor), placement_id=placement.pk, text=text, reason=REASON)
    for _ in range(3):
        step(history.undo, issue, editor)
    assert Placement.objects.get(pk=placement.pk).dropped
    assert placement.waivers.get().withdrawn is not None
    for _ in range(3):
        step(history.redo, issue, editor)
    assert not Placement.objects.get(pk=placement.pk).dropped
    assert placement.waivers.get().withdrawn is None


def test_something_new_after_an_undo_ends_what_could_be_done_again(issue: Issue, editor: Editor) -> None:
    first, second = issue.placements.all()[:2]
    edit.drop(**_of(issue, editor), placement_id=first.pk)
    step(history.undo, issue, editor)
    issue.refresh_from_db()
    edit.drop(**_of(issue, editor), placement_id=second.pk)
    with pytest.raises(ConflictError, match="nothing that could be done again"):
        step(history.redo, issue, editor)
    step(history.undo, issue, editor)
    step(history.redo, issue, editor)
    assert second.headline not in headlines(issue)
    assert first.headline in headlines(issue)


def test_undo_stops_where_the_machine_stood(issue: Issue, editor: Editor) -> None:
    for _ in range(3):
        step(history.undo, issue, editor)
    with pytest.raises(ConflictError, match="nothing to undo"):
        step(history.undo, issue, editor)
    assert issue.subject.startswith("Norvane buys Larkspur")


@pytest.mark.parametrize("state", ["approved", "sending", "sent", "rejected", "cancelled", "held"])
def test_only_a_draft_is_undone(issue: Issue, editor: Editor, state: str) -> None:
    Issue.objects.filter(pk=issue.pk).update(state=state)
    before = look(issue)
    with pytest.raises(ConflictError, match="cannot be changed"):
        step(history.undo, issue, editor)
    assert look(issue) == before


def test_an_undo_of_what_was_not_on_the_screen_is_refused_and_says_what_was_done(issue: Issue, editor: Editor) -> None:
    seen, first = issue.revision, issue.placements.first()
    edit.drop(**_of(issue, editor), placement_id=first.pk)
    with pytest.raises(ConflictError, match=f"editor@example.com dropped “{first.headline}” at"):
        history.undo(issue.pk, editor=editor, revision=seen)


def test_a_merge_undone_on_the_stories_page_leaves_nothing_to_lift(issue: Issue, editor: Editor) -> None:
    one, other = issue.placements.all()[:2]
    regroup.merge_into(**_of(issue, editor), placement_id=other.pk, into=one.pk)
    merged = AuditEntry.objects.get(action="merge stories")
    regroup.undo(merged.pk, editor=editor)
    assert step(history.undo, issue, editor).startswith("Undone: editor@example.com brought the issue along")
    assert Item.objects.filter(story=one.story_id).count() == 4, "the undoing is undone: they are one again"
    step(history.undo, issue, editor)
    assert Item.objects.filter(story=one.story_id).count() == 2
    assert len(headlines(issue)) == 7


def test_a_merge_whose_stories_moved_on_cannot_be_undone_and_says_so(issue: Issue, editor: Editor) -> None:
    one, other, third = issue.placements.all()[:3]
    outside = make_story("Nothing of this issue", ["third-outlet"])
    regroup.merge_into(**_of(issue, editor), placement_id=other.pk, into=one.pk)
    later = Issue.objects.get(pk=issue.pk)
    Issue.objects.filter(pk=issue.pk).update(state="approved")  # so that the second merge does not touch it
    regroup.merge_stories([one.story_id, outside.pk], editor=editor)
    Issue.objects.filter(pk=issue.pk).update(state="draft")
    before = look(later)
    with pytest.raises(ConflictError, match="was merged again on"):
        step(history.undo, issue, editor)
    assert look(later) == before
    assert Change.objects.filter(issue=issue, undone_at=None).last().action == "merge"  # type: ignore[union-attr]
    assert third.headline in headlines(issue)


def test_an_editor_who_is_gone_does_not_stand_in_the_way(issue: Issue, editor: Editor, approver: Editor) -> None:
    other = Editor.objects.create_user("gone@example.com")
    first = issue.placements.first()
    edit.rewrite(issue.pk, editor=other, revision=issue.revision, placement_id=first.pk, headline="By one who left", summary="x")
    issue.refresh_from_db()
    edit.rewrite(**_of(issue, approver), placement_id=first.pk, headline="By another", summary="x")
    other.delete()
    step(history.undo, issue, approver)
    first.refresh_from_db()
    assert (first.headline, first.edited_by) == ("By one who left", None)
    assert step(history.undo, issue, approver).startswith("Undone: somebody rewrote")


@pytest.mark.parametrize("name", ["split", "merge"])
def test_a_ruling_that_another_draft_undid_and_did_again_is_still_undone_here(issue: Issue, editor: Editor, name: str) -> None:
    other = draft_issue("aitrends", now=NOW, again=True)
    before, made = look(issue), issue.changes.count()
    assert act(name, issue, editor, random.Random(1))
    for verb in (history.undo, history.redo, history.undo, history.redo):
        step(verb, other, editor)
    states = [look(issue)]
    for _ in range(issue.changes.count() - made):
        step(history.undo, issue, editor)
        states.append(look(issue))
    agree(states[-1], before)
    for state in states[-2::-1]:
        step(history.redo, issue, editor)
        agree(look(issue), state)
