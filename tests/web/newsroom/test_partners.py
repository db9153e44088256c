"""A partner's content at the desk: put in, changed and taken out by editors, seen in the proof, and never without its label."""

from html import unescape
from pathlib import Path

import pytest
from django.test import Client

from tests.delivery.editions import CHIPS, EVERYBODYS, LABEL, OFFER, POLICY, add_reader, draft_for_topics, make_edition
from worker.delivery.audience import freeze_audience, start_issue
from worker.issues.draft import draft_issue
from worker.press.preflight import Finding, check_proof
from worker.press.render import render_proof, render_welcome
from worker.readers.terms import publish_terms
from worker.storage.models import OPENED, AuditEntry, Delivery, Issue, Measurement, PartnerBlock, Placement

pytestmark = pytest.mark.django_db
GOOD = {"partner": "Harbour Conferences", "headline": OFFER, "text": "Forty  speakers.\r\nFree coffee.",
        "url": "https://conferences.example/"}


@pytest.fixture(autouse=True)
def _published(db: None, editorial_file: Path) -> None:
    """The wording beside the readers' box names Harbour Conferences."""
    publish_terms()


def add(browser: Client, issue: Issue, *, htmx: bool = False, **words: object) -> object:
    issue.refresh_from_db()
    return browser.post(f"/desk/issues/{issue.pk}/partners/add/", {**GOOD, "revision": issue.revision, **words},
                        headers={"HX-Request": "true"} if htmx else {})


def find(issue: Issue) -> Finding:
    return next(one for one in check_proof(issue, render_proof(issue)) if one.check == "partners")


def test_an_editor_adds_changes_and_takes_out_a_partners_content(issue: Issue, editors_desk: Client) -> None:
    answer = add(editors_desk, issue)
    assert answer.status_code == 302  # type: ignore[attr-defined]
    assert answer.headers["Location"] == f"/desk/issues/{issue.pk}/#partners"  # type: ignore[attr-defined]
    block = PartnerBlock.objects.get()
    assert (block.text, block.made_by.email) == ("Forty speakers. Free coffee.", "editor@example.com")
    page = editors_desk.get(f"/desk/issues/{issue.pk}/").text
    assert LABEL in page
    proof = [editors_desk.get(f"/desk/issues/{issue.pk}/proof.{kind}").text for kind in ("html", "txt")]
    assert all(LABEL in part and OFFER in part for part in proof)
    assert find(issue) == Finding("partners", True, True, "1 blocks, each labelled")

    issue.refresh_from_db()
    words = {**GOOD, "revision": issue.revision, "headline": "Three days"}
    editors_desk.post(f"/desk/issues/{issue.pk}/partners/{block.pk}/edit/", words)
    assert PartnerBlock.objects.get().headline == "Three days"
    issue.refresh_from_db()
    editors_desk.post(f"/desk/issues/{issue.pk}/partners/{block.pk}/remove/", {"revision": issue.revision})
    assert not PartnerBlock.objects.exists()
    assert LABEL not in editors_desk.get(f"/desk/issues/{issue.pk}/proof.html").text
    log = list(AuditEntry.objects.filter(subject=f"issue {issue.pk}", actor="editor@example.com").order_by("id"))
    assert [entry.action for entry in log] == ["add partner block", "edit partner block", "remove partner block"]
    assert log[1].detail["before"]["headline"] == OFFER
    assert log[2].detail["before"]["headline"] == "Three days"


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(("wrong", "words"), [
    ({"partner": "Somebody Else"}, "is no partner whom readers agreed to hear of"),
    ({"headline": " "}, "Headline"),
    ({"text": "\u202e\ue010"}, "the partner's text has 0 characters"),
    ({"url": "javascript:alert(1)"}, "is not one that a mail may link to"),
    ({"url": "mailto:a@b.example"}, "is not one that a mail may link to"),
    ({"url": "https://reader.invalid/unsubscribe/"}, "is not one that a mail may link to"),
])
def test_what_may_not_be_printed_is_refused_and_shown_back(
    issue: Issue, editors_desk: Client, wrong: dict[str, str], words: str, htmx: bool
) -> None:
    answer = add(editors_desk, issue, htmx=htmx, **wrong)
    assert answer.status_code == 422  # type: ignore[attr-defined]
    page = unescape(answer.text)  # type: ignore[attr-defined]
    assert words in page
    assert "Free coffee." in page or "text" in wrong
    assert not PartnerBlock.objects.exists()


def test_the_second_of_two_editors_is_told_and_keeps_the_text(issue: Issue, editors_desk: Client) -> None:
    add(editors_desk, issue)
    block, seen = PartnerBlock.objects.get(), issue.revision
    answer = editors_desk.post(f"/desk/issues/{issue.pk}/partners/{block.pk}/edit/",
                               {**GOOD, "revision": seen, "headline": "Typed too late"})
    assert answer.status_code == 409
    assert 'value="Typed too late"' in answer.text
    assert PartnerBlock.objects.get().headline == OFFER
    assert editors_desk.post(f"/desk/issues/{issue.pk}/partners/999/remove/", {"revision": seen + 1}).status_code == 404


def test_a_partner_no_longer_named_stops_the_issue(issue: Issue, desk: Client, editorial_file: Path) -> None:
    add(desk, issue)
    editorial_file.write_text(editorial_file.read_text().replace('"Harbour Conferences"', '"Another Partner"'))
    found = find(issue)
    assert (found.ok, found.blocking) == (False, True)
    assert found.message.startswith("“Harbour Conferences” is not named in feeds.toml and in the partners' wording in force")
    answer = desk.post(f"/desk/issues/{issue.pk}/approve/", {"proof_sha256": render_proof(issue).sha256, "send": "later"})
    assert answer.status_code == 422
    assert "not named in feeds.toml and the wording in force" in answer.text


