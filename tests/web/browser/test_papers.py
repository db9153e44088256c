"""Pages in a real browser, on a phone and on a desktop: they fit, nothing is blocked, and they work without a mouse."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.readers.everything import make_reader
from tests.web.browser.hands import assert_fits, show_pane, tab_to
from tests.web.newsroom.browsers import sign_in
from tests.wordings import join
from worker.delivery.audience import freeze_audience, start_issue
from worker.issues.draft import draft_issue
from worker.press.approve import approve_issue
from worker.press.render import render_proof
from worker.readers.links import confirm_url
from worker.readers.subscribe import decide_sign_ups, sign_up
from worker.readers.terms import publish_terms
from worker.storage.models import Feed, Issue, IssueState, Item, ItemState, Notice, Reader, SignUp, Story, StoryState
from worker.web.newsroom.entry import make_entry_link

HOSTILE = '"><script>document.title="stolen"</script><img src=x onerror="document.title=\'stolen\'">'

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paper(editorial_file: Any, approver: Any) -> Issue:
    """A sent issue and a draft; one headline and one outlet's title are hostile."""
    publish_terms()
    now = datetime.now(UTC)
    feeds = [Feed.objects.create(name=name) for name in ("first-outlet", "second-outlet")]
    for number, headline in enumerate(["Aurora Labs delays its Borealis model", HOSTILE,
                                       "Averyveryverylongwordthatnothingbreaks" * 5]):
        text = f"This is the first sentence of story {number}."
        story = Story.objects.create(state=StoryState.SUMMARISED, headline=headline, first_at=now, last_at=now,
                                     slug=f"story-{number}")
        for feed in feeds:
            item = Item.objects.create(
                feed=feed, identity=f"{feed.name}-{number}", url=f"https://{feed.name}.example/{number}", title=headline,
                summary=text, at=now - timedelta(hours=1), story=story, state=ItemState.GROUPED)
        story.sentences = [{"text": text, "support": [{"item": item.pk, "passage": text}], "doubts": []}]
        story.save()
    issue = draft_issue("aitrends")
    approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(issue).sha256)
    start_issue(issue.pk, by=approver.email)
    freeze_audience(issue.pk)
    Issue.objects.filter(pk=issue.pk).update(state=IssueState.SENT, sent_at=now)
    return draft_issue("daily")


def test_public_pages_fit(page: Any, paper: Issue) -> None:
    for path in ("/", "/subscribe/", "/archive/", "/terms/", "/privacy/", "/corrections/"):
        assert page.goto(path).status == 200
        assert_fits(page)


def test_the_archived_issue_fits_and_hostile_titles_are_text(page: Any, paper: Issue) -> None:
    page.goto("/archive/")
    with page.expect_navigation():
        page.get_by_role("link", name="Aurora Labs").first.click()
    assert_fits(page)
    assert page.get_by_text("<script>").first.is_visible()


def test_a_visitor_signs_up_by_keyboard(page: Any, paper: Issue) -> None:
    page.goto("/subscribe/")
    page.locator("input[name=newsletters]").first.focus()
    page.keyboard.press("Space")
    page.locator("input[name=email]").focus()
    page.keyboard.type("reader@example.com")
    page.locator("input[name=agree]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Check your inbox").wait_for()
    assert_fits(page)
    decide_sign_ups()
    page.goto(confirm_url(Notice.objects.get().pk))
    assert_fits(page)
    sign_up("reader@example.com", ["daily"])  # meanwhile, and asking for more
    for said in (page.get_by_role("alert").filter(has_text="added Daily"), page.get_by_role("heading", name="You are subscribed")):
        page.keyboard.press("Tab")
        while page.evaluate("document.activeElement.innerText") != "Yes, subscribe me":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        said.wait_for()
    assert_fits(page)


def test_a_visitor_mends_a_slip_and_chooses_topics_by_keyboard(page: Any, paper: Issue) -> None:
    page.goto("/subscribe/")
    page.locator("input[name=newsletters]").first.focus()
    page.keyboard.press("Space")
    page.get_by_text("Only some topics?").focus()
    page.keyboard.press("Enter")
    page.locator("input[name=topics]").first.focus()
    page.keyboard.press("Space")
    page.locator("input[name=email]").focus()
    page.keyboard.type("reader@gmial.com")
    page.keyboard.press("Enter")
    page.get_by_text("Did you mean reader@gmail.com?").wait_for()
    assert page.locator("input[name=topics]").first.is_checked()
    assert_fits(page)
    page.locator("input[name=email]").fill("reader@gmail.com")
    page.locator("input[name=agree]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Check your inbox").wait_for()
    assert (SignUp.objects.get().email, SignUp.objects.get().topics) == ("reader@gmail.com", "labs")


