"""Reading feed documents: what is made of each format, what is refused, and the limits that always hold."""

import json
import multiprocessing
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.feeds.conftest import item, rss
from worker.feeds import parse
from worker.feeds.parse import Document, ParseError, parse_document

ATOM = b"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de-CH"><title>Outlet</title>
<entry xml:base="https://a.example/blog/"><id>tag:a.example,2026:1</id>
<title type="html">A &amp;lt;b&amp;gt; &amp;amp; C</title>
<link rel="alternate" type="application/pdf" href="one.pdf"/><link rel="alternate" type="text/html" href="one"/>
<link rel="enclosure" href="one.mp3"/><author><name>Ada</name></author>
<published>2026-09-01T10:00:00+02:00</published><updated>2026-09-03T10:00:00Z</updated>
<summary>Short.</summary>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>The text.</p><p>Two.</p></div></content></entry></feed>"""


def read(body: bytes, content_type: str = "", url: str = "https://feed.example/dir/feed.xml") -> Document:
    return parse_document(body, content_type=content_type, url=url)


def test_atom() -> None:
    document = read(ATOM)
    entry = document.entries[0]
    assert (document.title, entry.title, entry.summary) == ("Outlet", "A & C", "The text.\nTwo.")
    assert (entry.url, entry.author, entry.language) == ("https://a.example/blog/one", "Ada", "de-CH")
    assert entry.published_at == datetime(2026, 9, 1, 8, tzinfo=UTC)


def test_json_feed() -> None:
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Outlet &amp; Co", "language": "en", "items": [
        {"id": 7, "url": "/seven?utm_source=x", "content_html": "<p>Hello</p><script>x</script>",
         "date_published": "2026-09-01T10:00:00+02:00", "authors": [{"name": "Ada"}]},
        {"id": "8", "external_url": "https://b.example/", "title": "Eight", "content_text": "Text",
         "date_published": "yesterday"},
        "nonsense", {"id": "9"}]}
    document = read(b"\xef\xbb\xbf" + json.dumps(feed).encode(), "application/feed+json")
    first, second = document.entries
    assert (document.title, document.dropped) == ("Outlet & Co", 1)
    assert (first.url, first.title, first.summary) == ("https://feed.example/seven", "Hello", "Hello")
    assert first.author == "Ada"
    assert first.published_at == datetime(2026, 9, 1, 8, tzinfo=UTC)
    assert (second.url, second.title, second.published_at) == ("https://b.example/", "Eight", None)


@pytest.mark.parametrize(("body", "why"), [
    (b"<!DOCTYPE html><html><body>Not found</body></html>", "an HTML page, not a feed"),
    (b"<html><head><title>x</title></head></html>", "an HTML page, not a feed"),
    (b"", "empty"), (b" \n ", "empty"), (b"\x00" * 100, "empty"),
    (b"plain words", "not a feed"), (bytes(range(256)) * 10, "not a feed"),
    (b"{}", "not a JSON Feed"), (b"[1, 2]", "not a JSON Feed"), (b"{", "broken JSON"),
    (b"[" * 100_000, "nested too deeply"),
    (b'{"version": "https://jsonfeed.org/version/1", "items": 3}', "without a list of items"),
    (b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 2000 + b'">]><rss><channel/></rss>', "XML entities"),
    (b'<!DOCTYPE x [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><rss><channel/></rss>', "XML entities"),
])
def test_what_is_no_feed_is_named(body: bytes, why: str) -> None:
    with pytest.raises(ParseError, match=why):
        read(body)


def test_a_document_that_names_a_file_is_not_opened() -> None:
    with pytest.raises(ParseError, match="not a feed"):
        read(str(Path(__file__).parent / "conftest.py").encode())  # feedparser opens what bytes name
    with pytest.raises(ParseError, match="not a feed"):
        read(b"http://127.0.0.1:9/feed.xml")
    external = b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + rss(item("A &x;"))
    assert "root" not in read(external).entries[0].title


@pytest.mark.parametrize(("charset", "declared", "content_type"), [
    ("utf-8", "", "text/xml; charset=windows-1252"), ("utf-8", "", "text/html"), ("utf-8", "iso-8859-1", ""),
    ("cp1252", "windows-1252", "text/xml"), ("cp1252", "", "application/xml; charset=windows-1252"),
    ("utf-16", "utf-16", ""),
])
def test_the_charset_is_that_of_the_bytes(charset: str, declared: str, content_type: str) -> None:
    declaration = f"<?xml version='1.0' encoding='{declared}'?>" if declared else ""
    body = (declaration + rss(item("Müller ’26")).decode()).encode(charset)
    assert read(body, content_type).entries[0].title == "Müller ’26"


def test_a_broken_feed_gives_what_can_be_read() -> None:
    document = read(rss(item("One"), item("Two & a bare ampersand"), "<title>Three")[:-30])
    assert [entry.title for entry in document.entries][:2] == ["One", "Two & a bare ampersand"]


def test_the_same_entry_twice_in_a_document_is_once() -> None:
    document = read(rss(item("A", guid="1", link="https://a.example/?utm_source=x"),
                        item("A again", guid="1", link="https://a.example/"),
                        item("B", link="https://b.example/?utm_source=y"), item("B", link="https://b.example/"),
                        item("C"), item("C"), item("")))
    assert [entry.title for entry in document.entries] == ["A", "B", "C"]
    assert document.dropped == 4


def test_one_guid_on_every_entry_swallows_none() -> None:
    stories = (item(f"Story {n}", guid="https://a.example/", link=f"https://a.example/{n}") for n in range(5))
    document = read(rss(*stories))
    assert len({entry.identity for entry in document.entries}) == 5


def test_identity_does_not_depend_on_where_the_document_is_served_from() -> None:
    body = rss(item("A", guid="one"), item("B", link="/b"), item("C"))
    here, there = read(body, url="http://127.0.0.1:8001/x.xml"), read(body, url="https://a.example/feed")
    assert [entry.identity for entry in here.entries] == [entry.identity for entry in there.entries]
    assert there.entries[1].url == "https://a.example/b"


@pytest.mark.parametrize("date", ["", "soon", "Mon, 31 Feb 2026 99:99:99 GMT", "Thu, 01 Jan 1970 00:00:00 GMT",
                                  "Wed, 01 Jan 2206 00:00:00 GMT", "0000-00-00"])
def test_impossible_dates_are_none(date: str) -> None:
    assert read(rss(item("A", date=date))).entries[0].published_at is None


def test_an_entry_without_a_title_is_called_by_its_first_sentence() -> None:
    assert read(rss(item("", description="It rained. Then it stopped."))).entries[0].title == "It rained."


def test_a_document_brings_no_more_entries_than_a_newsroom_can_take() -> None:
    document = read(rss(*(item(f"Story {number}") for number in range(2_500))))
    assert (len(document.entries), document.dropped) == (2_000, 500)
    assert document.entries[0].title == "Story 0"


def test_halves_of_characters_are_made_whole_or_replaced() -> None:
    document = read(rss(item("Robots &#55357;&#56832; rise", guid="1", description="A half &#xD83D; one."), item("B")))
    assert [entry.title for entry in document.entries] == ["Robots \U0001f600 rise", "B"]
    assert document.entries[0].summary == "A half \ufffd one."
    halves = {"version": "https://jsonfeed.org/version/1.1", "title": "T\ud83d", "items": [
        {"id": "\udc00", "url": "https://a.example/\ud800", "title": "A\ud83d", "language": "en"}]}
    entry = read(json.dumps(halves).encode()).entries[0]
    assert f"{entry.url}{entry.title}".encode()


def test_a_hostile_document_is_given_up_and_the_next_one_read() -> None:
    slow = b"<?xml " + b'encoding="' * 20_000 + b"\n<rss/>"  # a regular expression of feedparser's takes minutes on it
    with pytest.raises(ParseError, match="took too long"):
        parse_document(slow, content_type="", url="", cpu_seconds=0.3)
    assert len(read(rss(item("A"))).entries) == 1


def test_a_reading_process_that_was_killed_is_replaced() -> None:
    read(rss(item("A")))
    for reader in parse._readers.idle:
        reader.process.kill()
        reader.process.wait()
    assert len(read(rss(item("A"))).entries) == 1


def test_it_reads_from_many_threads_at_once() -> None:
    titles: list[str] = []

    def read_one(n: int) -> None:
        titles.append(read(rss(item(f"T{n}"))).entries[0].title)

    threads = [threading.Thread(target=read_one, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(titles) == sorted(f"T{n}" for n in range(12))


def _read_in_daemon(answers: "multiprocessing.Queue[tuple[str, set[int]]]") -> None:
    answers.put((read(rss(item("From a daemon"))).entries[0].title, _reader_ids()))


def _reader_ids() -> set[int]:
    return {reader.process.pid for reader in parse._readers.idle}


def test_it_reads_in_a_forked_daemon_process_as_celery_has_them() -> None:
    read(rss(item("Before the fork")))  # so that the child inherits a reader that it must not use
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[tuple[str, set[int]]] = context.Queue()
    process = context.Process(target=_read_in_daemon, args=(answers,), daemon=True)
    for _ in range(parse.PROCESSES):  # and as if threads were in the middle of reading when it is forked
        parse._readers.slots.acquire()
    process.start()
    for _ in range(parse.PROCESSES):
        parse._readers.slots.release()
    title, readers = answers.get(timeout=30)
    process.join()
    assert title == "From a daemon"
    assert readers
    assert not readers & _reader_ids()  # two processes writing into one reader's pipe would mix their documents
    assert read(rss(item("After"))).entries[0].title == "After"


def test_no_reading_process_outlives_its_parent(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = ("from worker.feeds import parse\n"
              "parse.parse_document(b'<rss><channel/></rss>', content_type='', url='')\n"
              "print(parse._readers.idle[0].process.pid, flush=True)\nimport os; os.kill(os.getpid(), 9)\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30,
                          cwd=Path(__file__).parents[2])
    reader = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(reader, 0)
            if Path(f"/proc/{reader}/stat").exists() and Path(f"/proc/{reader}/stat").read_text().split()[2] == "Z":
                return  # dead, and whoever adopted it has not buried it yet
        except ProcessLookupError:
            return
        threading.Event().wait(0.1)
    pytest.fail("the reading process lives on")
