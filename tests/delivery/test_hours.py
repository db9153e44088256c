"""Hours as people say them, in their own time zone, on the days when the clocks change too."""

from datetime import UTC, datetime

import pytest

from worker.delivery.hours import Hour, describe_hour, read_hour
from worker.errors import BroadsheetError

NOW = datetime(2026, 10, 1, 9, 30, 20, tzinfo=UTC)


def read(text: str, zone: str, now: datetime = NOW) -> Hour:
    return read_hour(text, zone, now=now)


@pytest.mark.parametrize(("text", "zone", "utc"), [
    ("2026-12-01 07:00", "Europe/Berlin", "2026-12-01 06:00"),
    ("2026-12-01T07:00", "Europe/Berlin", "2026-12-01 06:00"),
    (" 2026-12-01 07:00:00 ", " europe/berlin ", "2026-12-01 06:00"),
    ("2027-07-01 07:00", "Europe/Berlin", "2027-07-01 05:00"),
    ("2026-12-01 07:00", "UTC", "2026-12-01 07:00"),
    ("2026-12-01 00:30", "Asia/Kolkata", "2026-11-30 19:00"),
    ("2026-12-01 20:00", "America/New York", "2026-12-02 01:00"),
    ("2026-10-01 10:30", "Europe/London", "2026-10-01 09:30"),  # this very minute, twenty seconds ago: it means now
    ("2027-10-02 00:00", "UTC", "2027-10-02 00:00"),
    ("2027-03-28 03:00", "Europe/Berlin", "2027-03-28 01:00"),  # the first minute after the clocks went forward
    ("2027-03-28 01:59", "Europe/Berlin", "2027-03-28 00:59"),
    ("2026-10-25 03:00", "Europe/Berlin", "2026-10-25 02:00"),
])
def test_an_hour_is_where_its_zone_has_it(text: str, zone: str, utc: str) -> None:
    hour = read(text, zone)
    assert f"{hour.at:%Y-%m-%d %H:%M}" == utc
    assert hour.at.tzinfo is UTC
    assert hour.remark == ""


@pytest.mark.parametrize(("text", "zone", "before", "after"), [
    ("2027-03-28 02:30", "Europe/Berlin", "2027-03-28 01:59 (UTC+01:00)", "2027-03-28 03:00 (UTC+02:00)"),
    ("2027-03-28 02:00", "Europe/Berlin", "2027-03-28 01:59 (UTC+01:00)", "2027-03-28 03:00 (UTC+02:00)"),
    ("2027-03-28 02:59", "Europe/Berlin", "2027-03-28 01:59 (UTC+01:00)", "2027-03-28 03:00 (UTC+02:00)"),
    ("2027-03-14 02:15", "America/New_York", "2027-03-14 01:59 (UTC-05:00)", "2027-03-14 03:00 (UTC-04:00)"),
    ("2026-10-04 02:10", "Australia/Lord_Howe", "2026-10-04 01:59 (UTC+10:30)", "2026-10-04 02:30 (UTC+11:00)"),  # half an hour
    ("2027-09-05 00:20", "America/Santiago", "2027-09-04 23:59 (UTC-04:00)", "2027-09-05 01:00 (UTC-03:00)"),  # at midnight
])
def test_an_hour_that_does_not_exist_is_refused_with_the_two_nearest_that_do(
    text: str, zone: str, before: str, after: str
) -> None:
    with pytest.raises(BroadsheetError, match="does not exist") as refused:
        read(text, zone)
    assert f"{before} and {after}" in str(refused.value)
    for nearest in (before, after):
        assert read(nearest.partition(" (")[0], zone).remark == ""


