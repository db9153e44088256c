"""Real, malformed and hostile documents collected elsewhere: each ends as a Document or as a ParseError, in words."""

import re
import unicodedata
from pathlib import Path

import pytest

from worker.feeds.parse import ParseError, parse_document

SHARED = Path(__file__).resolve().parents[3] / "shared" / "feeds"
KINDS = {".xml", ".atom", ".rss", ".rdf", ".json", ".html"}
DOCUMENTS = sorted(path for path in SHARED.rglob("*") if path.suffix in KINDS) if SHARED.is_dir() else []
MARKUP = re.compile(r"</?(?:p|br|a|div|span|img|b|i|em|strong|script|style|ul|li|h[1-6])\b[^<>]*>|"
                    r"&(?:amp|lt|gt|quot|#\d+);|<!\[CDATA", re.IGNORECASE)


@pytest.mark.skipif(not DOCUMENTS, reason="../shared/feeds is not there")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(SHARED)))
def test_every_document_is_survived(path: Path) -> None:
    try:
        document = parse_document(path.read_bytes(), content_type="", url="https://feed.example/dir/feed.xml")
    except ParseError as refused:
        message = str(refused)
        assert len(message.splitlines()) == 1
        return
    for entry in document.entries:
        assert entry.title or entry.summary
        assert len(entry.title) <= 500
        assert "\n" not in entry.title
        assert len(entry.url) <= 2000
        assert entry.url == "" or entry.url.startswith(("http://", "https://"))
        assert len(entry.author) <= 200
        for text in (entry.title, entry.summary, entry.author):
            assert not MARKUP.search(text)
            assert not any(unicodedata.category(character) == "Cc" and character != "\n" for character in text)
    assert len({entry.identity for entry in document.entries}) == len(document.entries)


@pytest.mark.skipif(not DOCUMENTS, reason="../shared/feeds is not there")
@pytest.mark.parametrize(("name", "entries"), [
    ("2026-08-17/techcrunch_ai.xml", 20), ("2026-08-17/theverge_ai.xml", 10), ("2026-08-17/openai_research.xml", 194),
    ("daringfireball.atom", 48), ("guardian_world.rss", 55), ("bio.rdf", 30), ("jsonfeed_realworld.json", 10),
    ("reserialised_2026-08-12_20/venturebeat.xml", 31),
])
def test_nothing_of_a_real_feed_is_lost(name: str, entries: int) -> None:
    document = parse_document((SHARED / name).read_bytes(), content_type="", url="https://feed.example/")
    assert len(document.entries) == entries
    assert all(entry.url for entry in document.entries)
    assert all(entry.published_at for entry in document.entries)
