"""The bench on a home's own rulings: the machine is asked afresh, and the pairs can be taken along."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.own import print_own
from worker.storage.models import Editor, Feed, Item, ItemState
from worker.stories import rulings
from worker.stories.group import group_items

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
BUYS = "Norvane to buy speech firm Larkspur for $900 million"
TEXT = "Norvane has agreed to buy Larkspur, a maker of speech software, for $900 million in cash."
RETOLD = "Larkspur, which makes speech software, goes to Norvane for $900 million in cash, both firms said."
RAIN = "Rain delays the harvest in Elmwood", "Farmers in Elmwood wait for a dry week before they bring the barley in."


def add_item(feed: str, title: str, text: str, hours: float) -> Item:
    at = NOW + timedelta(hours=hours)
    row, _ = Feed.objects.get_or_create(name=feed)
    return Item.objects.create(feed=row, identity=f"{title}{hours}", url=f"https://{feed}.example/{hours:g}", title=title,
                               summary=text, at=at, seen_at=at, state=ItemState.NEW)


@pytest.fixture
def items(editorial_file: Path, db: None) -> list[Item]:
    """Two outlets on one purchase, a third event a little later, and a week after them a fourth."""
    made = [add_item("first-outlet", BUYS, TEXT, 0), add_item("second-outlet", BUYS.replace("to buy", "buys"), RETOLD, 2),
            add_item("third-outlet", *RAIN, 3), add_item("first-outlet", "Elmwood brings the barley in", RAIN[1], 200)]
    group_items()
    for item in made:
        item.refresh_from_db()
    return made


def test_nothing_ruled_is_said(editorial_file: Path, db: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_own() == (0, 0)
    assert "merge or split stories at the desk" in capsys.readouterr().out


def test_what_editors_ruled_is_held_against_what_the_machine_does_alone(
    items: list[Item], editor: Editor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, rain, _ = items
    assert one.story_id
    assert one.story_id == two.story_id != rain.story_id
    rulings.split_story(one.story_id, [two.pk], editor)  # the machine would have them together: wrong
    rulings.merge_stories([one.story_id, rain.story_id or 0], editor)  # and these apart: wrong
    rulings.split_story(one.story_id, [rain.pk], editor)  # the newest counts: apart, which is right
    out = tmp_path / "pairs.tsv"

    right, pairs = print_own(out)

    assert (right, pairs) == (1, 2)
    told = capsys.readouterr().out
    assert "2 pairs" in told
    assert "precision   0.00" in told
    assert out.read_text().splitlines() == [
        "url_a\turl_b\tlabel", f"{one.url}\t{two.url}\tdifferent", f"{one.url}\t{rain.url}\tdifferent"]


def test_a_pair_of_one_item_and_its_copy_says_nothing(items: list[Item], editor: Editor) -> None:
    one, two, rain, _ = items
    Item.objects.filter(pk=two.pk).update(copy_of=one)
    rulings.merge_stories([one.story_id or 0, rain.story_id or 0], editor)

    assert print_own()[1] == 1
