"""Commands of the desk: draft, issues, proof, approve, deliver, status."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from worker import editorial
from worker.cli.commands import open_database, open_settings
from worker.cli.copies import deliver_here, follow_issue
from worker.cli.output import json_option, print_json, print_table, say, show_time
from worker.cli.sending import by_option, find_actor, set_hour
from worker.errors import BroadsheetError, NotFoundError

if TYPE_CHECKING:  # models can be imported only once the settings stand
    from worker.storage.models import Issue, Signature


@click.command("draft")
@click.argument("newsletter")
@click.option("--again", is_flag=True, help="Make another issue from the same stories.")
@click.option("--digest", is_flag=True, help="Gather the week's issues for readers who get one mail a week.")
@json_option
def draft_command(newsletter: str, again: bool, digest: bool, as_json: bool) -> None:
    """Propose today's issue of NEWSLETTER, or its weekly digest.

    If it was drafted already, show that."""
    open_settings()
    editorial.load().newsletter(newsletter)
    open_database()
    from worker.issues.digest import draft_digest
    from worker.issues.draft import draft_issue

    issue = (draft_digest if digest else draft_issue)(newsletter, again=again, by="the command line")
    placed = issue.placements.filter(dropped=False)
    if as_json:
        print_json({"issue": issue.pk, "newsletter": newsletter, "period": issue.period, "digest": issue.digest,
                    "slug": issue.slug, "state": issue.state, "subject": issue.subject, "stories": placed.count()})
        return
    say(f"issue {issue.pk}: {newsletter} {issue.slug}, {issue.state}: {issue.subject}")
    print_table(["section", "headline", "outlets"],
                [(one.section, one.headline, ", ".join(source["outlet"] for source in one.sources)) for one in placed],
                empty="it holds no stories")
    say(f"next: broadsheet proof {issue.pk} -o proof, then broadsheet approve {issue.pk} --by EMAIL")


@click.command("issues")
@json_option
def issues_command(as_json: bool) -> None:
    """List the issues, the newest first."""
    open_database()
    from worker.storage.models import Issue

    issues = list(Issue.objects.all()[:500])
    if as_json:
        print_json([{"issue": one.pk, "newsletter": one.newsletter, "slug": one.slug, "digest": one.digest, "state": one.state,
                     "subject": one.subject, "drafted_at": one.drafted_at, "send_at": _start_of(one), "sent_at": one.sent_at}
                    for one in issues])
        return
    print_table(["issue", "newsletter", "period", "kind", "state", "drafted (UTC)", "starts (UTC)", "sent (UTC)", "subject"],
                [(one.pk, one.newsletter, one.slug, "weekly digest" if one.digest else "issue", one.state,
                  show_time(one.drafted_at), show_time(_start_of(one)), show_time(one.sent_at), one.subject) for one in issues],
                empty="no issues yet; run `broadsheet draft NEWSLETTER`")


def _start_of(issue: "Issue") -> datetime | None:
    """Return when an issue is to start by itself; None once it has, or if it is not to."""
    return issue.send_at if issue.state == "approved" else None


@click.command("proof")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("-o", "directory", type=click.Path(path_type=Path), default=Path("proof"), show_default=True,
              help="The directory to write to.")
@click.option("--ask", is_flag=True, help="First ask the links, the sender's domain and the way out, in this process.")
def proof_command(issue_id: int, directory: Path, ask: bool) -> None:
    """Write the proof of ISSUE to files.

    They are issue.html, issue.txt and preflight.json."""
    open_database()
    from worker.delivery import inquiries
    from worker.delivery.gate import check_issue
    from worker.issues.find import find_issue
    from worker.press.render import write_proof

    issue = find_issue(issue_id)
    if ask:
        inquiries.ask_again(issue)
        say(f"{inquiries.ask_due(issue.pk)} answers")
    for file in write_proof(issue, directory, check_issue):
        say(str(file))


@click.command("approve")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--by", "email", required=True, help="The approver's address.")
@json_option
def approve_command(issue_id: int, email: str, as_json: bool) -> None:
    """Approve ISSUE as it stands now.

    Binds the approver's name to the hash of its proof. With four_eyes in feeds.toml two people must, one after the other."""
    open_database()
    from worker.delivery.gate import let_go
    from worker.delivery.headcount import say_headcount
    from worker.issues.find import find_issue
    from worker.press.approve import BlockedError
    from worker.press.render import render_proof
    from worker.storage.models import Editor, Signature

    issue = find_issue(issue_id)
    editor = Editor.objects.filter(email=email.strip().lower()).first()
    if editor is None:
        raise NotFoundError(f"there is no editor {email}; add one: broadsheet editor add {email} --approver")
    try:
        done = let_go(issue.pk, editor=editor, proof_sha256=render_proof(issue).sha256)
    except BlockedError as error:
        for one in error.findings:
            click.echo(f"{one.check}: {one.message}. {one.mend}", err=True)
        raise
    if isinstance(done, Signature):
        _say_signed(done, as_json)
        return
    if as_json:
        print_json({"issue": issue.pk, "state": "approved", "approved_by": done.approved_by.email,
                    "approved_at": done.approved_at, "sha256": done.sha256, "headcount": done.headcount})
        return
    say(f"issue {issue.pk} approved by {done.approved_by.email}, proof {done.sha256[:12]}, "
        f"to {say_headcount(done) or 'its readers'}; next: broadsheet deliver {issue.pk}")


