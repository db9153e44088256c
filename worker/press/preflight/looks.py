"""The page of a mail in, whether everybody can read it out: contrast in light and dark, headings, pictures with words."""

from collections.abc import Iterator

from worker.press.preflight.cascade import Cascade
from worker.press.preflight.colours import LEAST, LEAST_LARGE, is_large, lay_over, measure_contrast
from worker.press.preflight.finding import Fault, Finding, judge
from worker.press.preflight.page import Page, read_page
from worker.press.preflight.reading import Reading

TEMPLATE = "Mend it in templates/email; no text of an editor's can change it."
PALETTE = "Give it another colour in worker/press/palette.py, or in the mail's template."


def check_looks(reading: Reading) -> Iterator[Finding]:
    """Yield what WCAG 2.2 asks: 1.1.1 (pictures), 1.4.3 (contrast), 1.3.1 and 2.4.6 (headings)."""
    yield from judge("alternative text", _find_silent(reading.page), f"{len(reading.page.pictures)} pictures, each with its words"
                     if reading.page.pictures else "no pictures, all is text")
    for scheme in ("light", "dark"):
        faults, texts = find_faint(reading.page, dark=scheme == "dark")
        yield from judge(f"contrast in {scheme}", faults, f"{texts} kinds of text, each at {LEAST}:1 or more, large ones at "
                         f"{LEAST_LARGE:g}:1")
    pages = [reading.page] if reading.bare.html == reading.full.html else [reading.page, read_page(reading.bare.html)]
    yield from judge("headings", next((faults for page in pages if (faults := _find_skips(page))), []),
                     "one title, and no level left out")


def find_faint(page: Page, *, dark: bool) -> tuple[list[Fault], int]:
    """Return the texts that are too faint on what is behind them, and how many kinds were looked at."""
    cascade = Cascade(page.sheet, dark=dark)
    faults = []
    for node, text in page.texts.items():
        look = cascade.look(node)
        said = " ".join(text.split())[:40]
        if look.unread:
            faults.append(Fault(f"“{said}” has the colour {look.unread[:40]}, whose contrast cannot be worked out",
                                "Write it as #rrggbb in the mail's template."))
            continue
        ratio = measure_contrast(lay_over(look.ink, look.ground), look.ground)
        least = LEAST_LARGE if is_large(look.pixels, look.bold) else LEAST
        if ratio < least:
            faults.append(Fault(f"“{said}” has a contrast of {ratio:.2f}:1 in {'dark' if dark else 'light'}, and {least:g}:1 is "
                                "the least", PALETTE))
    return faults, len(page.texts)


def _find_skips(page: Page) -> list[Fault]:
    headings = page.list_tags("h1", "h2", "h3", "h4", "h5", "h6")
    titles = sum(heading.tag == "h1" for heading in headings)
    faults = [] if titles == 1 else [Fault(f"the mail has {titles} headings of the first level, and one is its title", TEMPLATE)]
    level = 0
    for heading in headings:
        said = " ".join(heading.text.split())
        if not said and not heading.alternative:
            faults.append(Fault(f"a heading <{heading.tag}> is empty", TEMPLATE))
        if int(heading.tag[1]) > level + 1:
            faults.append(Fault(f"the heading “{said[:60]}” is of level {heading.tag[1]} and follows level {level}", TEMPLATE))
        level = int(heading.tag[1])
    return faults


def _find_silent(page: Page) -> list[Fault]:
    mend = 'Give it one in the mail\'s template: alt="" if it only adorns.'
    faults = [Fault(f"the picture {source or 'without an address'} has no alternative text", mend)
              for source, alternative in page.pictures if alternative is None]
    if page.pictures and page.words < 20:
        faults.append(Fault("nearly all of the mail is pictures, and who sees none has nothing to read",
                            "Set the words as text."))
    return faults