def test_a_partner_whom_the_wording_does_not_name_yet_cannot_be_printed(issue: Issue, desk: Client, editorial_file: Path) -> None:
    """What readers agreed to names its partners: a line more in feeds.toml is nobody's consent."""
    editorial_file.write_text(editorial_file.read_text().replace('["Harbour Conferences"]', '["Harbour Conferences", "NewCo"]'))
    answer = add(desk, issue, partner="NewCo")
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "no partner whom readers agreed to hear of" in unescape(answer.text)  # type: ignore[attr-defined]
    add(desk, issue)
    PartnerBlock.objects.update(partner="NewCo")
    assert "“NewCo” is not named" in find(issue).message


@pytest.mark.parametrize(("values", "words"), [
    ({"headline": ""}, "has no headline or no text"), ({"text": "\ue010"}, "has no headline or no text"),
    ({"url": "ftp://x.example/"}, "has no address that a mail may link to"),
])
def test_a_block_that_lacks_something_stops_the_issue(
    issue: Issue, desk: Client, values: dict[str, str], words: str
) -> None:
    add(desk, issue)
    PartnerBlock.objects.update(**values)
    assert not find(issue).ok
    assert words in find(issue).message


def test_another_issue_of_the_day_takes_the_partners_content_along(issue: Issue, desk: Client) -> None:
    add(desk, issue)
    again = draft_issue("aitrends", again=True)
    assert [block.headline for block in again.partner_blocks.all()] == [OFFER]
    assert PartnerBlock.objects.count() == 2
    assert OFFER in render_proof(again).text


def test_the_welcome_letter_tells_of_the_issue_and_not_of_its_partners(issue: Issue, desk: Client) -> None:
    add(desk, issue)
    letter = render_welcome("AITrends", latest=issue, preferences_url="https://x.example/p/",
                            unsubscribe_url="https://x.example/u/")
    for part in (letter.html, letter.text):
        assert "Harbour bridge opens" in part
        assert OFFER not in part
        assert LABEL not in part
        assert "\ue010" not in part


def test_an_approved_issue_takes_no_more(issue: Issue, desk: Client) -> None:
    Issue.objects.filter(pk=issue.pk).update(state="approved")
    assert add(desk, issue).status_code == 409  # type: ignore[attr-defined]
    assert not PartnerBlock.objects.exists()


def test_the_proof_is_seen_as_one_reader_gets_it(editorial_file: Path, desk: Client) -> None:
    issue = draft_for_topics(editorial_file)
    add(desk, issue)
    page = desk.get(f"/desk/issues/{issue.pk}/").text
    address = f"/desk/issues/{issue.pk}/proof"
    assert f'src="{address}.html?of={render_proof(issue).sha256[:12]}' in page
    assert '<input type="radio" name="partners" id="partners-no" value="no">' in page
    assert "Chips and data centres alone" in page
    assert "Research alone" not in page  # no story of it
    for kind in ("html", "txt"):
        whole, without, chips = (desk.get(f"{address}.{kind}?{query}").text
                                 for query in ("", "partners=no", "topics=chips,nonsense"))
        assert all(words in whole for words in (OFFER, CHIPS, POLICY, EVERYBODYS))
        assert OFFER not in without
        assert POLICY in without
        assert OFFER in chips
        assert CHIPS in chips
        assert POLICY not in chips
        assert EVERYBODYS in chips
        assert not any("\ue000" <= char <= "\uf8ff" for char in whole + without + chips)


def test_editors_see_what_a_story_is_about(editorial_file: Path, desk: Client) -> None:
    issue = draft_for_topics(editorial_file)
    about = {placement.headline: placement.topics for placement in issue.placements.all()}
    assert about[CHIPS] == ["chips", "labs"]
    assert about[POLICY] == ["policy"]
    assert about[EVERYBODYS] == []
    page = desk.get(f"/desk/issues/{issue.pk}/").text
    assert page.count('<span class="tag">Law and policy</span>') == 1
    assert page.count('<span class="tag">Labs and their models</span>') == 2


def test_a_lead_is_for_everybody_whatever_it_is_about(editorial_file: Path, desk: Client) -> None:
    issue = draft_for_topics(editorial_file)
    chips = issue.placements.get(headline=CHIPS)
    desk.post(f"/desk/issues/{issue.pk}/stories/{chips.pk}/move/", {"revision": issue.revision, "to": 1})
    assert CHIPS in desk.get(f"/desk/issues/{issue.pk}/proof.txt?topics=policy").text
    assert "for everybody, as the lead" in desk.get(f"/desk/issues/{issue.pk}/").text
    assert Placement.objects.get(pk=chips.pk).topics == ["chips", "labs"]


def test_the_desk_says_how_many_of_those_who_agreed_opened_it(editorial_file: Path, desk: Client) -> None:
    issue_id = make_edition(editorial_file)
    for number in range(3):
        add_reader(f"yes{number}@example.com", tracking=True)
    add_reader("no@example.com")
    start_issue(issue_id, by="x")
    freeze_audience(issue_id)
    Delivery.objects.update(state="accepted")
    first, second, _ = Delivery.objects.filter(reader__tracking=True).order_by("pk")
    for delivery, link in ((first, OPENED), (first, 2), (first, 4), (second, OPENED)):
        Measurement.objects.create(delivery=delivery, link=link)
    page = desk.get(f"/desk/issues/{issue_id}/").text
    assert "Of 3 readers who agreed to be measured: opened 2, followed a link 1." in page
