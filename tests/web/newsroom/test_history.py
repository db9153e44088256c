"""History and working together at the desk: undo, conflicts that show both texts, what saves itself, who is there, differences."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.web.newsroom.browsers import sign_in
from worker.issues.changes import placement_mark, titles_mark
from worker.storage.models import AuditEntry, Change, Editor, Issue, Item, Placement, Role, Story, Visit, Waiver

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
AUTO = {"X-Autosave": "1"}
HOSTILE = "<script>alert(1)</script> & “x”"


def where(issue: Issue, verb: str, placement: Placement | None = None) -> str:
    return f"/desk/issues/{issue.pk}/{f'stories/{placement.pk}/' if placement else ''}{verb}/"


def post(
    browser: Client, issue: Issue, verb: str, placement: Placement | None = None, *, headers: Any = None, **fields: Any
) -> Any:
    """Post a form with the issue's present revision, unless another one is given."""
    issue.refresh_from_db()
    return browser.post(where(issue, verb, placement), {"revision": issue.revision, **fields}, headers=headers or {})


def printed(issue: Issue) -> list[str]:
    return [placement.headline for placement in issue.placements.filter(dropped=False)]


@pytest.fixture
def ana(approver: Editor) -> Client:
    """The browser of the approver, who is called Ana."""
    Editor.objects.filter(pk=approver.pk).update(name="Ana")
    return sign_in(Editor.objects.get(pk=approver.pk))


def test_undo_and_redo_by_plain_forms_and_by_script_say_what_they_did(issue: Issue, editors_desk: Client, ana: Client) -> None:
    first = issue.placements.first()
    post(ana, issue, "drop", first)
    sheet = editors_desk.get(f"/desk/issues/{issue.pk}/").context["sheet"]
    assert (sheet.undo_label, sheet.redo_label) == (f"Ana dropped “{first.headline}”", "")
    panes = post(editors_desk, issue, "undo", headers=HTMX)
    assert panes.status_code == 200
    assert f"Undone: Ana dropped “{first.headline}”." in panes.text
    assert panes.context["sheet"].redo_label == f"Ana dropped “{first.headline}”"
    assert printed(issue)[0] == first.headline
    page = editors_desk.post(where(issue, "redo"), {"revision": Issue.objects.get(pk=issue.pk).revision}, follow=True)
    assert f"Done again: Ana dropped “{first.headline}”." in page.text
    assert first.headline not in printed(issue)
    late = editors_desk.post(where(issue, "undo"), {"revision": 1})
    assert late.status_code == 409
    assert "was changed meanwhile" in late.text


@pytest.mark.parametrize("state", ["approved", "held", "rejected", "sent"])
def test_history_stays_readable_when_nothing_can_be_undone(issue: Issue, editors_desk: Client, ana: Client, state: str) -> None:
    post(ana, issue, "drop", issue.placements.last())
    Issue.objects.filter(pk=issue.pk).update(state=state)
    answer = post(editors_desk, issue, "undo")
    assert answer.status_code == 409
    assert "cannot be changed" in answer.text
    page = editors_desk.get(where(issue, "differences"))
    assert page.status_code == 200
    assert "dropped “" in page.text


