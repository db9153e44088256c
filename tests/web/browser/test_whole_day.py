"""An editor's whole day at the desk in a real browser: from Today to the stopped presses and the audit log, by keyboard."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.delivery.editions import add_reader, read_mails
from tests.web.browser.hands import assert_fits, tab_to
from tests.web.browser.pages import sign_in_there
from tests.web.newsroom.conftest import make_story  # noqa: F401  (a fixture)
from worker.delivery.audience import freeze_audience
from worker.delivery.deliver import deliver_batch
from worker.delivery.senders import open_sender
from worker.issues.draft import draft_issue
from worker.press.preflight.links import hash_about
from worker.storage.models import Editor, Inquiry, Issue, Placement, Subject, Verdict

pytestmark = pytest.mark.django_db(transaction=True)

HEADLINES = ("Harbour bridge opens", "Ferry fleet goes electric", "Tram line extended", "Lighthouse sold", "Market hall rebuilt",
             "River cable car planned")
LATE = "Weather station moves"
PATIENCE = 60_000  # ms: a condition is waited for, however busy the machine
REASON, NOTE = "The harbour master told us on the telephone.", "The lead is wrong"
DEEDS = ("rewrote the subject or preheader of", "rewrote a story of", "waived a doubt in", "merged two stories of",
         "undid a change of", "did again a change of", "split a story of", "moved a story in", "pinned or unpinned a story of",
         "dropped a story from", "pulled a story into", "left an outlet out of", "approved", "started", "cancelled")


@pytest.fixture
def box(settings: Any, tmp_path: Path) -> Path:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    return tmp_path / "box" / "new"


@pytest.fixture
def draft(make_story: Callable[..., Any], settings: Any, box: Path) -> Issue:  # noqa: F811
    """A draft of six stories of two outlets each, one link of the second gone; one story left out, and three readers."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for headline in HEADLINES:
        make_story(headline, text=f"{headline}, the council said on Monday.")
    issue = draft_issue("aitrends")
    late = make_story(LATE, text=f"{LATE}, the council said on Monday.")
    issue.left_out = [{"story": late.pk, "headline": LATE, "reason": "one outlet only"}]
    issue.save()
    gone, now = issue.placements.all()[1].sources[1]["url"], timezone.now()
    Inquiry.objects.create(subject=Subject.LINK, key=hash_about(gone), about=gone, verdict=Verdict.BAD,
                           words="is gone (the server answers 404)", asked_at=now, due_at=now + timedelta(hours=1))
    for number in range(3):
        add_reader(f"reader{number}@example.com")
    return issue


def _order(page: Any) -> list[str]:
    return [words.strip() for words in page.locator("#placed h4").all_inner_texts()]


def _wait_for_order(page: Any, wanted: Sequence[str]) -> None:
    page.wait_for_function("wanted => JSON.stringify([...document.querySelectorAll('#placed h4')].map(one => one.innerText.trim()))"
                           " === JSON.stringify(wanted)", arg=list(wanted))


def _press(page: Any, place: Any, key: str = "Enter") -> None:
    place.focus()
    page.keyboard.press(key)


def _open(page: Any, placement: Placement, *folds: str) -> Any:
    """Open a story by keyboard, and some of its folds; return what is inside."""
    _press(page, page.locator(f"#gist-{placement.pk}"))
    inside = page.locator(f"#inside-{placement.pk}")
    inside.locator(".outlets").wait_for()
    for fold in folds:
        _press(page, page.locator(f"#{fold}-{placement.pk} > summary"))
    return inside


def _proof(page: Any) -> Any:
    return page.frame_locator("iframe[name=proof-mail]")


def _approve(page: Any) -> Any:
    return page.get_by_role("button", name="Approve and send to 3 readers")


@contextmanager
def _stays_a_page(page: Any) -> Iterator[None]:
    """The panes scroll, each for itself; the page they stand on never does, whatever is brought into view."""
    yield
    assert page.evaluate("[document.scrollingElement.scrollTop, document.scrollingElement.scrollHeight - innerHeight]") == [0, 0]


