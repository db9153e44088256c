"""Partners' content in, whether readers agreed to it and it says whose it is out."""

import html as html_escapes
from collections.abc import Iterator

from worker.issues.partners import list_partners
from worker.issues.wording import clean_line
from worker.press.content import PrintedPartner
from worker.press.preflight.finding import Fault, Finding, judge
from worker.press.preflight.reading import Reading
from worker.storage.models import PartnerBlock


def check_partners(reading: Reading) -> Iterator[Finding]:
    """Readers agreed to the partners named beside the box, and to content that says whose it is."""
    named = {clean_line(name) for name in list_partners()} if reading.partners else set()
    said, html = " ".join(reading.full.text.split()), reading.full.html.replace("&#x27;", "&#39;")
    pairs = list(zip(reading.blocks, reading.partners, strict=True))
    faults = [_fault(block, f"“{one.partner}” is not named in feeds.toml and in the partners' wording in force, so no reader "
                     "agreed to its content", "Take the block out, or publish a wording that names it.")
              for block, one in pairs if one.partner not in named]
    faults += [_fault(block, f"the block of “{one.partner}” has no headline or no text", "Write them, or take it out.")
               for block, one in pairs if not one.headline or not one.text]
    faults += [_fault(block, f"the block of “{one.partner}” has no address that a mail may link to", "Give one that begins with "
                      "https://.") for block, one in pairs if not one.url.startswith(("http://", "https://"))]
    faults += [_fault(block, f"the label “{one.label}” is missing from the mail", "Put it back into the template.")
               for block, one in pairs if not _is_labelled(one, said, html)]
    yield from judge("partners", faults, f"{len(pairs)} blocks, each labelled" if pairs else "none")


def _fault(block: PartnerBlock, words: str, mend: str) -> Fault:
    return Fault(words, mend, f"partner-{block.pk}")


def _is_labelled(one: PrintedPartner, said: str, html: str) -> bool:
    return one.label in said and html_escapes.escape(one.label, quote=True).replace("&#x27;", "&#39;") in html