def test_each_new_action_works_as_a_plain_form(issue: Issue, editors_desk: Client) -> None:
    one, two, three = issue.placements.all()
    assert post(editors_desk, issue, "pin", one, pinned="1").status_code == 302
    assert Placement.objects.get(pk=one.pk).pinned
    assert editors_desk.get(f"/desk/issues/{issue.pk}/").context["sheet"].sections[0][1][0].pinned
    post(editors_desk, issue, "pin", one, pinned="0")
    moved = post(editors_desk, issue, "section", three, section="lead", headers=HTMX)
    assert "It is at place 1 now, under “Lead”." in moved.text
    post(editors_desk, issue, "lead-outlet", two, outlet=1)
    assert [one["outlet"] for one in Placement.objects.get(pk=two.pk).sources] == ["Second Outlet", "First Outlet"]
    merged = post(editors_desk, issue, "merge", one, into=two.pk, headers=HTMX)
    assert "the issue keeps one of the two" in merged.text
    assert printed(issue) == [three.headline, two.headline]
    items = Item.objects.filter(title=one.headline).values_list("pk", flat=True)
    split = post(editors_desk, issue, "split", two, item=list(items), headers=HTMX)
    assert "among what is left out" in split.text
    for verb, fields in (("pin", {"pinned": "2"}), ("section", {"section": "last"}), ("lead-outlet", {"outlet": "x"}),
                         ("merge", {}), ("split", {}), ("unwaive", {"waiver": 0})):
        assert post(editors_desk, issue, verb, two, **fields).status_code == 422
    assert post(editors_desk, issue, "unwaive", two, waiver=99).status_code == 404
    for _ in range(Change.objects.count()):
        assert post(editors_desk, issue, "undo").status_code == 302
    assert printed(issue) == [one.headline, two.headline, three.headline]
    assert sorted(Item.objects.values_list("story", flat=True)) == sorted([p.story_id for p in (one, two, three)] * 2)


def test_a_waiver_is_taken_back_and_stands_in_the_way_again(issue: Issue, editors_desk: Client) -> None:
    first, doubt = issue.placements.first(), "It cost $17 million."
    post(editors_desk, issue, "rewrite", first, headline=first.headline, summary=doubt)
    post(editors_desk, issue, "waive", first, said=doubt, reason="Their press office told us so.")
    waiver = Waiver.objects.get()
    story = editors_desk.get(f"/desk/issues/{issue.pk}/").context["sheet"].sections[0][1][0]
    assert story.waived == [waiver]
    post(editors_desk, issue, "unwaive", first, waiver=waiver.pk)
    sheet = editors_desk.get(f"/desk/issues/{issue.pk}/").context["sheet"]
    assert sheet.blocking
    assert sheet.sections[0][1][0].waived == []
    assert sheet.sections[0][1][0].waivers == [Waiver.objects.get()]
    page = editors_desk.get(where(issue, "differences")).text
    assert "taken back on" in page


def test_the_second_of_two_editors_of_one_story_sees_both_texts_and_who_it_was(
    issue: Issue, editors_desk: Client, ana: Client
) -> None:
    first = issue.placements.first()
    seen = placement_mark(first)
    post(ana, issue, "rewrite", first, headline="By Ana", summary="One.", seen=seen)
    answer = editors_desk.post(where(issue, "rewrite", first), {
        "revision": 1, "seen": seen, "headline": HOSTILE, "summary": "Two, long thought over."})
    assert answer.status_code == 409
    assert "this story was changed meanwhile" in answer.text
    assert f"Ana rewrote “{first.headline}” at" in answer.text
    assert answer.context["sheet"].clash == [("Headline", "By Ana", HOSTILE), ("Summary", "One.", "Two, long thought over.")]
    assert "as it stands now" in answer.text
    assert "Two, long thought over." in answer.text
    assert "<script>alert(1)" not in answer.text
    assert Placement.objects.get(pk=first.pk).headline == "By Ana"


def test_editors_of_two_stories_and_of_the_titles_do_not_send_each_other_back(
    issue: Issue, editors_desk: Client, ana: Client
) -> None:
    _, two, three = issue.placements.all()
    fields = {"revision": 1, "seen": placement_mark(three), "headline": "By me", "summary": "x"}
    titles = {"revision": 1, "seen": titles_mark(issue), "subject": "My subject", "preheader": ""}
    post(ana, issue, "rewrite", two, headline=two.headline, summary="By Ana.")
    assert editors_desk.post(where(issue, "rewrite", three), fields).status_code == 302
    assert editors_desk.post(where(issue, "retitle"), titles).status_code == 302
    assert editors_desk.post(where(issue, "move", three), {"revision": 1, "to": 1}).status_code == 409
    assert Placement.objects.get(pk=three.pk).headline == "By me"


