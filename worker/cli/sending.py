"""Commands about a send: when it starts by itself, stopped, let go on, called off; and a test mail before it."""

import click

from worker import editorial
from worker.cli.commands import open_database
from worker.cli.output import json_option, print_json, say
from worker.errors import BroadsheetError, NotFoundError

by_option = click.option("--by", "email", default="", help="Who decides this: an approver's address.  [default: the command line]")


def find_actor(email: str) -> str:
    """Return who is named in the audit log; raises BroadsheetError for an address that is no approver's."""
    if not email:
        return "the command line"
    from worker.storage.models import Editor

    editor = Editor.objects.filter(email=email.strip().lower(), is_active=True).first()
    if editor is None:
        raise NotFoundError(f"there is no editor {email}; add one: broadsheet editor add {email} --approver")
    if not editor.may_approve:
        raise BroadsheetError(f"{editor.email} may not decide about a send; ask an approver, or make one: "
                              f"broadsheet editor add {editor.email} --approver")
    return editor.email


def set_hour(issue_id: int, text: str, zone: str | None, email: str) -> None:
    """Give the issue its hour, and say it back in its zone and in UTC."""
    from worker.delivery.hours import read_hour
    from worker.delivery.schedule import schedule_issue
    from worker.issues.find import find_issue

    issue, actor = find_issue(issue_id), find_actor(email)
    hour = read_hour(text, zone if zone is not None else editorial.load().newsletter(issue.newsletter).timezone)
    schedule_issue(issue_id, hour, by=actor)
    say(f"issue {issue_id} starts by itself on {hour}; take that back: broadsheet unschedule {issue_id}")
    if hour.remark:
        say(f"mind: {hour.remark}")


@click.command("unschedule")
@click.argument("issue_id", metavar="ISSUE", type=int)
@by_option
@json_option
def unschedule_command(issue_id: int, email: str, as_json: bool) -> None:
    """Take back the hour at which ISSUE was to start.

    It stays approved, and is sent when somebody says so."""
    open_database()
    from worker.delivery.schedule import unschedule_issue

    had = unschedule_issue(issue_id, by=find_actor(email))
    _tell(as_json, {"issue": issue_id, "state": "approved", "send_at": None},
          f"issue {issue_id} has no hour any more" if had else f"issue {issue_id} had no hour; nothing was changed")


@click.command("pause")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--note", default="", help="Why; it is shown at the desk.")
@by_option
@json_option
def pause_command(issue_id: int, note: str, email: str, as_json: bool) -> None:
    """Stop ISSUE on its way until somebody lets it go on.

    What is being handed over at that moment still goes."""
    open_database()
    from worker.delivery.schedule import pause_issue

    pause_issue(issue_id, by=find_actor(email), note=" ".join(note.split()))
    _tell(as_json, {"issue": issue_id, "state": "held"}, f"issue {issue_id} is paused; go on: broadsheet resume {issue_id}")


@click.command("resume")
@click.argument("issue_id", metavar="ISSUE", type=int)
@by_option
@json_option
def resume_command(issue_id: int, email: str, as_json: bool) -> None:
    """Let a held ISSUE go on.

    Also one that missed the hour it was to start at."""
    open_database()
    from worker.delivery.schedule import let_go_on
    from worker.tasks import nudge

    let_go_on(issue_id, by=find_actor(email))
    nudge("deliver", issue_id)
    _tell(as_json, {"issue": issue_id, "state": "sending"},
          f"issue {issue_id} goes on; the running service sends it. Follow: broadsheet deliver {issue_id} --wait")


@click.command("cancel")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--note", required=True, help="Why; it is kept with the issue.")
@by_option
@json_option
def cancel_command(issue_id: int, note: str, email: str, as_json: bool) -> None:
    """Stop ISSUE for good.

    Copies that are out cannot be called back; the others are never sent."""
    open_database()
    from worker.delivery.deliver import cancel_issue

    spared = cancel_issue(issue_id, by=find_actor(email), note=" ".join(note.split()))
    _tell(as_json, {"issue": issue_id, "state": "cancelled", "spared": spared},
          f"issue {issue_id} is cancelled" + (f"; {spared} readers will not get it" if spared else ""))


@click.command("test-mail")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--to", required=True, help="Whom it goes to: an address that TEST_ADDRESSES allows, or that of --by.")
@click.option("--partners", is_flag=True, help="As a reader gets it who agreed to partners' content.")
@click.option("--by", "email", default="", help="The editor who asks.  [default: the command line]")
@json_option
def test_mail_command(issue_id: int, to: str, partners: bool, email: str, as_json: bool) -> None:
    """Send one test mail of ISSUE, a draft or approved.

    As a reader would get it, with [TEST] before its subject and links that change nothing."""
    open_database()
    from worker.delivery.trial import send_test
    from worker.storage.models import Editor

    own = email.strip().lower()
    if own and not Editor.objects.filter(email=own, is_active=True).exists():
        raise NotFoundError(f"there is no editor {email}; add one: broadsheet editor add {email}")
    sent = send_test(issue_id, to, by=own or "the command line", own=own, partners=partners)
    _tell(as_json, {"issue": issue_id, "to": sent.to, "subject": sent.subject, "sender": sent.sender},
          f"a test mail of issue {issue_id} to {sent.to} was handed over ({sent.sender}): {sent.subject}")


def _tell(as_json: bool, facts: dict[str, object], words: str) -> None:
    if as_json:
        print_json(facts)
    else:
        say(words)
