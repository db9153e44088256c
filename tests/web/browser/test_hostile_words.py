"""Words that would be a script, a link or a style if a page forgot to escape them: inert on every page, and in the proof."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.web.browser.pages import list_pages, sign_in_there
from tests.web.newsroom.conftest import make_story, readers  # noqa: F401  fixtures
from worker.issues import edit
from worker.issues.draft import draft_issue
from worker.storage.models import AuditEntry, Editor, Feed, Issue, Role, Story

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]
TORTURE = Path(__file__).resolve().parents[4] / "shared" / "feeds" / "torture"
KINDS = {".xml", ".atom", ".rss", ".rdf", ".json"}

# What each would do: run, load, submit, navigate, style, or break out of the place it is printed in.
CORPUS = (
    "<script>window.stolen=1</script>",
    "<img src=x onerror=window.stolen=1>",
    "<svg onload=window.stolen=1>",
    "\"><script>window.stolen=1</script>",
    "'><img src=x onerror=window.stolen=1>",
    "</title><script>window.stolen=1</script>",
    "</textarea><script>window.stolen=1</script>",
    "</script><script>window.stolen=1</script>",
    "--><script>window.stolen=1</script>",
    "]]><script>window.stolen=1</script>",
    "\" onmouseover=\"window.stolen=1",
    "' autofocus onfocus='window.stolen=1",
    "\" autofocus onfocus=window.stolen=1 x=\"",
    "<a href=javascript:window.stolen=1>read on</a>",
    "javascript:window.stolen=1",
    "<iframe srcdoc='<script>parent.stolen=1</script>'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<base href=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>body{display:none}</style>",
    "<form action=https://evil.example/><button>Send</button></form>",
    "<details open ontoggle=window.stolen=1>",
    "<math><mi xlink:href=javascript:window.stolen=1>x",
    "<div hx-get=/desk/sign-out/ hx-trigger=load>",
    "{{ settings.SECRET_KEY }}",
    "{% load static %}{% debug %}",
    "{{7*7}}${7*7}#{7*7}<%= 7*7 %>",
    "&lt;script&gt;window.stolen=1&lt;/script&gt;",
    "&#60;script&#62;window.stolen=1&#60;/script&#62;",
    "\u003cscript\u003ewindow.stolen=1\u003c/script\u003e",
    "＜script＞window.stolen=1＜/script＞",
    "\u202egnp.exe <b>right to left</b>",
    "a\u0301\u0302\u0303\u0304\u0305\u0306\u0307 zalgo",
    "Subject\r\nBcc: all@example.com",
    "=?utf-8?q?=0d=0aBcc:_all@example.com?=",
    "x" * 280,
    "wide" * 60 + "\u200b",
    "<mj-raw><script>window.stolen=1</script></mj-raw>",
    "<mj-include path='/etc/passwd' />",
    "%3Cscript%3Ewindow.stolen=1%3C/script%3E",
    "<noscript><p title='</noscript><img src=x onerror=window.stolen=1>'>",
)
# A page is whole if nothing ran, loaded, or stands in it that no template of ours prints.
PROBE = """() => ({
    stolen: window.stolen === undefined ? 0 : 1,
    handlers: [...document.querySelectorAll('*')].flatMap(one => [...one.attributes]).filter(
        one => one.name.startsWith('on')
            || /^(href|src|action)$/i.test(one.name) && /^\\s*(javascript|data|vbscript):/i.test(one.value)).length,
    strangers: document.querySelectorAll(
        'base, object, embed, math, meta[http-equiv=refresh], iframe[srcdoc], script:not([src])').length,
    elsewhere: [...document.querySelectorAll('form[action], link[href], script[src], img[src]')].map(one => new URL(
        one.getAttribute('action') || one.getAttribute('href') || one.getAttribute('src'), document.baseURI))
        .filter(one => one.origin !== location.origin && one.protocol !== 'data:').length,
    hidden: getComputedStyle(document.body).display === 'none',
})"""
WHOLE = {"stolen": 0, "handlers": 0, "strangers": 0, "elsewhere": 0, "hidden": False}


def read_titles() -> list[str]:
    """Return the titles of the malformed and hostile documents that have something in them a page might trip over."""
    from worker.feeds.parse import ParseError, parse_document

    found: dict[str, None] = {}
    for path in sorted(path for path in TORTURE.rglob("*") if path.suffix in KINDS):
        try:
            entries = parse_document(path.read_bytes(), content_type="", url="https://feed.example/").entries
        except ParseError:
            continue
        found |= dict.fromkeys(entry.title for entry in entries if entry.title and (
            set(entry.title) & set("<>&\"'`{}%\\=") or not entry.title.isascii()))
    return list(found)


@pytest.fixture
def chief(settings: Any) -> Editor:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    chief = Editor.objects.create_user("chief@example.com", "correct horse battery", role=Role.ADMIN)
    chief.name = CORPUS[0]
    chief.save()
    return chief


def _fill(make_story: Callable[..., Story], titles: list[str], chief: Editor) -> Issue:  # noqa: F811
    """Put the words wherever the desk prints somebody else's: stories, items, outlets, the subject, a feed's error, the log."""
    stories = [make_story(title[:300], text=f"{title} It was so.", url="https://news.example.com/x?a=%22%3E&b=")
               for title in titles]
    for story in stories:
        story.items.update(title=story.headline[:500], summary=f"{story.headline} It was so.")
    Feed.objects.filter(name="first-outlet").update(error=" ".join(CORPUS[:8])[:500])
    issue = draft_issue("aitrends")
    for placement in issue.placements.all()[:12]:
        issue.refresh_from_db()
        title = titles[placement.position % len(titles)]
        edit.rewrite(issue.pk, editor=chief, revision=issue.revision, placement_id=placement.pk, headline=title[:300],
                     summary=f"{title[:300]} It was so.")
        placement.refresh_from_db()
        placement.sources = [{**source, "outlet": title[:200], "title": title} for source in placement.sources]
        placement.save()
    issue.refresh_from_db()
    issue.subject = titles[0][:150].replace("\r", " ").replace("\n", " ") or "x"
    others = [story.pk for story in stories if not issue.placements.filter(story=story).exists()]
    issue.left_out = [{"story": pk, "headline": words, "reason": words}  # every word there is, over as many rows as there can be
                      for number, pk in enumerate(others) for words in [" ".join(titles[number::len(others)])]]
    issue.save()
    AuditEntry.objects.create(actor=titles[0][:200], action=CORPUS[1][:40], subject=f"issue {issue.pk}",
                              detail={CORPUS[0]: CORPUS[2], "items": list(CORPUS)})
    return issue


def _look_at_every_page(page: Any, issue: Issue, chief: Editor) -> None:
    sign_in_there(page, chief)
    asked: list[str] = []
    page.on("dialog", lambda dialog: pytest.fail(f"a page said {dialog.message}"))
    page.on("request", lambda request: asked.append(request.url))
    for name, address in list_pages(issue, chief).items():
        page.goto(address)
        assert page.evaluate(PROBE) == WHOLE, f"{name}: {address}"
    page.goto(f"/desk/issues/{issue.pk}/")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert page.evaluate(PROBE) == WHOLE
    home = page.url.split("/desk/")[0]
    assert [url for url in asked if not url.startswith((home, "data:"))] == []


def test_our_own_corpus_is_inert(
    page: Any, live_server: Any, make_story: Any, readers: None, chief: Editor,  # noqa: F811
) -> None:
    _look_at_every_page(page, _fill(make_story, list(CORPUS), chief), chief)


@pytest.mark.skipif(not TORTURE.is_dir(), reason="../shared/feeds is not there")
def test_titles_of_real_broken_feeds_are_inert(
    page: Any, live_server: Any, make_story: Any, readers: None, chief: Editor,  # noqa: F811
) -> None:
    titles = read_titles()
    assert len(titles) > 50
    _look_at_every_page(page, _fill(make_story, titles[:120], chief), chief)
