"""The copy of a reader who agreed to be measured: a pixel, and links whose numbers lead where the edition's links led."""

import re
from dataclasses import replace

from tests.press.test_render import Reader, content
from worker.press.blocks import fold_proof
from worker.press.content import ForTopics, PrintedStory, SourceLink
from worker.press.lint import lint_html
from worker.press.measure import PIXEL, list_links, measure_parts
from worker.press.proof import GO_MARK, PREFERENCES_MARK, UNSUBSCRIBE_MARK, Proof
from worker.press.render import render_content

SITE = "http://127.0.0.1:8000"
FIRST, SECOND = "https://outlet.example/a", "https://outlet.example/a/b?x=1&y=it's"


def edition() -> Proof:
    tops = (PrintedStory("One", "One.", (SourceLink("A", FIRST),), 0, only=ForTopics(("chips",))),
            PrintedStory("Two", "Two.", (SourceLink("B", SECOND), SourceLink("A", FIRST)), 0))
    return render_content(replace(content(url="mailto:desk@outlet.example"), tops=tops))


def test_links_are_numbered_by_the_whole_edition_whoever_got_what() -> None:
    proof = edition()
    links = list_links(proof.html)
    assert {FIRST, SECOND} <= set(links)
    assert not any("reader.invalid" in link or link.startswith("mailto:") for link in links)
    for topics in ((), ("policy",)):
        shown = fold_proof(proof, topics=topics)
        html, text = measure_parts(shown.html, shown.text, edition_html=proof.html, site=SITE)
        for part, before in ((html, shown.html), (text, shown.text)):
            numbers = re.findall(rf"{re.escape(GO_MARK)}(\d+)/", part)
            led = re.findall(r"https://outlet\.example/[^\"\s]*", before.replace("&amp;", "&").replace("&#x27;", "'"))
            assert [links[int(number)] for number in numbers] == led
            assert "outlet.example/" not in part.replace("mailto:desk@outlet.example", "")


def test_what_is_the_readers_own_or_the_sites_is_not_counted() -> None:
    proof = edition()
    html, text = measure_parts(proof.html, proof.text, edition_html=proof.html, site=SITE)
    kept = [link for link in Reader(html).links if not link.startswith(GO_MARK)]
    assert set(kept) == {UNSUBSCRIBE_MARK, PREFERENCES_MARK, f"{SITE}/terms/", f"{SITE}/archive/aitrends/2026-11-23-2/",
                         "mailto:desk@outlet.example"}
    assert all(mark in text.splitlines() for mark in (UNSUBSCRIBE_MARK, PREFERENCES_MARK, f"{SITE}/terms/"))
    other, _ = measure_parts(proof.html, "", edition_html=proof.html, site="https://moved.example")
    assert [link for link in Reader(html).links if link.startswith(GO_MARK)] == [
        link for link in Reader(other).links if link.startswith(GO_MARK) and not list_links(proof.html)[
            int(link.removeprefix(GO_MARK).strip("/"))].startswith(SITE)]  # a new BASE_URL moves no number


def test_the_pixel_is_the_only_picture_and_no_template_may_hold_one() -> None:
    proof = edition()
    html, _ = measure_parts(proof.html, proof.text, edition_html=proof.html, site=SITE)
    assert html.count("<img") == html.count(PIXEL) == 1
    assert html.endswith("</html>")
    assert 'width="1" height="1" alt=""' in PIXEL
    assert any("<img> may not stand" in fault for fault in lint_html(html))
    assert measure_parts("<p>bare</p>", "", edition_html="", site=SITE)[0] == f"<p>bare</p>{PIXEL}"
