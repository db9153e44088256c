"""The desk's stories: found, opened, merged, split and put back; who else was quicker is said, and drafts come along."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.web.newsroom.browsers import sign_in
from worker.storage.models import AuditEntry, Editor, Issue, Item, Ruling, Story


@pytest.fixture
def story(issue: Issue) -> Story:
    """Return the ferry's story."""
    return Story.objects.get(headline="Ferry fleet goes electric")


def _page(desk: Client, story: Story | int) -> Any:
    return desk.get(f"/desk/stories/{story.pk if isinstance(story, Story) else story}/")


def _merge(desk: Client, *stories: Story, **words: object) -> Any:
    return desk.post("/desk/stories/merge/", {"story": [story.pk for story in stories], **words})


def _bridge() -> Story:
    return Story.objects.get(headline="Harbour bridge opens")


def test_a_storys_page_shows_each_report_and_why_it_is_there(story: Story, desk: Client) -> None:
    first, second = story.items.order_by("id")
    second.reason = {"closest": str(first.pk), "names": ["Ferry", "Elmwood"], "numbers": [], "hours": 2.0, "closeness": 0.7}
    second.save()
    third = Item.objects.create(feed=second.feed, identity="copy", title="Copied", url="https://copy.example.com/1", at=second.at,
                                story=story, copy_of=second, state="grouped")

    page = _page(desk, story).text

    assert "The first report." in page
    assert "shares Ferry and Elmwood" in page
    assert "First Outlet" in page
    assert f'href="{first.url}"' in page
    assert f'name="item" value="{second.pk}"' in page
    assert f'href="{third.url}"' in page
    assert f'name="item" value="{third.pk}"' not in page, "a copy goes with what it repeats"
    assert "Ferry fleet goes electric, the council said on Monday." in page
    assert f'href="/desk/issues/{Issue.objects.get().pk}/#story-' in page


def test_reports_ticked_become_a_story_of_their_own_until_it_is_undone(story: Story, editors_desk: Client, editor: Editor) -> None:
    chosen = story.items.order_by("-id").first()
    assert chosen

    answer = editors_desk.post(f"/desk/stories/{story.pk}/split/", {"item": chosen.pk}, follow=True)

    chosen.refresh_from_db()
    assert chosen.story_id != story.pk
    assert f"what you ticked is story {chosen.story_id} now" in answer.text or "keeps the number" in answer.text
    assert AuditEntry.objects.filter(actor=editor.email, action="split story").count() == 1
    entry = AuditEntry.objects.get(action="split story")
    assert f"/desk/rulings/{entry.pk}/undo/" in answer.text

    undone = editors_desk.post(f"/desk/rulings/{entry.pk}/undo/", follow=True)
    chosen.refresh_from_db()
    assert chosen.story_id == story.pk
    assert "Undone" in undone.text
    assert editors_desk.post(f"/desk/rulings/{entry.pk}/undo/").status_code == 409


def test_stories_ticked_in_the_list_are_merged_and_the_draft_comes_along(issue: Issue, story: Story, editors_desk: Client) -> None:
    answer = editors_desk.post("/desk/stories/merge/", {"story": [_bridge().pk, story.pk]}, follow=True)

    assert answer.redirect_chain[-1][0] == f"/desk/stories/{_bridge().pk}/"
    assert f"story {_bridge().pk} goes on with every report" in answer.text
    assert "Brought along: the draft of AITrends" in answer.text
    page = editors_desk.get(f"/desk/issues/{issue.pk}/").text
    assert "merged it into story" in page
    assert f"See story {_bridge().pk}" in page
    gone = _page(editors_desk, story)
    assert gone.status_code == 200
    assert f'href="/desk/stories/{_bridge().pk}/"' in gone.text
    assert f'href="/desk/stories/{story.pk}/"' not in editors_desk.get("/desk/stories/").text


