"""The stories of an issue in, whether each is whole, has its outlets and is printed once out."""

from collections.abc import Iterator

from worker.issues.links import printed_sources
from worker.issues.wording import clean_line, clean_url
from worker.press.preflight.finding import Fault, Finding, judge
from worker.press.preflight.reading import Reading, place, quote
from worker.storage.models import StoryState


def check_stories(reading: Reading) -> Iterator[Finding]:
    """Yield what is to be said of the stories as they are placed."""
    live = reading.live
    faults = [] if live else [Fault("the issue prints no story", "Restore one or pull one in, or reject the issue.", "stories")]
    faults += [Fault(f"story {p.story_id} has no headline", "Write one, or drop it.", place(p)) for p in live
               if not clean_line(p.headline)]
    yield from judge("stories", faults, f"{len(live)} stories")
    yield from _check_dropped(reading)
    yield from _check_sources(reading)
    yield from _check_merged(reading)


def _check_dropped(reading: Reading) -> Iterator[Finding]:
    said = " ".join(reading.full.text.split())
    printed = " ".join(clean_line(p.headline) for p in reading.live)
    linked = {source.get("url") for p in reading.live for source in p.sources}
    faults = []
    for placement in reading.dropped:
        headline = clean_line(placement.headline)
        urls = {clean_url(str(source.get("url", ""))) for source in placement.sources} - linked - {""}
        told = headline and headline not in printed and headline in said
        if told or any(f"{url}\n" in reading.full.text for url in urls):
            faults.append(Fault(f"“{headline}” was dropped but is still in the mail", "Mend the mail's template."))
    yield from judge("dropped stories", faults, f"{len(reading.dropped)} dropped, none printed")


def _check_sources(reading: Reading) -> Iterator[Finding]:
    unsourced = [Fault(f"{quote(p)} names no outlet", "Drop it.", place(p)) for p in reading.live if not printed_sources(p)]
    yield from judge("sources", unsourced, "every story names its outlets")
    unlinked = [Fault(f"{source.get('outlet')} gave no address that a mail may link to, for {quote(p)}", "Its name is printed "
                      "without a link; drop the story if that will not do.", place(p))
                for p in reading.live for source in printed_sources(p) if not clean_url(str(source.get("url", "")))]
    yield from judge("links", unlinked, "every outlet is linked", blocking=False)


def _check_merged(reading: Reading) -> Iterator[Finding]:
    """A ruling brings drafts along; an approval that was withdrawn afterwards may still hold what is no story any more."""
    faults = [Fault(f"{quote(p)} was merged into story {p.story.merged_into_id}", "Drop it, and pull that one in unless it is "
                    "there.", place(p)) for p in reading.live if p.story.state == StoryState.MERGED]
    yield from judge("merged stories", faults, "none")
