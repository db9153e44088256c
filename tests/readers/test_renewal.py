"""New terms: who is told, asked, reminded and paused, on which day, once each; and consents that lapse."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.confirming import confirm
from tests.wordings import FIRST, NEW, PUBLISHED, SECOND, join, on, publish, publish_first
from worker.errors import ConflictError
from worker.readers.agree import agree_since, asked_since
from worker.readers.consent import record
from worker.readers.links import sign_link
from worker.readers.preferences import change
from worker.readers.renewal import LOOK_DAYS, count_letters, list_standings, owe_notices
from worker.readers.subscribe import sign_up
from worker.readers.terms import current_terms, publish_terms
from worker.storage import rounds
from worker.storage.models import Consent, ConsentAction, Notice, Purpose, Reader, Terms

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _first(db: None, editorial_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "SPAN", 2)  # several spans of readers, as on a long list
    publish_first()


def owed() -> set[tuple[str, str]]:
    """Return (address, stage) of all letters about terms."""
    return {(row.reader.email, row.details["stage"]) for row in Notice.objects.filter(kind="terms").select_related("reader")}


def sent() -> None:
    Notice.objects.filter(state="queued").update(state="accepted")


def test_material_terms_ask_remind_and_pause_each_once() -> None:
    for name in ("answers", "silent", "left", "pending"):
        join(f"{name}@example.com", state=name if name in ("left", "pending") else "confirmed")
    terms = publish()
    assert count_letters(terms, now=PUBLISHED) == 2
    told = {("answers@example.com", "asked"), ("silent@example.com", "asked")}
    for day in (PUBLISHED, PUBLISHED, on(SECOND - 8 * DAY)):
        owe_notices(now=day)
        assert owed() == told
        sent()
    reader = Reader.objects.get(email="answers@example.com")
    agree_since(reader, terms)
    for day, stage in ((SECOND - 7 * DAY, "week"), (SECOND - 3 * DAY, "week"), (SECOND - 2 * DAY, "last"),
                       (SECOND - DAY, "last"), (SECOND, "paused"), (SECOND + 30 * DAY, "paused")):
        owe_notices(now=on(day))
        told |= {("silent@example.com", stage)}
        assert owed() == told, day
        sent()
    assert asked_since(SECOND - DAY) == date.min
    assert asked_since(SECOND) == SECOND


def test_who_confirms_between_the_publishing_and_the_day_is_asked_too_and_not_hurried() -> None:
    publish()
    owe_notices(now=PUBLISHED)
    join("late@example.com")
    owe_notices(now=on(SECOND - 5 * DAY))
    sent()
    owe_notices(now=on(SECOND - 4 * DAY))
    assert owed() == {("late@example.com", "asked")}, "a week's reminder comes only when there was a week"
    owe_notices(now=on(SECOND - 2 * DAY))
    assert owed() == {("late@example.com", "asked"), ("late@example.com", "last")}
    join("later@example.com")
    for hour in (6, 12):
        owe_notices(now=on(SECOND - DAY, hour))
        sent()
    assert ("later@example.com", "last") not in owed()


def test_nobody_is_reminded_of_a_letter_that_has_not_gone_out() -> None:
    join("ada@example.com")
    publish()
    owe_notices(now=PUBLISHED)
    owe_notices(now=on(SECOND - 7 * DAY))
    assert owed() == {("ada@example.com", "asked")}


def test_a_small_change_is_told_and_asks_nothing() -> None:
    join("ada@example.com")
    terms = publish("1.1", material=False, effective=PUBLISHED.date())
    owe_notices(now=PUBLISHED + timedelta(hours=1))
    join("new@example.com", since=terms.effective, at=PUBLISHED + timedelta(hours=2))
    owe_notices(now=PUBLISHED + 3 * DAY)
    assert owed() == {("ada@example.com", "told")}
    assert asked_since(terms.effective) == date.min


def test_who_agreed_to_a_small_change_beforehand_is_not_told_of_it() -> None:
    ada, _ = join("ada@example.com"), join("bob@example.com")
    terms = publish("1.1", material=False)
    record(ada, Purpose.TERMS, ConsentAction.GIVEN, method="terms page", wordings={"newsletter": terms})
    owe_notices(now=PUBLISHED)
    assert owed() == {("bob@example.com", "told")}


@pytest.mark.parametrize("material", [True, False])
def test_a_new_privacy_notice_is_told_to_everybody(material: bool) -> None:
    join("ada@example.com")
    publish("2.0", "We keep your address and your name.\n", kind="privacy", material=material)
    owe_notices(now=PUBLISHED)
    owe_notices(now=on(SECOND))
    assert owed() == {("ada@example.com", "told")}


def test_old_changes_are_not_told_to_new_readers_for_ever() -> None:
    publish("1.1", material=False, effective=PUBLISHED.date())
    join("ada@example.com")
    owe_notices(now=PUBLISHED + LOOK_DAYS + 2 * DAY)
    assert owed() == set()


def test_the_first_version_of_a_kind_owes_nothing() -> None:
    join("ada@example.com", since=date(2025, 1, 1))
    owe_notices(now=PUBLISHED)
    assert owed() == set()


def test_two_changes_in_a_row_pause_once_and_are_answered_once() -> None:
    ada = join("ada@example.com")
    publish()
    third = publish("3.0", NEW + "\nMore.\n", effective=SECOND + 10 * DAY)
    for step in range(30):
        owe_notices(now=PUBLISHED + step * DAY)
        sent()
    assert owed() == {("ada@example.com", stage) for stage in ("asked", "week", "last", "paused")}
    keys = Notice.objects.filter(kind="terms").values_list("key", flat=True)
    assert sum(key.startswith(f"terms:{third.pk}:") for key in keys) == 1, "of the second change only its notice"
    agree_since(ada, third)
    ada.refresh_from_db()
    assert ada.terms_since >= asked_since(third.effective)


def test_a_form_from_before_the_day_is_no_answer_to_the_change() -> None:
    """Signed up under the first version, confirmed after the second came into force: paused at once, and told."""
    publish()
    sign_up("ada@example.com", ["daily"], wordings={"newsletter": Terms.objects.get(kind="newsletter", version="1.0")},
            now=on(SECOND - DAY))
    Reader.objects.update(terms_since=SECOND + DAY)  # as of a row made on that day
    Notice.objects.update(created_at=timezone.now())  # its link is signed today
    confirm(sign_link("confirm", notice=Notice.objects.get(kind="confirm").pk), now=on(SECOND + DAY))
    ada = Reader.objects.get()
    assert ada.terms_since == FIRST < asked_since(SECOND)
    owe_notices(now=on(SECOND + DAY))
    assert owed() == {("ada@example.com", "paused")}


def test_joining_under_the_newest_terms_is_an_answer(terms_now: Callable[[date], None]) -> None:
    ada = join("ada@example.com")
    publish()
    terms_now(SECOND)
    change(ada.pk, newsletters=["aitrends", "daily"])
    ada.refresh_from_db()
    assert ada.terms_since == SECOND
    owe_notices(now=on(SECOND))
    assert owed() == set()


@pytest.fixture
def terms_now(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Return a function that lets the wordings beside the boxes be those of a day."""
    from worker.readers import preferences

    def move(day: date) -> None:
        monkeypatch.setattr(preferences, "box_wordings", lambda: {"newsletter": current_terms(today=day)})

    return move


