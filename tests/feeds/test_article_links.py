"""Links to articles: absolute, without tracking, past redirectors, and never anything but the web."""

import base64

import pytest

from worker.feeds.links import clean_link

NEWS = "https://news.google.com/rss/articles/" + base64.urlsafe_b64encode(
    b"\x08\x13\x22\x20https://outlet.example/story?id=7\xd2\x01\x00").decode().rstrip("=")


@pytest.mark.parametrize(("link", "clean"), [
    ("https://a.example/x?utm_source=rss&id=1&utm_medium=feed", "https://a.example/x?id=1"),
    ("https://a.example/x?fbclid=1&gclid=2&mc_cid=3&mc_eid=4", "https://a.example/x"),
    ("https://a.example/x#utm_source=rss", "https://a.example/x"),
    ("https://a.example/changes#v1.2", "https://a.example/changes#v1.2"),
    ("https://a.example/x?ref=rss&source=twitter", "https://a.example/x"),
    ("https://a.example/tree?ref=main&source=code", "https://a.example/tree?ref=main&source=code"),
    ("https://a.example/x?q=a%20b&empty=", "https://a.example/x?q=a%20b&empty="),
    ("HTTPS://A.Example:443/Path", "https://a.example/Path"),
    ("http://a.example", "http://a.example/"),
    ("http://a.example:8080/x", "http://a.example:8080/x"),
    ("https://user:secret@a.example/x", "https://a.example/x"),
    ("/2026/story", "https://feed.example/2026/story"),
    ("story", "https://feed.example/dir/story"),
    ("//cdn.example/x", "https://cdn.example/x"),
    ("  https://a.example/x \n", "https://a.example/x"),
    ("https://a.example/a b\"c<d", "https://a.example/a%20b%22c%3Cd"),
    ("https://www.google.com/url?rct=j&url=https%3A%2F%2Fa.example%2Fx%3Fid%3D1%26utm_source%3Dg&ct=ga",
     "https://a.example/x?id=1"),
    ("https://l.facebook.com/l.php?u=https%3A%2F%2Fa.example%2F&h=1", "https://a.example/"),
    ("https://www.google.com/url?q=javascript:alert(1)", "https://www.google.com/url?q=javascript:alert(1)"),
    ("https://www.google.com/url?q=https://www.google.com/url?q=https://a.example/x", "https://a.example/x"),
    (NEWS, "https://outlet.example/story?id=7"),
    ("https://news.google.com/rss/articles/QVVfeXFMTm9uZW5vbmVub25l",
     "https://news.google.com/rss/articles/QVVfeXFMTm9uZW5vbmVub25l"),
    ("javascript:alert(1)", ""), ("data:text/html,x", ""), ("mailto:a@b.example", ""), ("file:///etc/passwd", ""),
    ("ftp://a.example/x", ""), ("", ""), ("http://[::1/", ""), ("http://a.example:99999/", ""),
    ("https://a.example/" + "x" * 2000, ""),
])
def test_links_lead_to_the_article(link: str, clean: str) -> None:
    assert clean_link(link, "https://feed.example/dir/feed.xml") == clean
    assert clean_link(clean) == clean