def _say_signed(signature: "Signature", as_json: bool) -> None:
    """Say who is still needed after the first of two."""
    from worker.press.signatures import find_others

    others = [one.email for one in find_others([signature.editor])]
    if as_json:
        print_json({"issue": signature.issue_id, "state": "draft", "signed_by": [signature.editor.email],
                    "signed_at": signature.at, "sha256": signature.sha256, "wanted_from": others})
        return
    wanted = " or ".join(others) if others else "somebody who has yet to be added: broadsheet editor add EMAIL --approver"
    say(f"issue {signature.issue_id} signed by {signature.editor.email}, proof {signature.sha256[:12]}; it is not approved yet: "
        f"it needs a second person's approval of the same text, from {wanted}")


@click.command("deliver")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--wait", is_flag=True, help="Follow the running service's work until it is done.")
@click.option("--inline", is_flag=True, help="Do the work in this process, without a broker.")
@click.option("--at", "hour", help='Let the running service start it then: "2026-12-01 07:00".')
@click.option("--zone", help="The time zone of --at, e.g. Europe/Berlin.  [default: the newsletter's]")
@by_option
def deliver_command(issue_id: int, wait: bool, inline: bool, hour: str | None, zone: str | None, email: str) -> None:
    """Send an approved ISSUE, or go on with one that was started.

    With --at, give it an hour to start at by itself, or another one."""
    if wait + inline + (hour is not None) > 1:
        raise BroadsheetError("give --wait, --inline or --at, no two of them")
    if zone is not None and hour is None:
        raise BroadsheetError("--zone goes with --at: say when")
    open_database()
    if hour is not None:
        set_hour(issue_id, hour, zone, email)
        return
    _start(issue_id, email)
    if inline:
        deliver_here(issue_id)
    elif not _is_sent(issue_id):
        from worker.tasks import nudge

        nudge("deliver", issue_id)
        if wait:
            follow_issue(issue_id)
        else:
            say(f"issue {issue_id} is queued; the running service sends it. Follow: broadsheet deliver {issue_id} --wait")
    _print_status(issue_id)
    if wait or inline:
        _require_no_stop(issue_id)


def _require_no_stop(issue_id: int) -> None:
    """Raise BroadsheetError if the issue was stopped: who waits for it must not take that for sent."""
    from worker.issues.find import find_issue
    from worker.storage.models import IssueState

    issue = find_issue(issue_id)
    if issue.state == IssueState.HELD:
        raise BroadsheetError(f"issue {issue_id} is held ({issue.note}); let it go on: broadsheet resume {issue_id}")
    if issue.state == IssueState.CANCELLED:
        raise BroadsheetError(f"issue {issue_id} was cancelled ({issue.note or 'no note'})")


def _start(issue_id: int, email: str) -> None:
    """Let an approved issue go; one that is going, or is out, is left as it is."""
    from worker.delivery.audience import start_issue
    from worker.issues.find import find_issue
    from worker.storage.models import IssueState

    issue, actor = find_issue(issue_id), find_actor(email)
    if issue.state == IssueState.APPROVED:
        start_issue(issue_id, by=actor)
    elif issue.state == IssueState.HELD:
        _require_no_stop(issue_id)
    elif issue.state not in (IssueState.SENDING, IssueState.SENT):
        raise BroadsheetError(f"issue {issue_id} is {issue.state}: only an approved issue is sent; "
                              f"broadsheet approve {issue_id} --by EMAIL")


def _is_sent(issue_id: int) -> bool:
    from worker.storage.models import Issue, IssueState

    return Issue.objects.filter(pk=issue_id, state=IssueState.SENT).exists()


@click.command("status")
@click.argument("issue_id", metavar="ISSUE", type=int)
@json_option
def status_command(issue_id: int, as_json: bool) -> None:
    """Show how ISSUE's deliveries stand.

    The states always sum to the audience."""
    open_database()
    if as_json:
        from worker.delivery.deliver import status

        print_json(status(issue_id))
    else:
        _print_status(issue_id)


def _print_status(issue_id: int) -> None:
    from worker.delivery.deliver import status
    from worker.delivery.hours import describe_hour
    from worker.issues.find import find_issue

    now, issue = status(issue_id), find_issue(issue_id)
    say(f"issue {issue_id}: {issue.state}, audience {now['audience']}" + (f" ({issue.note})" if issue.note else ""))
    starts = _start_of(issue)
    if starts:
        say(f"it starts by itself on {describe_hour(starts, issue.send_zone)}")
    print_table(["state", "readers"], now["states"].items(), empty="no deliveries yet")

