"""How a summary reads: nothing said twice, nothing that leans on what is not there, nothing to trip over, whatever comes in."""

from collections.abc import Callable

import pytest

from worker.stories.extract import summarise
from worker.stories.sentences import drop_lead_in, tidy
from worker.stories.similarity import Article
from worker.stories.standalone import (
    find_unexplained,
    is_addressing,
    is_chatty,
    is_dated,
    is_vague,
    leans_back,
    leans_on_context,
)
from worker.stories.summary import Summary


def item(title: str, text: str, name: str = "1") -> Article:
    return Article(name, title, text, None, None)


def said(summary: Summary) -> list[str]:
    return [sentence.text for sentence in summary.sentences]


STRIKE = [
    item("Port crane makers strike in Ostermoor",
         "Some 6,800 workers at the crane maker Veldt stopped work in Ostermoor on Thursday, the union said. "
         "The union plans three more days from 28 September.", "1"),
    item("Veldt workers walk out",
         "Workers at crane maker Veldt in Ostermoor stopped work on Thursday, the union said, some 6,800 of them. "
         "Veldt offers 3.5 per cent more pay over two years.", "2"),
]  # fmt: skip


def test_what_two_outlets_say_in_other_words_is_said_once() -> None:
    assert sum("stopped work" in sentence for sentence in said(summarise(STRIKE))) == 1


def test_what_only_one_outlet_knows_is_said_too() -> None:
    assert "3.5 per cent" in summarise(STRIKE).text


def test_a_single_item_does_not_say_its_headline_again() -> None:
    title = "Tarn Robotics opens a gripper factory in Coos County"
    text = f"{title} this week. The plant, 40 kilometres from the sea, makes 900 grippers a day with 120 people."
    assert not any("opens" in sentence for sentence in said(summarise([item(title, text)])))


def test_a_thin_item_gives_more_than_one_short_sentence() -> None:
    text = ("Cohort opens a research office in Elmwood. Six doctoral students start there in May. "
            "Two universities pay half of the rent for ten years.")  # fmt: skip
    assert len(summarise([item("A research office for Elmwood", text)]).sentences) >= 2


def test_a_longer_story_gets_a_longer_summary() -> None:
    text = ("Norvane will build a plant for batteries in Wellmund by 2031, its chief executive Ada Osei said on Tuesday. "
            "The county of Ostermoor gives the land and a road worth 41 million crowns to the company for ninety years. "
            "Two hundred jobs move from Larkspur, where Norvane closes a hall from 1974 that leaks. "
            "Environment groups want the river Elm tested by somebody else before a stone is laid.")  # fmt: skip
    long, short = summarise([item("Norvane picks Wellmund", text)]), summarise([item("Norvane picks Wellmund", text[:113])])
    assert len(long.text) > len(short.text)


@pytest.mark.parametrize("never", [
    "Have you ever lost a crane?", "I fed it ninety invoices and it read eighty-eight of them well.",
    "What a week for the harbour of Ostermoor!",
    "Another day, another strike in the harbour of Ostermoor this year.",
])  # fmt: skip
def test_colour_stays_out(never: str) -> None:
    text = f"Veldt offers crane workers in Ostermoor 3.5 per cent. {never} The union votes on 3 October in Wellmund."
    assert never not in said(summarise([item("Crane workers get an offer", text)]))


def test_a_surname_alone_waits_for_the_full_name() -> None:
    sentence = "Osei said the yard in Wellmund would stay open until spring."
    assert find_unexplained(sentence, f"Veldt has hired Ada Osei from Norvane. {sentence}") == {"Osei"}
    assert not find_unexplained(sentence, f"Veldt has a new chief. {sentence}")
    story = [item("Veldt hires a chief", f"Osei leads the yard? Ada Osei was hired, it seems... {sentence}")]
    assert sentence not in said(summarise(story))


def test_the_sentence_nearest_to_the_news_comes_first() -> None:
    story = [
        item("Zoomer closes a hole in its meetings", "A public tool from Elmwood found it in under 20 prompts.", "1"),
        item("Zoomer mends a hole that let strangers in",
             "Zoomer has closed a hole in its meetings that let strangers take over a computer. It was open for two years.", "2"),
        item("A hole in Zoomer let strangers in", "Zoomer closed a hole in its meetings on Monday that let strangers in.", "3"),
    ]  # fmt: skip
    assert said(summarise(story))[0].startswith("Zoomer")


