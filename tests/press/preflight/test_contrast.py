"""How well a text is to be read on what is behind it: WCAG's arithmetic, the mail's cascade, and the mail itself."""

import re
from dataclasses import replace

import pytest

from tests.press.preflight.findings import find, find_all
from worker.press.palette import DARK, LIGHT
from worker.press.preflight.cascade import Cascade, read_sheet
from worker.press.preflight.colours import is_large, lay_over, measure_contrast, measure_luminance, read_colour
from worker.press.preflight.looks import find_faint
from worker.press.preflight.page import read_page
from worker.press.render import render_proof
from worker.storage.models import Issue

GREY = "<div style='background:#ffffff'><p style='color:{}'>Words</p></div>"


@pytest.mark.parametrize(("text", "colour"), [
    ("#fff", (255, 255, 255, 1)), ("#FFFFFF", (255, 255, 255, 1)), ("#12345680", (18, 52, 86, 128 / 255)),
    ("white", (255, 255, 255, 1)),
    ("rgb(1, 2, 3)", (1, 2, 3, 1)), ("rgba(1,2,3,.5)", (1, 2, 3, 0.5)), ("rgb(1 2 3 / 50%)", (1, 2, 3, 0.5)),
    ("transparent", (0, 0, 0, 0)), ("rgb(300,0,0)", None), ("var(--ink)", None), ("#12", None), ("", None),
    ("rgba(1,2,3,...)", None),
])
def test_colours_are_read_as_css_writes_them(text: str, colour: tuple[float, ...] | None) -> None:
    assert read_colour(text) == colour


# Known values: black on white is 21; #767676 is the lightest grey that passes on white, #777777 the first that does not.
@pytest.mark.parametrize(("ink", "ground", "ratio"), [
    ("#000000", "#ffffff", 21.0), ("#ffffff", "#ffffff", 1.0), ("#767676", "#ffffff", 4.54), ("#777777", "#ffffff", 4.48),
    ("#0000ff", "#ffffff", 8.59), ("#ff0000", "#ffffff", 4.0), ("#ffff00", "#ffffff", 1.07), ("#949494", "#ffffff", 3.03),
])
def test_contrast_is_as_wcag_defines_it(ink: str, ground: str, ratio: float) -> None:
    one, other = read_colour(ink), read_colour(ground)
    assert one is not None
    assert other is not None
    assert measure_contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert measure_contrast(one, other) == measure_contrast(other, one)


def test_luminance_goes_from_black_to_white_and_green_counts_most() -> None:
    black, white, red, green, blue = (measure_luminance(read_colour(one) or (0, 0, 0, 0)) for one in (
        "#000", "#fff", "#f00", "#0f0", "#00f"))
    assert (black, white) == (0, pytest.approx(1))
    assert (red, green, blue) == (pytest.approx(0.2126), pytest.approx(0.7152), pytest.approx(0.0722))


def test_what_covers_by_half_is_mixed_with_what_is_below() -> None:
    assert lay_over((0, 0, 0, 0.5), (255, 255, 255, 1)) == (127.5, 127.5, 127.5, 1)


@pytest.mark.parametrize(("pixels", "bold", "large"), [
    (24, False, True), (23.9, False, False), (18.67, True, True), (18.5, True, False), (18.67, False, False)])
def test_large_is_from_eighteen_points_or_fourteen_bold(pixels: float, bold: bool, large: bool) -> None:
    assert is_large(pixels, bold) is large