def test_an_import_counts_from_its_day() -> None:
    ada = join("ada@example.com", since=date(2026, 6, 1))
    record(ada, Purpose.NEWSLETTER, ConsentAction.GIVEN, method="import", newsletter="aitrends", source="an old list")
    agree_since(ada, Terms.objects.get(kind="newsletter", version="1.0"))
    assert ada.terms_since == date(2026, 6, 1)


# -- consents that lapse -------------------------------------------------------------------------------------------
def _gives(email: str, purpose: Purpose, wording: Terms | None, **fields: Any) -> Reader:
    reader = join(email, **{purpose.value: True}, **fields)
    record(reader, purpose, ConsentAction.GIVEN, method="form", wordings={purpose.value: wording} if wording else None)
    return reader


@pytest.mark.parametrize("purpose", [Purpose.PARTNERS, Purpose.TRACKING])
def test_consents_to_an_older_wording_lapse_on_the_day_and_are_told_of(purpose: Purpose) -> None:
    first = Terms.objects.get(kind=purpose.value)
    later = publish("2.0", "More of it.\n", kind=purpose.value)
    newest = publish("2.1", "More of it, please.\n", kind=purpose.value, material=False)
    _gives("old@example.com", purpose, first)
    _gives("new@example.com", purpose, later)
    _gives("newest@example.com", purpose, newest)
    _gives("imported@example.com", purpose, None)
    _gives("left@example.com", purpose, first, state="left")
    join("never@example.com")
    owe_notices(now=on(SECOND - DAY))
    assert not Consent.objects.filter(action="lapsed").exists()
    for _ in range(2):
        owe_notices(now=on(SECOND))
        rows = Consent.objects.filter(action="lapsed", purpose=purpose)
        assert {(row.reader.email, row.version, row.wording_sha256, row.method) for row in rows} == {
            ("old@example.com", "1.0", first.sha256, "new wording"), ("left@example.com", "1.0", first.sha256, "new wording"),
            ("imported@example.com", "", "", "new wording")}
        assert rows.count() == 3
        assert set(Reader.objects.filter(**{purpose.value: True}).values_list("email", flat=True)) == {
            "new@example.com", "newest@example.com"}
        assert owed() == {("old@example.com", "lapsed"), ("imported@example.com", "lapsed")}
    old = Reader.objects.get(email="old@example.com")
    change(old.pk, **{purpose.value: True}, wordings={"newsletter": current_terms(), purpose.value: later})  # type: ignore[arg-type]
    owe_notices(now=on(SECOND))
    old.refresh_from_db()
    assert getattr(old, purpose.value), "ticked anew, it holds"