@pytest.mark.parametrize(("sentence", "rest"), [
    ("But Norvane refused to sell.", "Norvane refused to sell."),
    ("Meanwhile, Norvane refused to sell.", "Norvane refused to sell."),
    ("The big picture: Norvane refused to sell.", "Norvane refused to sell."),
    ("But when Norvane refused, it sold.", "But when Norvane refused, it sold."),
    ("Butler Brothers refused to sell.", "Butler Brothers refused to sell."),
    ("Updated: July 7, 2026, 10:04 PM ET Norvane refused to sell.", "Norvane refused to sell."),
    ("May 3, 2026 was a Sunday.", "May 3, 2026 was a Sunday."),
])  # fmt: skip
def test_a_lead_in_is_dropped_if_the_rest_can_open(sentence: str, rest: str) -> None:
    assert drop_lead_in(sentence) == rest


@pytest.mark.parametrize(("fault", "bad", "good"), [
    (is_dated, "Norvane said yesterday that it won.", "“Today is a good day,” Norvane said on Friday."),
    (is_vague, "Being read by a machine is another matter.", "Being read by Norvane is another matter."),
    (leans_on_context, "The Finnish maker is to cut 300 jobs.", "The maker of cranes Veldt cuts 300 jobs."),
    (leans_back, "“We are done,” she said.", "“We are done,” said Ada Osei."),
    (leans_back, "“We are done.”", "Norvane is done."),
    (leans_back, "Together, these permits allow 800 cars.", "Elmwood permits 800 cars."),
    (is_chatty, "Is it true?", "“Is it true?” Ada Osei asked the court."),
    (is_chatty, "I tried it.", "“I tried it,” Ada Osei said."),
    (is_chatty, "Meet the new crane.", "Heyward met the new crane."),
    (is_addressing, "Now you can try it.", "The young tried it."),
])  # fmt: skip
def test_what_makes_a_sentence_read_badly_alone(fault: Callable[[str], bool], bad: str, good: str) -> None:
    assert fault(bad)
    assert not fault(good)


RUBBISH = {
    "nothing": ("", ""), "space": (" \n\t", "\u200b"), "a mark": (".", "." * 100_000), "one letter": ("a", "a" * 100_000),
    "no full stop": ("Words", "word " * 20_000),
    "long": ("Norvane " * 12_000, "Norvane won on Monday in Wellmund, it said. " * 2300),
    "abbreviations": ("U.S.", "U.S. " * 20_000), "brackets": ("((((", "(" * 100_000), "marks": ('"', '"' * 100_000),
    "lines": ("t", "\n" * 100_000), "entities": ("&amp;", "&amp;lt;" * 12_000), "capitals": ("AAAA", "A" * 100_000),
    "broken characters": ("\x00\ud800", "\ud800 is half a character that no text may hold alone."),
    "names": ("Aa", "Aa Bb " * 16_000 + "."),
    "wide": ("昆鹏", "昆鹏微电子周二在苏州发布新一代训练芯片，" * 5000),
}  # fmt: skip


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_is_summed_up_without_a_word_of_complaint(kind: str) -> None:
    title, text = RUBBISH[kind]
    summary = summarise([item(title, text, str(n)) for n in range(3)])
    assert len(summary.sentences) <= 3
    assert len(summary.text) < 2000
    assert summarise([item(title, text)], told=[title, text]).sentences == ()


def test_left_over_markup_is_not_read_out() -> None:
    text = "<p>Norvane and <a href='x'>Larkspur</a> agreed on Monday to merge by May.</p>"
    summary = summarise([item("<b>Norvane</b> &amp; Larkspur", text)])
    assert summary.headline == "Norvane & Larkspur"
    assert said(summary) == ["Norvane and Larkspur agreed on Monday to merge by May."]
    assert tidy("a < b and c > d") == "a < b and c > d"


def test_a_story_of_ten_thousand_articles_is_read_by_its_first_thirty() -> None:
    text = "Norvane won the round in Wellmund {0} on Monday, by {0} votes."
    story = [item(f"Norvane wins again, {n}", text.format(n), str(n)) for n in range(10_000)]
    assert summarise(story) == summarise(story[:30])
