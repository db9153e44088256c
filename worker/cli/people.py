"""Commands about people: editors, readers."""


import click
from email_validator import EmailNotValidError, validate_email

from worker.cli.commands import open_database
from worker.cli.lists import export_command, import_command
from worker.cli.output import json_option, print_json, print_table, say
from worker.cli.records import erase_command, replay_command, retain_command, show_command
from worker.errors import BroadsheetError, NotFoundError


@click.group("editor")
def editor_command() -> None:
    """Look after the newsroom's people."""


@editor_command.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(["viewer", "editor", "approver", "admin"]), help="What they may do.  [default: editor]")
@click.option("--approver", is_flag=True, help="May approve and send issues: --role approver.")
def add_editor(email: str, role: str | None, approver: bool) -> None:
    """Add an editor and print a one-time sign-in link.

    For an editor who is there already: give them the role if one is named, and print another link."""
    try:
        address = validate_email(email, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise BroadsheetError(f"{email}: not an e-mail address ({error})") from error
    open_database()
    from worker.storage.models import Editor, Role
    from worker.web.newsroom.entry import make_entry_link
    from worker.web.newsroom.membership import change_role

    wanted = Role(role) if role else Role.APPROVER if approver else None
    editor = Editor.objects.filter(email=address).first()
    if editor is None:
        editor = Editor.objects.create_user(address, role=wanted or Role.EDITOR)
        say(f"added {address} as {editor.role}")
    elif wanted and editor.role != wanted:
        change_role(editor.pk, wanted, by="broadsheet editor add")
        say(f"{address} is {wanted} now")
    click.echo(make_entry_link(editor))


@editor_command.command("reset-second-factor")
@click.argument("email")
def reset_second_factor(email: str) -> None:
    """Remove the second factor of somebody who has lost phone and recovery codes: the password alone signs them in."""
    open_database()
    from worker.storage.models import Editor
    from worker.web.newsroom.membership import remove_factor

    editor = Editor.objects.filter(email=email.strip().lower()).first()
    if editor is None:
        raise NotFoundError(f"there is no editor {email}; see: broadsheet editor list")
    if remove_factor(editor.pk, by="broadsheet editor reset-second-factor"):
        say(f"{editor.email} has no second factor any more")
    else:
        say(f"{editor.email} had no second factor: nothing was changed")


@editor_command.command("list")
@json_option
def list_editors(as_json: bool) -> None:
    """List the editors."""
    open_database()
    from worker.storage.models import Editor

    rows = [{"email": one.email, "role": one.role, "approver": one.may_approve, "active": one.is_active}
            for one in Editor.objects.order_by("email")]
    if as_json:
        print_json(rows)
        return
    print_table(["email", "role", "approver", "active"], [tuple(one.values()) for one in rows],
                empty="no editors yet; broadsheet editor add EMAIL --approver")


@click.group("readers")
def readers_command() -> None:
    """Look after the readers."""


for one in (import_command, export_command, show_command, erase_command, replay_command, retain_command):
    readers_command.add_command(one)
