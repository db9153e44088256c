"""The proof as a mail program shows it: in the dark, without images, with words lit up. What is sent stays as it is."""

import pytest

from worker.press.looks import force_scheme, mark_words, strip_images

MAIL = ("<html><head><title>Ann &amp; Co</title><style>p { color: #000 } :root { color-scheme: light dark; }"
        "@media (prefers-color-scheme: dark) { p { color: #fff !important } }</style></head>"
        '<body aria-label="Ann &amp; Co"><p>Ann &amp; Co</p><h2>Ann &amp; Co</h2>'
        "<p>She said &quot;it&#x27;s &lt;1%&quot;.</p></body></html>")


def test_in_the_dark_the_dark_rules_hold_and_in_the_light_they_never_do() -> None:
    assert "@media all { p { color: #fff" in force_scheme(MAIL, dark=True)
    assert "color-scheme: dark;" in force_scheme(MAIL, dark=True)
    assert "@media not all { p { color: #fff" in force_scheme(MAIL, dark=False)
    assert "color-scheme: light;" in force_scheme(MAIL, dark=False)


def test_words_that_look_like_a_rule_are_left_alone() -> None:
    told = "<body>@media (prefers-color-scheme: dark) is a rule</body>"
    assert force_scheme(told, dark=True) == told


@pytest.mark.parametrize(("image", "shown"), [
    ('<img src="a.png" alt="A bridge">', '<span class="image-off">A bridge</span>'),
    ("<IMG alt='x > y &amp; z' src=a>", '<span class="image-off">x &gt; y &amp; z</span>'),
    ('<img src="a.png" alt="">', ""),
    ('<img src="a.png"/>', ""),
])
def test_without_images_their_words_stand_in_their_place(image: str, shown: str) -> None:
    assert strip_images(f"<p>{image}</p>") == f"<p>{shown}</p>"


def test_the_last_place_that_tells_words_is_lit_up_and_no_attribute_is() -> None:
    marked = mark_words(MAIL, "Ann & Co")
    assert marked.count("<mark") == 1
    assert ">Ann &amp; Co</mark></h2>" in marked
    assert 'aria-label="Ann &amp; Co"' in marked


def test_words_are_found_however_the_mail_spells_them() -> None:
    assert "&lt;1%&quot;</mark>." in mark_words(MAIL, "\"it's <1%\"")


@pytest.mark.parametrize("words", ["", "  ", "never said", "<script>", "color-scheme"])
def test_words_that_the_mail_does_not_tell_change_nothing(words: str) -> None:
    assert mark_words(MAIL, words) == MAIL
