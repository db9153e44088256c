"""The review screen in a real browser: an editor's whole day on it, two editors at once, and a phone."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from tests.web.browser.hands import assert_fits
from worker.issues.draft import draft_issue
from worker.storage.models import Editor, Feed, Issue, Item, ItemState, Placement, Role, Story, StoryState
from worker.web.newsroom.placed import WHOLE

pytestmark = pytest.mark.django_db(transaction=True)

HEADLINES = ("Harbour bridge opens", "Ferry fleet goes electric", "Tram line extended", "Lighthouse sold", "Market hall rebuilt",
             "River cable car planned")
PATIENCE = 60_000  # ms: a condition is waited for, however busy the machine


@pytest.fixture
def draft(editorial_file: Path, live_server: Any, settings: Any) -> Issue:
    """A draft of six stories of two outlets each, one more left out, and two people at the desk."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.BASE_URL = live_server.url
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    settings.POSTAL_ADDRESS = "1 Example Street, London"
    for name in ("chief", "ana"):
        Editor.objects.create_user(f"{name}@example.com", "correct horse battery", role=Role.APPROVER)
    feeds = [Feed.objects.create(name=name, state="ok", fetched_at=timezone.now()) for name in ("first-outlet", "second-outlet")]
    for headline in HEADLINES:
        _tell(headline, feeds)
    issue = draft_issue("aitrends")
    late = _tell("Weather station moves", feeds)
    issue.left_out = [{"story": late.pk, "headline": late.headline, "reason": "one outlet only"},
                      {"story": 9_999, "headline": "A quiet day", "reason": "no outlet"}]
    issue.save()
    return issue


@pytest.fixture
def visit(chromium: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """Return a way to open the desk as somebody, in a browser of their own; an error on its console fails the test."""
    contexts: list[Any] = []
    troubles: list[str] = []

    def open_page(who: str, onward: str, **look: Any) -> Any:
        context = chromium.new_context(base_url=live_server.url, **{"viewport": {"width": 1280, "height": 900}, **look})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" and "409" not in said.text else None)
        page.goto(f"/desk/sign-in/?next={onward}")
        page.get_by_label("E-mail address").fill(f"{who}@example.com")
        page.get_by_label("Password").fill("correct horse battery")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(rf"^http://[^/]+{re.escape(onward)}"))  # not the sign-in page, which names it too
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def _tell(headline: str, feeds: list[Feed]) -> Story:
    at = timezone.now() - timedelta(hours=1)
    said = [f"{headline}, the council said on Monday.", f"{headline} after nine years of talks."]
    story = Story.objects.create(state=StoryState.SUMMARISED, headline=headline, first_at=at, last_at=at)
    items = [Item.objects.create(
        state=ItemState.GROUPED, feed=feed, identity=f"{story.pk}-{feed.pk}", story=story, title=headline,
        url=f"https://news.example.com/{story.pk}/{feed.pk}", summary=" ".join(said), published_at=at, at=at) for feed in feeds]
    story.sentences = [{"text": text, "support": [{"item": items[0].pk, "passage": text}], "doubts": []} for text in said]
    story.save()
    return story


def _address(issue: Issue) -> str:
    return f"/desk/issues/{issue.pk}/"


def _placed(headline: str) -> Placement:
    return Placement.objects.get(headline=headline)


def _order(page: Any) -> list[str]:
    return [words.strip() for words in page.locator("#placed h4").all_inner_texts()]


def _wait_for_order(page: Any, wanted: list[str]) -> None:
    page.wait_for_function("wanted => JSON.stringify([...document.querySelectorAll('#placed h4')].map(one => one.innerText.trim()))"
                           " === JSON.stringify(wanted)", arg=wanted)


def _open(page: Any, placement: Placement) -> Any:
    """Open a story's row, and return what is inside."""
    page.locator(f"#gist-{placement.pk}").click()
    inside = page.locator(f"#inside-{placement.pk}")
    inside.locator(".outlets").wait_for()
    return inside


def _proof(page: Any) -> Any:
    return page.frame_locator("iframe[name=proof-mail]")


