"""The demo as a user runs it: one command in an empty home, and once more."""

import csv
import json
import mailbox
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "feeds"


class Paper:
    """A home in which the demo ran."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = {**environment, "FEEDS_FILE": ""}
        self.home = Path(environment["BROADSHEET_HOME"])

    def run(self, *arguments: str) -> str:
        done = subprocess.run([sys.executable, "-m", "worker", *arguments], cwd=ROOT, env=self.environment, text=True,
                              capture_output=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def read(self, *arguments: str) -> list[dict]:
        return json.loads(self.run(*arguments, "--json"))

    def mails(self) -> dict[str, str]:
        """Return the recipient of each mail in the outbox, by Message-ID."""
        return {mail["Message-ID"]: mail["To"] for mail in mailbox.Maildir(self.home / "outbox", create=False)}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    """The sample feeds' demo, run once for this file, on an embedded SQLite."""
    home = tmp_path_factory.mktemp("demo")
    paper = Paper({**os.environ, "BROADSHEET_HOME": str(home), "DATABASE_URL": "", "BASE_URL": "", "SENDER_URL": ""})
    paper.output = paper.run("demo")  # type: ignore[attr-defined]
    return paper


@pytest.fixture(scope="module")
def labelled() -> dict[str, str]:
    """Return the hand-given story of each sample item, by guid or link."""
    lines = (Path(__file__).parent / "stories.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return dict(line.split("\t") for line in lines)


def test_every_sample_reader_gets_the_issue_once(sample: Paper) -> None:
    recipients = Counter(sample.mails().values())
    assert len(recipients) == 25
    assert set(recipients.values()) == {1}
    issue = next(one for one in sample.read("issues") if (one["newsletter"], one["slug"]) == ("aitrends", "2026-09-17"))
    assert issue["state"] == "sent"
    status = sample.read("status", str(issue["issue"]))
    assert status["audience"] == 25 == sum(status["states"].values())


def test_it_says_where_to_look_and_what_to_type_next(sample: Paper) -> None:
    shown = sample.output  # type: ignore[attr-defined]
    assert str(sample.home / "proof" / "issue.html") in shown
    assert (sample.home / "proof" / "issue.html").is_file()
    assert "/desk/enter/" in shown


def test_run_again_it_finds_nothing_new_and_sends_nobody_anything(sample: Paper) -> None:
    before, stories = sample.mails(), sample.read("stories")
    shown = sample.run("demo")
    assert "0 new items" in shown
    assert sample.mails() == before
    assert sample.read("stories") == stories


def test_killed_while_readers_confirm_it_forgets_none_of_them(tmp_path: Path) -> None:
    paper = Paper({**os.environ, "BROADSHEET_HOME": str(tmp_path), "DATABASE_URL": "", "BASE_URL": "", "SENDER_URL": ""})
    demo = subprocess.Popen([sys.executable, "-m", "worker", "demo"], cwd=ROOT, env=paper.environment,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    read = tmp_path / "letters" / "cur"
    while demo.poll() is None and not (read.is_dir() and any(read.iterdir())):
        time.sleep(0.001)
    demo.kill()
    demo.wait()
    paper.run("demo")
    assert Counter(Counter(paper.mails().values()).values()) == {1: 25}


def test_the_day_after_what_readers_had_is_an_update_or_left_out(sample: Paper) -> None:
    issues = {one["slug"]: one for one in sample.read("issues") if one["newsletter"] == "aitrends"}
    first, second = issues["2026-09-17"]["issue"], issues["2026-09-18"]["issue"]
    assert issues["2026-09-18"]["state"] == "draft", "left for the user to approve"
    had = {one["headline"]: {place["issue"]: place for place in one["memory"]["aitrends"]["issues"]}
           for one in sample.read("stories") if "aitrends" in one["memory"]}
    updates = {headline: places[second] for headline, places in had.items()
               if second in places and places[second]["kind"] == "update"}
    assert updates
    assert {place["since"] for place in updates.values()} == {first}
    assert all(place["what_is_new"] for place in updates.values())
    assert "Waymo" in str([headline for headline, places in had.items() if first in places and second not in places])
    assert [headline for headline, places in had.items() if {first, second} <= set(places) and headline not in updates] == []
    sample.run("proof", str(second), "-o", str(sample.home / "second"))
    text = (sample.home / "second" / "issue.txt").read_text()
    assert "UPDATE, first told in the issue of Thursday, 17 September 2026:" in text
    assert "/archive/aitrends/2026-09-17/" in text
    assert "61,000" in text, "the second day's figure; the first day's was 23,000"


def test_the_documents_are_not_asked_for_once_the_demo_has_ended(sample: Paper) -> None:
    rows = sqlite3.connect(sample.home / "broadsheet.sqlite3").execute("SELECT min(next_fetch_at) FROM storage_feed")
    assert rows.fetchone()[0] > f"{datetime.now(UTC).year + 10}"


def test_sample_readers_are_never_written_to_by_a_real_sender(sample: Paper) -> None:
    done = subprocess.run([sys.executable, "-m", "worker", "check"], cwd=ROOT, text=True, capture_output=True, timeout=60,
                          env={**sample.environment, "SENDER_URL": "smtp://127.0.0.1:1"})
    assert done.returncode == 2
    assert "sample readers" in done.stdout


@pytest.mark.any_database
def test_file_names_of_any_kind_and_a_half_written_marker_are_survived(
    service_environment: dict[str, str], tmp_path: Path
) -> None:
    paper = Paper({**service_environment, "DATABASE_URL": ""})
    (paper.home / "demo.json").write_text('{"port"')
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in (b"a\xff.xml", b'b\n"c.xml'):
        (folder / os.fsdecode(name)).write_text("<rss version='2.0'><channel></channel></rss>")
    report = paper.run("demo", "--feeds", str(folder))
    assert "from 2 feeds" in report


@pytest.mark.any_database
def test_a_real_paper_s_home_is_refused(service_environment: dict[str, str], tmp_path: Path) -> None:
    paper = Paper(service_environment)
    file = tmp_path / "readers.csv"
    file.write_text("email\nreal@example.com\n")
    subprocess.run([sys.executable, "-m", "worker", "readers", "import", str(file), "--newsletter", "aitrends",
                    "--consent-source", "a form"], cwd=ROOT, env=service_environment, check=True, timeout=60)
    done = subprocess.run([sys.executable, "-m", "worker", "demo"], cwd=ROOT, env=service_environment, text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 2
    assert "real paper" in done.stderr
    assert not (paper.home / "outbox").exists()


def test_the_lab_whose_model_slipped_is_one_story_of_five_outlets(sample: Paper, labelled: dict[str, str]) -> None:
    by_label = _stories_by_label(sample, labelled)
    slipped = by_label["deepseek-slip"]
    assert len(set(slipped)) == 1, "the five reports are one story"
    assert len(slipped) == 5
    for near_miss in ("deepseek-math", "huawei-roadmap", "export-rule", "moonshot-delay"):
        assert not set(by_label[near_miss]) & set(slipped), near_miss


def test_roundups_join_nothing(sample: Paper, labelled: dict[str, str]) -> None:
    by_label = _stories_by_label(sample, labelled)
    sizes = Counter(story for stories in by_label.values() for story in stories)
    assert [sizes[story] for story in by_label["roundup"]] == [1] * len(by_label["roundup"])


# What the next day brings may be taken for the same story: readers get it as an update of it either way.
NEXT_TURNS = ({"amazon-agent", "amazon-inquiry"}, {"meta-ohio", "meta-new-plan"})


def test_most_stories_told_by_several_outlets_are_whole(sample: Paper, labelled: dict[str, str]) -> None:
    by_label = {label: stories for label, stories in _stories_by_label(sample, labelled).items()
                if label not in ("-", "roundup") and len(stories) > 1}
    whole = [label for label, stories in by_label.items() if len(set(stories)) == 1]
    owner = defaultdict(set)
    for label, stories in by_label.items():
        for story in stories:
            owner[story].add(label)
    mixed = [labels for labels in owner.values() if len(labels) > 1 and labels not in NEXT_TURNS]
    assert len(whole) >= 0.85 * len(by_label), sorted(set(by_label) - set(whole))
    assert mixed == []


def _stories_by_label(sample: Paper, labelled: dict[str, str]) -> dict[str, list[int]]:
    """Return the story number of each labelled item, by label. Items are found by their place in the database."""
    import hashlib

    rows = sqlite3.connect(sample.home / "broadsheet.sqlite3").execute("SELECT identity, story_id FROM storage_item").fetchall()
    story_of = dict(rows)
    by_label: dict[str, list[int]] = defaultdict(list)
    for key, label in labelled.items():
        kinds = (hashlib.sha256(f"{kind}\0{key}".encode()).hexdigest() for kind in ("guid", "link"))
        by_label[label].append(next(story_of[identity] for identity in kinds if identity in story_of))
    return by_label


@pytest.fixture
def shared_paper(service_environment: dict[str, str]) -> Paper:
    if not SHARED.is_dir():
        pytest.skip("../shared/feeds is not there")
    return Paper(service_environment)


@pytest.mark.any_database
def test_two_watermarks_are_two_stories(shared_paper: Paper) -> None:
    shared_paper.run("demo", "--feeds", str(SHARED / "2026-08-17"))
    stories = {}
    for story in shared_paper.read("stories"):
        for item in story["items"]:
            for told in (item, *item["outlets"]):
                stories[told["url"]] = (story["id"], told["source"])
    claude = [stories[url] for url in (
        "https://www.anthropic.com/news/claude-text-watermark",
        "https://techcrunch.com/2026/08/15/anthropic-shares-more-details-about-how-claudes-new-watermarks-will-work/",
        "https://www.theverge.com/ai-artificial-intelligence/980869/anthropic-claude-watermarks-synthid-text-system")]
    gemini = [stories[url] for url in (
        "https://techcrunch.com/2026/08/14/google-will-now-allow-users-to-remove-visible-watermark-from-its-ai-generations/",
        "https://www.theverge.com/tech/980416/google-gemini-ai-watermarks-removal")]
    assert len({story for story, _ in claude}) == 1
    assert len({story for story, _ in gemini}) == 1
    assert claude[0][0] != gemini[0][0]
    assert [outlet for _, outlet in claude[1:]] == ["TechCrunch", "The Verge"]


def test_every_hostile_document_is_accounted_for(shared_paper: Paper) -> None:
    folder = SHARED / "torture"
    shown = shared_paper.run("demo", "--feeds", str(folder))
    assert "Documents" in shown
    fetched = shared_paper.read("feeds", "list")
    documents = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"]
    assert len(fetched) == len(documents)
    assert {one["state"] for one in fetched} <= {"ok", "failing"}
    assert all(one["error"] for one in fetched if one["state"] == "failing")


def test_a_partners_content_comes_to_who_agreed_to_it_and_to_nobody_else(sample: Paper) -> None:
    rows = list(csv.DictReader((ROOT / "worker" / "demo" / "readers.csv").open(encoding="utf-8")))
    agreed = {kind: {row["email"] for row in rows if row[kind] == "yes"} for kind in ("partners", "tracking")}
    got = defaultdict(set)
    for mail in mailbox.Maildir(sample.home / "outbox", create=False):
        parts = {part.get_content_type(): part.get_payload(decode=True) or b"" for part in mail.walk()}
        html, text = parts["text/html"].decode(), parts["text/plain"].decode()
        for kind, words in (("partners", "From our partner Northlight Books"), ("tracking", "/go/")):
            assert (words in html) == (words in text)
            got[kind] |= {mail["To"]} if words in html else set()
        assert ("<img" in html) == (mail["To"] in agreed["tracking"])
    assert got == agreed
