"""Text as readers see it: no markup, nothing decoded too little."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.feeds.text import cut_at_sentence, first_sentence, html_to_text, summary_text, title_text


@pytest.mark.parametrize(("source", "text"), [
    ("AT&amp;T", "AT&T"),
    ("AT&amp;amp;T", "AT&T"),  # escaped twice
    ("Tom &amp;#8217;s &amp;quot;best&amp;quot;", "Tom ’s \"best\""),
    ("&lt;p&gt;Hi &lt;b&gt;there&lt;/b&gt;&lt;/p&gt;", "Hi there"),
    ("<p>One</p><p>Two<br>Three</p>", "One\nTwo\nThree"),
    ("<ul><li>first<li>second</ul>", "first\nsecond"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\nc"),
    ("A <em>soft</em>ware<a href='x'>link</a>", "A softwarelink"),
    ("<script>alert(1)</script><style>p{}</style>Text<!-- secret --><iframe>x</iframe>", "Text"),
    ("<p onclick=alert(1)>Hi</p><img src=x onerror=alert(1)>", "Hi"),
    ("<figure><img><figcaption>Image: Agency</figcaption></figure><p>News.</p>", "News."),
    ("a < b & c > d", "a < b & c > d"),
    ("I <3 this", "I <3 this"),
    ("hard\nwrapped text\n  of a feed\n\nNext paragraph", "hard wrapped text of a feed\nNext paragraph"),
    ("<p>hard\n   wrapped</p>", "hard wrapped"),
    ("zero\u200bwidth \u202eevil\u202c so\u00adft \x00\x1b[31mred\x07", "zerowidth evil soft [31mred"),
    ("e\u0301", "é"),
    ("<![CDATA[ inside ]]>", "inside"),
    ("&lt;script&gt;alert(1)&lt;/script&gt;after", "after"),
    ("&amp;lt;img src=x onerror=alert(1)&amp;gt;after", "after"),
    ("", ""),
])
def test_html_becomes_plain_text(source: str, text: str) -> None:
    assert html_to_text(source) == text


@pytest.mark.parametrize(("source", "title"), [
    ("  Two\n lines  ", "Two lines"),
    ("Why Vec<T> is fast", "Why Vec<T> is fast"),
    ("The &lt;b&gt;best&lt;/b&gt;", "The best"),
    ("<p>One</p><p>Two</p>", "One Two"),
])
def test_titles_are_one_line(source: str, title: str) -> None:
    assert title_text(source) == title


def test_long_titles_are_cut_at_a_word() -> None:
    title = title_text("word " * 200)
    assert len(title) <= 500
    assert title.endswith("word…")
    assert len(title_text("x" * 900)) == 500


@given(st.text(alphabet=st.sampled_from(list("<>/&;ampltgscriptb \"'=#x3c!-\n\x00\u2029a")), max_size=80))
def test_no_input_leaves_known_tags_or_control_characters(source: str) -> None:
    for text in (html_to_text(source), title_text(source)):
        assert "<script" not in text.lower()
        assert "<b>" not in text.lower()
        assert not any(ord(character) < 32 and character != "\n" for character in text)


def test_the_longer_text_is_taken_unless_it_is_the_whole_article() -> None:
    lede, article = "Short and good. " * 10, "A long sentence of an article. " * 300
    assert summary_text("Teaser", "<p>The text of the note.</p>") == "The text of the note."
    assert summary_text("The longer description", "short") == "The longer description"
    assert summary_text(lede, article) == lede.strip()
    assert len(summary_text("Teaser", article)) <= 4000
    assert summary_text("Teaser", article).endswith("article.")


@pytest.mark.parametrize(("source", "text"), [
    ("<p>News.</p><p>The post <a>News</a> appeared first on <a>Outlet</a>.</p>", "News."),
    ("<p>News. And more […]</p><p>Continue reading Title at Outlet</p>", "News. And more […]"),
    ("arXiv:2604.01234v1 Announce Type: new \nAbstract: We show that it works.", "We show that it works."),
    ("<p>Article URL: <a>https://x.example/a</a></p><p>Comments URL: <a>https://y.example/1</a></p><p>Points: 5</p>"
     "<p># Comments: 3</p>", ""),
])
def test_lines_that_publishing_software_adds_are_left_out(source: str, text: str) -> None:
    assert summary_text(source, "") == text


def test_texts_are_cut_at_a_sentence_and_titles_made_of_the_first_one() -> None:
    assert cut_at_sentence("First one. Second one is longer. Third", 34) == "First one. Second one is longer."
    assert first_sentence("It works. It really does.\nMore") == "It works."
    assert first_sentence("word " * 100).endswith("…")