def test_what_saves_itself_is_answered_in_a_few_words(issue: Issue, editors_desk: Client, ana: Client) -> None:
    first = issue.placements.first()
    seen = placement_mark(first)
    for headline in ("Harbour", "Harbour b", "Harbour bridge"):
        answer = post(editors_desk, issue, "rewrite", first, headers=AUTO, headline=headline, summary="x", auto="1", seen=seen)
        assert answer.status_code == 200
        assert set(answer.json()) == {"revision", "saved_at", "mark"}
        seen = answer.json()["mark"]
    issue.refresh_from_db()
    assert answer.json()["revision"] == issue.revision
    assert Change.objects.get().label == f"rewrote “{first.headline}”"
    assert AuditEntry.objects.filter(action="rewrite").count() == 1
    empty = post(editors_desk, issue, "rewrite", first, headers=AUTO, headline=" ", summary="x", auto="1", seen=seen)
    assert empty.status_code == 422
    assert "Headline" in empty.json()["trouble"]
    mark = placement_mark(Placement.objects.get(pk=first.pk))
    post(ana, issue, "rewrite", first, headline="By Ana", summary="x", seen=mark)
    late = editors_desk.post(where(issue, "rewrite", first), {
        "revision": issue.revision - 1, "headline": "By me", "summary": "x", "auto": "1", "seen": seen}, headers=AUTO)
    assert late.status_code == 409
    assert "Ana rewrote" in late.json()["trouble"]
    assert late.json()["theirs"] == {"headline": "By Ana", "summary": "x"}
    titles = post(editors_desk, issue, "retitle", headers=AUTO, subject="S", preheader="", auto="1")
    assert titles.status_code == 200
    assert Issue.objects.get(pk=issue.pk).subject == "S"
    gone = post(editors_desk, issue, "rewrite", Placement(pk=9999), headers=AUTO, headline="x", auto="1")
    assert gone.status_code == 404
    assert "trouble" in gone.json()


def test_what_saves_itself_after_signing_out_is_told_so(issue: Issue) -> None:
    answer = post(Client(), issue, "rewrite", issue.placements.first(), headers=AUTO, headline="x", auto="1")
    assert answer.status_code == 401
    assert "signed out" in answer.json()["trouble"]


def ask(browser: Client, issue: Issue, **query: Any) -> Any:
    return browser.get(where(issue, "company"), {"revision": issue.revision, **query})


def test_the_page_tells_who_else_is_there_and_where_they_write(issue: Issue, editors_desk: Client, ana: Client) -> None:
    first = issue.placements.first()
    Placement.objects.filter(pk=first.pk).update(headline=HOSTILE)
    assert ask(editors_desk, issue).text == ""
    assert ask(editors_desk, issue, had="").status_code == 204
    ask(ana, issue)
    assert "<b>Ana</b> is here" in ask(editors_desk, issue).text
    ask(ana, issue, doing=f"story-{first.pk}")
    answer = ask(editors_desk, issue)
    assert f'href="#story-{first.pk}"' in answer.text
    assert "is writing in" in answer.text
    assert "<script>" not in answer.text
    had = answer.text.split('name="had" value="')[1].split('"')[0]
    assert ask(editors_desk, issue, had=had).status_code == 204
    ask(ana, issue, doing="<b>nothing known")
    assert "is here" in ask(editors_desk, issue, had=had).text
    Visit.objects.update(seen_at=timezone.now() - timedelta(seconds=21))
    gone = ask(editors_desk, issue, had=had)
    assert (gone.status_code, gone.text) == (200, ""), "what was said is taken off the page"


