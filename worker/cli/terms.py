"""Commands about the terms: publish them, list them, see who has answered."""

from typing import Any

import click

from worker.cli.commands import open_database
from worker.cli.output import json_option, print_json, print_table, say


@click.group("terms")
def terms_command() -> None:
    """Look after the terms readers agree to."""


@terms_command.command("list")
@json_option
def list_terms(as_json: bool) -> None:
    """List the published versions."""
    open_database()
    from worker.storage.models import Terms

    rows = [{"kind": one.kind, "version": one.version, "effective": one.effective, "material": one.material,
             "sha256": one.sha256, "published_at": one.published_at} for one in Terms.objects.all()]
    if as_json:
        print_json(rows)
        return
    print_table(["kind", "version", "effective", "material", "wording"],
                [(one["kind"], one["version"], one["effective"], one["material"], str(one["sha256"])[:12]) for one in rows],
                empty="no terms are published; run `broadsheet terms publish`")


@terms_command.command("publish")
@json_option
def publish_command(as_json: bool) -> None:
    """Publish the files under templates/terms/ that are new, and say how many readers will be told by mail.

    The letters are owed by the timetable, within ten minutes, and go out after all others."""
    open_database()
    from worker import tasks
    from worker.readers.terms import publish_terms

    published = publish_terms()
    if published:
        tasks.nudge("renew")
    rows = [_foretell(one) for one in published]
    if as_json:
        print_json(rows)
        return
    print_table(["kind", "version", "takes effect", "readers", "what happens"],
                [(one["kind"], one["version"], one["effective"], one["letters"], one["then"]) for one in rows],
                empty="every file is published already")


def _foretell(terms: Any) -> dict[str, Any]:
    """Return what will happen now that a version is published."""
    from worker.readers.agree import list_asking
    from worker.readers.renewal import count_flagged, count_letters
    from worker.readers.terms import TOLD, find_before

    letters, then = count_letters(terms) if terms.kind in TOLD else 0, "nobody is written to"
    if terms.kind not in TOLD and terms.material and find_before(terms):
        letters, then = count_flagged(terms), f"these consents lapse on {terms.effective}, and their readers are told by mail"
    elif letters and terms in list_asking():
        then = f"asked by mail to agree before {terms.effective}; without an answer, paused"
    elif letters:
        then = "told by mail"
    return {"kind": terms.kind, "version": terms.version, "effective": terms.effective, "material": terms.material,
            "letters": letters, "then": then}


@terms_command.command("status")
@json_option
def status_command(as_json: bool) -> None:
    """Show for each version how many readers agreed, have not answered, or are paused, and how far the letters have come."""
    open_database()
    from worker.readers.renewal import list_standings

    rows: list[dict[str, Any]] = [
        {"kind": one.terms.kind, "version": one.terms.version, "effective": one.terms.effective, "material": one.terms.material,
         "asks": one.asks, "agreed": one.agreed, "not_answered": one.waiting, "paused": one.paused, "lapsed": one.lapsed,
         "letters": {"queued": one.queued, "sent": one.sent}}
        for one in list_standings()]
    if as_json:
        print_json(rows)
        return
    print_table(["kind", "version", "effective", "agreed", "not answered", "paused", "lapsed", "letters queued", "sent"],
                [(one["kind"], one["version"], one["effective"],
                  *((one["agreed"], one["not_answered"], one["paused"]) if one["asks"] else ("-", "-", "-")),
                  one["lapsed"], one["letters"]["queued"], one["letters"]["sent"]) for one in rows],
                empty="no terms are published; run `broadsheet terms publish`")
    if any(one["asks"] for one in rows):
        say("Agreed, not answered and paused count today's confirmed readers; who agreed to a later version counts as agreed.")
