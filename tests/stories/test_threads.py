"""Which story follows which: never all about one company, always a development of the same affair."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.stories.followed_cases import FOLLOWS, OTHER
from worker.stories.following import find_followed
from worker.stories.similarity import Article

START = datetime(2026, 9, 1, 8, tzinfo=UTC)
Case = tuple[str, float, str, str, str, str]


def stories(case: Case, number: int = 0) -> tuple[Article, Article]:
    _, days, headline, summary, later_headline, later_summary = case
    earlier = Article(f"{number}-earlier", headline, summary, None, START)
    return earlier, Article(f"{number}-later", later_headline, later_summary, None, START + timedelta(days=days))


@pytest.mark.parametrize("case", FOLLOWS, ids=[case[0] for case in FOLLOWS])
def test_a_development_follows_its_story(case: Case) -> None:
    earlier, later = stories(case)

    found = find_followed([later], [earlier], {earlier.id: "thread"})

    assert later.id in found
    assert found[later.id].earlier == earlier.id
    assert found[later.id].names or found[later.id].numbers, "an editor is told what they share"


@pytest.mark.parametrize("case", OTHER, ids=[case[0] for case in OTHER])
def test_another_event_follows_nothing(case: Case) -> None:
    earlier, later = stories(case)

    assert find_followed([later], [earlier], {earlier.id: "thread"}) == {}


def test_a_thread_does_not_wander_from_affair_to_affair() -> None:
    purchase = Article("1", FOLLOWS[0][2], FOLLOWS[0][3], None, START)
    between = Article("2", "Larkspur’s engineers leave for Tessaline after Norvane’s purchase",
                      "Forty engineers of Larkspur, which Norvane has agreed to buy, have gone to Tessaline in Gerano. They are to "
                      "make a chip for speech, the Tessaline Gerano One.", None, START + timedelta(days=4))
    beyond = Article("3", "Tessaline engineers show the Gerano One, a chip for speech",
                     "Tessaline has shown the Gerano One, a chip for speech that forty engineers made.", None,
                     START + timedelta(days=8))

    tied = {one: link.earlier for one, link in find_followed([purchase, between, beyond], [], {}).items()}
    alone = {one: link.earlier for one, link in find_followed([between, beyond], [], {}).items()}

    assert tied == {"2": "1"}
    assert alone == {"3": "2"}, "it is only the thread's beginning that keeps it out"


def test_among_all_of_them_each_finds_its_own_and_no_other() -> None:
    pairs = [stories(case, number) for number, case in enumerate([*FOLLOWS, *OTHER[:-1]])]
    everything = [story for pair in pairs for story in pair]
    wanted = {later.id: earlier.id for earlier, later in pairs[: len(FOLLOWS)]}

    found = {one: link.earlier for one, link in find_followed(everything, [], {}).items()}

    assert {one: earlier for one, earlier in found.items() if wanted.get(one) != earlier} == {}
    assert len(found) >= 0.8 * len(wanted)
    assert {one: link.earlier for one, link in find_followed(everything[::-1], [], {}).items()} == found
