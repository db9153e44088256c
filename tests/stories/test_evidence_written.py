"""The sentences written about real items, true and falsified, are told apart as well as the project promises."""

from collections import Counter

import pytest

from bench.evidence import DATA, SETS, WRITTEN, measure, meets_goals, read_articles, read_written


@pytest.mark.parametrize("name", SETS)
def test_written_sentences_are_told_apart(name: str) -> None:
    if not (DATA / "grouping" / "allsides.jsonl.gz").is_file():
        pytest.skip(f"no {DATA}: the items that the sentences are about")
    caught, wrong = measure(read_written(WRITTEN / name, read_articles(DATA)))
    assert meets_goals(caught), [case.sentence for case, _ in wrong]


def test_there_are_enough_of_each_kind() -> None:
    counts: Counter[str] = Counter()
    for name in SETS:
        lines = (WRITTEN / name).read_text(encoding="utf-8").splitlines()[1:]
        assert len(lines) == len(set(lines))
        counts.update(line.split("\t")[0] for line in lines)
    assert counts["true"] >= 100
    assert all(counts[kind] >= 20 for kind in ("number", "name", "date", "quotation"))
    assert all(counts[kind] >= 10 for kind in ("negation", "actor"))