def test_an_editors_day_from_the_draft_to_the_approval(visit: Callable[..., Any], draft: Issue) -> None:
    page = visit("chief", _address(draft))
    first, second, third = draft.placements.all()[:3]
    inside = _open(page, first)

    # A sentence that is pressed shows its passage, and lights up in the issue.
    inside.locator(".told summary").first.click()
    inside.locator(".support q").first.wait_for()
    _proof(page).locator("#marked", has_text=first.sentences[0]["text"]).wait_for()

    # Rewritten: saved by itself, the field untouched, the doubt shown at once, the proof anew.
    page.locator(f"#edit-{first.pk} > summary").click()
    field = page.locator(f"#s-{first.pk}")
    field.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(" It cost $40 million.", delay=5)
    page.locator(f"#rewrite-{first.pk} .saved", has_text="Saved at").wait_for()
    assert "$40 million" in Placement.objects.get(pk=first.pk).summary
    assert field.evaluate("one => one === document.activeElement")
    page.locator(f"#told-{first.pk} .unsupported", has_text="Rewrite").wait_for()
    _proof(page).locator("body", has_text="It cost $40 million.").wait_for()
    page.keyboard.press("Control+z")
    assert "$40 million." not in field.input_value(), "the browser's own undo still works"
    page.keyboard.press("Control+Shift+z")
    assert "$40 million." in field.input_value()

    # Waived with a reason.
    told = page.locator(f"#told-{first.pk}")
    told.locator(".doubts summary", has_text="Waive").click()
    told.get_by_label("Why it may stand without a source").fill("The harbour master told us on the telephone.")
    told.get_by_role("button", name="Waive", exact=True).click()
    told.locator(".waived", has_text="The harbour master").wait_for()

    # Put in order by key: the focus stays with the story, and it is said where it is now.
    before = _order(page)
    page.locator(f"#gist-{third.pk}").focus()
    page.keyboard.press("Alt+ArrowUp")
    _wait_for_order(page, [before[0], before[2], before[1], *before[3:]])
    page.locator("#said", has_text="Now in place 2 of 6").wait_for(state="attached")
    page.wait_for_function("id => document.activeElement.closest('.story')?.id === id", arg=f"story-{third.pk}")
    page.keyboard.press("u")
    _wait_for_order(page, before)
    assert page.locator("#redo").is_enabled()

    # Dragged by its handle.
    grip, onto = page.locator(f"#story-{third.pk} .grip").bounding_box(), page.locator(f"#gist-{second.pk}").bounding_box()
    page.mouse.move(grip["x"] + 8, grip["y"] + 20)
    page.mouse.down()
    page.mouse.move(onto["x"] + 60, onto["y"] + 4, steps=6)
    page.mouse.up()
    _wait_for_order(page, [before[0], before[2], before[1], *before[3:]])

    # Split, merged, pulled in from the tray.
    inside = _open(page, second)
    page.locator(f"#arrange-{second.pk} > summary").click()
    inside.get_by_role("checkbox").first.check()
    inside.get_by_role("button", name="Split off").click()
    page.locator(".done p", has_text="Split").wait_for()
    fourth = _placed(HEADLINES[3])
    inside = _open(page, fourth)
    page.locator(f"#arrange-{fourth.pk} > summary").click()
    inside.get_by_label("Merge into").select_option(label=HEADLINES[4])
    inside.get_by_role("button", name="Merge", exact=True).click()
    page.locator(".done p", has_text="Merged").wait_for()
    assert fourth.headline not in _order(page)
    page.get_by_label("Find among them").fill("weather")
    page.get_by_role("button", name="Pull in: Weather station moves").click()
    page.locator("#placed h4", has_text="Weather station moves").wait_for()

    # And approved.
    page.get_by_role("button", name="Approve, send later").click()
    page.get_by_text("approved", exact=True).first.wait_for()
    assert Issue.objects.get().state == "approved"


def test_keys_go_between_stories_and_never_into_words(visit: Callable[..., Any], draft: Issue) -> None:
    page = visit("chief", _address(draft))
    first, second, _ = draft.placements.all()[:3]
    page.locator(f"#gist-{first.pk}").focus()
    page.keyboard.press("j")
    page.wait_for_function("id => document.activeElement.id === id", arg=f"gist-{second.pk}")
    page.keyboard.press("e")
    page.wait_for_function("id => document.activeElement.id === id", arg=f"s-{second.pk}")
    page.keyboard.press("Control+Home")
    page.keyboard.type("jdup")
    assert page.locator(f"#s-{second.pk}").input_value().startswith("jdup")
    assert not Placement.objects.get(pk=second.pk).dropped
    page.locator(f"#rewrite-{second.pk} .saved", has_text="Saved at").wait_for()
    page.locator(f"#gist-{second.pk}").focus()
    page.keyboard.press("p")
    page.locator(f"#gist-{second.pk}", has_text="Pinned").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_label("Single keys work").uncheck()
    page.keyboard.press("Escape")
    page.locator(f"#gist-{second.pk}").focus()
    page.keyboard.press("d")
    page.keyboard.press("Alt+ArrowDown")
    page.locator("#said", has_text="Now in place 3").wait_for(state="attached")
    assert not Placement.objects.get(pk=second.pk).dropped, "the key was switched off"


