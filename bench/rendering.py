"""Measures an issue's way to the screen after an edit, beside its limit of 300 ms, and a reader's copy of it.

    python -m bench.rendering [--rounds N]

The issue holds a lead, 6 top stories and 10 short items of 3 outlets each, in a database of its own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIMIT_MS = 300.0
WHOLE = "edit, proof and preflight"
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
SENTENCE = "A sentence of the length that sentences in summaries have, with its source beside it. "


def main(argv: list[str] | None = None) -> int:
    """Print the table; 1 if the proof is slower than its limit."""
    parser = argparse.ArgumentParser(prog="bench.rendering", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=50, help="how often each stage is measured")
    rounds = max(2, parser.parse_args(argv).rounds)
    # In a process of its own: the one that called may have a real database open.
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as home:
        file = Path(home) / "feeds.toml"
        file.write_text(_write_feeds())
        environment = {**os.environ, "BROADSHEET_HOME": home, "DATABASE_URL": "", "FEEDS_FILE": str(file),
                       "SENDER_URL": "", "DJANGO_SETTINGS_MODULE": "worker.settings",
                       "POSTAL_ADDRESS": "1 Example Street, London"}
        code = f"from bench.rendering import measure; raise SystemExit(measure({rounds}))"
        return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode


def measure(rounds: int) -> int:
    """Measure in the database the environment names, which must be an empty one, and print the table."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    issue, editor = _make_issue()
    times: dict[str, list[float]] = {}
    for turn in range(rounds):
        size = _measure_round(issue, editor, turn, times)
    copy = _measure_copies(issue)
    print(f"one issue, {size:,} bytes of HTML, {rounds} rounds")
    print(f"{'':44}{'median ms':>12}{'worst ms':>12}")
    for name, taken in times.items():
        print(f"{name:44}{statistics.median(taken):12.2f}{max(taken):12.2f}")
    whole = statistics.median(times[WHOLE])
    print(f"{'limit':44}{LIMIT_MS:12.2f}{'kept' if whole < LIMIT_MS else 'missed':>12}")
    print(f"a reader's copy of it: {copy:.1f} microseconds")
    return 0 if whole < LIMIT_MS else 1


def _write_feeds() -> str:
    feeds = "".join(f'[[feeds]]\nname = "outlet-{n}"\ntitle = "Outlet {n}"\nurl = "https://outlet-{n}.example/feed"\n'
                    'newsletters = ["paper"]\n' for n in range(3))
    return ('[publisher]\nname = "Bench Press"\n[newsletters.paper]\ntitle = "Paper"\ndescription = "For measuring."\n'
            'days = ["mon"]\ndraft_at = "05:30"\nsend_by = "09:00"\ntimezone = "UTC"\nfrom_name = "Paper"\n'
            f'from_email = "paper@example.com"\n{feeds}')


def _make_issue() -> tuple[Any, Any]:
    """Return a draft of 17 stories and an editor."""
    from worker.issues.draft import draft_issue
    from worker.storage.models import Editor, Feed, Item, ItemState, Story, StoryState

    feeds = [Feed.objects.create(name=f"outlet-{n}") for n in range(3)]
    at = NOW - timedelta(hours=2)
    for number in range(17):
        headline = f"Story {number} has a headline of the usual length for a newspaper"
        story = Story.objects.create(state=StoryState.SUMMARISED, headline=headline, first_at=at, last_at=at)
        items = [Item.objects.create(feed=feed, identity=f"{number}-{feed.pk}", title=headline, summary=SENTENCE * 3,
                                     url=f"https://outlet.example/{feed.pk}/{number}?a=1&b=2", at=at, story=story,
                                     state=ItemState.GROUPED) for feed in feeds]
        story.sentences = [{"text": SENTENCE.strip(), "item": item.pk, "passage": SENTENCE} for item in items]
        story.save()
    return draft_issue("paper", now=NOW), Editor.objects.create_user("bench@example.com")


def _measure_round(issue: Any, editor: Any, turn: int, times: dict[str, list[float]]) -> int:
    """Add each stage's time in ms and return the mail's size; the round edits a headline, so that no cache helps."""
    from worker.issues import edit
    from worker.press.content import read_content
    from worker.press.lint import lint_html
    from worker.press.mjml import compile_mjml
    from worker.press.preflight import check_proof
    from worker.press.render import fill_values, render_proof
    from worker.press.templates import fill_template

    def timed(name: str, call: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        result = call()
        times.setdefault(name, []).append((time.perf_counter() - begin) * 1000)
        return result

    issue.refresh_from_db()
    placement = issue.placements.first()
    timed("edit", lambda: edit.rewrite(issue.pk, editor=editor, revision=issue.revision, placement_id=placement.pk,
                                       headline=f"Another headline {turn}", summary=SENTENCE))
    issue.refresh_from_db()
    proof = timed("proof, from rows to bytes", lambda: render_proof(issue))
    timed("preflight", lambda: check_proof(issue, proof))
    parts = ("edit", "proof, from rows to bytes", "preflight")
    times.setdefault(WHOLE, []).append(sum(times[part][-1] for part in parts))
    content = timed("of the proof: read rows", lambda: read_content(issue))
    values = fill_values(content)
    source = timed("of the proof: fill the template", lambda: fill_template("email/issue.mjml", values, escape=True))
    source += f"<!-- {turn} -->"
    html = timed("of the proof: compile MJML", lambda: compile_mjml(source, name="email/issue.mjml"))
    timed("of the preflight: lint", lambda: lint_html(html))
    return len(proof.html.encode())


def _measure_copies(issue: Any) -> float:
    """Return the microseconds that one reader's copy of the issue takes, spliced from the frozen edition."""
    from worker.delivery.message import Sheet, freeze_template, make_copy
    from worker.press.render import render_proof

    proof = render_proof(issue)
    sheet = Sheet(proof.subject, proof.html, proof.text, "Paper", "paper@example.com")
    template = freeze_template(sheet, number=1, at=NOW)
    copies = [make_copy(template, "delivery_id", number, f"reader-{number}@example.com",
                        unsubscribe_url=f"https://news.example/unsubscribe/{number}/",
                        preferences_url=f"https://news.example/preferences/{number}/") for number in range(2_000)]
    begin = time.perf_counter()
    for copy in copies:
        template.splice(copy)
    return (time.perf_counter() - begin) / len(copies) * 1_000_000


if __name__ == "__main__":
    raise SystemExit(main())