@pytest.mark.parametrize(("html", "faint"), [
    (GREY.format("#767676"), False),
    (GREY.format("#777777"), True),
    ("<p style='color:#949494;font-size:24px'>Large</p>", False),
    ("<p style='color:#949494;font-size:18px'>Small</p>", True),
    ("<p style='color:#949494;font-size:14pt'><strong>Bold</strong></p>", False),
    ("<h2 style='color:#949494'>A heading is one and a half times as large, and bold</h2>", False),
    ("<p style='color:#ffffff;background:#ffffff;display:none'>Hidden</p>", False),
    ("<div style='background:#000'><p style='color:#fff'>Inherited ground</p></div>", False),
    ("<div style='background:#000'><p>Black by default</p></div>", True),
    ("<div style='color:#ccc'><p><span>Inherited ink</span></p></div>", True),
    ("<style>.x{color:#ccc}</style><p class='x'>By class</p>", True),
    ("<style>.x{color:#ccc}</style><p class='x' style='color:#000'>Its own style wins</p>", False),
    ("<style>.x{color:#ccc !important}</style><p class='x' style='color:#000'>Unless that is important</p>", True),
    ("<style>p.x{color:#000} .x{color:#ccc}</style><p class='x'>The heavier selector wins</p>", False),
    ("<style>.a .b{color:#ccc}</style><div class='a'><i><p class='b'>Anywhere below</p></i></div>", True),
    ("<style>.a > p{color:#ccc}</style><div class='a'><div><p>Not a child</p></div></div>", False),
    ("<style>.a > p{color:#ccc}</style><div class='a'><p>A child</p></div>", True),
    ("<style>/* .x{} */ h1, .x{color:#ccc}</style><p class='x'>One of several selectors</p>", True),
    ("<style>.x{background:#ccc url() no-repeat; background-color:#fff}</style>"
     "<p class='x' style='color:#767676'>Last ground</p>", False),
    ("<p style='color:var(--x)'>A variable</p>", True),
    ("<p style='background:rgba(0,0,0,.6);color:#fff'>Half covered</p>", False),
    ("<p style='background:rgba(0,0,0,.2);color:#fff'>Hardly covered</p>", True),
])
def test_each_text_is_held_against_what_is_behind_it(html: str, faint: bool) -> None:
    faults, _ = find_faint(read_page(html), dark=False)
    assert bool(faults) is faint, faults


@pytest.mark.parametrize(("rule", "light", "dark"), [
    ("p{color:#ccc}", True, False),  # light grey is faint on white, and well to be read on the dark ground below
    ("@media (prefers-color-scheme: dark){p{color:#222 !important}}", False, True),
    ("@media (prefers-color-scheme: dark){div{background:#eee !important} p{color:#222 !important}}", False, False),
    ("@media only screen and (max-width:480px){p{color:#ccc !important}}", False, False),  # by width: not looked at
])
def test_light_and_dark_are_looked_at_each_by_itself(rule: str, light: bool, dark: bool) -> None:
    page = read_page(f"<style>@media (prefers-color-scheme: dark){{div{{background:#111}}}} {rule}</style><div><p>Words</p></div>")
    assert (bool(find_faint(page, dark=False)[0]), bool(find_faint(page, dark=True)[0])) == (light, dark)


@pytest.mark.parametrize("sheet", [
    "p{", "}}}", "@media{", "p{color", "p{color:}", "@import 'x'; p{color:#000}", ":root{color:#000}", "{}{}{"])
def test_a_broken_style_block_breaks_nothing(sheet: str) -> None:
    assert isinstance(read_sheet(sheet), tuple)
    page = read_page("<p>Words</p>")
    node = next(iter(page.texts))
    assert Cascade(sheet, dark=True).look(node).pixels == 16


def test_the_mail_itself_is_to_be_read_in_light_and_in_dark(issue: Issue) -> None:
    assert find(issue, "contrast in light").ok
    assert find(issue, "contrast in dark").ok
    assert int(find(issue, "contrast in dark").message.split()[0]) > 8, "the kinds of text that were looked at"


@pytest.mark.parametrize(("scheme", "colours", "name", "faint"), [
    ("light", LIGHT, "muted", "#b4b0a8"), ("dark", DARK, "muted", "#55524c"), ("dark", DARK, "link", "#333399"),
    ("light", LIGHT, "ink", "#cccccc")])
def test_a_colour_that_is_too_faint_blocks(issue: Issue, scheme: str, colours: dict[str, str], name: str, faint: str) -> None:
    proof = render_proof(issue)
    html = re.sub(f"(?<=[ ;\"]color:){colours[name]}|(?<=[ ;\"]color: ){colours[name]}", faint, proof.html)
    assert html != proof.html

    found = find_all(issue, f"contrast in {scheme}", replace(proof, html=html))

    assert [(one.ok, one.blocking) for one in found] == [(False, True)] * len(found)
    assert re.search(r"has a contrast of \d\.\d\d:1 in (light|dark), and (4\.5|3):1 is the least", found[0].message)