@pytest.mark.parametrize(("text", "zone", "utc", "first", "second"), [
    ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25 00:30", "UTC+02:00", "UTC+01:00"),
    ("2026-11-01 01:00", "America/New_York", "2026-11-01 05:00", "UTC-04:00", "UTC-05:00"),
    ("2027-04-04 01:45", "Australia/Lord_Howe", "2027-04-03 14:45", "UTC+11:00", "UTC+10:30"),
])
def test_an_hour_that_comes_twice_is_the_first_and_says_so(text: str, zone: str, utc: str, first: str, second: str) -> None:
    hour = read(text, zone)
    assert f"{hour.at:%Y-%m-%d %H:%M}" == utc
    assert f"the first is meant ({first}), not the second ({second})" in hour.remark
    assert first in str(hour)


def test_the_second_of_two_hours_is_had_in_utc() -> None:
    between = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    with pytest.raises(BroadsheetError, match=r"has passed; .* for the second time give 2026-10-25 01:30 UTC"):
        read("2026-10-25 02:30", "Europe/Berlin", between)
    assert read("2026-10-25 01:30", "UTC", between).at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(("text", "zone", "says"), [
    ("2026-10-01 10:28", "Europe/London", "10:28 in Europe/London (UTC+01:00), which is 09:28 UTC has passed"),
    ("2026-09-30 23:00", "UTC", "has passed"),
    ("2025-12-01 07:00", "UTC", "has passed"),
    ("2027-10-03 00:00", "UTC", "more than a year ahead"),
    ("2206-12-01 07:00", "UTC", "more than a year ahead"),
    ("9999-12-31 23:59", "America/New_York", "more than a year ahead"),
    ("0001-01-01 00:00", "Asia/Tokyo", "long past"),
    ("2026-02-30 07:00", "UTC", "'2026-02-30 07:00' is not a date and an hour; write them as 2026-12-01 07:00"),
    ("2026-12-01 25:00", "UTC", "is not a date and an hour"),
    ("2026-12-01", "UTC", "is not a date and an hour"),
    ("tomorrow", "UTC", "is not a date and an hour"),
    ("2026-12-01 07:00+01:00", "UTC", "is not a date and an hour"),
    ("٢٠٢٦-12-01 07:00", "UTC", "is not a date and an hour"),
    ("", "UTC", "is not a date and an hour"),
    ("2026-12-01 07:00", "Europe/Berln", "there is no time zone 'Europe/Berln'; did you mean Europe/Berlin?"),
    ("2026-12-01 07:00", "berlin", "did you mean Europe/Berlin?"),
    ("2026-12-01 07:00", "Europe", "there is no time zone 'Europe'"),
    ("2026-12-01 07:00", "../../etc/passwd", "there is no time zone"),
    ("2026-12-01 07:00", "a\0b", "there is no time zone"),
    ("2026-12-01 07:00", "", "there is no time zone ''; give one such as Europe/London, or UTC"),
])
def test_what_is_no_hour_to_come_is_one_line_that_says_why(text: str, zone: str, says: str) -> None:
    with pytest.raises(BroadsheetError) as refused:
        read(text, zone)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("zone", "says"), [
    ("Europe/Berlin", "Tuesday 1 December 2026, 00:30 in Europe/Berlin (UTC+01:00), which is Monday 30 November 2026, 23:30 UTC"),
    ("Asia/Kolkata", "Tuesday 1 December 2026, 05:00 in Asia/Kolkata (UTC+05:30), which is Monday 30 November 2026, 23:30 UTC"),
    ("America/New_York", "Monday 30 November 2026, 18:30 in America/New_York (UTC-05:00), which is 23:30 UTC"),
    ("UTC", "Monday 30 November 2026, 23:30 UTC"),
    ("", "Monday 30 November 2026, 23:30 UTC"),
    ("Moon/Tranquility", "Monday 30 November 2026, 23:30 UTC"),  # of another machine's time zone database
])
def test_it_is_said_back_in_its_zone_and_in_utc(zone: str, says: str) -> None:
    assert describe_hour(datetime(2026, 11, 30, 23, 30, tzinfo=UTC), zone) == says
