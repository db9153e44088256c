"""Summaries by a language model from the command line: settings that cannot be, files, and nothing loaded that is not wanted."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.test_bad_input import assert_one_line, run
from tests.fakes.model_server import MODEL, ModelServer
from tests.stories.model_paper import GOOD, REPORTS
from worker.errors import BroadsheetError
from worker.values import check_amount, check_model_url

URL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(("wrong", "says"), [
    ({"SUMMARISER_URL": "localhost:8080"}, "SUMMARISER_URL: give the address of an OpenAI-compatible server"),
    ({"SUMMARISER_URL": URL}, "SUMMARISER_MODEL is missing"),
    ({"SUMMARISER_URL": "http://me:hunter2@127.0.0.1:9/v1", "SUMMARISER_MODEL": "m"}, "a key goes into SUMMARISER_API_KEY"),
    ({"SUMMARISER_API_KEY": "hunter2 sk-\u00e9"}, "SUMMARISER_API_KEY holds characters that no key has"),
    ({"SUMMARISER_TIMEOUT_SECONDS": "600"}, "SUMMARISER_TIMEOUT_SECONDS is 600"),
    ({"SUMMARISER_PROMPT_PRICE": "-1"}, "SUMMARISER_PROMPT_PRICE is '-1'"),
    ({"SUMMARISER_DAILY_LIMIT": "2"}, "SUMMARISER_DAILY_LIMIT counts nothing without prices"),
], ids=str)  # fmt: skip
def test_a_wrong_setting_is_one_line(service_environment: dict[str, str], wrong: dict[str, str], says: str) -> None:
    done = run({**service_environment, **wrong}, "summarise")
    assert_one_line(done, says)
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(("given", "asked"), [
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
    ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
    ("http://localhost:11434/v1/", "http://localhost:11434/v1"),
    ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
    ("https://models.example/compatible/v2beta/", "https://models.example/compatible/v2beta"),
    ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ("", ""),
])  # fmt: skip
def test_an_address_is_taken_with_and_without_v1(given: str, asked: str) -> None:
    assert check_model_url(given) == asked


@pytest.mark.parametrize("given", ["ftp://host/v1", "http://", "http://host:port/v1", "http://[::1/v1", "http://host/v1?key=x",
                                   "http://host/v1#x", "http://a b/v1", "http://m\u00f6del.example/v1", "v1"])
def test_no_address_of_a_server(given: str) -> None:
    with pytest.raises(BroadsheetError, match="SUMMARISER_URL"):
        check_model_url(given)


@pytest.mark.parametrize(("given", "amount"), [("0.15", Decimal("0.15")), (" 2 ", Decimal(2)), ("", None), ("0", Decimal(0))])
def test_an_amount(given: str, amount: Decimal | None) -> None:
    assert check_amount(given, "PRICE") == amount


@pytest.mark.parametrize("given", ["a lot", "nan", "inf", "1e99", "-0.1", "0,15"])
def test_no_amount(given: str) -> None:
    with pytest.raises(BroadsheetError, match="PRICE"):
        check_amount(given, "PRICE")


def write_story(folder: Path) -> Path:
    items = [{"source": feed, "title": title, "summary": text} for feed, title, text in REPORTS]
    (folder / "stories.jsonl").write_text(json.dumps({"id": 7, "items": items}) + "\n")
    return folder / "stories.jsonl"


def test_a_file_is_summed_up_by_the_model(service_environment: dict[str, str], tmp_path: Path) -> None:
    with ModelServer(key="right") as server:
        server.drafts = [GOOD]
        environment = {**service_environment, "SUMMARISER_URL": server.url, "SUMMARISER_MODEL": MODEL,
                       "SUMMARISER_API_KEY": "right", "OPENAI_API_KEY": "of-another-account", "OPENAI_ORG_ID": "elsewhere"}
        target = tmp_path / "summaries.jsonl"
        done = run(environment, "summarise", "--from", str(write_story(tmp_path)), "--to", str(target))
    assert done.returncode == 0, done.stderr
    assert json.loads(target.read_text())["headline"] == GOOD["headline"]
    assert "openai-organization" not in server.headers[0]
    assert "of-another-account" not in str(server.headers)


@pytest.mark.parametrize("command", ["summarise", "group"])
def test_a_file_without_an_end_is_given_up_in_a_line(
    service_environment: dict[str, str], tmp_path: Path, command: str
) -> None:
    done = run(service_environment, command, "--from", "/dev/zero", "--to", str(tmp_path / "out.jsonl"))
    assert_one_line(done, "/dev/zero: a line of more than 10 MB")
    assert not (tmp_path / "out.jsonl").exists()


def test_without_a_model_nothing_of_it_is_loaded(service_environment: dict[str, str], tmp_path: Path) -> None:
    story, target = write_story(tmp_path), tmp_path / "summaries.jsonl"
    program = (
        "import sys\n"
        f"sys.argv[1:] = ['summarise', '--from', {str(story)!r}, '--to', {str(target)!r}]\n"
        "from worker.__main__ import main\n"
        "assert not main()\n"
        "from worker import checkup, tasks\n"
        "assert not {'openai', 'worker.stories.model_client'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env=service_environment, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(target.read_text())["id"] == 7
