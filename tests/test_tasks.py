"""The timetable's tasks, as beat sends them: what is proposed by itself, and that nothing more is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.issues.paper import make_story, send_out
from worker.issues.draft import draft_issue
from worker.storage.models import Edition, Issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def due(editorial_file: Path) -> Path:
    """Both newsletters are due since midnight and in time until midnight; Daily has a digest today."""
    from worker.editorial import WEEKDAYS

    zone = "UTC" if timezone.now().hour < 22 else "Etc/GMT+12"
    local = timezone.now() - timedelta(hours=0 if zone == "UTC" else 12)
    text = editorial_file.read_text().replace('"Europe/London"', f'"{zone}"').replace('"05:30"', '"00:00"')
    text = text.replace('"06:00"', '"00:00"').replace('"09:00"', '"23:59"').replace('"10:00"', '"23:59"')
    head = "[newsletters.daily]\n"
    editorial_file.write_text(text.replace(head, f'{head}digest_on = "{WEEKDAYS[local.weekday()]}"\n'))
    return editorial_file


def test_the_week_s_digest_is_proposed_once_beside_the_issue_of_the_day_and_not_approved(due: Path) -> None:
    from worker.tasks import draft_due

    before = datetime.now(UTC) - timedelta(days=2)
    make_story("Harbour bridge opens", at=before - timedelta(hours=2))
    send_out(draft_issue("daily", now=before), before)
    make_story("Ferry fleet goes electric", at=datetime.now(UTC) - timedelta(hours=1))

    draft_due()
    draft_due()

    made = Issue.objects.filter(state="draft", newsletter="daily").order_by("digest")
    assert [(one.digest, one.subject) for one in made] == [
        (False, "Ferry fleet goes electric"), (True, "Daily, the week: Harbour bridge opens")]
    assert not Edition.objects.exists()


def test_a_week_without_an_issue_has_no_digest_and_stops_nothing(due: Path) -> None:
    from worker.tasks import draft_due

    make_story("Ferry fleet goes electric", at=datetime.now(UTC) - timedelta(hours=1))

    draft_due()

    assert [one.digest for one in Issue.objects.filter(newsletter="daily")] == [False]
