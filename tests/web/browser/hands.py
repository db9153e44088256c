"""What a person does with a page and sees of it."""

from typing import Any


def assert_fits(page: Any) -> None:
    """Nothing is wider than the screen, a thumb can press every button, and no script of a story's ran."""
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], page.url
    small = page.evaluate("""[...document.querySelectorAll('main button, main .button')]
        .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 44).map(one => one.textContent)""")
    assert not small, f"a thumb cannot press {small} of {page.url}"
    assert "stolen" not in page.title()


def tab_to(page: Any, locator: Any) -> None:
    """Press Tab until this has the focus, as somebody without a mouse does; say which was not reached."""
    for _ in range(60):
        if locator.evaluate("one => one === document.activeElement"):
            shown = locator.evaluate("one => getComputedStyle(one).outlineStyle")
            assert shown != "none", "the focus can be seen"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{locator} cannot be reached by keyboard")


def show_pane(page: Any, name: str) -> None:
    """Bring a pane of an issue's page to the front (stories, proof, decision): a phone shows one at a time."""
    page.locator(f"#{name}").wait_for(state="attached")
    page.wait_for_load_state()  # until the styles are there, a desktop shows the tabs too
    tab = page.locator(f"#panetabs a[href='#{name}']")
    if tab.is_visible():
        tab.click()
    page.locator(f"#{name}").wait_for()
