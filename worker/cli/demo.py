"""What the demo shows at its end: what happened, where to look, what to type next."""

import os
import shlex
from pathlib import Path

from django.conf import settings

from worker.cli.output import print_table, say
from worker.demo.run import DEMO_EDITOR, NEWSLETTER, Report
from worker.storage.models import Editor
from worker.web.newsroom.entry import make_entry_link


def show_report(report: Report, *, every_document: bool) -> None:
    """Print the demo's closing tables."""
    if every_document:
        print_table(["document", "state", "entries", "new", "left out", "error"],
                    [(one.name, one.state, one.seen, one.new, one.skipped, one.error) for one in report.gathered],
                    empty="no documents", title="Documents")
        say("")
    print_table(["step", "what happened"], _what_happened(report), empty="", title="What happened")
    say("")
    print_table(["look at", "where"], _where_to_look(report), empty="")
    say("\nType next:")
    for line in _what_next(report):
        say(f"  {line}")


def _what_happened(report: Report) -> list[tuple[str, str]]:
    failed = [one for one in report.gathered if one.error]
    new = sum(one.new for one in report.gathered)
    rows = [
        ("gathered", f"{new} new items from {len(report.gathered)} feeds as of {report.moment:%d %B %Y %H:%M} UTC"
                     + (f"; {len(failed)} feeds with an error" if failed else "")),
        ("grouped", f"{report.items} items in {report.stories} stories, {report.shared_stories} of them told by several outlets"),
        ("readers", f"{report.readers} confirmed for {NEWSLETTER} by the link in their letter"),
    ]
    if report.issue is None:
        return [*rows, ("drafted", f"nothing: {report.why_no_issue}")]
    counts = ", ".join(f"{count} {state}" for state, count in report.states.items() if count) or "nobody"
    return [
        *rows,
        ("drafted", f"issue {report.issue.pk}: {report.issue.subject}"),
        ("approved", f"by {DEMO_EDITOR}, proof {report.issue.edition.sha256[:12]}"),
        ("delivered", f"{report.sent_now} sent now; of an audience of {report.audience}: {counts}"),
        *[("waiting", f"issue {draft.pk} ({draft.newsletter}) is a draft for you to approve") for draft in report.drafts],
    ]


def _where_to_look(report: Report) -> list[tuple[str, str]]:
    rows = [("the proof", str(path)) for path in report.proof if path.suffix in (".html", ".txt")]
    if report.a_mail:
        rows.append(("a mail", str(report.a_mail)))
    if report.issue:
        rows.append(("its page (after `up`)", f"{settings.BASE_URL}/archive/{report.issue.newsletter}/{report.issue.slug}/"))
    rows.append(("the inbox", str(report.outbox)))
    return rows


def _what_next(report: Report) -> list[str]:
    command = shlex.quote(os.path.relpath(Path(settings.ROOT) / ".venv" / "bin" / "broadsheet"))
    home = Path(settings.BROADSHEET_HOME)
    prefix = "" if home == Path("var").resolve() else f"BROADSHEET_HOME={shlex.quote(str(home))} "
    lines = [f"{prefix}{command} stories", f"{prefix}{command} up          # then sign in as {DEMO_EDITOR}, once, at:"]
    editor = Editor.objects.filter(email=DEMO_EDITOR).first()
    if editor:
        lines.append(make_entry_link(editor))
    if report.issue:
        lines.append(f"{prefix}{command} status {report.issue.pk}")
    return lines


