"""Commands that start things: the demo, the service and its parts, the check, the benches."""

import importlib
import sys
from pathlib import Path

import click

from worker.cli.commands import open_database
from worker.cli.output import json_option, print_json, print_table, say, stages
from worker.errors import BroadsheetError

BENCHES = {
    "grouping": "how well stories are told apart, beside plain TF-IDF; --own: by your editors' rulings",
    "summaries": "ROUGE of the summaries, beside the lead sentences",
    "evidence": "falsified sentences caught, kind by kind, and true ones doubted",
    "gathering": "1,000 feeds, beside feedparser alone",
    "signup": "sign-up with everything on, beside a bare insert",
    "rendering": "a proof and a reader's copy",
    "review": "the editors’ review screen with 200 candidate stories: time and bytes",
    "importing": "a million readers from a CSV, beside the database's own bulk load",
    "delivery": "hand-over by SMTP and SendGrid, beside Postfix's own client and three peers",
}


@click.command("demo")
@click.option("--feeds", "folder", type=click.Path(path_type=Path), help="A folder of feed documents instead of the samples.")
def demo_command(folder: Path | None) -> None:
    """Run the main job on sample feeds, into a local inbox.

    From feeds to delivered mail, through the same code as the service; then show what happened."""
    open_database()
    from worker.cli.demo import show_report
    from worker.demo.run import run_demo

    with stages() as tell:
        report = run_demo(folder, tell)
    show_report(report, every_document=folder is not None)


@click.command("up")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The web's port on 127.0.0.1.")
@click.pass_context
def up_command(ctx: click.Context, port: int) -> None:
    """Run the whole service in this terminal until Ctrl-C.

    Web, workers, timetable and, unless they are given, a Redis and a database of its own."""
    from worker.service import run_service

    ctx.exit(run_service(port))


@click.command("web")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 inside a container.")
def web_command(port: int, host: str) -> None:
    """Run the web server alone."""
    from worker.service import run_web

    run_web(port, host)


@click.command("worker")
def worker_command() -> None:
    """Run the Celery workers alone."""
    from worker.service import run_worker

    run_worker()


@click.command("beat")
def beat_command() -> None:
    """Run the timetable alone. Only one may run."""
    from worker.service import run_beat

    run_beat()


@click.command("migrate")
def migrate_command() -> None:
    """Bring the database's tables up to date.

    Whoever a restored backup brought back is erased, or leaves, again."""
    open_database(migrate=False)
    from worker.readers.replay import replay_journal
    from worker.storage.schema import migrate

    say(f"{migrate()} migrations applied")
    again = replay_journal()
    if any(again):
        say(f"by the erasure journal: {again}")


@click.command("check")
@json_option
@click.pass_context
def check_command(ctx: click.Context, as_json: bool) -> None:
    """Say whether all is well, and how to mend what is not.

    Looks at configuration, database, broker, sender and DNS: one line each."""
    open_database(migrate=False)
    from worker.checkup import check_all

    findings = check_all()
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        print_table(["", "part", "finding"],
                    [("ok" if one.ok else "!!" if one.blocking else "--", one.part, one.message) for one in findings],
                    empty="nothing to check")
    if any(not one.ok and one.blocking for one in findings):
        ctx.exit(2)


@click.command("bench", context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def bench_command(ctx: click.Context, name: str | None, arguments: tuple[str, ...]) -> None:
    """Measure one thing beside its limit or peer.

    Without NAME: list what can be measured. Its own options follow the name."""
    if name is None:
        print_table(["bench", "measures"], BENCHES.items(), empty="")
        return
    if name not in BENCHES:
        raise BroadsheetError(f"there is no bench {name!r}; there are: {', '.join(BENCHES)}")
    root = Path(__file__).resolve().parents[2]
    if not (root / "bench").is_dir():
        raise BroadsheetError(f"{root}/bench is not there: benches run from a checkout of the project")
    sys.path.insert(0, str(root))
    ctx.exit(importlib.import_module(f"bench.{name}").main(list(arguments)))
