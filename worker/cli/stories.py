"""Stories as `list_stories` and `read_story` describe them in; what a person reads of them on a terminal out."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from worker.cli.output import print_table, say

NONE = "no stories of several outlets yet; run `broadsheet gather`, `group`, `summarise`, or add --all"


def print_stories(stories: Sequence[dict[str, Any]]) -> None:
    """Print one row a story: who tells it, why its reports are one story, and what readers have had of it."""
    print_table(
        ["id", "headline", "outlets", "why together", "readers"],
        [(one["id"], _mark(one), ", ".join(list_outlets(one)), _why_together(one), "\n".join(_say_memory(one))) for one in stories],
        empty=NONE)


def list_outlets(story: dict[str, Any]) -> list[str]:
    """Every outlet that carries the story, its own words or another's."""
    return sorted({one["source"] for item in story["items"] for one in (item, *item["outlets"])})


def print_story(story: dict[str, Any]) -> None:
    """Print one story in full."""
    say(f"Story {story['id']}: {story['headline'] or '(not summarised yet)'}")
    for sentence in story["evidence"]:
        say(f"\n  {sentence['text']}")
        for one in sentence["support"]:
            say(f"    {one['source'] or 'a report that has gone'}: “{one['passage']}”")
        for doubt in sentence["doubts"]:
            say(f"    not found in any source: {doubt['kind']} “{doubt['text']}”")
    say("\nReports")
    for item in story["items"]:
        say(f"  {item['published'][:16].replace('T', ' ')}  {item['source']}: {item['title']}")
        say(f"    {item['reason']}")
        for copy in item["outlets"]:
            say(f"    the same words at {copy['source']}")
    say("\nReaders")
    for line in list(_say_memory(story)) or ["no newsletter has a feed of it"]:
        say(f"  {line}")
    if len(story["timeline"]) > 1:
        say("\nTimeline")
        for step in story["timeline"]:
            told = "".join(f", in {one['newsletter']} of {one['day']}" for one in step["issues"])
            say(f"  {step['at'][:10]}  {step['id']}: {step['headline']}{told}")
            say(f"    {step['reason'] or 'opens the thread'}")


def _mark(story: dict[str, Any]) -> str:
    doubts = len(story["doubts"])
    return f"{story['headline']} [{doubts} not found in the sources]" if doubts else str(story["headline"])


def _why_together(story: dict[str, Any]) -> str:
    """The reason of the second report: what made it a story of several."""
    joined = [item["reason"] for item in story["items"] if item["reason"].startswith("joined because it ")]
    return joined[0].removeprefix("joined because it ") if joined else ""


def _say_memory(story: dict[str, Any]) -> Iterator[str]:
    for newsletter, memory in story["memory"].items():
        parts = [_say_placed(one) for one in memory["issues"]]
        if memory["kind"] == "update":
            parts.append(f"update waiting: {memory['what_is_new']}")
        elif not parts:
            parts.append(memory["kind"] if memory["kind"] == "new" else f"{memory['kind']}: {memory['why']}")
        yield f"{newsletter}: {', '.join(parts)}"


def _say_placed(placed: dict[str, Any]) -> str:
    day = date.fromisoformat(placed["day"])
    sent = "" if placed["state"] == "sent" else f" ({placed['state']})"
    where = f"{day.day} {day:%B}{sent}"
    return f"update in {where}: {placed['what_is_new']}" if placed["kind"] == "update" else f"told in {where}"
