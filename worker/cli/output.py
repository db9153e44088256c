"""How commands speak: tables on a terminal, JSON for machines, progress on anything long."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str, title: str | None = None) -> None:
    """Print rows as a table, or the sentence `empty`. On a pipe no column is cut or wrapped."""
    table = Table(*columns, title=title, title_justify="left", header_style="bold", show_edge=False, pad_edge=False)
    count = 0
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
        count += 1
    if not count:
        console.print(escape(empty))
        return
    wide = console if console.is_terminal else Console(width=240, highlight=False)
    wide.print(table)


def say(text: str) -> None:
    """Print one line."""
    console.print(escape(text), soft_wrap=True)


def show_time(moment: datetime | None) -> str:
    """Return a moment as the terminal shows it, in UTC."""
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "-"


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Yield a function to call with the number of things done so far; draws a bar on a terminal, nothing on a pipe."""
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   console=errors, transient=True, disable=not sys.stderr.isatty())
    with bar:
        task = bar.add_task(label, total=total)

        def update(done: int, of: int | None = None) -> None:
            bar.update(task, completed=done, total=total if of is None else of)

        yield update


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function to call with (stage, done, total): a bar for each stage on a terminal, a line for each on a pipe."""
    bar = Progress(TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   console=errors, disable=not sys.stderr.isatty())
    known: dict[str, TaskID] = {}
    with bar:

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in known:
                for task in known.values():
                    bar.update(task, completed=bar.tasks[task].total)
                known[stage] = bar.add_task(stage, total=max(total, 1))
                if not sys.stderr.isatty():
                    errors.print(stage, markup=False)
            bar.update(known[stage], completed=done, total=max(total, 1))

        yield tell
        for task in known.values():
            bar.update(task, completed=bar.tasks[task].total)
