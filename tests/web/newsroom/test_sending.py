"""When an issue goes out, decided at the desk: at an hour, stopped, let go on, asked about if that was missed; and a test mail."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from worker import editorial
from worker.delivery.hours import Hour, describe_hour
from worker.delivery.schedule import schedule_issue, start_due
from worker.storage.models import AuditEntry, Editor, Issue
from worker.web.newsroom.today import say_local

pytestmark = pytest.mark.usefixtures("readers")


def _page(desk: Client, issue: Issue) -> Any:
    return desk.get(f"/desk/issues/{issue.pk}/")


def _act(desk: Client, issue: Issue, verb: str, **words: object) -> Any:
    return desk.post(f"/desk/issues/{issue.pk}/{verb}/", words)


def _approve(desk: Client, issue: Issue, send: str = "later", **words: object) -> Any:
    return _act(desk, issue, "approve", proof_sha256=_page(desk, issue).context["sheet"].proof.sha256, send=send, **words)


def _morning() -> dict[str, str]:
    """The day after tomorrow at seven in Berlin, where it then is another hour than in UTC."""
    return {"day": f"{timezone.now() + timedelta(days=2):%Y-%m-%d}", "clock": "07:00", "zone": "Europe/Berlin"}


def _now(issue: Issue) -> Issue:
    return Issue.objects.get(pk=issue.pk)


def _miss(issue: Issue) -> None:
    schedule_issue(issue.pk, Hour(timezone.now() - timedelta(hours=2, minutes=30), "Europe/Berlin"), by="approver@example.com")
    start_due()


def test_it_is_approved_with_its_hour_in_one_step_and_says_it_in_both_zones(issue: Issue, desk: Client, approver: Editor) -> None:
    form = _page(desk, issue)
    assert "Approve, start at an hour" in form.text
    assert form.context["sheet"].start.values["zone"] == "Europe/London", "the newsletter's own"
    answer = _approve(desk, issue, "at", **_morning())
    assert answer.status_code == 302
    found = _now(issue)
    assert found.state == "approved"
    assert f"{found.send_at:%M}" == "00"
    page = _page(desk, issue).text
    words = describe_hour(found.send_at, "Europe/Berlin")
    assert "07:00 in Europe/Berlin (UTC+0" in words
    assert page.count(f"It starts by itself on {words}.") == 1, "the answer"
    assert f"It starts by itself on <strong>{words}</strong>" in page, "and what stays"
    assert list(AuditEntry.objects.filter(actor=approver.email).order_by("id").values_list("action", flat=True)) == [
        "approve", "schedule"]


@pytest.mark.parametrize(("given", "says"), [
    ({"clock": ""}, "Time: This field is required"), ({"zone": "Europe/Berln"}, "did you mean Europe/Berlin?"),
    ({"day": "2020-01-01"}, "2020-01-01 07:00 is long past"), ({"day": "soon"}, "is not a date and an hour"),
])
def test_with_a_wrong_hour_nothing_is_approved_and_what_was_typed_is_still_there(
    issue: Issue, desk: Client, given: dict[str, str], says: str
) -> None:
    answer = _approve(desk, issue, "at", **{**_morning(), **given})
    assert answer.status_code == 422
    assert "Not approved: " in answer.text
    assert says in answer.text
    assert _now(issue).state == "draft"
    kept = {**_morning(), **given}
    for name, value in kept.items():
        assert f'name="{name}"' in answer.text
        assert f'value="{value}"' in answer.text
    assert "As you typed it" not in answer.text


def test_a_changed_proof_is_neither_approved_nor_given_an_hour(issue: Issue, desk: Client) -> None:
    answer = _act(desk, issue, "approve", proof_sha256="0" * 64, send="at", **_morning())
    assert answer.status_code == 409
    assert (_now(issue).state, _now(issue).send_at) == ("draft", None)


def test_the_hour_is_set_changed_and_taken_back(issue: Issue, desk: Client, editors_desk: Client) -> None:
    _approve(desk, issue)
    assert "Start at an hour" in _page(desk, issue).text
    assert _act(desk, issue, "schedule", **_morning()).status_code == 302
    page = _page(desk, issue)
    assert "Change the hour" in page.text
    assert page.context["sheet"].start.values == _morning(), "what is set stands in the form"
    _act(desk, issue, "schedule", **{**_morning(), "clock": "08:30"})
    words = describe_hour(_now(issue).send_at, "Europe/Berlin")
    assert "08:30 in Europe/Berlin" in words
    theirs = _page(editors_desk, issue).text
    assert words in theirs
    assert "/schedule/" not in theirs
    front = desk.get("/desk/").text
    assert f"it starts by itself {say_local(_now(issue).send_at, editorial.load().newsletters['aitrends'])}" in front
    _act(desk, issue, "unschedule")
    assert _now(issue).send_at is None
    assert "It starts by itself" not in _page(desk, issue).text


def test_a_refused_hour_says_why_and_is_not_lost(issue: Issue, desk: Client) -> None:
    _approve(desk, issue)
    answer = _act(desk, issue, "schedule", day="2020-01-01", clock="07:00", zone="Europe/Berlin")
    assert answer.status_code == 422
    assert "No hour was set: 2020-01-01 07:00 is long past; look at the year." in answer.text
    assert 'value="2020-01-01"' in answer.text
    assert _act(desk, issue, "withdraw").status_code == 302
    assert _act(desk, issue, "schedule", **_morning()).status_code == 409


def test_an_hour_that_comes_twice_is_said_to(issue: Issue, desk: Client) -> None:
    _approve(desk, issue)
    twice = _next_autumn_sunday()
    night = {"day": twice, "clock": "02:30", "zone": "Europe/Berlin"}
    answer = desk.post(f"/desk/issues/{issue.pk}/schedule/", night, follow=True).text
    assert "Mind: 02:30 comes twice that day in Europe/Berlin: the first is meant (UTC+02:00), not the second" in answer


def _next_autumn_sunday() -> str:
    """The last Sunday in October, this year or the next."""
    now = timezone.now()
    for year in (now.year, now.year + 1):
        last = max(day for day in (now.replace(year=year, month=10, day=number) for number in range(25, 32)) if day.weekday() == 6)
        if last > now + timedelta(days=1):
            return f"{last:%Y-%m-%d}"
    raise AssertionError("there is one every year")


def test_withdrawing_or_cancelling_takes_the_hour_with_it(issue: Issue, desk: Client) -> None:
    _approve(desk, issue, "at", **_morning())
    _act(desk, issue, "withdraw")
    assert (_now(issue).state, _now(issue).send_at) == ("draft", None)
    _approve(desk, issue)
    assert "It starts by itself" not in _page(desk, issue).text
    _act(desk, issue, "schedule", **_morning())
    _act(desk, issue, "cancel")
    assert (_now(issue).state, _now(issue).send_at) == ("cancelled", None)


def test_a_missed_start_is_seen_on_the_front_and_decided_on_its_page(
    issue: Issue, desk: Client, editors_desk: Client, approver: Editor
) -> None:
    _approve(desk, issue)
    _miss(issue)
    front = desk.get("/desk/").text
    assert f"AITrends {issue.slug} is held</strong> and waits for an approver" in front
    assert "Held: it missed its start: it was due on " in front
    assert "2 hours late" in front
    page = _page(desk, issue).text
    assert "Send it all the same, to 2 readers" in page
    assert "Give it another hour" in page
    assert "Keep it approved, without an hour" in page
    assert "Stop this issue for good" in page
    assert "Open it again as a draft" not in page
    assert "An approver decides whether it still goes out" in _page(editors_desk, issue).text
    _act(desk, issue, "resume")
    assert _now(issue).state == "sending"
    assert AuditEntry.objects.filter(actor=approver.email, action="release").count() == 1


def test_a_missed_start_gets_another_hour_or_none(issue: Issue, desk: Client) -> None:
    _approve(desk, issue)
    _miss(issue)
    _act(desk, issue, "schedule", **_morning())
    assert (_now(issue).state, _now(issue).note) == ("approved", "")
    _miss(issue)
    _act(desk, issue, "unschedule")
    assert (_now(issue).state, _now(issue).send_at) == ("approved", None)
    assert "Send now to 2 readers" in _page(desk, issue).text


def test_a_send_is_paused_and_goes_on(issue: Issue, desk: Client, editors_desk: Client, approver: Editor) -> None:
    assert _act(desk, issue, "pause").status_code == 409
    _approve(desk, issue, "now")
    assert "/pause/" in _page(desk, issue).text
    assert "/pause/" not in _page(editors_desk, issue).text
    assert "Paused." in desk.post(f"/desk/issues/{issue.pk}/pause/", follow=True).text
    assert (_now(issue).state, _now(issue).note) == ("held", f"paused by {approver.email}")
    assert f"Held: paused by {approver.email}" in desk.get("/desk/").text
    _act(desk, issue, "resume")
    assert _now(issue).state == "sending"


@pytest.fixture
def box(tmp_path: Path, settings: Any) -> Path:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    return tmp_path / "box" / "new"


def test_an_editor_tries_a_draft_out_on_themselves(issue: Issue, editors_desk: Client, editor: Editor, box: Path) -> None:
    page = _page(editors_desk, issue).text
    assert f'name="to" type="email" maxlength="254" required value="{editor.email}"' in page
    answer = editors_desk.post(f"/desk/issues/{issue.pk}/test-mail/", {"to": editor.email}, follow=True)
    assert f"A test mail to {editor.email} was handed over: “[TEST] {issue.subject}”." in answer.text
    [mail] = box.iterdir()
    assert f"To: {editor.email}\n" in mail.read_text()
    assert "/desk/test-mail/unsubscribe/" in mail.read_text()
    assert _now(issue).state == "draft"


def test_it_goes_to_nobody_else_who_is_not_allowed(issue: Issue, desk: Client, box: Path, settings: Any) -> None:
    settings.TEST_ADDRESSES = ["@house.example"]
    _approve(desk, issue)
    assert "or to @house.example" in _page(desk, issue).text
    answer = _act(desk, issue, "test-mail", to="one@example.com")
    assert answer.status_code == 422
    assert "Test mail: one@example.com may not get test mails" in answer.text
    assert 'value="one@example.com"' in answer.text
    assert not box.exists()
    assert _act(desk, issue, "test-mail", to="lawyer@house.example").status_code == 302
    assert len(list(box.iterdir())) == 1
    assert _act(desk, issue, "test-mail", to="").status_code == 422


def test_a_next_hop_that_is_not_there_is_said(issue: Issue, desk: Client, approver: Editor, settings: Any) -> None:
    settings.SENDER_URL = "smtp://127.0.0.1:1"
    answer = _act(desk, issue, "test-mail", to=approver.email)
    assert answer.status_code == 503
    assert "Test mail: " in answer.text
    assert "127.0.0.1:1" in answer.text


def test_what_is_on_its_way_is_not_tried_out(issue: Issue, desk: Client, approver: Editor) -> None:
    _approve(desk, issue, "now")
    assert "Send a test mail" not in _page(desk, issue).text
    assert _act(desk, issue, "test-mail", to=approver.email).status_code == 409
