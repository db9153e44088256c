"""Commands of the news side: feeds, gather, group, summarise, stories."""

from pathlib import Path

import click

from worker import editorial
from worker.cli.commands import open_database, open_settings
from worker.cli.output import json_option, print_json, print_table, progress, say, show_time
from worker.errors import BroadsheetError


@click.group("feeds")
def feeds_command() -> None:
    """Look after the feeds."""


@feeds_command.command("list")
@json_option
def list_feeds(as_json: bool) -> None:
    """List the feeds, with what became of the last fetch."""
    open_database()
    from worker.storage.models import Feed

    rows = {feed.name: feed for feed in Feed.objects.all()}
    listed = []
    for source in editorial.load().feeds:
        row = rows.get(source.name)
        listed.append({
            "name": source.name, "title": source.title, "url": source.url, "newsletters": list(source.newsletters),
            "topic": source.topic, "weight": source.weight, "state": row.state if row else "new",
            "fetched_at": row.fetched_at if row else None, "error": row.error if row else "",
        })
    if as_json:
        print_json(listed)
        return
    print_table(["name", "outlet", "topic", "weight", "state", "fetched (UTC)", "error"],
                [(one["name"], one["title"], one["topic"], one["weight"], one["state"], show_time(one["fetched_at"]),  # type: ignore[arg-type]
                  one["error"]) for one in listed], empty="feeds.toml names no feeds")


@feeds_command.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check_feeds(file: Path | None) -> None:
    """Check feeds.toml (or FILE) without fetching anything."""
    open_settings()
    from django.conf import settings

    path = file or settings.FEEDS_FILE
    found = editorial.read_editorial(path)
    say(f"{path}: {len(found.feeds)} feeds in {len(found.newsletters)} newsletters, all valid")


@feeds_command.command("import-opml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--newsletter", required=True, help="The newsletter the feeds are for.")
def import_opml(file: Path, newsletter: str) -> None:
    """Print an OPML file's feeds as feeds.toml entries.

    Those already in feeds.toml are left out."""
    open_settings()
    from worker.feeds.sources import opml_as_toml

    editorial.load().newsletter(newsletter)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BroadsheetError(f"{file}: cannot be read ({error}); give an OPML file in UTF-8") from error
    click.echo(opml_as_toml(text, newsletter, editorial.load()), nl=False)


@feeds_command.command("export-opml")
def export_opml() -> None:
    """Print the feeds as OPML 2.0."""
    open_settings()
    from worker.feeds.sources import write_opml

    click.echo(write_opml(editorial.load()))


@click.command("gather")
@click.option("--feed", "name", help="Only this feed; fetched even if it is not due.")
@json_option
@click.pass_context
def gather_command(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """Fetch every feed now and store what is new."""
    open_database()
    from worker.feeds.gather import gather_feeds
    from worker.feeds.sources import find_source, sync_feeds

    paper = editorial.load()
    if name:
        find_source(name)  # an unknown one is said before anything is written
    sync_feeds(paper)
    with progress("gathering", 1 if name else len(paper.feeds)) as update:
        seen: list[str] = []

        def count(done: object) -> None:
            seen.append("")
            update(len(seen))

        done = gather_feeds([name] if name else None, force=True, on_done=count)
    if as_json:
        print_json([one._asdict() for one in done])
    else:
        print_table(["feed", "state", "new", "seen", "skipped", "what happened"],
                    [(one.name, one.state, one.new, one.seen, one.skipped, one.error or one.note) for one in done],
                    empty="feeds.toml names no feeds")
    if name and done and done[0].error:
        ctx.exit(1)


@click.command("group")
@click.option("--from", "source", type=click.Path(path_type=Path),
              help="items.jsonl: {id, title, summary, source, published} a line.")
@click.option("--to", "target", type=click.Path(path_type=Path), help="clusters.jsonl: {id, cluster} a line.")
def group_command(source: Path | None, target: Path | None) -> None:
    """Put new items into stories.

    With --from and --to: group the items of a file instead, and touch no database."""
    _both_or_none(source, target)
    if source and target:
        from worker.stories.files import group_file

        with progress("grouping", None) as update:
            items, clusters = group_file(source, target, update)
        say(f"{items} items in {clusters} clusters, written to {target}")
        return
    open_database()
    from worker.stories.group import group_items

    say(f"{group_items()} items grouped")


@click.command("summarise")
@click.option("--from", "source", type=click.Path(path_type=Path),
              help="stories.jsonl: {id, items: [{title, summary, source}]} a line.")
@click.option("--to", "target", type=click.Path(path_type=Path), help="summaries.jsonl: {id, headline, summary} a line.")
def summarise_command(source: Path | None, target: Path | None) -> None:
    """Give changed stories their summaries, and tie new ones to what they follow.

    With --from and --to: summarise the stories of a file instead, and touch no database."""
    _both_or_none(source, target)
    if source and target:
        open_settings()
        from worker.stories.files import summarise_file

        with progress("summarising", None) as update:
            count = summarise_file(source, target, update)
        say(f"{count} stories summarised, written to {target}")
        return
    open_database()
    from worker.stories.summarise import summarise_stories
    from worker.stories.threads import tie_stories

    say(f"{summarise_stories()} stories summarised, {tie_stories()} tied to an earlier story that they follow")


def _both_or_none(source: Path | None, target: Path | None) -> None:
    if bool(source) != bool(target):
        raise BroadsheetError("give both --from and --to, or neither to work on the database")


@click.command("stories")
@click.argument("story_id", metavar="[STORY]", type=int, required=False)
@click.option("--all", "everything", is_flag=True, help="Also stories with one item only.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=40, show_default=True, help="Rows of the table.")
@json_option
def stories_command(story_id: int | None, everything: bool, limit: int, as_json: bool) -> None:
    """List stories, the newest first, or show STORY in full.

    In full: its sources and why each is there, the passages behind each sentence, and what came before. JSON holds all stories."""
    open_database()
    from worker.cli.stories import list_outlets, print_stories, print_story
    from worker.stories.listing import list_stories, read_story

    if story_id is not None:
        story = read_story(story_id)
        print_json(story) if as_json else print_story(story)
        return
    listed = list_stories()
    if as_json:
        print_json(listed)
        return
    shown = [one for one in listed if everything or len(list_outlets(one)) > 1]
    print_stories(shown[:limit])
    if len(shown) > limit:
        say(f"… and {len(shown) - limit} more (--limit, --all, --json)")