def test_a_story_is_merged_with_one_chosen_or_typed_on_its_page(
    story: Story, editors_desk: Client, make_story: Callable[..., Story]
) -> None:
    same = make_story("City ferries switch to electric motors", text="The ferry fleet goes electric, the council said.")
    page = _page(editors_desk, story).text
    assert f'name="story" value="{same.pk}"' in page, "what is close is offered"
    assert f'name="story" value="{_bridge().pk}"' not in page, "and nothing else that the day has"
    _merge(editors_desk, story, other=_bridge().pk, back=story.pk)
    assert Story.objects.filter(state="merged").count() == 1
    assert Ruling.objects.filter(together=True).count() == 2


def test_the_second_of_two_editors_is_told(story: Story, editors_desk: Client, desk: Client) -> None:
    tram = Story.objects.get(headline="Tram line extended")
    _merge(desk, story, _bridge())
    late = _merge(editors_desk, story, tram)
    assert late.status_code == 409
    assert f"story {story.pk} was merged into story {_bridge().pk}" in late.text
    assert f'value="{tram.pk}" id="tick-{tram.pk}" checked' in late.text, "what was ticked is still ticked"
    taken = story.items.first() or Item.objects.first()
    assert taken
    split = editors_desk.post(f"/desk/stories/{tram.pk}/split/", {"item": taken.pk})
    assert split.status_code == 409
    assert "look at the story again" in split.text


@pytest.mark.parametrize(("given", "words"), [
    ({}, "two or more"), ({"story": ["x"]}, "Not merged"), ({"story": ["9" * 40]}, "Not merged"),
    ({"story": ["1"], "other": "-4"}, "Not merged"),
])
def test_a_merge_of_nothing_is_refused_in_words(story: Story, editors_desk: Client, given: dict, words: str) -> None:
    answer = editors_desk.post("/desk/stories/merge/", given)
    assert answer.status_code == 422
    assert words in answer.text
    assert not AuditEntry.objects.filter(action="merge stories").exists()
    back = editors_desk.post("/desk/stories/merge/", {"story": story.pk, "back": story.pk, "other": "zwölf"})
    assert back.status_code == 422
    assert 'value="zwölf"' in back.text


def test_a_split_without_a_tick_or_of_everything_is_refused(story: Story, editors_desk: Client) -> None:
    address = f"/desk/stories/{story.pk}/split/"
    assert "tick at least one" in editors_desk.post(address, {}).text
    everything = editors_desk.post(address, {"item": [item.pk for item in story.items.all()]})
    assert everything.status_code == 422
    assert "leave at least one" in everything.text
    assert "checked" in everything.text


def test_rulings_need_the_token_of_the_page(story: Story, editor: Editor) -> None:
    browser = sign_in(editor, enforce_csrf_checks=True)
    for address in ("merge/", f"{story.pk}/split/", "../rulings/1/undo/"):
        assert browser.post(f"/desk/stories/{address}", {"story": [story.pk, _bridge().pk]}).status_code in (403, 404)
    assert not Ruling.objects.exists()
    token = str(browser.get(f"/desk/stories/{story.pk}/").context["csrf_token"])
    assert _merge(browser, story, _bridge(), csrfmiddlewaretoken=token).status_code == 302


def test_the_list_is_searched_and_tells_what_is_new_to_whom(
    make_story: Callable[..., Story], issue: Issue, story: Story, desk: Client
) -> None:
    make_story("Lighthouse sold to a collector")
    page = desk.get("/desk/stories/").text
    assert "Lighthouse sold to a collector" in page
    assert '<span class="tag good">new</span> AITrends' in page
    assert '<span class="tag ">placed</span> AITrends' in page, "the draft holds the others already"
    Issue.objects.update(state="sent")
    assert '<span class="tag ">told</span> AITrends' in desk.get("/desk/stories/").text
    found = desk.get("/desk/stories/?q=FERRY fleet").text
    assert "Ferry fleet goes electric" in found
    assert "Tram line" not in found
    assert f"/desk/stories/{story.pk}/" in desk.get(f"/desk/stories/?q={story.pk}").text
    assert "No story has these words" in desk.get("/desk/stories/?q=zeppelin").text
    assert desk.get("/desk/stories/999999/").status_code == 404
