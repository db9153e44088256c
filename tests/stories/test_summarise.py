"""What a story's summary says: its headline, its sentences, where each stands, and what never gets in."""

import pytest

from bench.summaries import rouge
from worker.stories.evidence import trace
from worker.stories.extract import summarise
from worker.stories.headline import clean_title
from worker.stories.sentences import drop_dateline, is_quotable, length_in_words, split_sentences
from worker.stories.similarity import Article
from worker.stories.standalone import leans_back

STORY = [
    Article("wire", "UPDATE 1-Norvane to buy speech firm Larkspur for $900 million - Wire",
            "OSTERMOOR (Reuters) - Norvane has agreed to buy Larkspur, a maker of speech software, for $900 million in cash, the "
            "companies said on Monday. He said the deal would close in June. Larkspur's 140 people will stay in Wellmund. "
            "The price is nine times the yearly sales of...", "Wire", None),
    Article("kiosk", "Why is everyone suddenly buying voices?",
            "Sign up for our newsletter. Norvane pays $900 million in cash for the speech software of Larkspur, both said Monday. "
            "It is the third such deal this year. Analysts at Elmwood expect rivals to follow by summer. Read more", "Kiosk",
            None),
    Article("post", "Larkspur goes to Norvane for $900M",
            "Regulators in Brussels will look at the purchase &amp; are to decide by May. The post Larkspur goes to Norvane "
            "appeared first on The Post.", "Post", None),
]  # fmt: skip


def words(articles: list[Article]) -> str:
    return " ".join(sentence.text for sentence in summarise(articles).sentences)


def test_two_or_three_sentences_of_sane_length() -> None:
    summary = summarise(STORY)
    assert 2 <= len(summary.sentences) <= 3
    assert 25 <= sum(length_in_words(sentence.text) for sentence in summary.sentences) <= 90


def test_the_plain_headline_is_chosen_and_cleaned() -> None:
    plain = {"Norvane to buy speech firm Larkspur for $900 million", "Larkspur goes to Norvane for $900M"}
    assert summarise(STORY).headline in plain


def test_every_sentence_stands_in_the_item_it_names() -> None:
    for sentence in summarise(STORY).sentences:
        (passage,) = sentence.support
        item = next(article for article in STORY if article.id == passage.item_id)
        assert trace(sentence.text, [item]) == (passage.item_id, passage.text)
        assert sentence.text in passage.text


def test_what_one_source_said_is_not_said_again_by_another() -> None:
    assert words(STORY).count("$900 million") == 1


@pytest.mark.parametrize("never", ["Sign up", "Read more", "appeared first", "yearly sales of", "(Reuters)", "&amp;", "He said"])
def test_boilerplate_cut_off_and_dangling_sentences_stay_out(never: str) -> None:
    assert never not in words(STORY)


def test_the_summary_does_not_open_with_a_word_that_points_back() -> None:
    assert not leans_back(summarise(STORY).sentences[0].text)


def test_a_leaning_sentence_comes_only_right_after_what_it_leans_on() -> None:
    alone = [Article("1", "Tarn opens a factory", "It will employ 300 people from next spring.", None, None)]
    assert words(alone) == ""
    both = [Article("1", "Tarn opens a factory", "Tarn Robotics opens a factory for grippers in Coos County. "
                    "It will employ 300 people from next spring.", None, None)]  # fmt: skip
    assert words(both).endswith("It will employ 300 people from next spring.")


@pytest.mark.parametrize("text", ["", "   ", "Read more", "Tarn Robotics has opened a factory in Coos County and...", "Comments"])
def test_an_item_with_nothing_to_quote_gives_its_headline_alone(text: str) -> None:
    summary = summarise([Article("1", "Tarn opens a factory | Harbour Post", text, "Harbour Post", None)])
    assert (summary.headline, summary.sentences) == ("Tarn opens a factory", ())


def test_no_article_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one article"):
        summarise([])


def test_the_same_story_is_summed_up_the_same_way() -> None:
    assert summarise(STORY) == summarise(STORY)


def test_a_chinese_story_is_summed_up_in_its_sentences() -> None:
    text = "昆鹏微电子周二在苏州发布新一代训练芯片。新芯片的性能比上一代提升两倍，功耗下降三成。公司计划明年春季开始量产。"
    summary = summarise([Article("1", "昆鹏微电子发布新一代训练芯片", text, None, None)])
    assert [sentence.text for sentence in summary.sentences][:2] == [
        "昆鹏微电子周二在苏州发布新一代训练芯片。", "新芯片的性能比上一代提升两倍，功耗下降三成。"]  # fmt: skip