@pytest.mark.parametrize("page", ["desktop"], indirect=True)
def test_from_today_to_the_stopped_presses(page: Any, draft: Issue, approver: Editor, box: Path) -> None:
    page.set_default_timeout(PATIENCE)
    sign_in_there(page, approver)
    page.goto("/desk/")
    tab_to(page, page.locator(".paper .lead a").first)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/desk/issues/{draft.pk}/")
    with _stays_a_page(page):
        _check_words(page, *draft.placements.all()[:1])
        _arrange(page, *draft.placements.all())
    _mend(page)
    subject = _take_a_subject(page)
    _look(page, subject)
    _send_and_stop(page, draft, box, subject)

    tab_to(page, page.get_by_role("link", name="Audit", exact=True))
    page.keyboard.press("Enter")
    page.get_by_label("To what").fill(f"issue {draft.pk}")
    page.keyboard.press("Enter")
    page.wait_for_url("**subject=issue**")
    told = page.locator("table").inner_text()
    assert [deed for deed in DEEDS if f"{deed} issue {draft.pk}" not in told] == []
    assert REASON in told
    assert NOTE in told
    assert approver.email in told
    assert_fits(page)


def _check_words(page: Any, first: Placement) -> None:
    """A sentence shows its passage; a number no source has is marked, blocks the approval, and is let stand for a reason."""
    inside = _open(page, first)
    _press(page, inside.locator(".told summary").first)
    inside.locator(".support q", has_text="the council said on Monday").first.wait_for()
    _proof(page).locator("#marked", has_text=first.sentences[0]["text"]).wait_for()
    page.get_by_text("1 finding: approval is blocked").wait_for()

    _press(page, page.locator(f"#gist-{first.pk}"), "e")
    page.wait_for_function("id => document.activeElement.id === id", arg=f"s-{first.pk}")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+End")
    page.keyboard.type(" for $77 million")
    page.locator(f"#gist-{first.pk} mark.doubt", has_text="$77 million").wait_for()
    page.locator(f"#gist-{first.pk} .waits").wait_for()
    page.get_by_text("2 findings: approval is blocked").wait_for()
    assert _approve(page).is_disabled()

    told = page.locator(f"#told-{first.pk}")
    _press(page, told.locator(".doubts summary", has_text="Waive"))
    page.keyboard.press("Tab")
    page.keyboard.type(REASON)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    told.locator(".waived", has_text=REASON).wait_for()
    page.get_by_text("1 finding: approval is blocked").wait_for()
    assert page.locator(f"#gist-{first.pk} .waits").count() == 0
    assert _approve(page).is_disabled(), "the dead link still blocks"


def _arrange(page: Any, first: Placement, second: Placement, third: Placement, fourth: Placement, fifth: Placement,
             sixth: Placement) -> None:
    """Merged, undone and done again, split, moved, pinned, dropped, pulled in."""
    whole = _order(page)
    merged = [one for one in whole if one != fourth.headline]
    _open(page, fourth, "arrange")
    page.locator(f"#into-{fourth.pk}").focus()
    page.keyboard.type(fifth.headline)
    tab_to(page, page.locator(f"#merge-{fourth.pk}"))
    page.keyboard.press("Enter")
    page.locator(".done p", has_text="Merged").wait_for()
    _wait_for_order(page, merged)
    _press(page, page.locator(f"#gist-{first.pk}"), "u")
    _wait_for_order(page, whole)
    _press(page, page.locator("#redo"))
    _wait_for_order(page, merged)

    inside = _open(page, third, "arrange")
    _press(page, inside.get_by_role("checkbox").first, "Space")
    tab_to(page, page.locator(f"#split-{third.pk}"))
    page.keyboard.press("Enter")
    page.locator(".done p", has_text="Split: this story goes on with 1 report").wait_for()

    _press(page, page.locator(f"#gist-{third.pk}"), "Alt+ArrowUp")
    moved = [merged[0], merged[2], merged[1], *merged[3:]]
    _wait_for_order(page, moved)
    page.locator("#said", has_text="Now in place 2 of 5").wait_for(state="attached")
    _press(page, page.locator(f"#gist-{second.pk}"), "p")
    page.locator(f"#gist-{second.pk}", has_text="Pinned").wait_for()
    _press(page, page.locator(f"#gist-{sixth.pk}"), "d")
    _wait_for_order(page, moved[:-1])
    page.get_by_label("Find among them").fill("weather")
    _press(page, page.get_by_role("button", name=f"Pull in: {LATE}"))
    page.locator("#placed h4", has_text=LATE).wait_for()


def _mend(page: Any) -> None:
    """The outlet whose link is dead is left out, and nothing blocks the approval any more."""
    _press(page, page.get_by_role("button", name="Leave this outlet out"))
    page.get_by_text("Nothing blocks approval").wait_for()
    page.wait_for_function("() => !document.querySelector('#decision button[value=now]').disabled")


def _take_a_subject(page: Any) -> str:
    """Another subject that the desk suggests is taken with one key, and stands over the issue."""
    take = page.get_by_role("button", name=re.compile("^Take this subject: ")).first
    subject: str = (take.get_attribute("aria-label") or "").removeprefix("Take this subject: ")
    with page.expect_navigation():
        _press(page, take)
    page.get_by_role("heading", level=1, name=subject).wait_for()
    page.locator(".mails.light .mail.apple .title", has_text=subject[:20]).wait_for()
    return subject


