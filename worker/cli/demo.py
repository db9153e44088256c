"""What the demo shows at its end: what happened, where to look, what to type next."""

from worker import settings
from worker.cli.output import print_table, say
from worker.demo.run import DEMO_EDITOR, NEWSLETTER, Report
from worker.storage.models import Editor
from worker.web.newsroom.entry import make_entry_link


def show_report(report: Report, *, every_document: bool) -> None:
    """Print the demo's closing tables."""
    if every_document:
        print_table(["document", "state", "entries", "new", "old or repeated", "error"],
                    [(one.name, one.state, one.seen, one.new, one.skipped, one.error) for one in report.gathered],
                    empty="no documents", title="Documents")
        say("")
    print_table(["step", "what happened"], _what_happened(report), empty="", title="What happened")
    say("")
    for what, where in _where_to_look(report):  # not in a table: a path is there to be copied
        say(f"{what:22} {where}")
    say("\nType next:")
    for line in _what_next(report):
        say(f"  {line}")


def _what_happened(report: Report) -> list[tuple[str, str]]:
    failed = [one for one in report.gathered if one.error]
    new = sum(one.new for one in report.gathered)
    rows = [
        ("gathered", f"{new} new items from {len(report.gathered)} feeds as of {report.moment:%d %B %Y %H:%M} UTC"
                     + (f"; {len(failed)} feeds with an error" if failed else "")),
        ("grouped", f"{report.items} items of this home in {report.stories} stories, "
                    f"{report.shared_stories} told by several outlets"),
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
        *[("the day after", f"{sum(one.new for one in report.later)} new items") for _ in report.later[:1]],
        *[("update", f"{one.headline} (first told in issue {one.since_id})") for one in report.updates],
        *[("left out", line) for line in report.had],
        *[("waiting", f"issue {draft.pk} ({draft.newsletter}) is a draft for you to approve") for draft in report.drafts],
    ]


def _where_to_look(report: Report) -> list[tuple[str, str]]:
    names = {".html": "the proof", ".txt": "the proof as text"}
    rows = [(names[path.suffix], str(path)) for path in report.proof if path.suffix in names]
    if report.a_mail:
        rows.append(("a mail", str(report.a_mail)))
    if report.issue:
        rows.append(("its page (after `up`)", f"{settings.BASE_URL}/archive/{report.issue.newsletter}/{report.issue.slug}/"))
    rows.append(("the inbox (a maildir)", str(report.outbox)))
    return rows


def _what_next(report: Report) -> list[str]:
    name = settings.name_command
    lines = [name("stories"), f"{name('up')}          # then sign in as {DEMO_EDITOR}, once, at:"]
    editor = Editor.objects.filter(email=DEMO_EDITOR).first()
    if editor:
        lines.append(make_entry_link(editor))
    lines += [f"{name(f'status {report.issue.pk}')}"] if report.issue else []
    return lines
