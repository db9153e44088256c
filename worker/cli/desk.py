"""Commands of the desk: draft, issues, proof, approve, deliver, status."""

import time
from pathlib import Path

import click

from worker import editorial
from worker.cli.commands import open_database, open_settings
from worker.cli.output import json_option, print_json, print_table, progress, say, show_time
from worker.errors import BroadsheetError, NotFoundError


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

    rows = [{"issue": one.pk, "newsletter": one.newsletter, "slug": one.slug, "digest": one.digest, "state": one.state,
             "subject": one.subject, "drafted_at": one.drafted_at, "sent_at": one.sent_at} for one in Issue.objects.all()[:500]]
    if as_json:
        print_json(rows)
        return
    print_table(["issue", "newsletter", "period", "kind", "state", "drafted (UTC)", "sent (UTC)", "subject"],
                [(one["issue"], one["newsletter"], one["slug"], "weekly digest" if one["digest"] else "issue", one["state"],
                  show_time(one["drafted_at"]),  # type: ignore[arg-type]
                  show_time(one["sent_at"]), one["subject"]) for one in rows],  # type: ignore[arg-type]
                empty="no issues yet; run `broadsheet draft NEWSLETTER`")


@click.command("proof")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("-o", "directory", type=click.Path(path_type=Path), default=Path("proof"), show_default=True,
              help="The directory to write to.")
def proof_command(issue_id: int, directory: Path) -> None:
    """Write the proof of ISSUE to files.

    They are issue.html, issue.txt and preflight.json."""
    open_database()
    from worker.issues.find import find_issue
    from worker.press.render import write_proof

    for file in write_proof(find_issue(issue_id), directory):
        say(str(file))


@click.command("approve")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--by", "email", required=True, help="The approver's address.")
@json_option
def approve_command(issue_id: int, email: str, as_json: bool) -> None:
    """Approve ISSUE as it stands now.

    Binds the approver's name to the hash of its proof."""
    open_database()
    from worker.issues.find import find_issue
    from worker.press.approve import approve_issue
    from worker.press.render import render_proof
    from worker.storage.models import Editor

    issue = find_issue(issue_id)
    editor = Editor.objects.filter(email=email.strip().lower()).first()
    if editor is None:
        raise NotFoundError(f"there is no editor {email}; add one: broadsheet editor add {email} --approver")
    edition = approve_issue(issue.pk, editor=editor, proof_sha256=render_proof(issue).sha256)
    if as_json:
        print_json({"issue": issue.pk, "state": "approved", "approved_by": editor.email,
                    "approved_at": edition.approved_at, "sha256": edition.sha256})
        return
    say(f"issue {issue.pk} approved by {editor.email}, proof {edition.sha256[:12]}; next: broadsheet deliver {issue.pk}")


@click.command("deliver")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--wait", is_flag=True, help="Follow the running service's work until it is done.")
@click.option("--inline", is_flag=True, help="Do the work in this process, without a broker.")
def deliver_command(issue_id: int, wait: bool, inline: bool) -> None:
    """Send an approved ISSUE, or go on with one that was started."""
    if wait and inline:
        raise BroadsheetError("give --wait or --inline, not both")
    open_database()
    from worker.delivery.audience import start_issue
    from worker.issues.find import find_issue
    from worker.storage.models import IssueState

    issue = find_issue(issue_id)
    if issue.state == IssueState.APPROVED:
        start_issue(issue_id, by="the command line")
    elif issue.state not in (IssueState.SENDING, IssueState.SENT):
        raise BroadsheetError(f"issue {issue_id} is {issue.state}: only an approved issue is sent; "
                              f"broadsheet approve {issue_id} --by EMAIL")
    if inline:
        _deliver_here(issue_id)
    elif issue.state != IssueState.SENT:
        from worker.tasks import nudge

        nudge("deliver", issue_id)
        if wait:
            _follow(issue_id)
        else:
            say(f"issue {issue_id} is queued; the running service sends it. Follow: broadsheet deliver {issue_id} --wait")
    _print_status(issue_id)


def _deliver_here(issue_id: int) -> None:
    from worker.delivery.deliver import deliver_issue

    with progress("sending", None) as update:
        deliver_issue(issue_id, on_progress=update)


def _follow(issue_id: int) -> None:
    from worker.delivery.deliver import status
    from worker.storage.models import Issue, IssueState

    with progress("sending", None) as update:
        last, moved = -1, time.monotonic()
        while Issue.objects.filter(pk=issue_id, state=IssueState.SENDING).exists():
            now = status(issue_id)
            still = now["states"].get("queued", 0) + now["states"].get("attempting", 0)
            update(now["audience"] - still, now["audience"])
            if still != last:
                last, moved = still, time.monotonic()
            elif time.monotonic() - moved > 120:
                raise BroadsheetError(f"issue {issue_id}: nothing has moved for two minutes; is `broadsheet up` running? "
                                      f"Or send from here: broadsheet deliver {issue_id} --inline")
            time.sleep(0.5)


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
    from worker.issues.find import find_issue

    now, issue = status(issue_id), find_issue(issue_id)
    say(f"issue {issue_id}: {issue.state}, audience {now['audience']}" + (f" ({issue.note})" if issue.note else ""))
    print_table(["state", "readers"], now["states"].items(), empty="no deliveries yet")