def test_a_small_change_beside_a_box_lets_consents_stand() -> None:
    _gives("ada@example.com", Purpose.TRACKING, Terms.objects.get(kind="tracking"))
    publish("1.1", "You may measure, please.\n", kind="tracking", material=False, effective=PUBLISHED.date())
    owe_notices(now=PUBLISHED)
    assert Reader.objects.get().tracking
    assert owed() == set()


# -- publishing ----------------------------------------------------------------------------------------------------
@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(effective: date, *, kind: str = "newsletter", material: str = "true", text: str = NEW) -> Path:
        folder = tmp_path / "terms"
        folder.mkdir(exist_ok=True)
        front = f"version: 2.0\neffective: {effective}\nmaterial: {material}\ntitle: T"
        (folder / f"{kind}-2.0.md").write_text(f"---\n{front}\n---\n{text}")
        return folder

    return write_file


@pytest.mark.parametrize("kind", ["newsletter", "privacy"])
def test_a_material_change_must_be_told_in_time(write: Callable[..., Path], settings: Any, kind: str) -> None:
    settings.TERMS_NOTICE_DAYS = 14
    join("ada@example.com")
    with pytest.raises(ConflictError, match=r"too soon.*TERMS_NOTICE_DAYS.*2026-12-12") as refused:
        publish_terms(write(SECOND - DAY, kind=kind), now=PUBLISHED)
    assert "\n" not in str(refused.value)
    assert not Terms.objects.filter(version="2.0").exists()
    (row,) = publish_terms(write(SECOND, kind=kind), now=PUBLISHED)
    assert row.published_at == PUBLISHED


def test_a_small_change_and_terms_without_readers_need_no_time(write: Callable[..., Path]) -> None:
    join("gone@example.com", state="left")
    assert publish_terms(write(PUBLISHED.date()), now=PUBLISHED)
    join("ada@example.com")
    assert publish_terms(write(PUBLISHED.date(), kind="privacy", material="false"), now=PUBLISHED)


def test_what_readers_were_told_of_is_not_changed_any_more(write: Callable[..., Path]) -> None:
    join("ada@example.com")
    publish_terms(write(SECOND), now=PUBLISHED)
    assert publish_terms(write(SECOND, text=NEW + "\nMended.\n"), now=PUBLISHED), "nobody knows of it yet"
    owe_notices(now=PUBLISHED)
    mended = NEW + "\nMended.\n"
    for effective, text, material in ((SECOND, NEW, "true"), (SECOND + DAY, mended, "true"), (SECOND, mended, "false")):
        with pytest.raises(ConflictError, match=r"version 2\.0 was published"):
            publish_terms(write(effective, text=text, material=material), now=PUBLISHED)
    assert publish_terms(write(SECOND, text=NEW + "\nMended.\n"), now=PUBLISHED) == []


def test_how_far_a_version_has_come_adds_up() -> None:
    terms = publish()
    for name in ("agrees", "silent", "quiet"):
        join(f"{name}@example.com", "aitrends", "daily")
    owe_notices(now=PUBLISHED)
    agree_since(Reader.objects.get(email="agrees@example.com"), terms)
    before = {row.terms.version: row for row in list_standings(now=PUBLISHED) if row.terms.kind == "newsletter"}
    assert (before["2.0"].agreed, before["2.0"].waiting, before["2.0"].paused, before["2.0"].queued) == (1, 2, 0, 3)
    assert not before["1.0"].asks
    sent()
    after = next(row for row in list_standings(now=datetime(2026, 12, 12, tzinfo=UTC)) if row.terms == terms)
    assert (after.agreed, after.waiting, after.paused, after.queued, after.sent) == (1, 0, 2, 0, 3)