def test_two_editors_see_each_other_and_neither_overwrites_the_other(visit: Callable[..., Any], draft: Issue) -> None:
    one, two = visit("chief", _address(draft)), visit("ana", _address(draft))
    first, second = draft.placements.all()[:2]
    for page in (one, two):
        _open(page, first)
        page.locator(f"#edit-{first.pk} > summary").click()
    one.locator(f"#s-{first.pk}").fill(f"{first.summary} Ships pass.")
    one.locator(f"#rewrite-{first.pk} .saved", has_text="Saved at").wait_for()
    two.locator("#company", has_text="chief").wait_for()

    two.locator(f"#s-{first.pk}").fill("Long thought over.")
    two.locator(".theirs", has_text="Ships pass.").wait_for()
    assert two.locator(f"#s-{first.pk}").input_value() == "Long thought over."
    assert "Ships pass." in Placement.objects.get(pk=first.pk).summary
    two.locator(".theirs [data-mine]").click()
    two.locator(f"#rewrite-{first.pk} .saved", has_text="Saved at").wait_for()
    assert Placement.objects.get(pk=first.pk).summary == "Long thought over."

    # What is being typed survives the showing of what somebody else did elsewhere.
    two.locator(f"#h-{first.pk}").press("Control+End")
    two.keyboard.type(" at last")
    typed = two.locator(f"#h-{first.pk}").input_value()
    one.locator("#company .news a").click()
    one.locator(f"#told-{first.pk}", has_text="Long thought over.").wait_for()
    one.locator(f"#gist-{second.pk}").focus()
    one.keyboard.press("d")
    one.wait_for_function("count => document.querySelectorAll('#placed .story').length === count", arg=len(HEADLINES) - 1)
    two.locator("#company .news a").click()
    two.wait_for_function("count => document.querySelectorAll('#placed .story').length === count", arg=len(HEADLINES) - 1)
    assert two.locator(f"#h-{first.pk}").input_value() == typed


def test_a_late_story_of_a_long_issue_is_whole_once_it_is_opened_and_stays_so(visit: Callable[..., Any], draft: Issue) -> None:
    feeds = list(Feed.objects.all())
    for number in range(WHOLE):
        story = _tell(f"Quay number {number} opens", feeds)
        Placement.objects.create(issue=draft, story=story, section="short", position=len(HEADLINES) + number,
                                 headline=story.headline, sources=[{"outlet": "First Outlet", "title": "", "url": ""}])
    page = visit("chief", _address(draft))
    late = _placed(f"Quay number {WHOLE - 1} opens")
    assert page.locator(f"#s-{late.pk}").count() == 0
    page.locator(f"#gist-{late.pk}").focus()
    page.keyboard.press("e")
    page.wait_for_function("id => document.activeElement.id === id", arg=f"s-{late.pk}")
    page.keyboard.type("Ships pass.")
    page.locator(f"#rewrite-{late.pk} .saved", has_text="Saved at").wait_for()
    page.locator(f"#gist-{late.pk}").focus()
    page.keyboard.press("Alt+ArrowUp")
    page.locator("#said", has_text=f"Now in place {len(HEADLINES) + WHOLE - 1} ").wait_for(state="attached")
    assert page.locator(f"#s-{late.pk}").input_value() == "Ships pass.", "it is whole after a swap too"


def test_a_reader_of_the_desk_sees_everything_and_no_form(visit: Callable[..., Any], draft: Issue) -> None:
    Editor.objects.create_user("guest@example.com", "correct horse battery", role=Role.VIEWER)
    page = visit("guest", _address(draft))
    inside = _open(page, draft.placements.all()[0])
    inside.locator(".told summary").first.click()
    inside.locator(".support q").first.wait_for()
    assert page.locator("#stories form").count() == 0
    assert page.locator("#stories .grip").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(390, 844), (1280, 900)])
def test_it_fits_and_everybody_can_use_it(visit: Callable[..., Any], draft: Issue, size: tuple[int, int], scheme: str) -> None:
    first = draft.placements.all()[0]
    page = visit("chief", _address(draft), viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    inside = _open(page, first)
    inside.locator(".told summary").first.click()
    page.locator(f"#edit-{first.pk} > summary").click()
    page.locator(f"#arrange-{first.pk} > summary").click()
    seen = "all => all.filter(one => one.checkVisibility()).map(one => one.id)"
    for pane in ("stories", "proof", "decision"):
        if size[0] < 1024:
            page.locator(f"#panetabs a[href='#{pane}']").click()
            page.wait_for_function("pane => document.getElementById('panes').dataset.pane === pane", arg=pane)
            assert page.locator(".pane").evaluate_all(seen) == [pane]
        assert_fits(page)
        found = Axe().run(page, options={"iframes": False}).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found
                if one["impact"] in ("serious", "critical")] == []


def test_it_works_without_script(visit: Callable[..., Any], draft: Issue) -> None:
    page = visit("chief", _address(draft), viewport={"width": 390, "height": 844}, java_script_enabled=False)
    first, second = draft.placements.all()[:2]
    _open(page, second)
    page.get_by_role("button", name=f"Move up: {second.headline}").click()
    page.wait_for_url(f"**#story-{second.pk}")
    assert _order(page)[:2] == [second.headline, first.headline]
    page.locator("#panetabs a[href='#proof']").click()
    assert page.locator(".pane").evaluate_all("all => all.filter(one => one.checkVisibility()).map(one => one.id)") == ["proof"]
    page.locator("label", has_text="Phone").click()
    page.locator("label", has_text="Dark").click()
    page.get_by_role("button", name="Show the mail so").click()
    _proof(page).locator("body", has_text=first.headline).wait_for()
    page.locator("#panetabs a[href='#decision']").click()
    page.get_by_role("button", name="Approve, send later").click()
    page.get_by_text("approved", exact=True).first.wait_for()
