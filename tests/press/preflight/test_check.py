"""All of the last check: what a sound issue gets, what older editions kept, and that it reads nothing twice."""

import json
from dataclasses import asdict, replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.issues.paper import NOW, make_story
from tests.press.preflight.findings import faults_of, find_all
from worker.issues.draft import draft_issue
from worker.issues.evidence import find_placements, read_story_articles
from worker.press.preflight import Finding, check_proof, list_blocking, read_finding
from worker.press.render import read_proof, render_proof, write_proof
from worker.storage.models import Edition, Editor, Issue


def test_a_sound_issue_passes_every_check(issue: Issue) -> None:
    assert faults_of(issue) == []


def test_each_fault_says_how_and_where_to_mend_it_and_what_is_well_does_not(issue: Issue) -> None:
    second = issue.placements.get(position=1)
    second.headline, second.sources = "", []
    second.save()
    proof = replace(render_proof(issue), subject="")

    found = check_proof(issue, proof)

    assert {(one.check, one.where) for one in list_blocking(found)} >= {
        ("subject", "subject"), ("stories", f"story-{second.pk}"), ("sources", f"story-{second.pk}")}
    assert all(one.mend for one in found if not one.ok)
    assert not any(one.mend or one.where for one in found if one.ok)


def test_many_faults_of_one_check_are_named_one_by_one_and_then_counted(issue: Issue) -> None:
    for number in range(7):
        make_story(f"Number {number}")
    issue = draft_issue("aitrends", now=NOW, again=True)
    issue.placements.all().delete()
    for number in range(7):
        story = make_story(f"Headline {number}")
        issue.placements.create(story=story, section="top", position=number, headline=story.headline)

    found = find_all(issue, "sources")

    assert len(found) == 5
    assert found[-1].message.endswith("(and 2 more)")


def test_what_an_older_edition_kept_is_still_read(issue: Issue, approver: Editor) -> None:
    proof = render_proof(issue)
    Edition.objects.create(issue=issue, subject=proof.subject, html=proof.html, text=proof.text, sha256=proof.sha256,
                           approved_by=approver, preflight=[
                               {"check": "size", "ok": True, "blocking": True, "message": "small"},
                               {"check": "later", "ok": False, "blocking": False, "message": "m", "of_the_future": 1}])

    assert read_proof(issue)[1] == [Finding("size", True, True, "small"), Finding("later", False, False, "m")]


def test_a_finding_survives_being_kept(issue: Issue) -> None:
    found = check_proof(issue, render_proof(issue))
    assert [read_finding(row) for row in json.loads(json.dumps([asdict(one) for one in found]))] == found


def test_the_file_beside_a_proof_holds_the_mends(issue: Issue, tmp_path: object) -> None:
    issue.placements.update(sources=[])
    files = {file.name: file for file in write_proof(issue, str(tmp_path))}

    report = json.loads(files["preflight.json"].read_text())

    assert report["ready"] is False
    fault = next(one for one in report["findings"] if one["check"] == "sources")
    assert (fault["mend"], fault["where"]) == ("Drop it.", f"story-{issue.placements.get(position=0).pk}")


@pytest.mark.parametrize("stories", [2, 12])
def test_the_number_of_queries_does_not_grow_with_the_stories(issue: Issue, stories: int) -> None:
    for number in range(stories - 2):
        story = make_story(f"Headline {number}")
        issue.placements.create(story=story, section="top", position=number + 2, headline=story.headline,
                                sources=[{"outlet": "O", "url": f"https://o.example/{number}"}])
    proof = render_proof(issue)
    placements = list(find_placements(issue))
    articles = read_story_articles([one.story_id for one in placements])

    with CaptureQueriesContext(connection, ) as asked:
        found = check_proof(issue, proof, placements=placements, articles=articles)

    assert len(asked) <= 9
    assert found == check_proof(issue, proof), "what the caller has read is what would be read"
