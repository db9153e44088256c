"""The timetable's sweep: an issue somebody works on is left to them, one nobody works on is taken up."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from worker.storage.models import Delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def in_this_process() -> Iterator[None]:
    """Let Celery run each task where it is called."""
    from worker.celery import app

    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.mark.usefixtures("in_this_process")
def test_only_an_issue_nobody_works_on_is_taken_up(sending: Callable[..., int], tmp_path: Path, settings: Any) -> None:
    from worker.tasks import sweep

    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    sending(3)
    leased = Delivery.objects.order_by("pk").first()
    assert leased
    Delivery.objects.filter(pk=leased.pk).update(lease_token="another worker", leased_until=timezone.now() + timedelta(minutes=1))
    sweep()
    assert not list(tmp_path.glob("box/new/*"))
    Delivery.objects.filter(pk=leased.pk).update(leased_until=timezone.now() - timedelta(minutes=1))
    sweep()
    assert len(list(tmp_path.glob("box/new/*"))) == 3
