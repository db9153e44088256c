"""Builds the command tree and turns every BroadsheetError into one line and exit status 2."""

import io
import os
import sys
from typing import Any

import click

from worker.cli.output import errors
from worker.errors import BroadsheetError


class Text(click.types.StringParamType):
    """What is typed and is no path: it will be stored, compared and sent. A path may be any bytes, as file names may."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError as error:  # Python hands bytes that are no text on as lone surrogates
            name = param.get_error_hint(ctx) if param else "an argument"
            typed = os.fsencode(text).decode("utf-8", "backslashreplace")
            raise BroadsheetError(f"{name}: {typed} is not UTF-8 text; type it in UTF-8") from error
        return text


class Commands(click.Group):
    """The rooms' commands, imported when asked for, in the order of the working day."""

    _modules = {
        "demo": "start", "up": "start", "check": "start", "migrate": "start", "bench": "start",
        "web": "start", "worker": "start", "beat": "start",
        "feeds": "news", "gather": "news", "group": "news", "summarise": "news", "stories": "news",
        "draft": "desk", "issues": "desk", "proof": "desk", "test-mail": "sending", "approve": "desk", "deliver": "desk",
        "unschedule": "sending", "pause": "sending", "resume": "sending", "cancel": "sending", "status": "desk",
        "undelivered": "copies", "settle": "copies",
        "editor": "people", "readers": "people", "terms": "terms", "receive": "post", "departures": "post",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._modules)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self._modules:
            return None
        module = __import__(f"worker.cli.{self._modules[name]}", fromlist=[name])
        command: click.Command = getattr(module, f"{name.replace('-', '_')}_command")
        _expect_text(command)
        return command


def _expect_text(command: click.Command) -> None:
    for param in command.params:
        if param.type is click.STRING:
            param.type = Text()
    for inner in getattr(command, "commands", {}).values():
        _expect_text(inner)


@click.command(cls=Commands, name="broadsheet", context_settings={"help_option_names": ["-h", "--help"]},
               epilog="To try it: broadsheet demo. To run it: broadsheet up. Every command explains itself with --help.")
@click.version_option(package_name="broadsheet", prog_name="broadsheet")
def broadsheet() -> None:
    """Gather news, draft an issue, approve it, send it to readers who opted in twice."""


def open_settings() -> None:
    """Read the settings and set Django up, without asking the database anything; may be called again.

    Raises BroadsheetError for a wrong setting.
    """
    import django

    from worker import settings  # noqa: F401  names itself to Django, or says what is wrong with the environment

    django.setup()
    from worker.logs import set_up_logs

    set_up_logs()


def open_database(*, migrate: bool = True) -> None:
    """Set Django up and see that the database answers and has its tables.

    An embedded SQLite file is migrated in passing; PostgreSQL is only asked, since other machines may be using it.
    Raises BroadsheetError with what to run.
    """
    open_settings()
    from worker.storage import schema

    if migrate:
        schema.open_database()


def main() -> int:
    """Run the command line; returns the exit status: 0 done, 1 ended badly, 2 something for a person to mend.

    `receive` speaks to a mail system instead, in sysexits.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does: a path may be no text, a terminal may lack a sign
    try:
        status = broadsheet.main(standalone_mode=False)  # what a command gave to ctx.exit, else None
    except BroadsheetError as error:
        errors.print(f"broadsheet: {error}", markup=False, soft_wrap=True, style="bold red" if errors.is_terminal else "")
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        errors.print("broadsheet: stopped", markup=False)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        from django.db import DatabaseError, InterfaceError

        if isinstance(error, DatabaseError | InterfaceError):
            from worker.storage.schema import explain

            errors.print(f"broadsheet: {explain(error)}", markup=False, soft_wrap=True)
            return 2
        raise
    return status if isinstance(status, int) else 0