@pytest.mark.parametrize(("text", "sentences"), [
    ("Dr. Osei spoke. Nobody left.", ["Dr. Osei spoke.", "Nobody left."]),
    ("The U.S. Senate voted. It passed.", ["The U.S. Senate voted.", "It passed."]),
    ("He moved to the U.S. The rest stayed.", ["He moved to the U.S.", "The rest stayed."]),
    ("It cost $1.5bn. Sales were 2.4 million.", ["It cost $1.5bn.", "Sales were 2.4 million."]),
    ("“We are done.” Then she left.", ["“We are done.”", "Then she left."]),
    ("Tarn Inc. rose 4 p.c. on Jan. 5 in J. P. Elm's fund.", ["Tarn Inc. rose 4 p.c. on Jan. 5 in J. P. Elm's fund."]),
    ("它上市了。股价上涨。", ["它上市了。", "股价上涨。"]),
    ("他说：“完成了。”大家离开。", ["他说：“完成了。”", "大家离开。"]),
    ("First line\nSecond line", ["First line", "Second line"]),
    ("Is it true? Yes! Good.", ["Is it true?", "Yes!", "Good."]),
    ("", []),
])  # fmt: skip
def test_sentences_are_split_where_a_reader_would(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(("title", "source", "clean"), [
    ("Larkspur sold | The Harbour Post", "Harbour Post", "Larkspur sold"),
    ("Larkspur sold - Harbour Post", "The Harbour Post", "Larkspur sold"),
    ("Norvane buys Larkspur - and its debts", "Wire", "Norvane buys Larkspur - and its debts"),
    ("BREAKING: Larkspur sold", None, "Larkspur sold"),
    ("Tarn &amp; Sons closes", None, "Tarn & Sons closes"),
    ("eBay sells Larkspur", None, "eBay sells Larkspur"),
])  # fmt: skip
def test_a_title_loses_labels_and_the_outlets_name(title: str, source: str | None, clean: str) -> None:
    assert clean_title(title, source) == clean


@pytest.mark.parametrize(("title", "plain"), [
    ("You won't believe what Norvane bought", "Norvane buys Larkspur"),
    ("Has Norvane bought Larkspur?", "Norvane buys Larkspur for cash"),
    ("NORVANE BUYS LARKSPUR IN HUGE DEAL", "Norvane buys Larkspur in cash deal"),
    ("Norvane buys Larkspur and...", "Norvane buys Larkspur and its patents"),
])  # fmt: skip
def test_a_plain_headline_beats_a_coy_one(title: str, plain: str) -> None:
    assert summarise([Article("1", title, "", None, None), Article("2", plain, "", None, None)]).headline == plain


@pytest.mark.parametrize("sentence", [
    "The deal, worth $900 million, is the largest…", "The deal, worth $900 million, is the [...]",
    "no capital at the start here, sadly.",
    "Image: Larkspur's tower in the evening sun over Wellmund.", "See https://larkspur.example for all the details of it.",
    "An opening quotation “without its end stands in this sentence.", "Too short.",
])  # fmt: skip
def test_what_cannot_be_quoted(sentence: str) -> None:
    assert not is_quotable(sentence)


@pytest.mark.parametrize(("sentence", "rest"), [
    ("LONDON (Reuters) - Norvane won.", "Norvane won."),
    ("COLUMBUS, Ohio — Norvane won.", "Norvane won."),
    ("DUBLIN - Ireland caps power.", "Ireland caps power."),
    ("Norvane - the firm from Ostermoor - won.", "Norvane - the firm from Ostermoor - won."),
])  # fmt: skip
def test_a_dateline_is_dropped(sentence: str, rest: str) -> None:
    assert drop_dateline(sentence) == rest


@pytest.mark.parametrize(("sentence", "found"), [
    ("Regulators in Brussels will look at the purchase & are to decide by May.", "post"),
    ("Larkspur's  140 people will\nstay in Wellmund.", "wire"),
    ("Larkspur's 150 people will stay in Wellmund.", None),
    ("Larkspur goes to Norvane for $900M", "post"),
    ("", None),
])  # fmt: skip
def test_a_sentence_is_traced_to_its_source_or_to_none(sentence: str, found: str | None) -> None:
    traced = trace(sentence, STORY)
    assert (traced[0] if traced else None) == found


def test_part_of_a_sentence_is_traced_to_the_whole() -> None:
    assert trace("a maker of speech software", STORY[:1]) == (
        "wire", "OSTERMOOR (Reuters) - Norvane has agreed to buy Larkspur, a maker of speech software, for $900 million in cash, "
        "the companies said on Monday.")  # fmt: skip


def test_rouge_counts_words_pairs_and_order() -> None:
    assert rouge("the cats sat", "the cat sat") == (1.0, 1.0, 1.0)
    assert rouge("sat the cat", "the cat sat") == pytest.approx((1.0, 0.5, 2 / 3))
    assert rouge("", "the cat sat") == (0.0, 0.0, 0.0)
