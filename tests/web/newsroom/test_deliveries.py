"""An issue's copies at the desk: live figures, who did not get it and why, and uncertain ones settled after being asked twice."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from tests.delivery.press import build_issue, states_of
from tests.web.newsroom.browsers import sign_in
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.breaker import hold_issue
from worker.delivery.deliver import finish_issue
from worker.readers.erase import erase
from worker.readers.leaving import leave
from worker.storage.models import AuditEntry, Delivery, Editor, Issue, Reader

STATES = ("failed", "bounced", "uncertain", "uncertain", "suppressed", "cancelled", "queued", "queued", "accepted", "delivered")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def number(db: None, editorial_file: object) -> int:
    """An issue under way with a copy or two in every state; one of the queued ones was put off."""
    issue_id = build_issue(len(STATES))
    start_issue(issue_id, by="x")
    freeze_audience(issue_id)
    rows = Delivery.objects.filter(issue_id=issue_id).order_by("pk")
    for row, state in zip(rows, STATES, strict=True):
        Delivery.objects.filter(pk=row.pk).update(state=state, error="550 5.2.1 full" if state == "failed" else "")
    first = rows.filter(state="queued")[0]
    Delivery.objects.filter(pk=first.pk).update(attempts=1, not_before=timezone.now() + timedelta(hours=1), error="450 busy")
    return issue_id


def page_of(browser: Client, issue_id: int, query: str = "") -> str:
    answer = browser.get(f"/desk/issues/{issue_id}/undelivered/{query}")
    assert answer.status_code == 200
    return str(answer.text)


def listed(text: str) -> list[str]:
    return re.findall(r"(reader\d+@example\.com|\(erased\))(?=<)", text)


def uncertain(issue_id: int) -> list[int]:
    return list(Delivery.objects.filter(issue_id=issue_id, state="uncertain").order_by("pk").values_list("pk", flat=True))


def post_settle(browser: Client, issue_id: int, **fields: Any) -> Any:
    return browser.post(f"/desk/issues/{issue_id}/settle/", fields)


def answer_question(browser: Client, issue_id: int, asked: Any) -> Any:
    """Press the button of the page that asks: send what its form holds."""
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', asked.text):
        if name != "csrfmiddlewaretoken":
            fields.setdefault(name, []).append(value)
    return post_settle(browser, issue_id, **fields)


def test_the_figures_are_live_and_sum_to_the_audience(desk: Client, number: int) -> None:
    page = desk.get(f"/desk/issues/{number}/progress/").text
    assert "htmx" in page
    counts = {state: int(count) for state, count in re.findall(r"</svg>(\w+) <span.+?<td class=\"number\">(\d+)</td>", page)}
    assert counts == {state: STATES.count(state) for state in set(STATES)}
    assert re.search(r"Audience</th><th class=\"number\">10</th>", page)
    assert "known in a moment" in page
    again = re.search(r'hx-get="([^"]+)" hx-trigger="load delay:1s, every 2s"', page)
    assert again
    Delivery.objects.filter(issue_id=number, state="queued").update(state="accepted")
    earlier = re.sub(r"seen=(\d+)", lambda found: f"seen={int(found[1]) - 20}", again[1].replace("&amp;", "&"))
    pane = desk.get(earlier, headers=HTMX).text
    assert "<html" not in pane
    assert "<dt>Rate</dt><dd>6 a minute</dd>" in pane
    assert "load delay" not in pane


def test_the_page_says_why_nothing_moves(desk: Client, number: int) -> None:
    assert "Waiting for a worker" in desk.get(f"/desk/issues/{number}/progress/").text
    hold_issue(number, "paused by chief@example.com: wrong date", by="chief@example.com")
    held = desk.get(f"/desk/issues/{number}/progress/", headers=HTMX)
    assert "paused by chief@example.com: wrong date." in held.text
    assert "hx-get" not in held.text, "nobody asks again and again about what is held"
    assert held.headers["HX-Refresh"] == "true"


def test_what_a_browser_makes_up_as_seen_is_passed_over(desk: Client, number: int) -> None:
    for made_up in ("x", "1:2", "9" * 40 + ".1:5", "1.5:" + "9" * 40, "%00", ",".join(["1764410000.123:5"] * 500)):
        assert desk.get(f"/desk/issues/{number}/progress/", {"seen": made_up}).status_code == 200


def test_who_did_not_get_it_and_why(editors_desk: Client, number: int) -> None:
    erase("reader1@example.com")
    page = page_of(editors_desk, number)
    assert listed(page) == ["reader0@example.com", "(erased)", *(f"reader{n}@example.com" for n in range(2, 7))]
    assert "550 5.2.1 full" in page
    assert re.search(r"450 busy; next try \d{4}-\d\d-\d\d \d\d:\d\d UTC", page)
    assert 'name="verdict"' not in page, "an editor settles nothing"
    assert "Export as CSV" not in page
    assert listed(page_of(editors_desk, number, "?state=queued")) == ["reader6@example.com"]
    assert listed(page_of(editors_desk, number, "?state=uncertain")) == ["reader2@example.com", "reader3@example.com"]
    assert editors_desk.get(f"/desk/issues/{number}/undelivered/?state=accepted").status_code == 404
    noted = AuditEntry.objects.filter(action="list undelivered").order_by("pk")
    assert [(entry.actor, entry.subject, entry.detail["state"]) for entry in noted] == [
        ("editor@example.com", f"issue {number}", state) for state in ("all", "queued", "uncertain")]


def test_a_long_list_has_pages(desk: Client, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.web.newsroom.deliveries.SHOWN", 3)
    assert "Page 1 of 3" in page_of(desk, number)
    pages = [listed(page_of(desk, number, f"?page={page}")) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert len({email for page in pages for email in page}) == 7
    assert "?page=1&amp;state=uncertain" not in page_of(desk, number, "?state=uncertain")
    assert listed(page_of(desk, number, "?page=99")) == pages[2]


def test_one_readers_copy_is_looked_up_without_an_address_in_the_address_bar(
    editors_desk: Client, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = editors_desk.post(f"/desk/issues/{number}/undelivered/", {"email": "READER8@"})
    assert listed(found.text) == ["reader8@example.com"]
    assert "accepted" in found.text
    reader = Reader.objects.get(email="reader8@example.com")
    entry = AuditEntry.objects.get(action="look for a reader")
    assert (entry.subject, entry.detail) == (f"issue {number}", {"found": str(reader.pk)})
    assert "type more of the address" not in found.text
    monkeypatch.setattr("worker.web.newsroom.deliveries.FOUND_SHOWN", 4)
    many = editors_desk.post(f"/desk/issues/{number}/undelivered/", {"email": "reader"}).text
    assert (len(listed(many)), "The first 4: type more of the address" in many) == (4, True)
    assert "No reader of this issue" in editors_desk.post(f"/desk/issues/{number}/undelivered/", {"email": "nobody@"}).text
    assert "Type at least" in editors_desk.post(f"/desk/issues/{number}/undelivered/", {"email": "r"}).text


def test_an_approver_takes_the_list_as_a_csv(desk: Client, editors_desk: Client, number: int) -> None:
    address = f"/desk/issues/{number}/undelivered/export/"
    answer = desk.post(address, {"state": "uncertain"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="issue-{number}-uncertain-' in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [row["email"] for row in rows] == ["reader2@example.com", "reader3@example.com"]
    assert AuditEntry.objects.get(action="export undelivered").actor == "approver@example.com"
    assert editors_desk.post(address).status_code == 403
    assert desk.post(address, {"state": "accepted"}).status_code == 422


def test_settling_asks_first_and_names_the_number(desk: Client, number: int) -> None:
    ids = uncertain(number)
    asked = post_settle(desk, number, verdict="accepted", copy=ids)
    assert "Settle 2 copies as taken?" in asked.text
    assert uncertain(number) == ids, "asking changes nothing"
    done = answer_question(desk, number, asked)
    assert done.status_code == 302
    assert done.headers["Location"] == f"/desk/issues/{number}/undelivered/?state=uncertain"
    assert "2 copies settled as taken by the next hop." in desk.get(done.headers["Location"]).text
    assert list(Delivery.objects.filter(pk__in=ids).values_list("state", flat=True)) == ["accepted", "accepted"]


def test_sending_again_says_that_readers_may_get_it_twice(desk: Client, number: int) -> None:
    Delivery.objects.filter(issue_id=number, state__in=["queued"]).update(state="accepted")
    assert finish_issue(number)
    leave(Reader.objects.get(email="reader2@example.com").pk, "aitrends", method="one-click")
    asked = post_settle(desk, number, verdict="again", every="1")
    text = " ".join(asked.text.split())
    assert "Send 1 copy once more?" in text
    assert "<strong>1 reader may get this issue twice.</strong>" in text
    assert "Message-ID" in text
    assert "on its way again until this copy is out" in text
    assert "1 more stays as it is" in text
    done = answer_question(desk, number, asked)
    page = desk.get(done.headers["Location"]).text
    assert "1 copy queued once more. 1 not sent again" in page
    assert Issue.objects.get(pk=number).state == "sending"
    assert states_of(number)["reader3@example.com"] == "queued"
    assert AuditEntry.objects.get(action="settle uncertain").detail["copies"] == 1


def test_what_was_settled_while_the_question_was_open_is_said(desk: Client, number: int) -> None:
    asked = post_settle(desk, number, verdict="failed", every="1")
    assert "Settle 2 copies as not sent?" in asked.text
    Delivery.objects.filter(pk=uncertain(number)[0]).update(state="delivered")
    page = desk.get(answer_question(desk, number, asked).headers["Location"]).text
    assert "1 copy settled as not sent. 1 had been settled meanwhile." in page
    late = post_settle(desk, number, verdict="failed", every="1")
    assert late.status_code == 409
    assert "none of these copies is uncertain any more" in late.text


@pytest.mark.parametrize(("fields", "says"), [
    ({"verdict": "accepted"}, "tick at least one, or all"), ({"every": "1"}, "Nothing was settled. Verdict"),
    ({"verdict": "lost", "every": "1"}, "Nothing was settled"), ({"verdict": "again", "copy": "x"}, "Nothing was settled"),
    ({"verdict": "again", "every": "1", "sure": "1"}, "the page that asks was cut short"),
])
def test_a_form_that_says_too_little_changes_nothing(desk: Client, number: int, fields: dict[str, str], says: str) -> None:
    answer = post_settle(desk, number, **fields)
    assert answer.status_code == 422
    assert says in answer.text
    assert len(uncertain(number)) == 2
    assert not AuditEntry.objects.filter(action="settle uncertain").exists()


def test_a_cancelled_issue_is_refused_in_words(desk: Client, number: int) -> None:
    Issue.objects.filter(pk=number).update(state="cancelled")
    answer = post_settle(desk, number, verdict="again", every="1")
    assert answer.status_code == 409
    assert f"Nothing was settled: issue {number} is cancelled" in answer.text
    assert post_settle(desk, number + 100, verdict="again", every="1").status_code == 404


def test_a_button_of_another_site_settles_nothing(approver: Editor, number: int) -> None:
    assert post_settle(sign_in(approver, enforce_csrf_checks=True), number, verdict="again", every="1").status_code == 403


def test_what_was_typed_is_shown_as_text(desk: Client, number: int) -> None:
    typed = '<b onclick="x">'
    assert escape(typed) in desk.post(f"/desk/issues/{number}/undelivered/", {"email": typed}).text


def test_an_issue_that_was_never_sent_has_a_page_too(desk: Client, issue: Issue) -> None:
    assert "Nothing of it has been sent." in page_of(desk, issue.pk)
    assert "Nobody has been sent a copy of it." in desk.get(f"/desk/issues/{issue.pk}/progress/").text
