"""The two parts of a mail in, whether they are whole, small enough, safe and lawful out."""

import html as html_escapes
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from worker.issues.wording import clean_line
from worker.press.blocks import find_faults
from worker.press.lint import lint_html
from worker.press.measure import measure_parts
from worker.press.preflight.finding import Fault, Finding, judge
from worker.press.preflight.looks import TEMPLATE
from worker.press.preflight.reading import Reading, place
from worker.press.proof import GO_MARK, MARKS

SIZE_LIMIT = 90_000  # bytes; Gmail cuts a message off at 102 KB, and links grow when the reader's own are put in
TOKEN_LENGTH = 90  # of /go/TOKEN/ in a link through the counter, where a reader agreed to be measured


def check_parts(reading: Reading) -> Iterator[Finding]:
    """Yield what is to be said of the parts as such."""
    yield from _check_blocks(reading)
    yield from _check_size(reading)
    yield from _check_text(reading)
    yield from _check_marks(reading)
    yield from _check_address(reading)
    yield from _check_html(reading)


def _check_blocks(reading: Reading) -> Iterator[Finding]:
    faults = [Fault(words, TEMPLATE) for words in find_faults(reading.proof.html, reading.proof.text)]
    yield from judge("blocks", faults, "what only some readers get is marked as theirs")


def _check_size(reading: Reading) -> Iterator[Finding]:
    html = reading.full.html
    measured, _ = measure_parts(html, "", edition_html=html, site=settings.BASE_URL)
    token = len(settings.BASE_URL) + TOKEN_LENGTH - len(GO_MARK)
    size = max(len(html.encode()), len(measured.encode()) + measured.count(GO_MARK) * token)
    faults = [Fault(f"the mail has {size:,} bytes of HTML, and mail programs would cut it off", "Drop stories until it is under "
                    f"{SIZE_LIMIT:,}.", "stories")]
    yield from judge("size", faults if size >= SIZE_LIMIT else [], f"{size:,} of {SIZE_LIMIT:,} bytes")


def _check_text(reading: Reading) -> Iterator[Finding]:
    said = " ".join(reading.full.text.split())
    faults = [] if said else [Fault("there is no plain-text part", TEMPLATE)]
    faults += [Fault(f"the plain-text part leaves out “{story.headline}”", TEMPLATE, place(placement))
               for placement, story in zip(reading.live, reading.stories, strict=True)
               if story.headline not in said or story.summary not in said]
    yield from judge("plain text", faults, "says all that the HTML says")


def _check_marks(reading: Reading) -> Iterator[Finding]:
    """Each once, whatever a reader gets: a link that stood among what only some get would be missing for the others."""
    faults = []
    full, bare = reading.full, reading.bare
    for mark in MARKS:
        what = urlsplit(mark).path.strip("/")
        for part, bodies in (("HTML", (full.html, bare.html)), ("plain text", (full.text, bare.text))):
            wrong = [body.count(mark) for body in bodies if body.count(mark) != 1]
            faults += [Fault(f"the {part} holds the {what} link {count} times, and it must be there once", TEMPLATE)
                       for count in wrong[:1]]
    yield from judge("unsubscribe and preferences", faults, "one of each in both parts")


def _check_address(reading: Reading) -> Iterator[Finding]:
    """The sender's postal address must stand in every mail: CAN-SPAM, 15 U.S.C. 7704(a)(5)(A)(iii)."""
    address, proof = clean_line(settings.POSTAL_ADDRESS), reading.bare
    blocking = urlsplit(settings.SENDER_URL).scheme != "maildir"
    faults = []
    if not address:
        faults = [Fault("POSTAL_ADDRESS is empty, and the law asks for the publisher’s in every mail", "Set POSTAL_ADDRESS.")]
    elif address not in " ".join(proof.text.split()) or html_escapes.escape(address, quote=True) not in proof.html:
        faults, blocking = [Fault("the postal address is missing from the mail's foot", "Put it back into the template.")], True
    yield from judge("postal address", faults, address, blocking=blocking)


def _check_html(reading: Reading) -> Iterator[Finding]:
    faults = lint_html(reading.full.html) or (lint_html(reading.bare.html) if reading.bare != reading.full else [])
    yield from judge("html", [Fault(words, TEMPLATE) for words in faults], "nothing in it but text, layout and safe links")
