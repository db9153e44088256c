"""What a sentence claims, held against its story's sources: what counts as the same, and what does not. All texts are invented."""

from datetime import UTC, datetime

import pytest

from worker.stories.evidence import check_sentence
from worker.stories.similarity import Article

# Published on a Tuesday.
TUESDAY = datetime(2026, 8, 18, 15, 0, tzinfo=UTC)
STORY = [
    Article("wire", "Norvane to buy Larkspur for $1.5bn",
            "Norvane, a U.S. chipmaker, agreed on Monday to buy Larkspur, said chief executive Mira K. Halvorsen. "
            "The price of $1.5bn is 48.5% above Friday's close. "
            "Larkspur employs 2,500 people in three cities and sold 14 models last year. "
            "“We will not close any of the labs,” Halvorsen said on 17 August.", "Wire", TUESDAY),
    Article("post", "Larkspur's founder stays",
            "Tomas Quell, who founded Larkspur in 2009, stays for 30 days. Dana Orrin of the Federal Harbour Agency (FHA) "
            "will look at the deal by 4 July 2027; two-thirds of the staff own shares. The Orsolo X4 sells for €650 and weighs "
            "1.2 kg. The regulator approved a similar deal, which Norvane had sued Belwick over.", "The Post", TUESDAY),
]  # fmt: skip


def doubts(sentence: str, story: list[Article] = STORY) -> list[tuple[str, str]]:
    return [(doubt.kind, doubt.text) for doubt in check_sentence(sentence, story).doubts]


@pytest.mark.parametrize(
    "sentence",
    [
        "Norvane pays 1.5 billion dollars for Larkspur.",
        "Norvane pays US$1.5B for Larkspur.",
        "Norvane pays $1,500 million for Larkspur.",
        "The price is 48.5 per cent above the close.",
        "The price is 48.5 percent above the close.",
        "The price is nearly 50% above the close.",
        "Larkspur has 2500 people.",
        "Larkspur has twenty-five hundred people in 3 cities.",
        "Larkspur has two thousand five hundred people.",
        "Larkspur sold fourteen models.",
        "Its founder Quell stays for a 30-day period.",
        "Its founder Quell stays for thirty days.",
        "Some 67% of the staff own shares.",
        "Two thirds of the staff own shares.",
        "The X4 weighs 1.2 kilograms and sells for 650 euros.",
    ],
)
def test_a_number_in_another_spelling_is_the_same_number(sentence: str) -> None:
    assert doubts(sentence) == []


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("Norvane pays $1.6bn for Larkspur.", "$1.6bn"),
        ("Norvane pays €1.5bn for Larkspur.", "€1.5bn"),
        ("Norvane pays $1.5 million for Larkspur.", "$1.5 million"),
        ("Norvane pays nearly $1.9bn for Larkspur.", "$1.9bn"),
        ("The price is 48.5 dollars above the close.", "48.5 dollars"),
        ("The price is 50% above the close.", "50%"),
        ("Larkspur has 2,600 people.", "2,600"),
        ("Larkspur has people in four cities.", "four"),
        ("Its founder Quell stays for 30 weeks.", "30 weeks"),
        ("Half of the staff own shares.", "Half of"),
    ],
)
def test_another_number_or_unit_is_doubted(sentence: str, number: str) -> None:
    assert ("number", number) in doubts(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Norvane agreed to the deal on 17 August.",
        "Norvane agreed to the deal on Aug. 17, 2026.",
        "Norvane agreed to the deal on August 17th.",
        "Norvane agreed to the deal on Monday.",
        "Norvane agreed to the deal this week.",
        "The agency looks at the deal by 2027-07-04.",
        "The agency looks at the deal by next year.",
        "Quell founded Larkspur in 2009.",
    ],
)
def test_a_date_in_another_spelling_is_the_same_date(sentence: str) -> None:
    assert doubts(sentence) == []


@pytest.mark.parametrize(
    ("sentence", "date"),
    [
        ("Norvane agreed to the deal on 27 August.", "27 August"),
        ("Norvane agreed to the deal on Aug. 17, 2025.", "Aug. 17, 2025"),
        ("Norvane agreed to the deal on Thursday.", "Thursday"),
        ("The agency looks at the deal by June 4, 2027.", "June 4, 2027"),
        ("Quell founded Larkspur in 2008.", "2008"),
    ],
)
def test_another_date_is_doubted(sentence: str, date: str) -> None:
    assert doubts(sentence) == [("date", date)]


def test_a_weekday_means_the_day_before_publication() -> None:
    story = [Article("a", "Ferry runs again", "The Ostermoor ferry ran again yesterday.", None, TUESDAY)]
    assert doubts("The Ostermoor ferry ran again on Monday.", story) == []
    assert doubts("The Ostermoor ferry ran again on 17 August.", story) == []
    assert doubts("The Ostermoor ferry ran again on 16 August.", story) == [("date", "16 August")]