def _look(page: Any, subject: str) -> None:
    """On a phone, in the dark, without images, and as plain text: chosen with the arrow keys, shown in the sandboxed frame."""
    frame = page.locator("iframe[name=proof-mail]")
    assert frame.get_attribute("sandbox") == ""
    _press(page, page.locator("#view-desktop"), "ArrowRight")
    page.wait_for_function("() => document.querySelector('iframe[name=proof-mail]').getBoundingClientRect().width === 390")
    _press(page, page.locator("#dark-no"), "ArrowRight")
    _press(page, page.locator("#images-yes"), "ArrowRight")
    page.frame(name="proof-mail").wait_for_url(re.compile("dark=1&images=no"))
    _proof(page).locator("body", has_text=LATE).wait_for()
    assert _proof(page).locator("img").count() == 0
    ground = _proof(page).locator("body").evaluate("one => getComputedStyle(one).backgroundColor")
    assert max(int(number) for number in re.findall(r"\d+", ground)[:3]) < 96, f"{ground} is not dark"
    _press(page, page.locator("#view-phone"), "ArrowRight")
    page.frame_locator("iframe[name=proof-text]").locator("body", has_text=LATE).wait_for()
    assert not frame.is_visible()
    page.locator("#proof-frame", has_text=f"subject “{subject}”").wait_for()


def _send_and_stop(page: Any, draft: Issue, box: Path, subject: str) -> None:
    """Approved and sent; one copy is out when the presses are stopped, and the page says what that spares."""
    with page.expect_navigation():
        _press(page, _approve(page))
    page.get_by_text("sending", exact=True).first.wait_for()
    freeze_audience(draft.pk)
    with closing(open_sender()) as sender:
        assert deliver_batch(draft.pk, sender, limit=1).accepted == 1
    [mail] = read_mails([one.read_bytes() for one in box.iterdir()]).values()
    assert mail["Subject"] == subject
    _press(page, page.locator("#stop > summary"))
    page.get_by_text("1 copy is out and cannot be called back").wait_for()
    page.get_by_label("Why (optional").fill(NOTE)
    tab_to(page, page.get_by_role("button", name="Stop this issue for good"))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.get_by_text("2 readers will not get it").wait_for()
    page.get_by_text("cancelled", exact=True).first.wait_for()
    assert NOTE in page.locator("#issue-head").inner_text()
    draft.refresh_from_db()
    assert (draft.state, draft.subject, draft.note) == ("cancelled", subject, NOTE)


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_on_the_way_to_work(page: Any, draft: Issue, approver: Editor) -> None:
    """On a phone: one pane at a time by the bar below, words that save themselves, and an undo."""
    page.set_default_timeout(PATIENCE)
    sign_in_there(page, approver)
    page.goto(f"/desk/issues/{draft.pk}/")
    first = draft.placements.all()[0]
    page.locator(f"#gist-{first.pk}").click()
    page.locator(f"#edit-{first.pk} > summary").click()
    page.locator(f"#s-{first.pk}").fill(f"{first.headline}, the council said on Monday. Ships wait.")
    page.locator(f"#rewrite-{first.pk} .saved", has_text="Saved at").wait_for()
    assert_fits(page)
    bar = page.get_by_role("navigation", name="Panes")
    for name, pane in (("Issue", "proof"), ("Preflight", "decision"), ("Stories", "stories")):
        bar.get_by_role("link", name=re.compile(f"^{name}")).click()
        page.wait_for_function("pane => document.getElementById('panes').dataset.pane === pane", arg=pane)
        seen = page.locator(".pane").evaluate_all("all => all.filter(one => one.checkVisibility()).map(one => one.id)")
        assert seen == [pane]
        assert_fits(page)
        if pane == "proof":
            _proof(page).locator("body", has_text="Ships wait.").wait_for()
    assert page.locator(f"#s-{first.pk}").input_value().endswith("Ships wait."), "the bar takes no words away"
    page.get_by_role("button", name=re.compile("^Undo: ")).click()
    page.locator(f"#told-{first.pk}", has_not_text="Ships wait.").wait_for()
    page.wait_for_function("id => !document.getElementById(id).value.includes('Ships wait.')", arg=f"s-{first.pk}")
    assert "Ships wait." not in Placement.objects.get(pk=first.pk).summary
    page.get_by_role("button", name=re.compile("^Redo: ")).wait_for()
    assert_fits(page)