def test_a_form_on_another_site_ends_on_ours(page: Any, paper: Issue, live_server: Any) -> None:
    """A page of somebody else's origin: a plain form, without script."""
    page.goto("about:blank")
    page.set_content(f"""<form method="post" action="{live_server.url}/subscribe/">
        <input type="hidden" name="newsletters" value="daily"><input name="email"><button>Get it</button></form>""")
    page.locator("input[name=email]").fill("reader@example.com")
    page.keyboard.press("Enter")
    page.get_by_text("One more step").wait_for()
    assert page.locator("input[name=email]").input_value() == "reader@example.com"
    assert page.locator("#newsletter-daily").is_checked()
    assert not page.locator("input[name=agree]").is_checked()
    assert_fits(page)
    page.locator("input[name=agree]").check()
    page.get_by_role("button", name="Subscribe").click()
    page.get_by_role("heading", name="Check your inbox").wait_for()
    assert SignUp.objects.get().form == "elsewhere"


def test_an_editor_enters_rewrites_and_approves(page: Any, paper: Issue, approver: Any) -> None:
    page.goto(make_entry_link(approver))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/desk/**")
    assert_fits(page)
    page.goto(f"/desk/issues/{paper.pk}/")
    assert_fits(page)
    story = page.locator(f"#story-{paper.placements.first().pk}")
    story.locator("summary").first.click()
    story.get_by_text("Edit", exact=True).click()
    story.locator("[name=headline]").fill("A headline an editor wrote")
    story.get_by_role("button", name="Save").click()
    story.locator("h4", has_text="A headline an editor wrote").wait_for()
    assert paper.placements.first().headline == "A headline an editor wrote"
    show_pane(page, "proof")
    page.frame_locator("iframe[name=proof-mail]").get_by_text("A headline an editor wrote").first.wait_for()
    show_pane(page, "decision")
    page.get_by_role("button", name="Approve, send later").click()
    page.get_by_text("Approved").first.wait_for()
    paper.refresh_from_db()
    assert paper.state == IssueState.APPROVED
    assert_fits(page)


def test_an_editor_merges_stories_by_keyboard_and_takes_it_back(page: Any, paper: Issue, approver: Any) -> None:
    page.goto(make_entry_link(approver))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/desk/**")
    page.goto("/desk/stories/")
    assert_fits(page)
    for box in page.locator("input[name=story]").all()[:2]:
        box.focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Merge the ticked stories").focus()
    page.keyboard.press("Enter")
    page.get_by_text("goes on with every report").wait_for()
    assert_fits(page)
    assert Story.objects.filter(state="merged").count() == 1
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Undone: every report").wait_for()
    assert not Story.objects.filter(state="merged").exists()


def test_an_approver_looks_a_reader_up_and_erases_them_by_keyboard(page: Any, paper: Issue, approver: Any) -> None:
    reader = make_reader()
    page.goto(make_entry_link(approver))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/desk/**")
    page.get_by_role("link", name="Readers", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_label("An e-mail address, or how it begins").focus()
    page.keyboard.type(reader.email[:9].upper())
    page.keyboard.press("Enter")
    page.get_by_role("link", name=reader.email).wait_for()
    assert_fits(page)
    assert reader.email not in page.url
    page.get_by_role("link", name=reader.email).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What was agreed to and taken back").wait_for()
    assert_fits(page)
    page.emulate_media(media="print")
    assert page.get_by_role("link", name="Erase this reader").count() == 0, "a print is evidence, not a page to press buttons on"
    page.emulate_media(media="screen")
    page.get_by_role("link", name="Erase this reader").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=f"Erase {reader.email}?").wait_for()
    assert_fits(page)
    page.get_by_role("button", name="Erase for good").focus()
    page.keyboard.press("Enter")
    page.get_by_text(f"Reader {reader.pk} is erased").wait_for()
    assert not Reader.objects.exists()


def test_an_approver_takes_the_list_by_keyboard(page: Any, editorial_file: Any, approver: Any) -> None:
    join("ada@example.com")
    page.context.add_cookies([{"name": "sessionid", "value": sign_in(approver).cookies["sessionid"].value,
                               "domain": "localhost", "path": "/"}])
    page.goto("/desk/readers/export/")
    assert_fits(page)
    tab_to(page, page.locator("[name=newsletter]"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    with page.expect_download() as taken:
        page.keyboard.press("Enter")
    assert taken.value.suggested_filename.startswith("readers-aitrends-")
    assert "ada@example.com" in taken.value.path().read_text()