def test_a_date_without_a_publication_day_is_held_against_the_words() -> None:
    story = [Article("a", "Ferry runs again", "The Ostermoor ferry ran again on Friday, May 8.", None, None)]
    assert doubts("The Ostermoor ferry ran again on 8 May, a Friday.", story) == []
    assert doubts("The Ostermoor ferry ran again on 9 May.", story) == [("date", "9 May")]


@pytest.mark.parametrize(
    "sentence",
    [
        "Halvorsen leads Norvane, which buys Larkspur.",
        "Mira Halvorsen leads Norvane, which buys Larkspur.",
        "Norvane of the United States buys Larkspur.",
        "American chipmaker Norvane buys Larkspur.",
        "Norvane CEO Mira Halvorsen buys Larkspur.",
        "Norvane's chief executive, Ms. Halvorsen, buys Larkspur.",
        "The FHA will look at Norvane's deal.",
        "The Federal Harbour Agency will look at Norvane's deal.",
        "The Post reports that Quell stays at Larkspur.",
    ],
)
def test_a_name_in_another_form_is_the_same_name(sentence: str) -> None:
    assert doubts(sentence) == []


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("Belvane buys Larkspur.", "Belvane"),
        ("Norvane buys Larksong.", "Larksong"),
        ("Tomas Halvorsen said that Norvane buys Larkspur.", "Tomas Halvorsen"),
        ("Mira Quell, who founded Larkspur, stays.", "Mira Quell"),
        ("Dana Halvorsen of the agency will look at the deal.", "Dana Halvorsen"),
        ("Canadian chipmaker Norvane buys Larkspur.", "Canadian"),
        ("The Orsolo X5 sells for €650.", "Orsolo X5"),
    ],
)
def test_another_name_or_a_name_made_of_two_is_doubted(sentence: str, name: str) -> None:
    assert ("name", name) in doubts(sentence)


@pytest.mark.parametrize(
    "quotation",
    [
        "“We will not close any of the labs”",
        '"we will not close any of the  labs,"',
        '"We will not close ... the labs"',
        '"We will not close any of [Larkspur\'s] labs"',
    ],
)
def test_a_quotation_stands_in_a_source_word_for_word(quotation: str) -> None:
    assert doubts(f"Halvorsen said {quotation} at Larkspur.") == []


def test_a_changed_quotation_is_doubted() -> None:
    assert doubts("Halvorsen said “we will not close most of the labs” at Larkspur.") == [
        ("quotation", "we will not close most of the labs")
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Halvorsen will close the labs.",
        "Norvane did not agree to buy Larkspur.",
        "The regulator rejected a similar deal.",
        "Belwick had sued Norvane over a similar deal.",
        "Fog kept fishing boats from leaving the southern islands for most of the winter.",
    ],
)
def test_the_opposite_a_swap_and_a_thing_made_up_are_doubted_as_a_whole(sentence: str) -> None:
    assert ("statement", sentence) in doubts(sentence)


def test_the_passages_that_bear_it_out_come_the_closest_first() -> None:
    checked = check_sentence("Quell, who founded Larkspur in 2009, stays after the $1.5bn deal.", STORY)
    assert checked.doubts == ()
    assert [passage.item_id for passage in checked.support] == ["post", "wire"]
    assert checked.support[0].text.startswith("Tomas Quell, who founded")
    assert all(any(passage.text in f"{one.title} {one.summary}" for one in STORY) for passage in checked.support)


def test_what_no_source_is_like_has_no_support() -> None:
    assert check_sentence("Fog kept fishing boats from leaving the southern islands all winter.", STORY).support == ()


def test_what_stands_word_for_word_in_a_source_is_borne_out() -> None:
    checked = check_sentence("Larkspur employs 2,500 people in three cities and sold 14 models last year.", STORY)
    assert (checked.doubts, [passage.item_id for passage in checked.support]) == ((), ["wire"])


def test_chinese_figures_and_dates_are_read() -> None:
    story = [Article("zh", "诺凡收购云雀", "诺凡公司2026年8月14日宣布以15亿美元收购云雀。云雀有3.5万名员工。", None, TUESDAY)]
    assert doubts("8月14日，诺凡宣布收购云雀，价格为15亿美元。", story) == []
    assert ("number", "16亿美元") in doubts("8月14日，诺凡宣布收购云雀，价格为16亿美元。", story)
    assert ("date", "8月15日") in doubts("8月15日，诺凡宣布收购云雀。", story)


@pytest.mark.parametrize("sentence", ["", "…", "“”", "。", "5", "$", "A", "\u200b", "-" * 2000, "(" * 500, "1," * 3000])
def test_any_text_is_answered(sentence: str) -> None:
    assert check_sentence(sentence, STORY).text == sentence
    assert check_sentence(sentence, []).support == ()


@pytest.mark.parametrize("piece", ["Apple will buy Larkspur.", "Norvane paid $3"])
def test_a_piece_of_a_sentence_is_not_borne_out_by_the_whole(piece: str) -> None:
    told = "Norvane's chief denied reports that Apple will buy Larkspur. Norvane paid $3.5 billion for it, he said."
    assert doubts(piece, [Article("wire", "Norvane speaks", told, "Wire", TUESDAY)])