def test_the_page_tells_what_others_changed_since(issue: Issue, editors_desk: Client, ana: Client) -> None:
    one, two, three = issue.placements.all()
    post(ana, issue, "move", three, to=1)
    post(ana, issue, "rewrite", two, headline=HOSTILE, summary="x")
    post(editors_desk, issue, "drop", one)
    first = Issue(pk=issue.pk, revision=1)
    answer = ask(editors_desk, first)
    said = f"<b>Ana</b> changed 2 things since: rewrote “{two.headline}”, moved “{three.headline}” to place 1"
    assert said in answer.text
    assert f'href="/desk/issues/{issue.pk}/"' in answer.text
    post(ana, issue, "undo")
    assert f"undid “dropped “{one.headline}””" in ask(editors_desk, first).text
    issue.refresh_from_db()
    assert ask(editors_desk, issue).text == ""
    Issue.objects.filter(pk=issue.pk).update(state="approved", revision=issue.revision + 1)
    assert "The issue is approved now" in ask(editors_desk, issue).text


def test_asking_who_is_there_costs_little_and_a_head_writes_nothing(issue: Issue, editors_desk: Client, ana: Client) -> None:
    editors_desk.head(where(issue, "company"))
    assert not Visit.objects.exists()
    ask(ana, issue)
    ask(editors_desk, issue)
    with CaptureQueriesContext(connection) as asked:
        ask(editors_desk, issue)
    ours = [query["sql"] for query in asked if "session" not in query["sql"] and 'FROM "storage_editor" WHERE' not in query["sql"]
            and not query["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))]
    assert len(ours) <= 3, ours
    assert not [sql for sql in ours if not sql.startswith("SELECT")]
    Visit.objects.update(seen_at=timezone.now() - timedelta(hours=2))
    ask(editors_desk, issue)
    assert Visit.objects.count() == 1


def test_a_viewer_sees_company_and_differences_and_can_undo_nothing(issue: Issue, ana: Client) -> None:
    viewer = sign_in(Editor.objects.create_user("viewer@example.com", role=Role.VIEWER))
    post(ana, issue, "drop", issue.placements.last())
    assert ask(viewer, issue).status_code == 200
    assert viewer.get(where(issue, "differences")).status_code == 200
    assert post(viewer, issue, "undo").status_code == 403


def test_differences_show_each_word_who_changed_it_and_no_markup_of_titles(
    issue: Issue, make_story: Callable[..., Story], editors_desk: Client, ana: Client
) -> None:
    one, two, three = issue.placements.all()
    outside = make_story(HOSTILE)
    post(ana, issue, "rewrite", one, headline=f"{one.headline} <img src=x onerror=alert(1)>", summary=f"{one.summary} They said.")
    post(editors_desk, issue, "drop", three)
    post(editors_desk, issue, "pull-in", story_id=outside.pk)
    post(editors_desk, issue, "retitle", subject="Bridge & more", preheader="")
    post(editors_desk, issue, "undo")
    page = editors_desk.get(where(issue, "differences")).text
    assert "<ins>" in page
    assert "<del>" in page
    assert "<img src=x" not in page
    assert "<script>alert(1)" not in page
    assert "Dropped." in page
    assert "Pulled in." in page
    assert f"<b>Ana</b> rewrote “{one.headline}”" in page
    assert "undone by editor@example.com" in page
    assert f'href="{where(issue, "differences")}"' in editors_desk.get(f"/desk/issues/{issue.pk}/").text
    assert two.headline not in page.split("History")[0]
    assert editors_desk.get("/desk/issues/999/differences/").status_code == 404


def test_a_rejection_is_taken_back_at_the_desk(issue: Issue, desk: Client) -> None:
    post(desk, issue, "reject", note="Not today.")
    assert "Take the rejection back" in desk.get(f"/desk/issues/{issue.pk}/").text
    assert post(desk, issue, "reopen").status_code == 302
    assert Issue.objects.get(pk=issue.pk).state == "draft"
