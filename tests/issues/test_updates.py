"""What a draft makes of stories its readers know: updates, what is left out and why, what is not to lead again."""

from datetime import timedelta

import pytest

from tests.issues.paper import NOW, headlines, make_story, send_out
from worker.issues.draft import draft_issue
from worker.press.approve import approve_issue
from worker.press.preflight import Finding, check_proof
from worker.press.render import render_proof
from worker.storage.models import Editor, Feed, Issue, IssueState, Item, ItemState, Placement, Story, Thread

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]
TOMORROW = NOW + timedelta(days=1)
DEAL = "Norvane to buy speech firm Larkspur for $900 million"
DEAL_TEXT = "Norvane has agreed to buy Larkspur, a maker of speech software, for $900 million in cash."
JOBS = "Norvane to cut 340 jobs at Larkspur"
JOBS_TEXT = "Some 340 of Larkspur’s 1,200 employees will lose their jobs, the union said on Tuesday."


def carried() -> tuple[Story, Issue]:
    """A story that an issue told and sent."""
    story = make_story(DEAL, sentences=[DEAL_TEXT])
    return story, send_out(draft_issue("aitrends", now=NOW))


def report(story: Story, title: str, text: str, *, feed: str = "second-outlet", hours: float = 3) -> Item:
    at = NOW + timedelta(hours=hours)
    return Item.objects.create(feed=Feed.objects.get_or_create(name=feed)[0], identity=f"{feed}{hours}", title=title, summary=text,
                               url=f"https://outlet.example/{feed}/{hours}", published_at=at, at=at, seen_at=at, story=story,
                               state=ItemState.GROUPED)


def repeats(issue: Issue) -> Finding:
    return next(one for one in check_proof(issue, render_proof(issue)) if one.check == "repeats")


def test_an_update_says_what_is_new_first_from_the_new_report_and_names_the_issue() -> None:
    story, first = carried()
    report(story, JOBS, f"{DEAL_TEXT} {JOBS_TEXT}")

    update = draft_issue("aitrends", now=TOMORROW).placements.get()

    assert (update.kind, update.since, update.headline) == ("update", first, JOBS)
    assert update.summary == f"{JOBS_TEXT} {DEAL_TEXT}", "what is new, then what it is about"
    assert [source["outlet"] for source in update.sources] == ["Second Outlet", "First Outlet"]
    assert update.reasons[:2] == ["first told in the issue of 23 November; one report since", "the strongest story there is"]
    assert any(reason.startswith("reported by one outlet since") for reason in update.reasons)


def test_the_mail_says_update_and_links_the_issue_in_both_parts() -> None:
    story, first = carried()
    report(story, JOBS, JOBS_TEXT)

    proof = render_proof(draft_issue("aitrends", now=TOMORROW))

    address = f"/archive/aitrends/{first.slug}/"
    assert "Update &#183; first told in the issue of" in proof.html or "Update · first told in the issue of" in proof.html
    assert f'{address}"' in proof.html
    assert "UPDATE, first told in the issue of Monday, 23 November 2026:" in proof.text
    assert address in proof.text


def test_the_gate_lets_an_update_through_and_stops_a_plain_repeat(approver: Editor) -> None:
    story, _ = carried()
    report(story, JOBS, JOBS_TEXT)
    issue = draft_issue("aitrends", now=TOMORROW)

    assert repeats(issue).ok
    Placement.objects.filter(issue=issue).update(kind="new", since=None)
    assert not repeats(Issue.objects.get(pk=issue.pk)).ok


def test_the_gate_stops_an_update_that_a_later_issue_had() -> None:
    story, first = carried()
    report(story, JOBS, JOBS_TEXT)
    second = send_out(draft_issue("aitrends", now=TOMORROW))
    third = draft_issue("aitrends", now=TOMORROW, again=True)
    Issue.objects.filter(pk=third.pk).update(period="2026-11-25", edition_number=1)

    assert third.placements.get().since == first
    finding = repeats(Issue.objects.get(pk=third.pk))
    assert not finding.ok, f"{second} told it"


def test_the_gate_stops_an_update_of_what_never_went_out() -> None:
    story = make_story(DEAL, sentences=[DEAL_TEXT])
    first = draft_issue("aitrends", now=NOW)
    report(story, JOBS, JOBS_TEXT)
    issue = draft_issue("aitrends", now=TOMORROW)
    Issue.objects.filter(pk=first.pk).update(state=IssueState.REJECTED)

    finding = repeats(issue)

    assert not finding.ok
    assert "did not go out" in finding.message


def test_what_is_passed_over_is_listed_with_the_reason() -> None:
    story, _ = carried()
    report(story, "Norvane buys Larkspur", DEAL_TEXT)
    for number in range(20):
        make_story(f"Town {number} opens bridge {number * 37}", sentences=[f"The bridge of town {number} is open."],
                   at=NOW + timedelta(hours=2))

    issue = draft_issue("aitrends", now=TOMORROW)

    out = {one["story"]: one["reason"] for one in issue.left_out}
    assert out.pop(story.pk) == "readers had it in the issue of 23 November; one report since, with nothing new"
    assert len(out) == 20 - len(headlines(issue))
    assert all(reason.startswith("ranked below") for reason in out.values())


def test_two_rows_that_say_the_same_are_one_story_of_the_issue() -> None:
    strong = make_story(DEAL, ["first-outlet", "second-outlet"], sentences=[DEAL_TEXT])
    weak = make_story("Norvane is to buy Larkspur, a speech firm", ["first-outlet"], sentences=[DEAL_TEXT])

    issue = draft_issue("aitrends", now=NOW)

    assert headlines(issue) == [DEAL]
    assert issue.left_out == [{"story": weak.pk, "headline": weak.headline, "reason": f"says the same as “{strong.headline}”"}]


def test_a_thread_or_a_name_that_led_yesterday_leads_less_easily() -> None:
    led, _ = carried()
    at = NOW + timedelta(hours=4)
    thread = Thread.objects.create(first_at=led.first_at, last_at=at)
    Story.objects.filter(pk=led.pk).update(thread=thread)
    make_story("Norvane opens a school in Elmwood", ["first-outlet", "second-outlet"], at=at,
               sentences=["Norvane has opened a school for welders in Elmwood."])
    make_story("Corvina opens a clinic in Gerano", ["first-outlet", "second-outlet"], at=at,
               sentences=["Corvina has opened a clinic for kidney patients in Gerano."])

    issue = draft_issue("aitrends", now=TOMORROW)

    assert headlines(issue) == ["Corvina opens a clinic in Gerano", "Norvane opens a school in Elmwood"]
    assert "pushed down: the issue of 23 November led with Norvane" in issue.placements.get(position=1).reasons


def test_a_wire_copy_is_no_independent_outlet() -> None:
    copied = make_story("Copied everywhere in Elmwood", ["first-outlet", "second-outlet"])
    one, other = copied.items.order_by("pk")
    Item.objects.filter(pk=other.pk).update(copy_of=one)

    placement = draft_issue("aitrends", now=NOW).placements.get()

    assert "reported by one outlet, of 2 feeds on lab, press; 1 more carries the same words" in placement.reasons
    assert [source["outlet"] for source in placement.sources] == ["First Outlet", "Second Outlet"]


def test_an_issue_with_an_update_can_be_approved(approver: Editor) -> None:
    story, _ = carried()
    report(story, JOBS, JOBS_TEXT)
    issue = draft_issue("aitrends", now=TOMORROW)

    approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(issue).sha256)

    assert Issue.objects.get(pk=issue.pk).state == IssueState.APPROVED
