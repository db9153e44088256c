"""Model servers that are slow, dead, wrong, dear or old, runs at the same time, and files instead of rows."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from structlog.testing import capture_logs

from tests.fakes.model_server import MODEL, ModelServer
from tests.ports import free_port
from tests.stories.model_paper import GOOD, REPORTS, add_story, assert_extractive, outcomes, serve, summarised
from worker import checkup
from worker.storage.models import Item, ModelCall, Story, StoryState
from worker.stories.calls import ASKED, read_spent
from worker.stories.files import summarise_file
from worker.stories.summarise import summarise_stories


@pytest.fixture
def server(editorial_file: object, settings: Any) -> Iterator[ModelServer]:
    yield from serve(settings)


@pytest.mark.parametrize(("mode", "says", "requests"), [
    ("garbage", "not the answer of an OpenAI-compatible server", 1),
    ("empty", "not the answer of an OpenAI-compatible server", 1),
    ("silent", "an empty answer", 1),
    ("prose", "not the JSON that was asked for", 2),
    ("schema", "not the JSON that was asked for", 2),
    ("refusal", "the model refused", 1),
    ("length", "cut off after", 1),
    ("huge", "an answer of more than 256 KB", 1),
    ("gzip", "a compressed answer", 1),
    ("hangs", "no complete answer within 1 second", 1),
    ("slow", "no complete answer within 1 second", 1),
    ("slow-head", "no complete answer within 1 second", 1),
    ("hangs-up", "cannot be reached", 3),
    ("redirect", "answered 307", 1),
    ("400", "refused the question", 3),
    ("401", "does not take SUMMARISER_API_KEY", 1),
    ("403", "does not take SUMMARISER_API_KEY", 1),
    ("404", "knows no such model", 1),
    ("quota", "no credit left", 1),
    ("503", "answered 503: Loading model", 3),
])  # fmt: skip
def test_a_bad_server_leaves_the_sources_own_sentences(
    db: None, server: ModelServer, settings: Any, mode: str, says: str, requests: int
) -> None:
    server.mode, settings.SUMMARISER_TIMEOUT_SECONDS = mode, 1 if mode in ("hangs", "slow", "slow-head") else 20
    assert_extractive(summarised(add_story()))
    assert len(server.asked) == requests
    assert [says in one for one in outcomes()] == [True] * requests


@pytest.mark.parametrize("mode", ["500", "429", "hangs-up"])
def test_a_passing_fault_is_tried_again(db: None, server: ModelServer, mode: str) -> None:
    server.script = [mode]
    assert summarised(add_story()).written_by == MODEL
    assert outcomes()[1:] == ["ok"]
    assert ModelCall.objects.order_by("pk")[0].prompt_tokens == 0


@pytest.mark.parametrize(("wait", "requests"), [
    ("1", 2), ("30", 1), ("3600", 1), ("Fri, 31 Dec 2049 23:59:59 GMT", 1), ("nan", 2), ("soon", 2)])
def test_patience_is_granted_within_bounds(
    db: None, server: ModelServer, settings: Any, wait: str, requests: int
) -> None:
    server.script, server.retry_after, settings.SUMMARISER_TIMEOUT_SECONDS = ["429"], wait, 60
    assert summarised(add_story()).written_by == (MODEL if requests == 2 else "")
    assert len(server.asked) == requests


@pytest.mark.parametrize(("mode", "requests"), [("404", 1), ("prose", 6), ("hangs", 3)])
def test_a_failing_model_is_left_alone_for_the_rest_of_the_run(
    db: None, server: ModelServer, settings: Any, mode: str, requests: int
) -> None:
    server.mode, settings.SUMMARISER_TIMEOUT_SECONDS = mode, 1
    stories = [add_story(number=number) for number in range(8)]
    with capture_logs() as lines:
        assert summarise_stories() == len(stories)

    for story in stories:
        story.refresh_from_db()
        assert_extractive(story)
    assert len(server.asked) == requests
    assert len([line for line in lines if "not asked for the rest of this run" in line["event"]]) == 1


def test_a_server_that_is_not_there(db: None, server: ModelServer, settings: Any) -> None:
    settings.SUMMARISER_URL = f"http://127.0.0.1:{free_port()}/v1"
    assert_extractive(summarised(add_story()))
    assert all(one.startswith("cannot be reached") for one in outcomes())
    assert read_spent().cost == 0


@pytest.mark.parametrize(("formats", "refused", "requests"), [
    ({"json_schema", "json_object", "none"}, set(), 1),
    ({"json_object", "none"}, set(), 2),
    ({"none"}, set(), 3),
    ({"json_schema", "json_object", "none"}, {"max_tokens", "temperature"}, 3),
])  # fmt: skip
def test_a_server_is_asked_in_the_way_it_knows_and_that_is_remembered(
    db: None, server: ModelServer, formats: set[str], refused: set[str], requests: int
) -> None:
    server.formats, server.refused = formats, refused
    assert summarised(add_story()).written_by == MODEL
    assert len(server.asked) == requests
    assert summarised(add_story(number=1)).written_by == MODEL
    assert len(server.asked) == requests + 1
    assert server.asked[-1].keys() & {"max_tokens", "max_completion_tokens"}, "an answer has a bound"


# -- what it costs ----------------------------------------------------------------------------------------------------


def test_every_request_is_counted(db: None, server: ModelServer, settings: Any) -> None:
    settings.SUMMARISER_PROMPT_PRICE, settings.SUMMARISER_COMPLETION_PRICE = Decimal("0.5"), Decimal("2")
    story = summarised(add_story())
    [call] = ModelCall.objects.all()
    assert (call.story, call.model, call.prompt_tokens, call.completion_tokens) == (story, MODEL, 1000, 200)
    assert call.cost == Decimal("0.0009")  # 1,000 at 0.5 and 200 at 2 for a million
    assert read_spent() == (1, Decimal("0.0009"))
    assert read_spent(timezone.now() + timedelta(days=1)) == (0, 0)


@pytest.mark.parametrize("mode", ["good", "slow"])
def test_what_a_server_does_not_say_is_counted_at_its_dearest(db: None, server: ModelServer, settings: Any, mode: str) -> None:
    settings.SUMMARISER_COMPLETION_PRICE, settings.SUMMARISER_TIMEOUT_SECONDS = Decimal("2"), 1
    server.mode, server.usage = mode, None
    summarised(add_story())
    assert read_spent().cost == Decimal("0.003")  # 1,500 tokens, the most an answer may have


def test_over_the_days_limit_nobody_is_asked_until_tomorrow(db: None, server: ModelServer, settings: Any) -> None:
    settings.SUMMARISER_COMPLETION_PRICE, settings.SUMMARISER_DAILY_LIMIT = Decimal("100"), Decimal("0.2")
    server.usage = {"prompt_tokens": 1000, "completion_tokens": 600}  # 0.06, and the next might cost 0.15
    with capture_logs() as lines:
        written = [summarised(add_story(number=number)).written_by for number in range(2)]
    assert written == [MODEL, ""]
    assert len(server.asked) == 1
    assert lines[0]["reason"].startswith("SUMMARISER_DAILY_LIMIT is 0.2, 0.06 of it is spent")

    ModelCall.objects.update(at=timezone.now() - timedelta(days=1))
    assert summarised(add_story(number=2)).written_by == MODEL


def test_a_limit_reached_before_the_second_question_leaves_the_first_answer_with_its_doubts(
    db: None, server: ModelServer, settings: Any
) -> None:
    settings.SUMMARISER_COMPLETION_PRICE, settings.SUMMARISER_DAILY_LIMIT = Decimal("100"), Decimal("0.2")
    server.usage = {"prompt_tokens": 1000, "completion_tokens": 600}
    server.drafts = [{**GOOD, "headline": "Norvane buys the speech firm Larkspur for $970 million"}]
    story = summarised(add_story())
    assert (story.written_by, [claim["kind"] for claim in story.doubts]) == (MODEL, ["number"])
    assert outcomes() == ["ok"]


# -- others at work ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_ask_once_about_each_story(server: ModelServer) -> None:
    for number in range(3):
        add_story(number=number)
    both = threading.Barrier(2)

    def run() -> None:
        try:
            both.wait(10)
            summarise_stories()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    summarise_stories()  # what one run left because the other was asking

    assert set(Story.objects.values_list("state", "written_by")) == {(StoryState.SUMMARISED, MODEL)}
    assert len(server.asked) == 3


def test_a_run_leaves_the_model_to_the_one_that_is_asking(db: None, server: ModelServer) -> None:
    waiting, other = add_story(), add_story([("first-outlet", "Rain", "Rain fell on Elmwood all of Monday.")], number=1)
    asking = ModelCall.objects.create(model=MODEL, outcome=ASKED, milliseconds=0)

    assert summarise_stories() == 1
    for story in (waiting, other):
        story.refresh_from_db()
    assert (waiting.state, other.state) == (StoryState.OPEN, StoryState.SUMMARISED)
    assert_extractive(waiting)  # a draft made now has it all the same

    ModelCall.objects.filter(pk=asking.pk).update(at=timezone.now() - timedelta(minutes=5))  # its process died
    assert summarised(waiting).written_by == MODEL


@pytest.mark.django_db(transaction=True)
def test_a_summary_of_older_words_is_not_written(server: ModelServer) -> None:
    story = add_story()

    def change() -> None:
        try:
            Item.objects.filter(story=story).update(title="Norvane will not buy Larkspur")
        finally:
            connection.close()

    server.on_ask = change
    assert summarise_stories() == 0
    story.refresh_from_db()
    assert (story.state, story.written_by) == (StoryState.OPEN, "")


def test_stories_of_most_outlets_come_first_and_the_rest_wait(db: None, server: ModelServer) -> None:
    single, shared = add_story(REPORTS[:1], number=1), add_story()
    server.drafts = []
    assert summarise_stories(seconds=0) == 0
    assert server.asked == []
    summarise_stories()
    assert list(ModelCall.objects.order_by("pk").values_list("story", flat=True)) == [shared.pk, single.pk]


# -- beside the rows --------------------------------------------------------------------------------------------------


def write_stories(path: Path) -> Path:
    items = [{"source": feed, "title": title, "summary": text} for feed, title, text in REPORTS]
    path.write_text("".join(json.dumps({"id": n, "items": items}) + "\n" for n in range(6)))
    return path


@pytest.mark.parametrize("mode", ["good", "503"])
def test_files_are_summed_up_the_same_way(server: ModelServer, tmp_path: Path, mode: str) -> None:
    server.mode = mode
    assert summarise_file(write_stories(tmp_path / "stories.jsonl"), tmp_path / "summaries.jsonl") == 6
    rows = [json.loads(line) for line in (tmp_path / "summaries.jsonl").read_text().splitlines()]
    assert {row["headline"] == GOOD["headline"] for row in rows} == {mode == "good"}
    assert all(row["summary"] for row in rows)
    assert len(server.asked) == (6 if mode == "good" else 9)


def find_line(part: str) -> checkup.Finding:
    [found] = [one for one in checkup.check_all() if one.part == part]
    return found


def test_the_check_says_whether_the_model_is_there(db: None, server: ModelServer, settings: Any) -> None:
    summarised(add_story())
    found = find_line("summaries")
    assert found.ok
    assert "1 request today" in found.message

    settings.SUMMARISER_MODEL = "fake-2"
    assert "fake-1" in find_line("summaries").message
    server.key = "secret"
    assert "SUMMARISER_API_KEY" in find_line("summaries").message
    settings.SUMMARISER_URL = f"http://127.0.0.1:{free_port()}/v1"
    found = find_line("summaries")
    assert (found.ok, found.blocking) == (False, False)
    assert "cannot be reached" in found.message
    settings.SUMMARISER_URL = ""
    assert find_line("summaries").ok
