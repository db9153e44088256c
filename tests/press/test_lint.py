"""What no mail of ours may hold, whatever template or compiler put it there."""

import pytest

from worker.press.lint import lint_html
from worker.press.proof import UNSUBSCRIBE_MARK


@pytest.mark.parametrize(("html", "words"), [
    ("<script>alert(1)</script>", "<script> may not stand"),
    ("<img src='https://x.example/a.png'>", "<img> may not stand"),
    ("<svg onload=alert(1)></svg>", "<svg> may not stand"),
    ("<p onclick='x()'>x</p>", "<p onclick> may not stand"),
    ("<mj-text>x</mj-text>", "<mj-text> may not stand"),
    ("<form action='https://x.example/'></form>", "<form> may not stand"),
    ("<a href='javascript:alert(1)'>x</a>", "is not http, https or mailto"),
    ("<a href=' java&#9;script:alert(1)'>x</a>", "is not http, https or mailto"),
    ("<a href='//x.example/'>x</a>", "is not http, https or mailto"),
    (f"<a href='https://x.example/?{UNSUBSCRIBE_MARK}'>x</a>", "takes a reader's link"),
    ("<p style='background:url(https://x.example/p)'>x</p>", "loads something"),
    ("<style>@import 'https://x.example/a.css';</style>", "loads something"),
    ("<meta http-equiv='refresh' content='0;url=https://x.example/'>", "http-equiv='refresh'"),
    ("<base href='https://x.example/'>", "<base> may not stand"),
    ("<!-- hello -->", "not for Outlook"),
    ("<?xml version='1.0'?>", "processing instruction"),
    ("<div><p>x</div>", "closes nothing"),
    ("<div>x", "<div> at line 1 is not closed"),
])
def test_what_may_not_be_sent_is_named(html: str, words: str) -> None:
    assert any(words in fault for fault in lint_html(html)), lint_html(html)


@pytest.mark.parametrize("html", [
    "<!doctype html><p class='x' style='color:#111'>x<br />y</p>",
    "<a href='https://x.example/?a=1&amp;b=2'>x</a><a href='mailto:a@x.example'>y</a>",
    f"<a href='{UNSUBSCRIBE_MARK}'>x</a>",
    "<!--[if mso | IE]><table><tr><td><![endif]--><p>x</p><!--[if mso | IE]></td></tr></table><![endif]-->",
    "<!--[if !mso]><!--><meta name='viewport' content='width=device-width'><!--<![endif]-->",
])
def test_what_our_templates_make_passes(html: str) -> None:
    assert lint_html(html) == []
